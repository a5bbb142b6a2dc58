"""LIST-1 … LIST-10: a container's backups, paged and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.judging.answer_shapes import backups, rightful, served, serves, violations_at
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
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
from conformance.scenarios import paging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api, Walk

FAR = 100_000
NONE_THERE = "set fixtures.container_id to a container with backups"
TOO_FEW = "set fixtures.container_id to a container with at least two backups"
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


@passive("LIST-2", when=lambda x: serves("list")(x) and rightful(x) and bool(x.items))
def items_are_of_this_container(x: Exchange) -> Iterator[Found]:
    for pointer, backup in backups(x):
        if isinstance(backup.get("container_id"), str):
            wanted = x.request.resources["container"]
            yield from equal(backup["container_id"], wanted, x, f"{pointer}/container_id")
        if isinstance(backup.get("hub_id"), str):
            yield from equal(backup["hub_id"], x.request.hub_id, x, f"{pointer}/hub_id")


@passive("LIST-3", when=lambda x: serves("list")(x) and len(x.ids) > 1)
def ids_are_unique_in_an_answer(x: Exchange) -> Iterator[Found]:
    yield from unique(x.ids, x, "backup")


@check("LIST-3", "list")
def test_list_3_ids_are_unique_across_pages(api: Api) -> Iterator[Found]:
    """No backup stands on two pages of a list that holds still."""
    told = paging.plain(paging.all_ways(api))
    yield from paging.judged(api, told, lambda walk, _: unique(walk.ids, walk.last, "backup"))
    if not any(walk.ids for _, walk in told):
        raise NotTestableError(NONE_THERE)


def is_page(x: Exchange) -> bool:
    """A page of which too much could have come: that of one item or none shows no bound."""
    many = isinstance(x.data, list) and len(x.data) > 1
    return many and bool(serves("list")(x)) and x.request.asked.get("page[size]", "").isdecimal()


@passive("LIST-4", when=is_page)
def pages_are_not_longer_than_asked(x: Exchange) -> Iterator[Found]:
    most = int(x.request.asked["page[size]"])
    if most > 0 and isinstance(x.data, list) and len(x.data) > most:
        yield broken(f"at most {most} items", f"{len(x.data)}", x, "/data")


@check("LIST-4", "list")
def test_list_4_page_size_bounds_the_page(api: Api) -> Iterator[Found]:
    """Small pages, first and later ones."""
    if len(api.world.backups) < 2:
        raise NotTestableError(TOO_FEW)
    api.need_served("list")
    asked = [(page, size) for page in (1, 2, None) for size in (1, 2, 3, 5)]
    for answer in api.send_all(api.ask.list(page=page, size=size) for page, size in asked):
        second = answer.request.asked.get("page[number]") == "2"
        yield from status(answer, range(200, 300), *([ANY_4XX] if second else []))


@check("LIST-5", "list")
def test_list_5_pages_give_every_backup_once(api: Api) -> Iterator[Found]:
    """Whatever the size, with and without a sort, of the own container and the sibling's: what get shows is listed."""
    fixtures = api.world.target.fixtures
    named = {
        fixtures.backup_id,
        fixtures.failing_backup_id,
        fixtures.not_live_backup_id,
        *fixtures.deletable_backup_ids,
    }
    told = paging.all_ways(api)
    yield from paging.judged(api, told, every_one, sorted(one for one in named if one))
    theirs = [fixtures.foreign_backup_id] if fixtures.foreign_backup_id else []
    yield from paging.judged(api, paging.of_sibling(api), every_one, theirs)
    if not any(walk.ids for _, walk in told):
        raise NotTestableError(NONE_THERE)


def every_one(walk: Walk, there: set[str]) -> Iterator[Found]:
    return same_ids(walk.ids, there, walk.last, "backup")


@check("LIST-6", "list")
def test_list_6_a_page_past_the_end_is_empty(api: Api) -> Iterator[Found]:
    """Just past the end and far past it; where the end is, following the pages tells."""
    api.need_served("list")
    for _ in range(paging.MOST_TRIES):
        walk = api.walk(5)
        past = [] if walk.last.ids else [len(walk.pages), len(walk.pages) + 1]
        answers = api.send_all(api.ask.list(page=page, size=5) for page in (*past, FAR))
        found = [one for answer in answers for one in is_past_the_end(answer)]
        if not found or set(walk.ids) == set(api.walk(5).ids):
            yield from found
            return
    yield untold("the list kept changing while it was read")


def is_past_the_end(answer: Exchange) -> Iterator[Found]:
    if answer.refused:
        yield broken("200 with []", f"{answer.status}", answer)
    elif items := listed(answer):
        yield broken("200 with []", f"{len(items)} items", answer, "/data")


@check("LIST-7", "list")
def test_list_7_sort_by_id_ascends_and_descends(api: Api) -> Iterator[Found]:
    """Within a page and from page to page."""
    if len(api.world.backups) < 2:
        raise NotTestableError(TOO_FEW)
    api.need_served("list")
    for sort, descending in (("id", False), ("-id", True)):
        whole = api.list(sort=sort)
        yield from success(whole)
        yield from ordered(whole.ids, whole, descending=descending)
        for walk in paging.sorted_by(paging.all_ways(api), sort):
            yield from ordered(list(dict.fromkeys(walk.ids)), walk.last, descending=descending)


@check("LIST-8", "list")
def test_list_8_no_backups_is_an_empty_array(api: Api) -> Iterator[Found]:
    """An empty container, plain and with parameters."""
    empty = api.world.fixture("empty_container_id")
    api.need_served("list")
    for how in ({}, {"include": "integrations"}, {"page": 1, "size": 5}, {"sort": "-id"}):
        answer = api.list(empty, **how)
        yield from success(answer)
        if served(answer) and isinstance(answer.value, dict) and answer.data is None:
            yield broken("[]", "null", answer, "/data")
        elif answer.succeeded and (items := listed(answer)):
            yield broken("[]", f"{len(items)} items", answer, "/data")


@check("LIST-9", "list")
def test_list_9_an_unknown_container_is_not_found(api: Api) -> Iterator[Found]:
    """A well-formed id that names no container, with and without parameters."""
    for how in ({}, {"include": "integrations"}, {"page": 1, "size": 5}, {"sort": "-id"}):
        answer = api.list(api.ask.unknown_container(), ownership="missing", **how)
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
