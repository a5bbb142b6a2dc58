"""LIST-1 … LIST-10: a container's backups, paged and sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.generation import fixed_inputs
from conformance.judging.answer_shapes import (
    backups,
    is_expected_success,
    is_judgeable_success,
    mismatches_at,
    serves,
    succeeds,
)
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    NotTestableError,
    expect_code,
    expect_content,
    expect_documented_status,
    expect_equal,
    expect_no_server_error,
    expect_ordered,
    expect_same_ids,
    expect_status,
    expect_success,
    expect_unique,
    inconclusive,
    items_of,
    violation,
)
from conformance.scenarios import paging

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.paging import PagedList
    from conformance.scenarios.request_builder import OperationOptions

FAR = 100_000
#: how many items the pages have that LIST-6 looks for
SIZE = 5
#: what curl accepts, and most libraries unless told otherwise
ANYTHING = (("Accept", "*/*"),)
#: the list as it is, and with each parameter
PARAMETERS: tuple[OperationOptions, ...] = ({}, {"include": "integrations"}, {"page": 1, "size": 5}, {"sort": "-id"})
NONE_THERE = "set fixtures.container_id to a container with backups"
TOO_FEW = "set fixtures.container_id to a container with at least two backups"
BAD_PAGES = ("0", "-1", "abc", "", "1.5", "1%00", "null", "1e3", "%20")
#: What passes for a digit or a number and cannot be read as an integer. `%C2%B2` is a superscript.
NO_INTEGERS = ("%C2%B2", "NaN", "Infinity")
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
#: Pages far past the end that are the second one where the number or the offset is cut down to 32 or 64 bits. A server
#: may refuse them, as numbers beyond its integers, or take them for no page at all and show the first one.
WRAPS = ((2**32 + 2, 5), (2**30 + 2, 4), (2**62 + 2, 4))
BAD_SORTS = ("nope", "", "-", "--id", "id,", ",", "created_at", "events.created", "%F0%9F%92%A9")
#: members of a backup whose values cannot simply be compared: objects, and what only some backups have
ODD_MEMBERS = ("target", "-state", "events.deleted", "-events.updated", "state.error")
#: parameters without a value, and `page` as a name and as the beginning of others
ODD_FORMS = ("sort", "page%5Bnumber%5D", "page%5Bsize%5D&sort", "page=1&page%5Bnumber%5D=1", "page%5Bsize%5D=5&page=1")


@passive("LIST-1", when=succeeds("list"))
def list_items_are_backups(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if mismatch.pointer != "/data":
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@check("LIST-1", "list")
def test_list_1_list_is_served(context: CheckContext) -> Iterator[Finding]:
    """The own container's list, also for any media type, and the sibling's; what parameters add has own clauses."""
    sibling = context.fixtures.target.fixtures.other_container_id
    asked = [context.build.list(), *([context.build.list(sibling, ownership="sibling")] if sibling else [])]
    asked.append(context.build.list(headers=ANYTHING))
    for answer in context.send_all(asked):
        yield from expect_content(answer)


@passive(
    "LIST-2", when=lambda exchange: serves("list")(exchange) and is_expected_success(exchange) and bool(exchange.items)
)
def items_are_of_this_container(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        if isinstance(backup.get("container_id"), str):
            wanted = exchange.request.resources["container"]
            yield from expect_equal(backup["container_id"], wanted, exchange, f"{pointer}/container_id")
        if isinstance(backup.get("hub_id"), str):
            yield from expect_equal(backup["hub_id"], exchange.request.hub_id, exchange, f"{pointer}/hub_id")


@passive("LIST-3", when=lambda exchange: serves("list")(exchange) and len(exchange.ids) > 1)
def ids_are_unique_in_an_answer(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_unique(exchange.ids, exchange, "backup")


@check("LIST-3", "list")
def test_list_3_ids_are_unique_across_pages(context: CheckContext) -> Iterator[Finding]:
    """No backup is on two pages of a list that does not change."""
    readings = paging.plain(paging.in_all_ways(context))
    yield from paging.judged(context, readings, lambda paged, _: expect_unique(paged.ids, paged.last, "backup"))
    if not any(paged.ids for _, paged in readings):
        raise NotTestableError(NONE_THERE)


def is_page(exchange: Exchange) -> bool:
    """A page with a requested size and more than one item; a shorter one cannot exceed its size."""
    many = isinstance(exchange.data, list) and len(exchange.data) > 1
    return many and bool(serves("list")(exchange)) and exchange.request.asked.get("page[size]", "").isdecimal()


@passive("LIST-4", when=is_page)
def pages_are_not_longer_than_asked(exchange: Exchange) -> Iterator[Finding]:
    most = int(exchange.request.asked["page[size]"])
    if most > 0 and isinstance(exchange.data, list) and len(exchange.data) > most:
        yield violation(f"at most {most} items", f"{len(exchange.data)}", exchange, "/data")


@check("LIST-4", "list")
def test_list_4_page_size_bounds_the_page(context: CheckContext) -> Iterator[Finding]:
    """Small pages, first and later ones."""
    if len(context.fixtures.backups) < 2:
        raise NotTestableError(TOO_FEW)
    context.require_served("list")
    asked = [(1, 1), (1, 5), (2, 1), (2, 3), (None, 1), (None, 2), (None, 5)]
    requests = [context.build.list(page=page, size=size) for page, size in asked]
    for answer in context.send_all(context.chosen(requests)):
        second = answer.request.asked.get("page[number]") == "2"
        yield from expect_status(answer, range(200, 300), *([ANY_4XX] if second else []))


@check("LIST-5", "list")
def test_list_5_pages_give_every_backup_once(context: CheckContext) -> Iterator[Finding]:
    """In every page size, with and without a sort, for both containers; a backup that get shows is listed."""
    fixtures = context.fixtures.target.fixtures
    named = {
        fixtures.backup_id,
        fixtures.failing_backup_id,
        fixtures.not_live_backup_id,
        *fixtures.deletable_backup_ids,
    }
    readings = paging.in_all_ways(context)
    every_way = readings + paging.in_other_sorts(context)
    yield from paging.judged(context, every_way, every_one, sorted(backup for backup in named if backup))
    of_sibling = [fixtures.foreign_backup_id] if fixtures.foreign_backup_id else []
    yield from paging.judged(context, paging.of_sibling(context), every_one, of_sibling)
    if not any(paged.ids for _, paged in readings):
        raise NotTestableError(NONE_THERE)


def every_one(paged: PagedList, expected: set[str]) -> Iterator[Finding]:
    """The pages together list exactly the expected ids, each once."""
    return expect_same_ids(paged.ids, expected, paged.last, "backup")


@check("LIST-6", "list")
def test_list_6_a_page_past_the_end_is_empty(context: CheckContext) -> Iterator[Finding]:
    """Just past the last page, far past it, and where the page number or the offset overflows."""
    context.require_served("list")
    pages = -(-len(context.fixtures.backups) // SIZE)
    if not shown_past(context, (pages + 1, pages + 2, FAR)):
        return
    for _ in range(paging.MAX_TRIES):
        paged = paging.read_list(context, size=SIZE)
        past = [] if paged.last.ids else [len(paged.pages), len(paged.pages) + 1]
        findings = shown_past(context, (*past, FAR))
        if not findings or set(paged.ids) == set(paging.read_list(context, size=SIZE).ids):
            yield from findings
            return
    yield inconclusive("the list kept changing while it was read")


def shown_past(context: CheckContext, numbers: Iterable[int]) -> list[Finding]:
    """What pages past the end show, those with these numbers and those whose number or offset overflows."""
    answers = context.send_all(context.build.list(page=number, size=SIZE) for number in numbers)
    return [*(finding for answer in answers for finding in is_past_the_end(answer)), *wrapped_pages(context)]


def wrapped_pages(context: CheckContext) -> Iterator[Finding]:
    """The second page, shown for a page whose number or offset overflows."""
    sizes = list(dict.fromkeys(size for _, size in WRAPS))
    pages = [*((2, size) for size in sizes), *WRAPS]
    answers = context.send_all(context.build.list(page=number, size=size) for number, size in pages)
    second_pages = dict(zip(sizes, answers, strict=False))
    for (_, size), far in zip(WRAPS, answers[len(sizes) :], strict=True):
        second = second_pages[size]
        if second.is_judgeable_success and far.is_judgeable_success and far.ids and far.ids == second.ids:
            yield violation("200 with []", f"the {len(far.ids)} items of page 2", far, "/data")


def is_past_the_end(answer: Exchange) -> Iterator[Finding]:
    """The response is an empty list, neither a refusal nor a list with backups; a 5xx is another clause's."""
    if answer.is_refusal:
        yield violation("200 with []", f"{answer.status}", answer)
    elif items := items_of(answer):
        yield violation("200 with []", f"{len(items)} items", answer, "/data")


