"""The sample data that the server starts with: two hubs with containers, backups, integrations, logs and keys.

Ids are derived from names, so they are the same in every run and their order is unrelated to creation. Tokens are new
in every run. Where the contract allows a choice, both forms occur: optional members are present here and absent there.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from conformance.reference.data import digest
from conformance.reference.data.archives import pack
from conformance.reference.data.integrations import sample_integrations
from conformance.reference.data.store import (
    JOBS_VIEW,
    MANAGE,
    VIEW,
    Backup,
    Container,
    Fixtures,
    Instance,
    Key,
    Log,
    Store,
)

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.reference.data.store import Integration

START = datetime(2025, 11, 3, 4, 0, 0, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))
HUGE = 2**53 + 2_000_003
UNRELATED = frozenset({"containers-view", "containers-manage", "hubs-view", "integrations-view", "dns-view"})
FULL = frozenset({VIEW, MANAGE, JOBS_VIEW})


def oid(name: str) -> str:
    """The id derived from a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def files_of(name: str) -> dict[str, bytes]:
    """A small tree of files, different for every name."""
    return {
        "data/state.json": f'{{"of": "{name}"}}\n'.encode(),
        "data/blocks.bin": hashlib.sha512(name.encode()).digest() * 8,
        "data/empty": b"",
        "notes/übersicht.txt": f"Kept for {name}\n".encode(),
    }


@dataclass
class Builder:
    """Builds containers and backups in a folder."""

    root: Path
    integrations: list[Integration]
    containers: dict[str, Container] = field(default_factory=dict)

    def container(self, name: str, hub_id: str, instances: int) -> Container:
        """Add a container with instances whose data is in no backup."""
        container = Container(oid(name), hub_id)
        for number in range(instances):
            instance_id = oid(f"{name} instance {number}")
            folder = self.root / "instances" / instance_id
            for path, content in files_of(f"live {instance_id}").items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
            container.instances[instance_id] = Instance(instance_id, container.id, folder)
        self.containers[container.id] = container
        return container

    def backup(self, container: Container, number: int, integration: str) -> Backup:
        """Add a live backup with its archive on disk and the log of its creation."""
        backup_id = oid(f"{container.id} backup {number}")
        archive = self.root / "archives" / f"{backup_id}.tar"
        pack(archive, files_of(backup_id))
        instances = list(container.instances)
        created = START + timedelta(hours=6 * number, microseconds=123456 if number % 3 == 0 else 0)
        created = created.astimezone(BERLIN) if number % 5 == 0 else created
        backup = Backup(
            id=backup_id,
            hub_id=container.hub_id,
            container_id=container.id,
            instance_id=instances[number % len(instances)],
            integration=integration,
            path=f"/backups/{container.id}/{created:%Y/%m/%d}",
            file_id=f"{backup_id}.tar",
            size=archive.stat().st_size,
            archive=archive,
            created=created,
            changed=created + timedelta(seconds=40),
            updated=None if number % 7 == 3 else created + timedelta(seconds=40),
        )
        if number % 4 != 1:
            backup.logs.append(log(backup, "backup", "snapshot taken\narchive stored\n", 40))
        container.backups[backup_id] = backup
        return backup


def log(backup: Backup, kind: str, text: str, seconds: int, error: dict[str, object] | None = None) -> Log:
    """A log of a backup, written some seconds after its creation."""
    moment = backup.created + timedelta(seconds=seconds)
    return Log(oid(f"{backup.id} {kind} log {seconds}"), backup.instance_id, kind, text, moment, moment, error)


def old_logs(first: Backup, second: Backup) -> None:
    """Add logs of the past: successful and failed restores, and a failed backup."""
    first.logs.append(log(first, "restore", "restore started\narchive unpacked\n", 4000))
    stack = [
        {"file": "restore/unpack.go", "function": "restore.Unpack", "line": 118},
        {"file": "restore/run.go", "function": "restore.Run", "line": 41},
    ]
    broken: dict[str, object] = {"message": "the volume was full", "message_internal": "ENOSPC", "stack": stack}
    second.logs.append(log(second, "restore", "restore started\n", 5000, broken))
    second.logs.append(log(second, "backup", "", 6000, {"message": "the upload was cut off", "stack": None}))
    second.logs.append(log(second, "backup", "second try: ok ✓\n", 7000, {"message": "one retry"}))


