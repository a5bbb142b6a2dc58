"""Reads one list page by page in many ways. No way may lose a backup, as long as the list holds still.

Live lists change, so whatever a way seems to lose is read once more between two readings that agree.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from conformance.contract.operations import PRESENT_STATES
from conformance.contract.pointers import value_at
from conformance.judging.expectations import CannotTellError, inconclusive, inconclusive_reason, items_of, resting_on
from conformance.scenarios.request_builder import ListOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

    Readings = list[tuple["Way", "PagedList"]]
    Judge = Callable[["PagedList", set[str]], Iterable[Finding]]

MAX_PAGES = 1000
#: Sorts that the contract does not name and servers may know: by one value for all backups, by few, by time.
OTHER_SORTS = ("container_id", "-state.current", "-created")
MAX_SIDE_BY_SIDE = 64
#: how many pages are asked for at once where nothing says how many there are
PAGES_AT_ONCE = 4
#: how many times a list that changed meanwhile is read again
MAX_TRIES = 5
#: how many ways with findings are read again; more of them show nothing new
MAX_SHOWN = 3
LIST_MOVES = "the list kept changing while it was read"
#: The smallest page size splits a list into at least this many pages, so that page numbers have two digits.
LEAST_PAGES_OF_SMALL_ONES = 11
#: How many pages the list has in the small pages of a quick run.
PAGES_OF_A_QUICK_WAY = 3


class Way(ListOptions, total=False):
    """One way of reading a list: the options of every page except its number.

    The list is that of the target's own container, unless `container` and `ownership` name another.
    """

    container: str


@dataclass
class PagedList:
    """The pages of one list, in order: those up to the first that is empty, refused, or shows nothing new."""

    pages: list[Exchange] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    ended: bool = False

    def take(self, page: Exchange) -> None:
        """Append the next page, unless the list has ended. Raises CannotTellError where the page cannot be judged."""
        if self.ended:
            return
        if why := inconclusive_reason(page):
            raise CannotTellError(f"{page.request.line}: {why}")
        if not page.is_refusal:
            items_of(page)
        repeats = bool(page.ids) and set(page.ids) <= set(self.ids)
        self.ended = page.is_refusal or not page.ids or repeats
        self.pages.append(page)
        self.ids += page.ids

    @property
    def last(self) -> Exchange:
        """The page that showed the end, or the last one that was read."""
        return self.pages[-1]


def read_pages(context: CheckContext, way: Way) -> PagedList:
    """Read pages from number 1 to an empty one or a 4xx, several at a time.

    Where the target refuses a page size above the largest that it is known to accept, that one is used instead.
    """
    paged = PagedList()
    size, largest = way.get("size"), context.fixtures.largest_page
    number, batch = 1, _expected_pages(context, way)
    while not paged.ended and number <= MAX_PAGES:
        numbers = range(number, number + batch)
        for page in context.send_all(_page(context, way, number) for number in numbers):
            paged.take(page)
        if size is not None and int(size) > largest and paged.pages[0].is_refusal:
            return read_pages(context, {**way, "size": largest})
        number, batch = number + batch, PAGES_AT_ONCE
    return paged


def _expected_pages(context: CheckContext, way: Way) -> int:
    """How many pages to ask for at first: those of the own list with an empty one behind, of another list two."""
    size = way.get("size")
    if size is None or int(size) >= context.fixtures.largest_page or "container" in way:
        return 2
    return min(-(-max(len(context.fixtures.backups), 1) // int(size)) + 1, MAX_SIDE_BY_SIDE)


def _page(context: CheckContext, way: Way, number: int) -> Request:
    page: Way = {**way, "page": number}
    return context.build.list(**page)


def read_list(context: CheckContext, **way: Unpack[Way]) -> PagedList:
    """Read the list in this way, in pages as large as the target accepts where nothing else is said.

    A first page of the own list that surely holds all of it is the only one that is read.
    """
    paged: Way = {"size": context.fixtures.largest_page}
    if way:
        return read_pages(context, {**paged, **way})
    if context.fixtures.whole_page:
        listing = PagedList()
        listing.take(context.send(_page(context, paged, 1)))
        if context.fixtures.holds_whole_list(listing.last):
            listing.ended = True
            return listing
    listing = read_pages(context, paged)
    if len(listing.pages) == 2 and not listing.last.is_refusal and not listing.last.ids:
        context.fixtures.note_whole_page(listing.pages[0])
    return listing


def read_settled_list(context: CheckContext) -> PagedList:
    """Read the list until two readings in a row show the same backups. A list of one page is read once.

    While a backup goes, the items after it move to an earlier page, so that a reading of several pages may miss some.
    Raises CannotTellError where no two readings agree.
    """
    reading = read_list(context)
    for _ in range(MAX_TRIES):
        if set(reading.ids) <= set(reading.pages[0].ids):
            return reading
        before, reading = reading, read_list(context)
        if set(before.ids) == set(reading.ids):
            return reading
    raise CannotTellError(LIST_MOVES)


def in_all_ways(context: CheckContext) -> Readings:
    """The scenario of the own list: pages of many sizes, sorted and not, with integrations and without."""
    return context.run_once("pages", lambda context: read_in(context, _ways(context)))


def in_other_sorts(context: CheckContext) -> Readings:
    """The own list in small pages, by members whose values are equal for several backups.

    Left out are the sorts that the target refuses, which it may, and those whose answers another clause judges.
    """
    count = len(context.fixtures.backups)
    size = [max(2, -(-count // PAGES_OF_A_QUICK_WAY))] if context.run.is_quick else _sizes(count)[2:3] or [1]
    readings: Readings = []
    for sort in OTHER_SORTS[:1] if context.run.is_quick else OTHER_SORTS:
        way: Way = {"size": size[0], "sort": sort}
        if context.send(_page(context, way, 1)).is_success:
            with suppress(CannotTellError):
                readings.append((way, read_pages(context, way)))
    return readings


def of_sibling(context: CheckContext) -> Readings:
    """The scenario of the sibling container's list, if there is one: fewer ways, since it shares the code."""
    sibling = context.fixtures.target.fixtures.other_container_id
    if sibling is None:
        return []
    place: Way = {"container": sibling, "ownership": "sibling"}
    ways: list[Way] = [{**place, "size": 3}, {**place, "size": 100}, {**place, "size": 7, "sort": "-id"}]
    if context.run.is_quick:
        ways = ways[:1]
    return context.run_once("sibling pages", lambda context: read_in(context, ways))


