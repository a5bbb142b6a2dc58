"""Each expectation finds what it is for, passes what is right, and does not judge what a more basic clause broke."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, same_code
from conformance.judging import expectations
from conformance.judging.expectations import ANY_4XX, CannotTellError, Found
from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIRST, SECOND = "65ab00000000000000000001", "65ab00000000000000000002"
Case = tuple["Callable[[], Iterable[Found]]", "Callable[[], Iterable[Found]]"]
#: those that make a finding or answer a question; they have tests of their own below
OTHERS = {"broken", "advised", "untold", "no_verdict", "at", "listed", "shown"}


def backup(size: int) -> Exchange:
    return answer(body={"data": {"id": FIRST, "target": {"size": size}}})


def listing(*ids: str) -> Exchange:
    return answer(body={"data": [{"id": SECOND}, *({"id": one} for one in ids)]}, operation="list")


def error(status: int, code: str) -> Exchange:
    return answer(status, {"error": {"status": status, "code": code, "title": "No"}, "data": None})


CASES: dict[str, Case] = {
    "status": (lambda: expectations.status(answer(200), 401), lambda: expectations.status(answer(401), 401, 403)),
    "harmless": (
        lambda: expectations.harmless(answer(None, unanswered=True), 200, ANY_4XX),
        lambda: expectations.harmless(answer(422), 200, ANY_4XX),
    ),
    "code": (
        lambda: expectations.code(error(404, "404.job"), "404.container"),
        lambda: expectations.code(error(404, "404.container_backup"), "404.container.backup"),
    ),
    "success": (lambda: expectations.success(answer(404)), lambda: expectations.success(answer(206))),
    "shown_status": (lambda: expectations.shown_status(answer(201)), lambda: expectations.shown_status(answer(200))),
    "answered": (lambda: expectations.answered(answer(None)), lambda: expectations.answered(answer(400))),
    "not_served": (lambda: expectations.not_served(answer(202)), lambda: expectations.not_served(answer(404))),
    "equal": (
        lambda: expectations.equal(FIRST, SECOND, answer(), "/data/id"),
        lambda: expectations.equal(FIRST, FIRST, answer(), "/data/id"),
    ),
    "valid": (
        lambda: expectations.valid("oid", "65AB", answer()),
        lambda: expectations.valid("oid", FIRST, answer()),
    ),
    "unique": (
        lambda: expectations.unique([FIRST, SECOND, FIRST], None, "backup"),
        lambda: expectations.unique([FIRST, SECOND], None, "backup"),
    ),
    "same_ids": (
        lambda: expectations.same_ids([FIRST], [FIRST, SECOND], None, "backup"),
        lambda: expectations.same_ids([SECOND, FIRST], [FIRST, SECOND], None, "backup"),
    ),
    "ordered": (
        lambda: expectations.ordered([SECOND, FIRST], answer()),
        lambda: expectations.ordered([SECOND, FIRST], answer(), descending=True),
    ),
    "same": (
        lambda: expectations.same("backup-answer", backup(1).value, backup(2).value, answer()),
        lambda: expectations.same("backup-answer", backup(1).value, backup(1).value, answer()),
    ),
    "steady": (
        lambda: expectations.steady("backup-answer", [backup(1), backup(2), backup(3)]),
        lambda: expectations.steady("backup-answer", [backup(1), backup(1), backup(2)]),
    ),
}


def test_every_expectation_is_tested_here() -> None:
    public = {
        name
        for name, function in inspect.getmembers(expectations, inspect.isfunction)
        if function.__module__ == expectations.__name__ and not name.startswith("_")
    }
    assert public == set(CASES) | OTHERS


@pytest.mark.parametrize("name", CASES)
def test_it_finds_what_it_is_for_and_passes_what_is_right(name: str) -> None:
    wrong, right = CASES[name]
    found = list(wrong())
    assert found
    assert all(isinstance(one, Found) and one.wanted and one.got for one in found)
    assert list(right()) == []


def test_what_differs_is_pointed_at_in_the_answer_that_shows_it() -> None:
    def pointers(second: object, on: Exchange) -> list[str | None]:
        return [found.at for found in expectations.same("backup", {"id": SECOND[:-1]}, second, on)]

    whole, listed = backup(1), listing(FIRST)
    assert pointers(whole.data, whole) == ["/data/id", "/data/target"]
    assert pointers(listed.data[1], listed) == ["/data/1/id"]
    assert pointers({"id": FIRST}, listed) == ["/id"]


@pytest.mark.parametrize(
    ("found", "outcomes"),
    [
        (expectations.status(answer(403), 403, 404, advise=(404,)), [Outcome.WARNED]),
        (expectations.status(answer(404), 403, 404, advise=(404,)), []),
        (expectations.status(answer(200), 403, 404, advise=(404,)), [Outcome.FAILED]),
        (expectations.status(answer(None), 200), [Outcome.ERROR]),
        (expectations.status(answer(503), 200), [Outcome.ERROR]),
        (expectations.status(answer(None, unanswered=True), 200), [Outcome.ERROR]),
        (expectations.status(answer(307), 200), [Outcome.ERROR]),
        (expectations.status(answer(307, documented=False), 200), [Outcome.FAILED]),
        (expectations.harmless(answer(None), 200), [Outcome.ERROR]),
        (expectations.harmless(answer(500), 200, ANY_4XX), [Outcome.FAILED]),
        (expectations.not_served(answer(None)), [Outcome.ERROR]),
        (expectations.code(answer(200, {"error": {"code": "x"}}), "404.job"), []),
        (expectations.code(error(404, "404.uri"), "404.job"), [Outcome.WARNED]),
        (expectations.same_ids([FIRST, FIRST], [FIRST], None, "backup"), [Outcome.FAILED]),
        (expectations.same_ids([FIRST, SECOND], [FIRST], None, "backup"), [Outcome.FAILED]),
        (expectations.ordered([FIRST, FIRST], answer()), []),
        (expectations.ordered([FIRST, SECOND], answer(), descending=True), [Outcome.FAILED]),
        (expectations.steady("backup-answer", [backup(1), backup(2), backup(1), backup(1)]), [Outcome.FAILED]),
        (expectations.steady("backup-answer", [backup(1), answer(404)]), [Outcome.FAILED]),
        (expectations.steady("backup-answer", []), []),
        (expectations.steady("backup-list-answer", [listing(), listing(FIRST), listing()]), [Outcome.FAILED]),
        (expectations.steady("backup-list-answer", [listing(), listing(FIRST), listing()], without=[FIRST]), []),
        (
            expectations.steady("backup-list-answer", [listing(), listing(FIRST), listing()], without=[SECOND]),
            [Outcome.FAILED],
        ),
        (expectations.ordered(["A", "b", "C"], answer()), []),
        (expectations.ordered(["A", "C", "b"], answer()), []),
        (expectations.ordered(["b", "A", "C"], answer()), [Outcome.FAILED]),
        (expectations.steady("backup-answer", [backup(1), answer(None)]), [Outcome.ERROR]),
        (expectations.valid("backup-state", {"current": "live", "changed": "2026-01-01T00:00:00Z"}, answer()), []),
    ],
)
def test_its_findings_are_of_the_right_kind(found: Iterable[Found], outcomes: list[Outcome]) -> None:
    assert [one.outcome for one in found] == outcomes


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (answer(None), "connection reset"),
        (answer(None, unanswered=True), "because HTTP-3 failed"),
        (answer(502), "unavailable"),
        (answer(429), "throttles"),
    ],
)
def test_nothing_is_concluded_from_no_answer(on: Exchange, words: str) -> None:
    assert words in (expectations.no_verdict(on) or "")


def test_an_answer_can_be_judged() -> None:
    assert expectations.no_verdict(answer(500)) is None
    assert expectations.no_verdict(answer(429, patient=False)) is None


@pytest.mark.parametrize(
    ("on", "clause"),
    [
        (answer(404, operation="list"), "LIST-1"),
        (answer(201, {"data": []}, operation="list"), "LIST-1"),
        (answer(200, raw=b"<html>", operation="list"), "HTTP-1"),
        (answer(200, {"data": None}, operation="list"), "HTTP-2"),
    ],
)
def test_content_is_not_judged_where_a_more_basic_clause_broke(on: Exchange, clause: str) -> None:
    with pytest.raises(CannotTellError, match=f"because {clause} failed"):
        expectations.listed(on)


def test_content_is_handed_out_where_it_is_what_it_should_be() -> None:
    assert expectations.listed(answer(200, {"data": [{"id": FIRST}]}, operation="list")) == [{"id": FIRST}]
    assert expectations.shown(answer(200, {"data": {"id": FIRST}})) == {"id": FIRST}
    with pytest.raises(CannotTellError, match="because HTTP-2 failed"):
        expectations.shown(answer(200, {"data": [{"id": FIRST}]}))


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/d~0e", 2),
        ("", {"a/b": [{"c": 1}], "d~e": 2}),
        ("/a~1b/0/c", 1),
        ("/a~1b/1", None),
        ("/a~1b/c", None),
        ("/x", None),
    ],
)
def test_a_pointer_leads_to_a_value_or_to_none(pointer: str, value: object) -> None:
    assert expectations.at({"a/b": [{"c": 1}], "d~e": 2}, pointer) == value


def test_a_finding_is_a_failure_an_advice_or_nothing_told() -> None:
    outcomes = [expectations.broken("a", "b"), expectations.advised("a", "b"), expectations.untold("b")]
    assert [one.outcome for one in outcomes] == [Outcome.FAILED, Outcome.WARNED, Outcome.ERROR]


@pytest.mark.parametrize("other", ["404.container_backup", "404.container-backup", "404.container.backup"])
def test_separators_in_codes_do_not_count(other: str) -> None:
    assert same_code("404.container.backup", other)


@pytest.mark.parametrize(
    "other", ["403.container.backup", "404.container", "404.containerbackup", "404-container.backup"]
)
def test_status_and_words_of_codes_do_count(other: str) -> None:
    assert not same_code("404.container.backup", other)
