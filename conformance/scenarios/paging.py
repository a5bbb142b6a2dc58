"""One list, read page by page in many ways: none of them may cost a backup, as long as the list holds still.

Live lists move. So what a way seems to get wrong is asked for once more, between two readings that agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.judging.expectations import at, untold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api, Walk

    Way = dict[str, Any]
    Told = list[tuple[Way, Walk]]
    Judge = Callable[[Walk, set[str]], Iterable[Found]]

#: a list that moved meanwhile is walked again, so often
MOST_TRIES = 5
#: ways whose defects are looked at twice: more of them show nothing new
MOST_SHOWN = 3
#: the members of a way that say whose list it is
PLACE = ("container", "ownership")
#: a backup in one of these states must be listed
PRESENT = ("saving", "live")


def all_ways(api: Api) -> Told:
    """The story of the own list: pages of many sizes, sorted and not, and with integrations as well."""
    return api.story("walks", lambda api: tell(api, _ways(api)))


def of_sibling(api: Api) -> Told:
    """The same for the sibling container's list, where there is one: fewer ways, for it shares the code."""
    sibling = api.world.target.fixtures.other_container_id
    place = {"container": sibling, "ownership": "sibling"}
    ways: list[Way] = [{"size": 100, **place}, {"size": 2, **place}, {"size": 2, "sort": "-id", **place}]
    return api.story("sibling walks", lambda api: tell(api, ways)) if sibling else []


def tell(api: Api, ways: Iterable[Way]) -> Told:
    """Each way, walked to its end."""
    return [(way, api.walk(**way)) for way in ways]


def _ways(api: Api) -> list[Way]:
    sizes = _sizes(len(api.world.backups))
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


def sorted_by(told: Told, sort: str) -> list[Walk]:
    """The walks that were sorted so."""
    return [walk for way, walk in told if way.get("sort") == sort]


def judged(api: Api, told: Told, judge: Judge, named: Iterable[str] = ()) -> Iterator[Found]:
    """What the judge has against these walks, each held against all that any of them showed, and those named."""
    there = set().union(*(walk.ids for _, walk in told))
    there |= {one for way, _ in told[:1] for one in present(api, way, named)}
    suspects = [way for way, walk in told if any(True for _ in judge(walk, there))]
    for way in suspects[:MOST_SHOWN]:
        yield from _again(api, way, there, judge)


def _again(api: Api, way: Way, there: set[str], judge: Judge) -> Iterator[Found]:
    """The same way once more, between two readings of the list that show the same backups."""
    place = _place(way)
    for _ in range(MOST_TRIES):
        before = set(api.walk(100, **place).ids)
        known = before.union(present(api, way, there - before))
        walk = api.walk(**way)
        found = list(judge(walk, known))
        if not found or before == set(api.walk(100, **place).ids):
            yield from found
            return
    yield untold("the list kept changing while it was read")


def present(api: Api, way: Way, backups: Iterable[str]) -> Iterator[str]:
    """Those of these backups that get shows as saving or live: the list must have them."""
    for x in api.send_all(api.ask.get(backup, **_place(way)) for backup in sorted(set(backups))):
        if x.status == 200 and at(x.data, "/state/current") in PRESENT:
            yield x.request.resources["backup"]


def _place(way: Way) -> Way:
    return {name: way[name] for name in PLACE if name in way}
