"""What is wrong with a list that holds still is told; a list that moves is walked again, and never accused."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from conformance.judging.expectations import expect_same_ids
from conformance.judging.outcomes import Outcome
from conformance.scenarios import paging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext, PagedList


@dataclass
class Listing:
    """As much of the verbs as walks need: `shows` says what the nth walk of that page size gives."""

    shows: Callable[[int, int | None], list[str]]
    got: dict[str, str] = field(default_factory=dict)
    walked: int = 0

    def walk(self, size: int | None, **_how: Any) -> Any:
        self.walked += 1
        return SimpleNamespace(ids=self.shows(self.walked, size), last=None)

    @property
    def build(self) -> Any:
        return SimpleNamespace(get=lambda backup, **_place: backup)

    def send_all(self, backups: Iterable[str]) -> list[Any]:
        return [
            SimpleNamespace(
                status=200 if one in self.got else 404,
                data={"state": {"current": self.got.get(one)}},
                request=SimpleNamespace(resources={"backup": one}),
            )
            for one in backups
        ]


def every_one(walk: PagedList, there: set[str]) -> Iterable[Finding]:
    return expect_same_ids(walk.ids, there, None, "backup")


def judged(listing: Listing, named: Iterable[str] = ()) -> list[Outcome]:
    context = cast("CheckContext", listing)
    told = paging.tell(context, [{"size": 100}, {"size": 2}])
    return [found.outcome for found in paging.judged(context, told, every_one, named)]


def test_a_list_that_is_whole_in_every_way_is_right() -> None:
    assert judged(Listing(lambda _, _size: ["a", "b", "c"])) == []


def test_a_way_that_always_loses_one_is_told() -> None:
    assert judged(Listing(lambda _, size: ["a", "b", "c"] if size == 100 else ["a", "b"])) == [Outcome.FAILED]


def test_a_way_that_shows_one_twice_is_told() -> None:
    assert judged(Listing(lambda _, size: ["a", "b"] if size == 100 else ["a", "b", "b"])) == [Outcome.FAILED]


def test_what_the_whole_list_loses_is_told_where_get_shows_it() -> None:
    loses = Listing(lambda _, size: ["a", "b"] if size == 100 else ["a", "b", "c"], got={"c": "live"})
    assert judged(loses) == [Outcome.FAILED]


def test_what_was_named_and_is_shown_by_get_must_be_listed() -> None:
    assert judged(Listing(lambda _, _size: ["a"], got={"a": "live", "b": "saving"}), ["a", "b"]) != []
    assert judged(Listing(lambda _, _size: ["a"], got={"a": "live", "b": "deleted"}), ["a", "b"]) == []


def test_a_backup_that_came_meanwhile_is_no_defect() -> None:
    assert judged(Listing(lambda walked, _size: ["a"] if walked == 1 else ["a", "b"])) == []


def test_a_backup_that_went_meanwhile_is_no_defect() -> None:
    assert judged(Listing(lambda walked, _size: ["a", "b"] if walked == 1 else ["a"])) == []


def test_a_list_that_never_holds_still_cannot_be_told() -> None:
    moving = Listing(lambda walked, _size: [f"{walked}", "a", "a"])
    assert judged(moving) == [Outcome.ERROR, Outcome.ERROR]
