"""What a list that holds still loses is a finding; a list that changes is read again, and never accused."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, Request
from conformance.judging.expectations import CannotTellError, expect_same_ids
from conformance.judging.outcomes import Outcome
from conformance.scenarios import paging
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.proofs.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.paging import PagedList


OWN_CONTAINER = SimpleNamespace(fixtures=SimpleNamespace(container_id="container"))


@dataclass
class Listing:
    """A context whose list is on one page: `shows` gives the ids of the nth reading, by its page size."""

    shows: Callable[[int, int], list[str]]
    got: dict[str, str] = field(default_factory=dict)
    readings: int = 0
    fixtures: Fixtures = field(default_factory=lambda: Fixtures(cast("Any", OWN_CONTAINER)))

    @property
    def run(self) -> Any:
        return SimpleNamespace(readings=Readings())

    @property
    def build(self) -> Any:
        return SimpleNamespace(
            list=lambda **way: Request("list", "GET", "/list", asked=way),
            get=lambda backup, *_place, **_ownership: Request("get", "GET", "/get", resources={"backup": backup}),
        )

    def send(self, request: Request) -> Exchange:
        return self.send_all([request])[0]

    def send_all(self, requests: Iterable[Request]) -> list[Exchange]:
        return [self._page(one) if one.operation == "list" else self._got(one) for one in requests]

    def _page(self, request: Request) -> Exchange:
        asked = cast("dict[str, int]", request.asked)
        self.readings += asked["page"] == 1
        ids = self.shows(self.readings, asked["size"]) if asked["page"] == 1 else []
        return answer(200, {"data": [{"id": shown} for shown in ids]}, operation="list")

    def _got(self, request: Request) -> Exchange:
        state = self.got.get(request.resources["backup"])
        body = {"data": {"state": {"current": state}}}
        return answer(200 if state else 404, body, resources=request.resources)


def every_one(pages: PagedList, known: set[str]) -> Iterable[Finding]:
    return expect_same_ids(pages.ids, known, None, "backup")


def judged(listing: Listing, named: Iterable[str] = ()) -> list[Outcome]:
    context = cast("CheckContext", listing)
    readings = paging.read_in(context, [{"size": 100}, {"size": 2}])
    return [found.outcome for found in paging.judged(context, readings, every_one, named)]


def test_a_list_that_is_whole_in_every_way_is_right() -> None:
    assert judged(Listing(lambda _, _size: ["a", "b", "c"])) == []


def test_a_reading_that_always_loses_a_backup_is_a_finding() -> None:
    assert judged(Listing(lambda _, size: ["a", "b", "c"] if size == 100 else ["a", "b"])) == [Outcome.FAILED]


def test_a_reading_that_repeats_a_backup_is_a_finding() -> None:
    assert judged(Listing(lambda _, size: ["a", "b"] if size == 100 else ["a", "b", "b"])) == [Outcome.FAILED]


def test_a_backup_missing_from_the_whole_list_is_a_finding_if_get_shows_it() -> None:
    loses = Listing(lambda _, size: ["a", "b"] if size == 100 else ["a", "b", "c"], got={"c": "live"})
    assert judged(loses) == [Outcome.FAILED]


def test_what_was_named_and_is_shown_by_get_must_be_listed() -> None:
    assert judged(Listing(lambda _, _size: ["a"], got={"a": "live", "b": "saving"}), ["a", "b"]) != []
    assert judged(Listing(lambda _, _size: ["a"], got={"a": "live", "b": "deleted"}), ["a", "b"]) == []


def test_a_backup_that_was_created_meanwhile_is_no_finding() -> None:
    assert judged(Listing(lambda reading, _size: ["a"] if reading == 1 else ["a", "b"])) == []


def test_a_backup_that_went_meanwhile_is_no_defect() -> None:
    assert judged(Listing(lambda reading, _size: ["a", "b"] if reading == 1 else ["a"])) == []


def test_a_list_that_keeps_changing_is_inconclusive() -> None:
    moving = Listing(lambda reading, _size: [f"{reading}", "a", "a"])
    assert judged(moving) == [Outcome.ERROR, Outcome.ERROR]


class Paged(Listing):
    """The same with a server that cuts pages as it likes: `readings_of_pages` has the pages of each reading."""

    def __init__(self, *readings_of_pages: list[list[str]]) -> None:
        super().__init__(lambda _reading, _size: [])
        self.readings_of_pages = readings_of_pages
        self.pages_asked = 0

    def _page(self, request: Request) -> Exchange:
        self.pages_asked += 1
        number = cast("dict[str, int]", request.asked)["page"]
        self.readings += number == 1
        pages = self.readings_of_pages[min(self.readings, len(self.readings_of_pages)) - 1]
        ids = pages[number - 1] if number <= len(pages) else []
        return answer(200, {"data": [{"id": shown} for shown in ids]}, operation="list")


def settled(listing: Listing) -> list[str]:
    return paging.read_settled_list(cast("CheckContext", listing)).ids


def test_a_list_of_one_page_is_read_once() -> None:
    for pages in ([], [["a", "b"]], [["a", "b"], ["a", "b"]]):
        listing = Paged(pages)
        assert settled(listing) == [backup for page in pages for backup in page]
        assert listing.readings == 1


def test_a_backup_that_moves_to_an_earlier_page_is_not_lost() -> None:
    shifted, after = [["gone", "a"], ["c"]], [["a", "b"], ["c"]]
    assert settled(Paged(shifted, after)) == ["a", "b", "c"]


def test_a_list_of_several_pages_that_never_settles_is_inconclusive() -> None:
    with pytest.raises(CannotTellError, match="kept changing"):
        settled(Paged(*([["a"], [f"{number}"]] for number in range(20))))


@pytest.mark.parametrize("count", [0, 1, 11, 19, 20, 21, 27, 30, 32, 40, 1000])
def test_the_smallest_pages_have_numbers_of_two_digits_and_are_not_too_many(count: int) -> None:
    smallest = paging.smallest_page(count)
    assert smallest >= 1
    assert -(-count // smallest) >= min(count, paging.LEAST_PAGES_OF_SMALL_ONES)
    assert -(-count // smallest) < 2 * paging.LEAST_PAGES_OF_SMALL_ONES
    assert min(paging._sizes(count)) >= smallest


@pytest.mark.parametrize("count", [4, 9, 21, 27, 32, 100, 1000])
def test_one_page_size_divides_the_list(count: int) -> None:
    assert any(1 < size < count and count % size == 0 for size in paging._sizes(count))


def read_three_times(*pages_of_readings: list[list[str]]) -> tuple[list[list[str]], list[int]]:
    """The ids of three readings of the list, and how many pages were asked for by the end of each."""
    listing = Paged(*pages_of_readings)
    ids, asked = [], []
    for _ in range(3):
        ids.append(paging.read_list(cast("CheckContext", listing)).ids)
        asked.append(listing.pages_asked)
    return ids, asked


def test_the_page_after_one_that_surely_holds_the_whole_list_is_not_read() -> None:
    whole = [["a", "b"]]
    assert read_three_times(whole) == ([["a", "b"]] * 3, [2, 3, 4])
    assert read_three_times(whole, [["a"]]) == ([["a", "b"], ["a"], ["a"]], [2, 3, 4])


def test_a_page_that_may_be_cut_off_is_followed_by_the_next() -> None:
    assert read_three_times([["a", "b"], ["c"]])[0] == [["a", "b", "c"]] * 3
    grown = read_three_times([["a", "b"]], [["c", "a"], ["b"]], [["c", "a"], ["b"]], [["c", "a"], ["b"]])[0]
    assert grown == [["a", "b"], ["c", "a", "b"], ["c", "a", "b"]]
