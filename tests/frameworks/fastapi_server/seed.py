"""What the server starts with: two hubs, their containers, and a folder of data for each instance and backup."""

import hashlib
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from .auth import JOBS_VIEW, MANAGE, VIEW
from .models import (
    Backup,
    BackupLog,
    BackupState,
    BackupTarget,
    Creator,
    Events,
    Integration,
    IntegrationAuth,
    IntegrationState,
    StateError,
)
from .store import ZONE, Caller, Container, Store

START = datetime(2026, 1, 5, 3, 15, 0, 250_000, ZONE)


def oid(*name: object) -> str:
    """The same id for the same name in every run."""
    return hashlib.sha256(repr(name).encode()).hexdigest()[:24]


def key(name: str) -> str:
    """The secret of a key of this seed."""
    return f"fa_{name}_{oid('key', name)}"


HUB, OTHER_HUB = oid("hub", 1), oid("hub", 2)
CREATOR = Creator(id=oid("account"), type="account")


@dataclass
class Seed:
    """The store, and the data that its instances and backups hold, by folder and file name."""

    store: Store = field(default_factory=Store)
    instances: dict[str, dict[str, bytes]] = field(default_factory=dict)
    archive: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def container(self, name: str, hub_id: str, instances: int) -> Container:
        """A container whose instances all hold something of their own."""
        ids = tuple(oid("instance", name, number) for number in range(instances))
        for instance_id in ids:
            self.instances[instance_id] = {"data.db": f"as it was on {instance_id}\n".encode(), "cache/old": b"stale"}
        container = Container(oid("container", name), hub_id, ids)
        self.store.containers[container.id] = container
        return container

    def integration(self, name: str, hub_id: str) -> Integration:
        """A place where backups are kept."""
        integration = Integration(
            id=oid("integration", name),
            identifier=name,
            name=name.title(),
            vendor="s3",
            creator=CREATOR,
            hub_id=hub_id,
            auth=IntegrationAuth(region="eu-north-1", key_id="AK-0001", secret="********"),
            state=IntegrationState(current="live", changed=START),
            events=Events(created=START),
        )
        self.store.integrations[integration.id] = integration
        return integration

    def backup(self, container: Container, file_id: str, integration: Integration, *, instance: int = 0) -> Backup:
        """A live backup with the log of its making, an hour after the one before."""
        number = len(self.store.backups)
        created = START + timedelta(hours=number)
        backup = Backup(
            id=oid("backup", number),
            hub_id=container.hub_id,
            container_id=container.id,
            instance_id=container.instances[instance],
            target=BackupTarget(
                integration_id=integration.id,
                path=f"/backups/{file_id}",
                file_id=file_id,
                size=3_221_225_472 + 4096 * number,
            ),
            state=BackupState(current="live", changed=created + timedelta(minutes=2)),
            events=Events(created=created, updated=created + timedelta(minutes=2)),
        )
        self.store.backups[backup.id] = backup
        self.archive[backup.id] = {"data.db": f"backup {backup.id}\n".encode() * 40, "wal/0001": bytes([number] * 512)}
        self.made(backup)
        return backup

    def made(self, backup: Backup) -> None:
        """The log of a backup's making."""
        self.store.logs.append(
            BackupLog(
                id=oid("log", backup.id),
                hub_id=backup.hub_id,
                container_id=backup.container_id,
                instance_id=backup.instance_id,
                backup_id=backup.id,
                type="backup",
                log="backup completed\n",
                events=Events(created=backup.events.created),
            )
        )

    def key(self, name: str, capabilities: list[str], hub_id: str = HUB, expires: datetime | None = None) -> None:
        """A key that somebody holds."""
        self.store.keys[key(name)] = Caller(oid("caller", name), hub_id, frozenset(capabilities), expires)

    def write(self, state: Path) -> None:
        """All data, into fresh folders."""
        for kind, folders in (("instances", self.instances), ("backups", self.archive)):
            shutil.rmtree(state / kind, ignore_errors=True)
            for folder, files in folders.items():
                for name, content in files.items():
                    file = state / kind / folder / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)


def add_keys(seed: Seed) -> None:
    """Keys of each sort."""
    everything = [VIEW, MANAGE, JOBS_VIEW]
    seed.key("full", everything)
    seed.key("view", [VIEW])
    seed.key("manage", [MANAGE])
    seed.key("unrelated", ["containers-view", "containers-manage"])
    seed.key("expired", everything, expires=START)
    seed.key("other-hub", everything, hub_id=OTHER_HUB)


def build_seed() -> tuple[Seed, dict[str, str | list[str]]]:
    """The seed, and the fixtures of the target file that name parts of it."""
    seed = Seed()
    add_keys(seed)
    main, other = seed.container("main", HUB, 3), seed.container("other", HUB, 1)
    empty, foreign = seed.container("empty", HUB, 1), seed.container("foreign", OTHER_HUB, 1)
    glacier, cellar = seed.integration("glacier", HUB), seed.integration("cellar", HUB)
    nightly = [seed.backup(main, f"nightly-{day:02}", glacier, instance=day % 2) for day in range(8)]
    # The two that are offered up each have a neighbour whose file id begins with their own.
    offered = [seed.backup(main, f"snap-{number}", cellar) for number in (1, 2)]
    for number in (10, 20):
        seed.backup(main, f"snap-{number}", cellar)
    failing, saving = seed.backup(main, "broken", glacier), seed.backup(main, "unfinished", cellar)
    del seed.archive[failing.id]
    saving.state = BackupState(current="saving", changed=saving.events.created)
    nightly[3].state.error = StateError(message="the first upload timed out", time=nightly[3].events.created)
    foreign_backup = seed.backup(other, "other", glacier)
    seed.backup(foreign, "foreign", seed.integration("depot", OTHER_HUB))
    return seed, {
        "container_id": main.id,
        "backup_id": nightly[0].id,
        "instance_id": main.instances[0],
        "second_instance_id": main.instances[1],
        "empty_container_id": empty.id,
        "other_container_id": other.id,
        "foreign_backup_id": foreign_backup.id,
        "foreign_instance_id": other.instances[0],
        "failing_backup_id": failing.id,
        "not_live_backup_id": saving.id,
        "deletable_backup_ids": [backup.id for backup in offered],
    }
