"""Faults of the list: its items, pages and order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from conformance.reference.core import Answer, Reply
from conformance.reference.patching import drop_when, edit_answers, edited, recode
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Document

LIST = frozenset({"list"})


def _listed(server: Behaviours, change: Callable[[Document], object]) -> None:
    """Change the backup documents of the list."""
    server.write_backup = edited(server.write_backup, change, LIST)


def _see(server: Behaviours, change: Callable[[Call, list[Backup]], list[Backup]]) -> None:
    """Change which backups are listed."""
    visible = server.visible
    server.visible = lambda call: change(call, visible(call))


@fault(breaks=("LIST-1",), also=("GET-3",))
def listed_size_as_text(server: Behaviours) -> None:
    """The list writes sizes as strings."""
    _listed(server, lambda document: document["target"].update(size=str(document["target"]["size"])))


@fault(breaks=("LIST-1",), also=("GET-3",))
def listed_without_events(server: Behaviours) -> None:
    """The list returns backups without events."""
    _listed(server, lambda document: document.pop("events"))


@fault(breaks=("LIST-1",), also=("GET-3",))
def one_listed_without_state(server: Behaviours) -> None:
    """The list returns a deleted backup without its current state."""
    _listed(
        server, lambda document: document["state"].pop("current") if document["state"]["current"] == "deleted" else None
    )


@fault(breaks=("LIST-1",))
def list_is_partial_content(server: Behaviours) -> None:
    """A list with a page size is a 206."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "list" and "page[size]" in call.query and answer.status == 200:
            answer.status = 206

    edit_answers(server, change)


@fault(breaks=("LIST-2",))
def neighbours_are_listed(server: Behaviours) -> None:
    """The list contains a backup of another container."""

    def change(call: Call, items: list[Backup]) -> list[Backup]:
        foreign = call.store.backup(call.store.fixtures.foreign_backup_id)
        return [*items, foreign] if items and items[0].container_id == call.store.fixtures.container_id else items

    _see(server, change)


@fault(breaks=("LIST-2",), also=("GET-3",))
def listed_under_another_hub(server: Behaviours) -> None:
    """The list shows one backup with another hub id."""
    other = server.store.fixtures.other_hub_id
    oldest = min(server.store.main.backups.values(), key=lambda document: document.created).id
    _listed(server, lambda document: document.update(hub_id=other) if document["id"] == oldest else None)


@fault(breaks=("LIST-3",), also=("LIST-5",))
def first_is_listed_twice(server: Behaviours) -> None:
    """The first backup is listed again at the end."""
    _see(server, lambda _call, items: [*items, *items[:1]])


@fault(breaks=("LIST-3",), also=("LIST-5", "LIST-4"))
def pages_overlap(server: Behaviours) -> None:
    """A page begins with the last item of the previous page."""
    server.page = lambda _call, items, number, size: items[max(0, (number - 1) * size - 1) : number * size]


@fault(breaks=("LIST-4",))
def page_size_is_ignored(server: Behaviours) -> None:
    """The page size is always ten."""
    wanted = server.parse_page
    server.parse_page = lambda call: (wanted(call)[0], 10)


@fault(breaks=("LIST-6",))
def page_number_wraps_at_32_bits(server: Behaviours) -> None:
    """A page number is cut down to its low 32 bits, so that a page far past the end is the first one."""
    wanted = server.parse_page

    def narrow(call: Call) -> tuple[int, int]:
        number, size = wanted(call)
        return number % 2**32 or 1, size

    server.parse_page = narrow


@fault(breaks=("LIST-6",))
def page_offset_wraps_at_32_bits(server: Behaviours) -> None:
    """The offset of a page is computed in 32 bits, so that a page far past the end is the first one."""
    server.page = lambda _call, backups, number, size: _from(backups, (number - 1) * size % 2**32, size)


@fault(breaks=("LIST-6",))
def page_offset_wraps_at_64_bits(server: Behaviours) -> None:
    """The offset of a page is computed in 64 bits, so that a page far past the end is the first one."""
    server.page = lambda _call, backups, number, size: _from(backups, (number - 1) * size % 2**64, size)


def _from(backups: list[Backup], offset: int, size: int) -> list[Backup]:
    return backups[offset : offset + size]


@fault(breaks=("LIST-4",))
def pages_have_one_more(server: Behaviours) -> None:
    """A page has one item more than requested."""
    wanted = server.parse_page

    def one_more(call: Call) -> tuple[int, int]:
        number, size = wanted(call)
        return number, size + 1

    server.parse_page = one_more


