"""Legal differences of servers that live: lists that move while they are read, ids of other forms, bursts of 429."""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from conformance.reference.data.store import new_id
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Store

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_MADE = 40


@variant("live lists move")
def backups_keep_coming(server: Behaviours) -> None:
    """Three backups are made in every two seconds; one that is being saved is larger whenever it is read."""
    visible, find, begun, made = server.visible, server.find_backup, time.monotonic(), count(1)
    latest = next(made)

    def move() -> None:
        nonlocal latest
        main, now = server.store.main, time.monotonic()
        if latest <= MOST_MADE and (now - begun) * 1.5 > latest:
            model, moment = server.store.backup(server.store.fixtures.backup_id), server.clock()
            new = replace(model, id=new_id(), created=moment, updated=None, changed=moment, current="saving", size=0)
            new.logs, latest = [], next(made)
            main.backups[new.id] = new
        for one in main.backups.values():
            if one.current == "saving" and one.id != server.store.fixtures.not_live_backup_id:
                one.size += 1
                if (server.clock() - one.created).total_seconds() > 2:
                    one.current, one.updated = "live", server.clock()

    def moving(call: Call) -> list[Backup]:
        move()
        return visible(call)

    def found(call: Call, backup_id: str) -> Backup | None:
        move()
        return find(call, backup_id)

    server.visible, server.find_backup = moving, found


@variant("the order without a sort is not said; `updated` may move")
def latest_change_first(server: Behaviours) -> None:
    """A list without a sort begins with what was changed last, and restores change their backup."""
    visible, log = server.visible, server.log_restore
    server.visible = lambda call: sorted(visible(call), key=lambda one: one.updated or one.created, reverse=True)

    def touching(behaviours: Behaviours, job: Any, error: str | None) -> None:
        job.backup.updated = server.clock()
        log(behaviours, job, error)

    server.log_restore = touching


@variant("`container_id` is a string; a malformed id is any 4xx")
def containers_have_uuids(server: Behaviours) -> None:
    """The ids of containers are UUIDs, and what is none is a malformed container id."""
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
    """Gives the containers other ids, wherever they are named."""
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


@variant("open content; an include that was asked for is not unasked")
def creators_can_be_included(server: Behaviours) -> None:
    """There is a second include, creators, beside that of the contract."""
    includes = server.includes

    def more(call: Call, backups: list[Backup]) -> dict[str, Any] | None:
        found = includes(call, backups)
        if "creators" in call.query.get("include", "").split(","):
            return {**(found or {}), "creators": {new_id(): {"name": "Ada"}}}
        return found

    server.includes = more


@variant("429 with Retry-After at any time")
def rate_limited_in_bursts(server: Behaviours) -> None:
    """Of every two seconds the last half is over the limit, and what is left of it is rounded down to no second."""
    check, begun = server.checks["key"], time.monotonic()

    def limited(call: Call) -> None:
        if (time.monotonic() - begun) % 2 > 1.5:
            raise RefusalError("429.rate-limiting", headers={"Retry-After": "0"})
        check(call)

    server.checks["key"] = limited


@variant("404, or deleted, in get and in list (DEL-3)")
def deleted_backups_are_only_listed(server: Behaviours) -> None:
    """A backup that was deleted long ago is still listed as such, and not found by what names it."""
    find = server.find_backup

    def there(call: Call, backup_id: str) -> Backup | None:
        found = find(call, backup_id)
        return None if found is not None and found.current == "deleted" else found

    server.find_backup = there