def read_in(context: CheckContext, ways: Iterable[Way]) -> Readings:
    """Read the list in each way."""
    return [(way, read_pages(context, way)) for way in ways]


def _ways(context: CheckContext) -> list[Way]:
    if context.run.is_quick:
        return _few_ways(len(context.fixtures.backups))
    sizes = _sizes(len(context.fixtures.backups))
    plain: list[Way] = [{"size": size} for size in (100, None, *sizes)]
    sorts: list[Way] = [{"size": size, "sort": sort} for sort in ("id", "-id") for size in sizes[2:5:2]]
    included: list[Way] = [{"size": size, "include": "integrations"} for size in (100, sizes[2])]
    return [*plain, *sorts, *included]


def _few_ways(count: int) -> list[Way]:
    """The ways of a quick run: the default page, and a few pages in each order."""
    size = max(2, -(-count // PAGES_OF_A_QUICK_WAY))
    return [{"size": None}, {"size": size}, {"size": size, "sort": "id"}, {"size": size, "sort": "-id"}]


def _sizes(count: int) -> list[int]:
    """Page sizes that make every kind of last page, with a bounded number of pages each: one of them divides the list.

    Where several of them do, it is the largest one, which needs the fewest pages.
    """
    least = smallest_page(count)
    divisor = next((size for size in range(count // 2, least, -1) if count % size == 0), 1)
    return sorted({max(size, least) for size in (1, 2, 3, 5, divisor, count - 1, count) if size > 0})


def smallest_page(count: int) -> int:
    """Return the largest page size at which a list of this length has at least LEAST_PAGES_OF_SMALL_ONES pages.

    Servers go wrong with page numbers of two digits; smaller pages would cost more requests than they can show.
    """
    return max(1, (count - 1) // (LEAST_PAGES_OF_SMALL_ONES - 1))


def plain(readings: Readings) -> Readings:
    """The readings whose requests asked for pages and nothing else."""
    return [(way, pages) for way, pages in readings if not {"sort", "include"} & {*way}]


def sorted_by(readings: Readings, sort: str) -> list[PagedList]:
    """The readings with this sort."""
    return [pages for way, pages in readings if way.get("sort") == sort]


def judged(context: CheckContext, readings: Readings, judge: Judge, named: Iterable[str] = ()) -> Iterator[Finding]:
    """Judge each reading against all backups that any of them showed, and against those in `named`.

    Findings are confirmed by another reading.
    """
    known = set().union(*(pages.ids for _, pages in readings))
    known |= {backup for way, _ in readings[:1] for backup in _shown_by_get(context, place_of(way), named)}
    suspects = [way for way, pages in readings if any(True for _ in judge(pages, known))]
    for way in suspects[:MAX_SHOWN]:
        yield from _again(context, way, known, judge)


def _again(context: CheckContext, way: Way, known: set[str], judge: Judge) -> Iterator[Finding]:
    """Read the same way once more, between two readings of the list that show the same backups."""
    place = place_of(way)
    for _ in range(MAX_TRIES):
        reference = read_list(context, **place)
        before = set(reference.ids)
        there = before.union(present(context, place, known - before))
        paged = read_pages(context, way)
        findings = list(judge(paged, there))
        if not findings or before == set(read_list(context, **place).ids):
            yield from resting_on(findings, _pages_around(paged, reference))
            return
    yield inconclusive(LIST_MOVES)


def _pages_around(paged: PagedList, reference: PagedList) -> Iterator[Exchange]:
    """The pages between which backups are missing or that show one twice, and where the reference reading has them."""
    missing = set(reference.ids) - set(paged.ids)
    for page in reference.pages:
        if missing.intersection(page.ids):
            yield page
    repeated = {backup for backup, count in Counter(paged.ids).items() if count > 1}
    neighbours = {
        neighbour
        for at, backup in enumerate(reference.ids)
        if backup in missing
        for neighbour in (*reference.ids[:at][-1:], *reference.ids[at + 1 :][:1])
    }
    for page in paged.pages:
        if (repeated | neighbours).intersection(page.ids):
            yield page


def _shown_by_get(context: CheckContext, place: Way, backups: Iterable[str]) -> Iterator[str]:
    """Like `present`, but for backups of the own container the last plain get of this run is enough."""
    backups, readings = set(backups), context.run.readings
    kept = {} if place else {backup: readings.get(backup) for backup in backups}
    shown = {backup for backup, get in kept.items() if get and _is_present(get)}
    yield from shown
    yield from present(context, place, backups - shown)


def _is_present(get: Exchange) -> bool:
    return get.status == 200 and value_at(get.data, "/state/current") in PRESENT_STATES


def present(context: CheckContext, place: Way, backups: Iterable[str]) -> Iterator[str]:
    """Those of these backups that get shows in a state in which the list must show them as well."""
    container, ownership = place.get("container"), place.get("ownership", "own")
    gets = [context.build.get(backup, container, ownership=ownership) for backup in sorted(set(backups))]
    for exchange in context.send_all(gets):
        if _is_present(exchange):
            yield exchange.request.resources["backup"]


def place_of(way: Way) -> Way:
    """Whose list is read in this way."""
    place: Way = {}
    if "container" in way:
        place["container"] = way["container"]
    if "ownership" in way:
        place["ownership"] = way["ownership"]
    return place
