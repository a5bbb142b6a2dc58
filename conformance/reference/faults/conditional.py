"""Conditional faults: they occur only with a certain parameter, container, state or header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.data.store import Log, new_id
from conformance.reference.patching import bypass, edit_answers, wrap_check
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Answer, Behaviours, Call, Check, Reply
    from conformance.reference.data.store import Backup, Container, Integration, Key

READS = ("list", "get")


def _included(call: Call) -> bool:
    return call.operation in READS and "include" in call.query


def _paged(call: Call) -> bool:
    return call.operation == "list" and "page[size]" in call.query


# ---------------------------------------------------------------- access


@fault(breaks=("AUTH-1",))
def pages_need_no_key(server: Behaviours) -> None:
    """A list with a page size is served without a key."""
    _open_without_key(server, _paged)


@fault(breaks=("AUTH-1",))
def included_reads_need_no_key(server: Behaviours) -> None:
    """Reads with includes are served without a key."""
    _open_without_key(server, _included)


def _open_without_key(server: Behaviours, test: Callable[[Call], bool]) -> None:
    authenticate = server.authenticate
    full = server.store.keys[server.store.token("full")]
    server.authenticate = lambda call: (
        full if "authorization" not in call.headers and test(call) else authenticate(call)
    )


@fault(breaks=("AUTH-2",))
def scheme_alone_lists(server: Behaviours) -> None:
    """The list accepts the scheme Bearer without a key."""
    authenticate = server.authenticate
    full = server.store.keys[server.store.token("full")]
    server.authenticate = lambda call: (
        full
        if call.operation == "list" and call.headers.get("authorization", "").strip().lower() == "bearer"
        else authenticate(call)
    )


@fault(breaks=("AUTH-2",), also=("HTTP-3",))
def long_keys_break_down(server: Behaviours) -> None:
    """A key of more than a thousand characters is a 500."""
    find = server.find_key

    def short(call: Call, text: str) -> Key | None:
        if len(text) > 1000:
            raise RuntimeError("value too long for type character varying(1000)")
        return find(call, text)

    server.find_key = short


@fault(breaks=("AUTH-5",))
def included_reads_guess_the_hub(server: Behaviours) -> None:
    """Reads with includes and without a hub id are served for the key's own hub."""
    hub = server.read_hub_id
    server.read_hub_id = lambda call: (
        call.caller.hub_id if _included(call) and call.caller and not call.headers.get("x-hub-id") else hub(call)
    )


@fault(breaks=("AUTH-9",))
def pages_are_of_the_keys_hub(server: Behaviours) -> None:
    """A list with a page size is served for the key's own hub, whatever the hub id."""
    hub = server.read_hub_id
    server.read_hub_id = lambda call: call.caller.hub_id if hub(call) and _paged(call) and call.caller else hub(call)


@fault(breaks=("CAP-1",), also=("CAP-10",))
def paged_list_for_everyone(server: Behaviours) -> None:
    """A list with a page size requires no capability."""
    bypass(server, _paged, ("capability",))


@fault(breaks=("CAP-1",), also=("CAP-9", "CAP-10"))
def capability_is_looked_at_item_by_item(server: Behaviours) -> None:
    """The list checks the capability per backup, so an empty list is served to every key."""

    def has_none(call: Call) -> bool:
        container = call.store.containers.get(call.ids.get("container", ""))
        return call.operation == "list" and container is not None and not container.backups

    bypass(server, has_none, ("capability",))


# ---------------------------------------------------------------- lists


@fault(breaks=("LIST-5",))
def pages_are_cut_before_the_container(server: Behaviours) -> None:
    """Pages are cut from the backups of all containers, then filtered by container."""

    def page(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        others = [one for box in call.store.containers.values() if box is not call.container for one in _all(box)]
        ours = call.container.id == call.store.fixtures.container_id
        whole = [*items, *others] if ours else [*others, *items]
        return [backup for backup in whole[(number - 1) * size : number * size] if backup in items]

    server.page = page


def _all(container: Container) -> list[Backup]:
    return list(container.backups.values())


@fault(breaks=("LIST-5",))
def unfinished_backups_are_not_listed(server: Behaviours) -> None:
    """The list leaves out backups in state saving, which get returns."""
    visible = server.visible
    server.visible = lambda call: [backup for backup in visible(call) if backup.current != "saving"]


@fault(breaks=("LIST-5",))
def included_pages_lose_one(server: Behaviours) -> None:
    """A full page with includes lacks its last item."""
    page = server.page

    def joined(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        backups = page(call, items, number, size)
        return backups[:-1] if _included(call) and 1 < len(backups) == size else backups

    server.page = joined


# ---------------------------------------------------------------- one backup


@fault(breaks=("GET-5",))
def included_get_looks_at_no_container(server: Behaviours) -> None:
    """Get with includes finds a backup through any container of the hub."""
    find = server.find_backup

    def by_id(call: Call, backup_id: str) -> Backup | None:
        boxes = [container for container in call.store.containers.values() if container.hub_id == call.hub_id]
        anywhere = next((container.backups[backup_id] for container in boxes if backup_id in container.backups), None)
        return find(call, backup_id) or (anywhere if call.operation == "get" and _included(call) else None)

    server.find_backup = by_id


@fault(breaks=("INC-4",))
def unfinished_backups_include_nothing(server: Behaviours) -> None:
    """Get of a backup that is not live includes nothing."""
    resolve = server.resolve

    def of_live(call: Call, backups: list[Backup]) -> list[Integration]:
        return resolve(call, [backup for backup in backups if call.operation != "get" or backup.current == "live"])

    server.resolve = of_live


@fault(
    breaks=("HTTP-4",),
    also=("JOB-10", "CAP-8", "AUTH-5", "AUTH-6", "AUTH-9", "RST-2", "RST-3", "RST-4", "RST-6", "RST-7"),
)
def gets_are_logged(server: Behaviours) -> None:
    """Each get of a backup adds a log to it."""
    get = server.handlers["get"]

    def noting(call: Call) -> Reply:
        moment = server.clock()
        call.backup.logs.append(Log(new_id(), call.backup.instance_id, "backup", "read\n", moment, moment))
        return get(call)

    server.handlers["get"] = noting


@fault(breaks=("HTTP-3",))
def ranges_break_down(server: Behaviours) -> None:
    """A read with a Range or If-Modified-Since header is a 500."""
    _breaks_down(server, lambda call: "range" in call.headers or "if-modified-since" in call.headers)


def _breaks_down(server: Behaviours, test: Callable[[Call], bool]) -> None:
    def fragile(call: Call, check: Check) -> None:
        if test(call):
            raise RuntimeError("crash of a fault")
        check(call)

    wrap_check(server, "ids", fragile)


@fault(breaks=("HTTP-6",))
def denials_allow_no_origin(server: Behaviours) -> None:
    """A 403 of a read has no Access-Control-Allow-Origin."""

    def bare(call: Call, answer: Answer) -> None:
        if answer.status == 403 and call.method == "GET":
            answer.headers.pop("access-control-allow-origin", None)

    edit_answers(server, bare)
