"""One list, read page by page in many ways: none of them may cost a backup, as long as the list holds still.

Live lists move. So what a way seems to get wrong is asked for once more, between two readings that agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.contract.operations import PRESENT_STATES
from conformance.contract.pointers import value_at
from conformance.judging.expectations import inconclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext, PagedList

    Way = dict[str, Any]
    Told = list[tuple[Way, PagedList]]
    Judge = Callable[[PagedList, set[str]], Iterable[Finding]]

#: a list that moved meanwhile is walked again, so often
MAX_TRIES = 5
#: ways whose defects are looked at twice: more of them show nothing new
MAX_SHOWN = 3
#: the members of a way that say whose list it is
PLACE = ("container", "ownership")


def all_ways(context: CheckContext) -> Told:
    """The story of the own list: pages of many sizes, sorted and not, and with integrations as well."""
    return context.run_once("walks", lambda context: tell(context, _ways(context)))


def of_sibling(context: CheckContext) -> Told:
    """The same for the sibling container's list, where there is one: fewer ways, for it shares the code."""
    sibling = context.fixtures.target.fixtures.other_container_id
    place = {"container": sibling, "ownership": "sibling"}
    ways: list[Way] = [{"size": 100, **place}, {"size": 2, **place}, {"size": 2, "sort": "-id", **place}]
    return context.run_once("sibling walks", lambda context: tell(context, ways)) if sibling else []


def tell(context: CheckContext, ways: Iterable[Way]) -> Told:
    """Each way, walked to its end."""
    return [(way, context.walk(**way)) for way in ways]


def _ways(context: CheckContext) -> list[Way]:
    sizes = _sizes(len(context.fixtures.backups))
    sorts: list[Way] = [{"size": size, "sort": sort} for sort in ("id", "-id") for size in sizes[2:5:2]]
    included: list[Way] = [{"size": size, "include": "integrations"} for size in (100, sizes[2])]
    return [*({"size": size} for size in (100, None, *sizes)), *sorts, *included]


def _sizes(count: int) -> list[int]:
    """Page sizes that make every kind of last page, and no more than some forty pages each."""
    least = max(1, count // 40)
    return sorted({max(size, least) for size in (1, 2, 3, 5, 7, 10, count - 1, count, count + 1) if size > 0})


def plain(told: Told) -> Told:
    """The ways that ask for pages and nothing else."""
    return [(way, walk) for way, walk in told if not {"sort", "include"} & {*way}]


def sorted_by(told: Told, sort: str) -> list[PagedList]:
    """The walks that were sorted so."""
    return [walk for way, walk in told if way.get("sort") == sort]


def judged(context: CheckContext, told: Told, judge: Judge, named: Iterable[str] = ()) -> Iterator[Finding]:
    """What the judge has against these walks, each held against all that any of them showed, and those named."""
    there = set().union(*(walk.ids for _, walk in told))
    there |= {one for way, _ in told[:1] for one in present(context, way, named)}
    suspects = [way for way, walk in told if any(True for _ in judge(walk, there))]
    for way in suspects[:MAX_SHOWN]:
        yield from _again(context, way, there, judge)


def _again(context: CheckContext, way: Way, there: set[str], judge: Judge) -> Iterator[Finding]:
    """The same way once more, between two readings of the list that show the same backups."""
    place = _place(way)
    for _ in range(MAX_TRIES):
        before = set(context.walk(100, **place).ids)
        known = before.union(present(context, way, there - before))
        walk = context.walk(**way)
        found = list(judge(walk, known))
        if not found or before == set(context.walk(100, **place).ids):
            yield from found
            return
    yield inconclusive("the list kept changing while it was read")


def present(context: CheckContext, way: Way, backups: Iterable[str]) -> Iterator[str]:
    """Those of these backups that get shows as saving or live: the list must have them."""
    for x in context.send_all(context.build.get(backup, **_place(way)) for backup in sorted(set(backups))):
        if x.status == 200 and value_at(x.data, "/state/current") in PRESENT_STATES:
            yield x.request.resources["backup"]


def _place(way: Way) -> Way:
    return {name: way[name] for name in PLACE if name in way}
