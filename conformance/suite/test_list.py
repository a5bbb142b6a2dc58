"""LIST-1 … LIST-10: a container's backups, paged and sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.answers import backups, rightful, served, serves, violations_at
from conformance.checks import check, passive
from conformance.expectations import (
    ANY_4XX,
    NotTestableError,
    broken,
    code,
    equal,
    harmless,
    listed,
    ordered,
    same_ids,
    shown_status,
    status,
    success,
    unique,
    untold,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.api import Api, Walk
    from conformance.exchange import Exchange
    from conformance.expectations import Found

FAR = 100_000
BAD_PAGES = ("0", "-1", "abc", "", "1.5", "99999999999999999999", "٣", "1%00", "null", "1e3", "%20")
#: pages whose offset is more than an integer holds
OVERFLOWS = (
    (10**17, 100),
    (2**31, 1),
    (2**31 - 1, 2**31 - 1),
    (2**62, 2),
    (2**63 - 1, 100),
    (2**63, 1),
    (2**64, 2**64),
)
BAD_SORTS = (
    "nope",
    "",
    "-",
    "--id",
    "id,",
    ",",
    "id%00",
    "created_at;drop",
    "events.created",
    "%F0%9F%92%A9",
    "__class__",
)


@passive("LIST-1", when=serves("list"))
def list_items_are_backups(x: Exchange) -> Iterator[Found]:
    yield from shown_status(x)
    for violation in violations_at(x, "/data"):
        if violation.pointer != "/data":
            yield broken(violation.wanted, violation.got, x, violation.pointer)


@check("LIST-1", "list")
def test_list_1_list_is_served(api: Api) -> Iterator[Found]:
    """The own container's list and the sibling's; what parameters add belongs to other clauses."""
    sibling = api.world.target.fixtures.other_container_id
    asked = [api.ask.list(), *([api.ask.list(sibling, ownership="sibling")] if sibling else [])]
    for answer in api.send_all(asked):
        yield from success(answer)


@passive("LIST-2", when=lambda x: serves("list")(x) and rightful(x))
def items_are_of_this_container(x: Exchange) -> Iterator[Found]:
    for pointer, backup in backups(x):
        if isinstance(backup.get("container_id"), str):
            wanted = x.request.resources["container"]
            yield from equal(backup["container_id"], wanted, x, f"{pointer}/container_id")
        if isinstance(backup.get("hub_id"), str):
            yield from equal(backup["hub_id"], x.request.hub_id, x, f"{pointer}/hub_id")


@passive("LIST-3", when=serves("list"))
def ids_are_unique_in_an_answer(x: Exchange) -> Iterator[Found]:
    yield from unique(x.ids, x, "backup")


@check("LIST-3", "list")
def test_list_3_ids_are_unique_across_pages(api: Api) -> Iterator[Found]:
    """No backup stands on two pages of a list that holds still."""
    told = api.story("walks", walks)
    for _ in range(2):
        found = [one for walk in told.plain for one in unique(walk.ids, walk.last, "backup")]
        if not found:
            return
        told = walks(api)
    yield from (one for walk in told.plain for one in unique(walk.ids, walk.last, "backup"))


@passive("LIST-4", when=lambda x: serves("list")(x) and x.request.asked.get("page[size]", "").isdecimal())
def pages_are_not_longer_than_asked(x: Exchange) -> Iterator[Found]:
    most = int(x.request.asked["page[size]"])
    if most > 0 and isinstance(x.data, list) and len(x.data) > most:
        yield broken(f"at most {most} items", f"{len(x.data)}", x, "/data")


@check("LIST-4", "list")
def test_list_4_page_size_bounds_the_page(api: Api) -> Iterator[Found]:
    """Small pages, first and later ones."""
    api.need_served("list")
    asked = [(page, size) for page in (1, 2, None) for size in (1, 2, 3, 5)]
    for answer in api.send_all(api.ask.list(page=page, size=size) for page, size in asked):
        second = answer.request.asked.get("page[number]") == "2"
        yield from status(answer, range(200, 300), *([ANY_4XX] if second else []))


@check("LIST-5", "list")
def test_list_5_pages_give_every_backup_once(api: Api) -> Iterator[Found]:
    """Whatever the size, with and without a sort: sizes that divide the count and sizes that do not."""
    told = api.story("walks", walks)
    for _ in range(3):
        everything = set().union(_live_fixtures(api), *(walk.ids for walk in told.all))
        found = [one for walk in told.all for one in same_ids(walk.ids, everything, walk.last, "backup")]
        if not found or set(told.first.ids) == set(api.walk(100).ids):
            yield from found
            return
        told = walks(api)
    yield untold("the list kept changing while it was read, three times over")


@dataclass
class Walks:
    """The same list page by page, in many ways."""

    first: Walk
    plain: list[Walk]
    ascending: list[Walk]
    descending: list[Walk]
    included: Walk

    @property
    def all(self) -> list[Walk]:
        """Each way, none of which may cost a backup."""
        return [self.first, *self.plain, *self.ascending, *self.descending, self.included]


def walks(api: Api) -> Walks:
    """Whatever the size, sorted and not, and with integrations as well."""
    first = api.walk(100)
    sizes = _sizes(len(set(first.ids)))
    plain = [api.walk(size) for size in (None, *sizes)]
    ascending, descending = ([api.walk(size, sort=sort) for size in sizes[2:5:2]] for sort in ("id", "-id"))
    return Walks(first, plain, ascending, descending, api.walk(100, include="integrations"))


def _sizes(count: int) -> list[int]:
    """Page sizes that make every kind of last page, and no more than some forty pages each."""
    least = max(1, count // 40)
    return sorted({max(size, least) for size in (1, 2, 3, 5, 7, 10, count - 1, count, count + 1) if size > 0})


def _live_fixtures(api: Api) -> set[str]:
    """Backups that the target file names and that get shows as live: the list must have them."""
    fixtures = api.world.target.fixtures
    named = {fixtures.backup_id, fixtures.failing_backup_id, *fixtures.deletable_backup_ids} - {None}
    answers = api.send_all(api.ask.get(str(backup)) for backup in sorted(str(one) for one in named))
    live = [answer for answer in answers if answer.status == 200 and isinstance(answer.data, dict)]
    return {
        answer.request.resources["backup"]
        for answer in live
        if isinstance(answer.data.get("state"), dict) and answer.data["state"].get("current") == "live"
    }


@check("LIST-6", "list")
def test_list_6_a_page_past_the_end_is_empty(api: Api) -> Iterator[Found]:
    """Just past the end and far past it; where the end is, following the pages tells."""
    api.need_served("list")
    walk = api.walk(5)
    past = [] if walk.last.ids else [len(walk.pages), len(walk.pages) + 1]
    for answer in api.send_all(api.ask.list(page=page, size=5) for page in (*past, FAR)):
        if answer.refused:
            yield broken("200 with []", f"{answer.status}", answer)
        elif items := listed(answer):
            yield broken("200 with []", f"{len(items)} items", answer, "/data")


@check("LIST-7", "list")
def test_list_7_sort_by_id_ascends_and_descends(api: Api) -> Iterator[Found]:
    """Within a page and from page to page."""
    if len(api.world.backups) < 2:
        raise NotTestableError("set fixtures.container_id to a container with at least two backups")
    api.need_served("list")
    for sort, descending in (("id", False), ("-id", True)):
        whole = api.list(sort=sort)
        yield from success(whole)
        yield from ordered(whole.ids, whole, descending=descending)
        told = api.story("walks", walks)
        for walk in told.descending if descending else told.ascending:
            yield from ordered(list(dict.fromkeys(walk.ids)), walk.last, descending=descending)


@check("LIST-8", "list")
def test_list_8_no_backups_is_an_empty_array(api: Api) -> Iterator[Found]:
    """An empty container, plain and with parameters."""
    empty = api.world.fixture("empty_container_id")
    api.need_served("list")
    for how in ({}, {"include": "integrations"}, {"page": 1, "size": 5}):
        answer = api.list(empty, **how)
        yield from success(answer)
        if served(answer) and isinstance(answer.value, dict) and answer.data is None:
            yield broken("[]", "null", answer, "/data")
        elif answer.succeeded and (items := listed(answer)):
            yield broken("[]", f"{len(items)} items", answer, "/data")


@check("LIST-9", "list")
def test_list_9_an_unknown_container_is_not_found(api: Api) -> Iterator[Found]:
    """A well-formed id that names no container, with and without parameters."""
    for how in ({}, {"include": "integrations"}, {"page": 1, "size": 5}):
        answer = api.list(api.ask.unknown_id(), ownership="missing", **how)
        yield from status(answer, 404)
        yield from code(answer, "404.container")


@check("LIST-10", "list")
def test_list_10_bad_pages_and_sorts_do_no_harm(api: Api) -> Iterator[Found]:
    """Zero, negative, huge, empty, no number at all; unknown and garbled sorts; parameters given twice."""
    queries = [f"page%5B{name}%5D={value}" for name in ("number", "size") for value in BAD_PAGES if value.isascii()]
    queries += ["page%5Bsize%5D=0&page%5Bnumber%5D=0", "page%5Bsize%5D=2&page%5Bsize%5D=3", "page%5B%5D=1", "page=2"]
    queries += [f"page%5Bnumber%5D={number}&page%5Bsize%5D={size}" for number, size in OVERFLOWS]
    queries += [f"sort={value}" for value in BAD_SORTS] + ["sort=id&sort=-id", "page%5Bnumber%5D=%D9%A3"]
    for answer in api.send_all(api.ask.list(query=query) for query in queries):
        yield from harmless(answer, range(200, 300), ANY_4XX)
