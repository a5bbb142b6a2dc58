"""Legal differences of servers in use: changing lists, other forms of ids, bursts of 429."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.data.store import new_id
from conformance.reference.patching import before_reads
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Job, Store

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_CREATED = 40


@variant("lists may change while they are read")
def backups_keep_coming(server: Behaviours) -> None:
    """New backups appear during the run, and one in state saving grows with each reading."""
    begun, made = time.monotonic(), count(1)
    latest = next(made)

    def move() -> None:
        nonlocal latest
        main, now = server.store.main, time.monotonic()
        if latest <= MAX_CREATED and (now - begun) * 0.5 > latest:
            model, moment = server.store.backup(server.store.fixtures.backup_id), server.clock()
            new = replace(model, id=new_id(), created=moment, updated=None, changed=moment, current="saving", size=0)
            new.logs, latest = [], next(made)
            main.backups[new.id] = new
        for backup in main.backups.values():
            if backup.current == "saving" and backup.id != server.store.fixtures.not_live_backup_id:
                backup.size += 1
                if (server.clock() - backup.created).total_seconds() > 2:
                    backup.current, backup.updated = "live", server.clock()

    before_reads(server, move)


@variant("the order without a sort is not specified, and `updated` may change")
def latest_change_first(server: Behaviours) -> None:
    """A list without a sort is ordered by update time, which restores change."""
    visible, log = server.visible, server.log_restore
    server.visible = lambda call: sorted(
        visible(call), key=lambda document: document.updated or document.created, reverse=True
    )

    def touching(behaviours: Behaviours, job: Job, error: str | None) -> None:
        job.backup.updated = server.clock()
        log(behaviours, job, error)

    server.log_restore = touching


@variant("`container_id` is a string, and a malformed id may be any 4xx")
def containers_have_uuids(server: Behaviours) -> None:
    """Container ids are UUIDs."""
    _rename(server.store)
    parse = server.parse_id

    def strict(call: Call, kind: str) -> str:
        if kind != "container":
            return parse(call, kind)
        if not UUID.fullmatch(call.ids[kind]):
            raise RefusalError("400.invalid-syntax", "The container id must be a UUID")
        return call.ids[kind]

    server.parse_id = strict


def _rename(store: Store) -> None:
    """Give the containers other ids, everywhere."""
    for old, container in [*store.containers.items()]:
        del store.containers[old]
        container.id = str(uuid.UUID(f"{old:0<32}"))
        store.containers[container.id] = container
        for instance in container.instances.values():
            instance.container_id = container.id
        for backup in container.backups.values():
            backup.container_id = container.id
        for name in ("container_id", "empty_container_id", "other_container_id"):
            if getattr(store.fixtures, name) == old:
                setattr(store.fixtures, name, container.id)


@variant("unknown members are allowed where they were requested")
def creators_can_be_included(server: Behaviours) -> None:
    """There is a second include, `creators`."""
    includes = server.includes

    def more(call: Call, backups: list[Backup]) -> dict[str, object] | None:
        included = includes(call, backups)
        if "creators" in call.query.get("include", "").split(","):
            return {**(included or {}), "creators": {new_id(): {"name": "Ada"}}}
        return included

    server.includes = more


@variant("a 429 with Retry-After may come at any time")
def rate_limited_in_bursts(server: Behaviours) -> None:
    """During the last half second of every two, all requests are a 429 with `Retry-After: 0`."""
    check, begun = server.checks["key"], time.monotonic()

    def limited(call: Call) -> None:
        if (time.monotonic() - begun) % 2 > 1.5:
            raise RefusalError("429.rate-limiting", headers={"Retry-After": "0"})
        check(call)

    server.checks["key"] = limited


@variant("a deleted backup is a 404, or in state `deleted` (DEL-3)")
def deleted_backups_are_only_listed(server: Behaviours) -> None:
    """A backup in state deleted is listed but is a 404 otherwise."""
    find = server.find_backup

    def there(call: Call, backup_id: str) -> Backup | None:
        backup = find(call, backup_id)
        return None if backup is not None and backup.current == "deleted" else backup

    server.find_backup = there