@check("LIST-7", "list")
def test_list_7_sort_by_id_ascends_and_descends(context: CheckContext) -> Iterator[Finding]:
    """Within a page and from page to page."""
    if len(context.fixtures.backups) < 2:
        raise NotTestableError(TOO_FEW)
    context.require_served("list")
    for sort, descending in (("id", False), ("-id", True)):
        whole = context.list(sort=sort)
        yield from expect_success(whole)
        yield from expect_ordered(whole.ids, whole, descending=descending)
        for walk in paging.sorted_by(paging.in_all_ways(context), sort):
            yield from expect_ordered(list(dict.fromkeys(walk.ids)), walk.last, descending=descending)


@check("LIST-8", "list")
def test_list_8_no_backups_is_an_empty_array(context: CheckContext) -> Iterator[Finding]:
    """An empty container, plain and with parameters."""
    empty = context.fixtures.fixture("empty_container_id")
    context.require_served("list")
    for options in PARAMETERS:
        answer = context.send(context.build.for_operation("list", options, container=empty))
        yield from expect_success(answer)
        if is_judgeable_success(answer) and isinstance(answer.value, dict) and answer.data is None:
            yield violation("[]", "null", answer, "/data")
        elif answer.is_success and (items := items_of(answer)):
            yield violation("[]", f"{len(items)} items", answer, "/data")