def main_backups(builder: Builder, main: Container) -> list[Backup]:
    """The backups of the main container: most are live; they refer to integrations by id and by identifier."""
    one, two, three, four, *_ = builder.integrations
    references = [one.id, two.identifier, three.id, three.identifier, four.identifier, one.id]
    backups = [builder.backup(main, number, references[number % len(references)]) for number in range(32)]
    backups[5].size = HUGE
    backups[6].error = {"message": "the first upload failed", "time": backups[6].created + timedelta(seconds=5)}
    backups[7].error = {"message": "", "time": None}
    saving, deleting, deleted = backups[31], backups[2], backups[1]
    saving.current, saving.updated, saving.size, saving.path, saving.file_id = "saving", None, 0, "", ""
    saving.logs.clear()
    for backup, state in ((deleting, "deleting"), (deleted, "deleted")):
        backup.current = state
        backup.changed = backup.updated = backup.deleted = backup.created + timedelta(days=20)
    return backups


def damage(backup: Backup) -> None:
    """Truncate the archive."""
    content = backup.archive.read_bytes()
    backup.archive.write_bytes(content[: len(content) // 3 + 100])


def keys(hub_id: str, other_hub_id: str) -> dict[str, Key]:
    """The keys by token."""
    past = datetime(2025, 1, 1, tzinfo=UTC)
    every = [
        _key("full", hub_id, FULL),
        _key("view", hub_id, frozenset({VIEW})),
        _key("manage", hub_id, frozenset({MANAGE})),
        _key("unrelated", hub_id, UNRELATED),
        _key("expired", hub_id, FULL, past),
        _key("other_hub", other_hub_id, FULL),
    ]
    return {key.token: key for key in every}


def _key(name: str, hub_id: str, capabilities: frozenset[str], expires: datetime | None = None) -> Key:
    return Key(oid(f"key {name}"), name, secrets.token_urlsafe(32), hub_id, capabilities, expires)


def build(root: Path, restore_seconds: float) -> Store:
    """Build the sample data, with its archives and instance folders below `root`."""
    (root / "archives").mkdir(parents=True, exist_ok=True)
    hub, other_hub = oid("hub"), oid("other hub")
    builder = Builder(root, sample_integrations(hub, other_hub))
    main = builder.container("main", hub, 3)
    backups = main_backups(builder, main)
    empty = builder.container("empty", hub, 1)
    other = builder.container("other", hub, 2)
    foreign = [builder.backup(other, number, builder.integrations[0].id) for number in range(3)]
    elsewhere = builder.container("elsewhere", other_hub, 1)
    for number in range(3):
        builder.backup(elsewhere, number, builder.integrations[-1 - number % 2].id)
    good, failing = backups[12], backups[20]
    old_logs(backups[8], backups[9])
    old_logs(backups[10], good)
    damage(failing)
    first, second, _ = main.instances
    fixtures = Fixtures(
        hub_id=hub,
        other_hub_id=other_hub,
        container_id=main.id,
        empty_container_id=empty.id,
        other_container_id=other.id,
        backup_id=good.id,
        instance_id=first,
        second_instance_id=second,
        foreign_backup_id=foreign[0].id,
        foreign_instance_id=next(iter(other.instances)),
        failing_backup_id=failing.id,
        not_live_backup_id=backups[31].id,
        deletable_backup_ids=[backups[number].id for number in (15, 16, 17, 18, 19)],
        expected_digest=digest.digest_of(files_of(good.id)),
    )
    return Store(root, restore_seconds, fixtures, keys(hub, other_hub), builder.containers, builder.integrations)
