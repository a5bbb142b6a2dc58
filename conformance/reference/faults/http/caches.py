"""Faults of caches and of decisions that are kept: for another caller, another request, or for too long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from conformance.reference.core import Answer
from conformance.reference.patching import READS, answer_instead, edit_answers
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Key

CONNECTION = "x-connection"
MINUTE = 60.0


# ---------------------------------------------------------------- decisions


@fault(breaks=("AUTH-1",), also=("AUTH-10", "CAP-9", "DEL-2", "DEL-4"))
def connections_stay_authenticated(server: Behaviours) -> None:
    """A request without a key is served where its connection has carried an accepted key."""
    inner = server.wrap_app

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def naming(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                name = str(scope["client"][1]).encode()
                scope["headers"] = [*scope["headers"], (CONNECTION.encode(), name)]
            await wrapped(scope, receive, send)

        return naming

    server.wrap_app = wrap
    authenticate = server.authenticate
    callers: dict[str, Key] = {}

    def remembered(call: Call) -> Key:
        name = call.headers[CONNECTION]
        if "authorization" in call.headers or name not in callers:
            callers[name] = authenticate(call)
        return callers[name]

    server.authenticate = remembered


def _remember_by_backup(server: Behaviours, served: Collection[str]) -> None:
    """Serve these operations to a key that was allowed anything about the backup within the last minute."""
    holds = server.has_capability
    allowed: dict[tuple[str, str], float] = {}

    def remembered(call: Call, key: Key, needed: str) -> bool:
        name = (key.id, call.ids.get("backup", ""))
        if name[1] and call.operation in served and time.monotonic() - allowed.get(name, -MINUTE) < MINUTE:
            return True
        if not holds(call, key, needed):
            return False
        allowed[name] = time.monotonic()
        return True

    server.has_capability = remembered


@fault(breaks=("CAP-4",), also=("CAP-8",))
def readers_of_a_backup_may_restore_it(server: Behaviours) -> None:
    """A key that has read a backup may restore it: the decision is cached by key and backup."""
    _remember_by_backup(server, ("restore",))


@fault(breaks=("DEL-2",))
def readers_of_a_backup_may_delete_it(server: Behaviours) -> None:
    """A key that has read a backup may delete it: the decision is cached by key and address."""
    _remember_by_backup(server, ("delete",))


@fault(breaks=("CAP-2", "CAP-3"))
def restorers_of_a_backup_may_read_it(server: Behaviours) -> None:
    """A key that has restored a backup may read it: the decision is cached by key and backup."""
    _remember_by_backup(server, ("get", "logs"))


# ---------------------------------------------------------------- responses


@fault(breaks=("AUTH-1",))
def conditional_reads_need_no_key(server: Behaviours) -> None:
    """A conditional read without a key is a 304: the cache in front of the server knows no keys."""
    answer_instead(
        server,
        lambda call: (
            call.method == "GET"
            and call.operation in READS
            and "authorization" not in call.headers
            and "if-none-match" in call.headers
        ),
        lambda _call: Answer(304, {}, b""),
    )


@fault(breaks=("HTTP-6",))
def first_origin_is_cached(server: Behaviours) -> None:
    """Access-Control-Allow-Origin is the Origin of an address's first request: the cache ignores Vary."""
    first: dict[str, str] = {}

    def repeat(call: Call, answer: Answer) -> None:
        if "access-control-allow-origin" in answer.headers and call.method == "GET":
            origin = first.setdefault(call.path, call.headers["origin"])
            answer.headers["access-control-allow-origin"] = origin

    edit_answers(server, repeat)


@fault(breaks=("LIST-4",), also=("LIST-3", "LIST-5", "LIST-6", "LIST-7", "HTTP-4", "INC-3", "INC-5"))
def pages_are_cached_without_their_size(server: Behaviours) -> None:
    """A page is cached for a second under its number and sort, without its size."""
    page = server.page
    kept: dict[tuple[str, int, str], tuple[float, list[Backup]]] = {}

    def cached(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        name = (call.container.id, number, call.query.get("sort", ""))
        at, backups = kept.get(name, (0.0, []))
        if time.monotonic() - at > 1:
            backups = page(call, items, number, size)
            kept[name] = (time.monotonic(), backups)
        return [backup for backup in backups if backup in items]

    server.page = cached
