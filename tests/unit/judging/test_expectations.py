"""Each expectation finds what it is for, passes what is right, and does not judge what a more basic clause broke."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest
from support.exchanges import answer

from conformance.contract.error_codes import same_code
from conformance.http.exchange import Exchange, Expected, Throttled
from conformance.judging import expectations
from conformance.judging.expectations import ANY_4XX, CannotTellError, Finding
from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange

FIRST, SECOND = "65ab00000000000000000001", "65ab00000000000000000002"
Case = tuple["Callable[[], Iterable[Finding]]", "Callable[[], Iterable[Finding]]"]
#: those that make a finding or answer a question; they have tests of their own below
OTHERS = {
    "violation",
    "times",
    "advisory",
    "inconclusive",
    "inconclusive_reason",
    "naming_key",
    "is_redirect",
    "items_of",
    "object_of",
    "resting_on",
    "without_items",
}


def backup(size: int) -> Exchange:
    return answer(body={"data": {"id": FIRST, "target": {"size": size}}})


def listing(*ids: str) -> Exchange:
    return answer(body={"data": [{"id": SECOND}, *({"id": one} for one in ids)]}, operation="list")


def error(status: int, code: str) -> Exchange:
    return answer(status, {"error": {"status": status, "code": code, "title": "No"}, "data": None})


CASES: dict[str, Case] = {
    "expect_status": (
        lambda: expectations.expect_status(answer(200), 401),
        lambda: expectations.expect_status(answer(401), 401, 403),
    ),
    "expect_no_server_error": (
        lambda: expectations.expect_no_server_error(answer(None, unanswered=True), 200, ANY_4XX),
        lambda: expectations.expect_no_server_error(answer(422), 200, ANY_4XX),
    ),
    "expect_code": (
        lambda: expectations.expect_code(error(404, "404.job"), "404.container"),
        lambda: expectations.expect_code(error(404, "404.container_backup"), "404.container.backup"),
    ),
    "expect_success": (
        lambda: expectations.expect_success(answer(404)),
        lambda: expectations.expect_success(answer(206)),
    ),
    "expect_content": (
        lambda: expectations.expect_content(answer(raw=b"")),
        lambda: expectations.expect_content(answer(200, {"data": {}})),
    ),
    "expect_documented_status": (
        lambda: expectations.expect_documented_status(answer(201)),
        lambda: expectations.expect_documented_status(answer(200)),
    ),
    "expect_answer": (
        lambda: expectations.expect_answer(answer(None)),
        lambda: expectations.expect_answer(answer(400)),
    ),
    "expect_not_success": (
        lambda: expectations.expect_not_success(answer(202)),
        lambda: expectations.expect_not_success(answer(404)),
    ),
    "expect_equal": (
        lambda: expectations.expect_equal(FIRST, SECOND, answer(), "/data/id"),
        lambda: expectations.expect_equal(FIRST, FIRST, answer(), "/data/id"),
    ),
    "expect_unique": (
        lambda: expectations.expect_unique([FIRST, SECOND, FIRST], None, "backup"),
        lambda: expectations.expect_unique([FIRST, SECOND], None, "backup"),
    ),
    "expect_same_ids": (
        lambda: expectations.expect_same_ids([FIRST], [FIRST, SECOND], None, "backup"),
        lambda: expectations.expect_same_ids([SECOND, FIRST], [FIRST, SECOND], None, "backup"),
    ),
    "expect_ordered": (
        lambda: expectations.expect_ordered([SECOND, FIRST], answer()),
        lambda: expectations.expect_ordered([SECOND, FIRST], answer(), descending=True),
    ),
    "expect_equivalent": (
        lambda: expectations.expect_equivalent("backup-answer", backup(1).value, backup(2).value, answer()),
        lambda: expectations.expect_equivalent("backup-answer", backup(1).value, backup(1).value, answer()),
    ),
    "expect_stable": (
        lambda: expectations.expect_stable("backup-answer", [backup(1), backup(2), backup(3)]),
        lambda: expectations.expect_stable("backup-answer", [backup(1), backup(1), backup(2)]),
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
    findings = list(wrong())
    assert findings
    assert all(isinstance(one, Finding) and one.wanted and one.got for one in findings)
    assert list(right()) == []


def test_what_differs_is_pointed_at_in_the_answer_that_shows_it() -> None:
    def pointers(second: object, exchange: Exchange) -> list[str | None]:
        return [
            found.pointer for found in expectations.expect_equivalent("backup", {"id": SECOND[:-1]}, second, exchange)
        ]

    whole, listed = backup(1), listing(FIRST)
    assert pointers(whole.data, whole) == ["/data/id", "/data/target"]
    assert pointers(listed.data[1], listed) == ["/data/1/id"]
    assert pointers({"id": FIRST}, listed) == ["/id"]


def test_disorder_is_pointed_at_where_the_list_shows_it() -> None:
    def pointers(ids: list[str], exchange: Exchange) -> list[str | None]:
        return [finding.pointer for finding in expectations.expect_ordered(ids, exchange)]

    listed = listing(FIRST, SECOND, FIRST)
    assert pointers(listed.ids, listed) == [f"/data/{listed.ids.index(SECOND) + 1}/id"]
    assert pointers([SECOND, FIRST], answer()) == ["/data"]


@pytest.mark.parametrize(
    ("found", "outcomes"),
    [
        (expectations.expect_status(answer(403), 403, 404, advise=(404,)), [Outcome.WARNED]),
        (expectations.expect_status(answer(404), 403, 404, advise=(404,)), []),
        (expectations.expect_status(answer(200), 403, 404, advise=(404,)), [Outcome.FAILED]),
        (expectations.expect_status(answer(None), 200), [Outcome.ERROR]),
        (expectations.expect_status(answer(503), 200), [Outcome.ERROR]),
        (expectations.expect_status(answer(None, unanswered=True), 200), [Outcome.ERROR]),
        (expectations.expect_status(answer(307), 200), [Outcome.ERROR]),
        (expectations.expect_status(answer(307, expected=Expected.UNDOCUMENTED), 200), [Outcome.FAILED]),
        (expectations.expect_no_server_error(answer(None), 200), [Outcome.ERROR]),
        (expectations.expect_no_server_error(answer(500), 200, ANY_4XX), [Outcome.FAILED]),
        (expectations.expect_not_success(answer(None)), [Outcome.ERROR]),
        (expectations.expect_code(answer(200, {"error": {"code": "x"}}), "404.job"), []),
        (expectations.expect_code(error(404, "404.uri"), "404.job"), [Outcome.WARNED]),
        (expectations.expect_same_ids([FIRST, FIRST], [FIRST], None, "backup"), [Outcome.FAILED]),
        (expectations.expect_same_ids([FIRST, SECOND], [FIRST], None, "backup"), [Outcome.FAILED]),
        (expectations.expect_ordered([FIRST, FIRST], answer()), []),
        (expectations.expect_ordered([FIRST, SECOND], answer(), descending=True), [Outcome.FAILED]),
        (expectations.expect_stable("backup-answer", [backup(1), backup(2), backup(1), backup(1)]), [Outcome.FAILED]),
        (expectations.expect_stable("backup-answer", [backup(1), answer(404)]), [Outcome.FAILED]),
        (expectations.expect_stable("backup-answer", []), []),
        (expectations.expect_stable("backup-list-answer", [listing(), listing(FIRST), listing()]), [Outcome.FAILED]),
        (expectations.expect_stable("backup-list-answer", [listing(), listing(FIRST), listing()], without=[FIRST]), []),
        (
            expectations.expect_stable("backup-list-answer", [listing(), listing(FIRST), listing()], without=[SECOND]),
            [Outcome.FAILED],
        ),
        (expectations.expect_ordered(["A", "b", "C"], answer()), []),
        (expectations.expect_ordered(["A", "C", "b"], answer()), []),
        (expectations.expect_ordered(["b", "A", "C"], answer()), [Outcome.FAILED]),
        (expectations.expect_stable("backup-answer", [backup(1), answer(None)]), [Outcome.ERROR]),
    ],
)
def test_its_findings_are_of_the_right_kind(found: Iterable[Finding], outcomes: list[Outcome]) -> None:
    assert [one.outcome for one in found] == outcomes


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        (answer(None), "connection reset"),
        (answer(None, unanswered=True), "HTTP-3 failed first"),
        (answer(502), "unavailable"),
        (answer(429), "throttles"),
    ],
)
def test_nothing_is_concluded_from_no_answer(exchange: Exchange, words: str) -> None:
    assert words in (expectations.inconclusive_reason(exchange) or "")


def test_a_304_is_a_redirect_unless_the_request_was_conditional() -> None:
    assert expectations.is_redirect(answer(302))
    assert expectations.is_redirect(answer(304))
    assert not expectations.is_redirect(answer(304, headers=(("If-None-Match", "*"),)))
    assert not expectations.is_redirect(answer(200))


def test_an_answer_can_be_judged() -> None:
    assert expectations.inconclusive_reason(answer(500)) is None
    assert expectations.inconclusive_reason(answer(429, throttled=Throttled.ACCEPT)) is None


@pytest.mark.parametrize(
    ("exchange", "clause"),
    [
        (answer(404, operation="list"), "LIST-1"),
        (answer(201, {"data": []}, operation="list"), "LIST-1"),
        (answer(200, raw=b"<html>", operation="list"), "HTTP-1"),
        (answer(200, {"data": None}, operation="list"), "HTTP-2"),
    ],
)
def test_content_is_not_judged_where_a_more_basic_clause_broke(exchange: Exchange, clause: str) -> None:
    with pytest.raises(CannotTellError, match=f"{clause} failed first"):
        expectations.items_of(exchange)


def test_content_is_handed_out_where_it_is_what_it_should_be() -> None:
    assert expectations.items_of(answer(200, {"data": [{"id": FIRST}]}, operation="list")) == [{"id": FIRST}]
    assert expectations.object_of(answer(200, {"data": {"id": FIRST}})) == {"id": FIRST}
    with pytest.raises(CannotTellError, match="HTTP-2 failed first"):
        expectations.object_of(answer(200, {"data": [{"id": FIRST}]}))


def test_a_finding_is_a_violation_an_advisory_or_inconclusive() -> None:
    outcomes = [expectations.violation("a", "b"), expectations.advisory("a", "b"), expectations.inconclusive("b")]
    assert [one.outcome for one in outcomes] == [Outcome.FAILED, Outcome.WARNED, Outcome.ERROR]


@pytest.mark.parametrize("other", ["404.container_backup", "404.container-backup", "404.container.backup"])
def test_separators_in_codes_do_not_count(other: str) -> None:
    assert same_code("404.container.backup", other)


@pytest.mark.parametrize(
    "other", ["403.container.backup", "404.container", "404.containerbackup", "404-container.backup"]
)
def test_status_and_words_of_codes_do_count(other: str) -> None:
    assert not same_code("404.container.backup", other)


def test_a_finding_keeps_what_it_rests_on() -> None:
    shown, sent = answer(200), answer(202)
    [found] = expectations.resting_on([expectations.violation("a", "b", shown)], [sent, None])
    assert (found.exchange, found.related) == (shown, (sent,))


def test_items_of_given_ids_are_left_out() -> None:
    value = {"data": [{"id": FIRST}, {"id": SECOND}], "includes": {}}
    assert expectations.without_items(value, [FIRST]) == {"data": [{"id": SECOND}], "includes": {}}
    assert expectations.without_items(value, []) is value
    assert expectations.without_items("no list", [FIRST]) == "no list"


@pytest.mark.parametrize(
    ("operation", "key", "status", "hint"),
    [
        ("restore", "view", 202, "or the key `view` also holds containers-backups-manage: check keys.view"),
        ("list", "manage", 200, "or the key `manage` also holds containers-backups-view: check keys.manage"),
        ("get", "unrelated", 200, "or the key `unrelated` also holds containers-backups-view: check keys.unrelated"),
        ("restore", "view", 404, ""),
    ],
)
def test_a_key_that_may_do_more_than_its_name_says_is_named(
    operation: Operation, key: str, status: int, hint: str
) -> None:
    exchange = answer(status, {"data": {}} if status < 300 else {"code": "404.container"}, operation=operation, key=key)
    (finding,) = expectations.naming_key(expectations.expect_status(exchange, 403))
    assert finding.got.partition("; ")[2] == hint
    assert finding.got.startswith(str(status))


@pytest.mark.parametrize(
    ("operation", "key", "hint"),
    [
        ("list", "view", "or the key `view` lacks containers-backups-view: check keys.view"),
        ("restore", "manage", "or the key `manage` lacks containers-backups-manage: check keys.manage"),
        ("restore", "view", ""),
    ],
)
def test_a_key_that_may_do_less_than_its_name_says_is_named(operation: Operation, key: str, hint: str) -> None:
    exchange = answer(403, {"code": "403.permissions"}, operation=operation, key=key)
    (finding,) = expectations.naming_key(expectations.expect_success(exchange))
    assert finding.got.partition("; ")[2] == hint


def test_what_is_inconclusive_names_no_key() -> None:
    exchange = answer(None, operation="list", key="manage")
    assert [finding.outcome for finding in expectations.naming_key([expectations.inconclusive("x", exchange)])] == [
        Outcome.ERROR
    ]