@fault(breaks=("LIST-5",))
def last_page_loses_one(server: Behaviours) -> None:
    """The last page lacks its last item."""
    page = server.page

    def short(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        backups = page(call, items, number, size)
        return backups[:-1] if number > 1 and number * size >= len(items) else backups

    server.page = short


@fault(breaks=("LIST-5",))
def partial_pages_are_dropped(server: Behaviours) -> None:
    """A page after the first that is not full is empty."""
    page = server.page

    def full(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        backups = page(call, items, number, size)
        return backups if number == 1 or len(backups) == size else []

    server.page = full


@fault(breaks=("LIST-5",))
def pages_count_from_zero(server: Behaviours) -> None:
    """Page numbers start at 0."""
    page = server.page
    server.page = lambda call, items, number, size: page(
        call, items, number + 1 if "page[number]" in call.query else 1, size
    )


@fault(breaks=("LIST-5", "LIST-3"), also=("LIST-6",))
def page_number_is_ignored(server: Behaviours) -> None:
    """Every page is the first page."""
    server.page = lambda _call, items, _number, size: items[:size]


@fault(breaks=("LIST-5",))
def sorted_pages_lose_one(server: Behaviours) -> None:
    """Sorted pages after the first lack their first item."""
    page = server.page
    server.page = lambda call, items, number, size: page(call, items, number, size)[
        1 if number > 1 and "sort" in call.query else 0 :
    ]


@fault(breaks=("LIST-6",))
def past_the_end_is_not_found(server: Behaviours) -> None:
    """A page past the end is a 404."""
    page = server.page

    def strict(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        backups = page(call, items, number, size)
        if not backups and number > 1:
            raise RefusalError("404.uri")
        return backups

    server.page = strict


@fault(breaks=("LIST-7",))
def sort_is_ignored(server: Behaviours) -> None:
    """The sort is ignored."""
    server.order = lambda _call, items, _wanted: items


@fault(breaks=("LIST-7",))
def minus_is_ignored(server: Behaviours) -> None:
    """A sort always ascends."""
    order = server.order
    server.order = lambda call, items, wanted: order(call, items, [(name, False) for name, _ in wanted])


@fault(breaks=("LIST-7",))
def pages_are_sorted_one_by_one(server: Behaviours) -> None:
    """The list is paged first and each page is sorted."""
    order, page = server.order, server.page
    server.order = lambda _call, items, _wanted: items
    server.page = lambda call, items, number, size: order(
        call, page(call, items, number, size), server.parse_sort(call)
    )


@fault(breaks=("LIST-7",))
def sort_by_creation(server: Behaviours) -> None:
    """A sort by id sorts by creation time."""
    order = server.order
    server.order = lambda call, items, wanted: order(call, items, [("created", down) for _, down in wanted])


@fault(breaks=("LIST-8",), also=("HTTP-2", "LIST-1"))
def empty_list_is_null(server: Behaviours) -> None:
    """An empty list is null."""
    listed = server.handlers["list"]

    def as_go_does(call: Call) -> Reply:
        reply = listed(call)
        reply.data = reply.data or None
        return reply

    server.handlers["list"] = as_go_does


@fault(breaks=("LIST-8",))
def no_backups_is_not_found(server: Behaviours) -> None:
    """The list of a container without backups is a 404."""
    _refuse_empty(server, "404.container")


@fault(breaks=("LIST-8",))
def no_backups_is_not_ready(server: Behaviours) -> None:
    """The list of a container without backups is a 403."""
    _refuse_empty(server, "403.not-ready")


def _refuse_empty(server: Behaviours, code: str) -> None:
    visible = server.visible

    def refuse(call: Call) -> list[Backup]:
        backups = visible(call)
        if not backups:
            raise RefusalError(code)
        return backups

    server.visible = refuse


@fault(breaks=("LIST-9",), also=("AUTH-6",))
def unknown_container_is_empty(server: Behaviours) -> None:
    """The list of an unknown container is empty."""
    listed, check = server.handlers["list"], server.checks["container"]

    def lenient(call: Call) -> None:
        try:
            check(call)
        except RefusalError as refusal:
            if refusal.code != "404.container" or call.operation != "list":
                raise

    server.checks["container"] = lenient
    server.handlers["list"] = lambda call: listed(call) if hasattr(call, "container") else Reply(200, [])


@fault(breaks=("LIST-9",))
def unknown_container_is_forbidden(server: Behaviours) -> None:
    """The list of an unknown container is a 403."""
    recode(server, "404.container", "403.mismatch", LIST)


@fault(breaks=("LIST-9",))
def unknown_container_is_an_unknown_address(server: Behaviours) -> None:
    """The list of an unknown container is a 404 with the code of an unknown address."""
    recode(server, "404.container", "404.uri", LIST)


def _breaks_down(server: Behaviours, test: Callable[[Call], bool]) -> None:
    parse_page = server.parse_page

    def fragile(call: Call) -> tuple[int, int]:
        if test(call):
            raise RuntimeError("crash of a fault")
        return parse_page(call)

    server.parse_page = fragile


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_words_break_down(server: Behaviours) -> None:
    """A page number that is not a number is a 500."""
    _breaks_down(server, lambda call: not call.query.get("page[number]", "1").lstrip("-").isdigit())


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_size_zero_breaks_down(server: Behaviours) -> None:
    """A page size of zero is a 500."""
    _breaks_down(server, lambda call: call.query.get("page[size]", "1").strip("0") == "")


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def negative_page_breaks_down(server: Behaviours) -> None:
    """A negative page number or size is a 500."""
    _breaks_down(
        server, lambda call: any(call.query.get(f"page[{one}]", "").startswith("-") for one in ("number", "size"))
    )


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def unknown_sort_breaks_down(server: Behaviours) -> None:
    """An unknown sort is a 500."""
    wanted = server.parse_sort

    def fragile(call: Call) -> list[tuple[str, bool]]:
        try:
            return wanted(call)
        except RefusalError as refusal:
            raise RuntimeError("crash of a fault") from refusal

    server.parse_sort = fragile


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def huge_page_resets(server: Behaviours) -> None:
    """A page number beyond 64 bits resets the connection."""
    drop_when(server, lambda call: len(call.query.get("page[number]", "")) > 18)


@fault(breaks=("LIST-5",))
def listing_includes_loses_some(server: Behaviours) -> None:
    """A list with includes lacks the backups that refer to an integration by identifier."""

    def joined(call: Call, items: list[Backup]) -> list[Backup]:
        known = {integration.id for integration in call.store.integrations}
        return [backup for backup in items if backup.integration in known or "include" not in call.query]

    _see(server, joined)


@fault(breaks=("LIST-5",), also=("LIST-3", "LIST-6"))
def page_number_needs_a_size(server: Behaviours) -> None:
    """A page number without a page size is ignored."""
    wanted = server.parse_page
    server.parse_page = lambda call: (wanted(call)[0] if "page[size]" in call.query else 1, wanted(call)[1])


@fault(breaks=("LIST-5",))
def full_last_page_loses_one(server: Behaviours) -> None:
    """The last backup is missing where the page size divides the number of backups."""
    page = server.page
    server.page = lambda call, items, number, size: page(
        call, items[:-1] if 1 < size < len(items) and len(items) % size == 0 else items, number, size
    )


@fault(breaks=("LIST-5",), also=("LIST-6",))
def deep_pages_are_refused(server: Behaviours) -> None:
    """Pages after the tenth are refused."""
    wanted = server.parse_page

    def shallow(call: Call) -> tuple[int, int]:
        number, size = wanted(call)
        if number > 10:
            raise RefusalError("400.invalid-syntax", "That is too far")
        return number, size

    server.parse_page = shallow


@fault(breaks=("LIST-5",), also=("LIST-3",))
def other_page_other_order(server: Behaviours) -> None:
    """Without a sort, even and odd pages are cut from different orders."""
    page = server.page
    server.page = lambda call, items, number, size: page(
        call, items if "sort" in call.query or number % 2 else items[3:] + items[:3], number, size
    )


@fault(breaks=("LIST-5",), also=("LIST-3", "HTTP-4"))
def equal_sort_keys_come_in_any_order(server: Behaviours) -> None:
    """A sort by a member that all backups share orders them anew with each request."""
    parse, order = server.parse_sort, server.order

    def shuffled(call: Call) -> bool:
        return call.query.get("sort") == "container_id"

    server.parse_sort = lambda call: [] if shuffled(call) else parse(call)
    server.order = lambda call, items, sort: (
        random.sample(items, len(items)) if shuffled(call) else order(call, items, sort)
    )


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def offsets_overflow(server: Behaviours) -> None:
    """A page whose offset exceeds 63 bits is a 500."""
    page = server.page

    def cut(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        if (number - 1) * size >= 2**63:
            raise RuntimeError("crash of a fault")
        return page(call, items, number, size)

    server.page = cut


@fault(breaks=("LIST-9",), also=("AUTH-6",))
def unknown_container_is_known_to_pages(server: Behaviours) -> None:
    """The list of an unknown container is empty where a page size is given."""
    listed, check = server.handlers["list"], server.checks["container"]

    def lenient(call: Call) -> None:
        try:
            check(call)
        except RefusalError:
            if "page[size]" not in call.query:
                raise

    server.checks["container"] = lenient
    server.handlers["list"] = lambda call: listed(call) if hasattr(call, "container") else Reply(200, [])


@fault(breaks=("LIST-6", "LIST-5"), also=("LIST-3",))
def past_the_end_is_the_last_page(server: Behaviours) -> None:
    """A page past the end is the last page, as with Django's get_page()."""
    page = server.page

    def clamped(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        return page(call, items, min(number, max(1, -(-len(items) // size))), size)

    server.page = clamped


@fault(breaks=("LIST-5",))
def only_the_limit_is_capped(server: Behaviours) -> None:
    """A page has at most 20 items, but its offset is computed with the requested size."""
    page = server.page
    server.page = lambda call, items, number, size: page(call, items, number, size)[:20]


@fault(breaks=("LIST-5",))
def pages_lose_ties(server: Behaviours) -> None:
    """A page begins after the creation time of the previous page's last item, so that its twin is lost."""
    backups = list(server.store.main.backups.values())
    for number in (3, 10, 21):
        earlier, later = backups[number], backups[number + 1]
        later.created, later.changed, later.updated = earlier.created, earlier.changed, earlier.updated
    page = server.page

    def after(call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
        if call.query_list("sort"):
            return page(call, items, number, size)
        rest = items
        for _ in range(min(number - 1, len(items))):
            last = rest[:size][-1:]
            rest = [backup for backup in rest[size:] if backup.created < last[0].created]
        return rest[:size]

    server.page = after