@check("LIST-9", "list")
def test_list_9_an_unknown_container_is_not_found(context: CheckContext) -> Iterator[Finding]:
    """A well-formed id that names no container, with and without parameters."""
    for options in PARAMETERS:
        answer = context.send(
            context.build.for_operation(
                "list", options, container=context.build.unknown_container(), ownership="missing"
            )
        )
        yield from expect_status(answer, 404)
        yield from expect_code(answer, "404.container")


@check("LIST-10", "list")
def test_list_10_bad_pages_and_sorts_do_no_harm(context: CheckContext) -> Iterator[Finding]:
    """Zero, negative, huge, empty, no number at all; unknown and garbled sorts; nested, twice, with odd characters."""
    queries = [f"page%5B{name}%5D={value}" for name in ("number", "size") for value in BAD_PAGES]
    queries += ["page%5Bsize%5D=0&page%5Bnumber%5D=0", "page%5Bnumber%5D=%D9%A3"]
    queries += [f"page%5Bnumber%5D={number}&page%5Bsize%5D={size}" for number, size in OVERFLOWS]
    queries += [f"sort={value}" for value in BAD_SORTS]
    queries += [case.query for case in fixed_inputs.page_and_sort_queries()]
    queries += [f"page%5B{name}%5D={value}" for name in ("number", "size") for value in NO_INTEGERS]
    queries += [*(f"sort={value}" for value in ODD_MEMBERS), *ODD_FORMS]
    for answer in context.send_all(context.chosen([context.build.list(query=query) for query in queries])):
        yield from expect_no_server_error(answer, range(200, 300), ANY_4XX)
