"""Beneath the clauses: which answers can be judged, how jobs move on, and which defects are equal."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
from support.exchanges import answer

from conformance.contract import catalogue
from conformance.contract.check_id import CheckId
from conformance.contract.operations import TERMINAL_STATES
from conformance.http.exchange import Exchange, Expected, Request, Response, Sender, Throttled
from conformance.judging import answer_shapes, passive
from conformance.judging.checks import Judge
from conformance.judging.expectations import Finding, violation
from conformance.judging.job_lifecycle import moves_forward
from conformance.judging.outcomes import CheckRecord, FindingRecord, Outcome, blocking_clause, merge_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.evidence.rows import ExchangeRow, RequestRow

ERROR: dict[str, Any] = {"error": {"status": 404, "code": "404.job", "title": "No"}, "data": None}
OAUTH = {"error": "invalid_token", "error_description": "No"}
ONE = {"id": "65ab00000000000000000001"}
UNSET = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("says", "of", "not_of"),
    [
        (
            answer_shapes.is_judgeable,
            [answer(), answer(404), answer(500)],
            [*map(answer, (None, 503, 502, 504)), answer(expected=Expected.UNDOCUMENTED), answer(unanswered=True)],
        ),
        (
            answer_shapes.is_judgeable_success,
            [answer(body={}), answer(299, []), answer(206, {})],
            [
                *(answer(status, {}) for status in (199, 300, 404)),
                answer(206, {}, headers=(("Range", "bytes=0-1"),)),
                *(answer(raw=b"{"), answer(expected=Expected.UNDOCUMENTED, body={})),
            ],
        ),
        (
            answer_shapes.is_error,
            [answer(400), answer(404), answer(499), answer(404, ERROR, query="page[size]=x")],
            [
                *(answer(status) for status in (None, 200, 399, 429, 500, 501, 503, 520, 599)),
                *(answer(404, expected=Expected.UNDOCUMENTED), answer(416, headers=(("Range", "bytes=9-"),))),
                *(answer(404, raw=b"<html>", query=query) for query in ("page[size]=x", "x=%00", "sort=a&sort=b")),
                answer(403, {"message": "no"}, ownership="malformed"),
            ],
        ),
        (
            answer_shapes.has_envelope,
            [answer(404, ERROR), answer(401, {"error": {}})],
            [answer(401, OAUTH), answer(404, {"error": "no"}), answer(404, []), answer(404, {}), answer(200, ERROR)],
        ),
        (
            answer_shapes.has_valid_code,
            [answer(404, ERROR), answer(404, {"error": {"code": "404.container_backup-log.x"}})],
            [
                answer(403, ERROR),
                *(answer(404, {"error": {"code": code}}) for code in ("404", "404.", "job", None, 404)),
                *(answer(404, {"error": {"code": code}}) for code in ("404.a b", "404..a", "4045.a", "404.a.")),
            ],
        ),
        (
            answer_shapes.is_expected_success,
            [answer(body={}), answer(body={}, ownership="sibling")],
            [
                answer(404, {}),
                answer(body={}, sender=Sender.OUTSIDER),
                *(answer(body={}, ownership=whose) for whose in ("crossed", "other hub", "missing", "malformed")),
            ],
        ),
        (
            answer_shapes.asks_integrations,
            [answer(body={}, asked={"include": "integrations"}, operation=name) for name in ("get", "list")],
            [
                answer(body={}),
                answer(body={}, asked={"include": "nope"}),
                answer(body={}, asked={"include": "integrations"}, operation="logs"),
                answer(404, {}, asked={"include": "integrations"}),
            ],
        ),
        (
            answer_shapes.serves("restore", "job"),
            [answer(202, {}, operation="restore"), answer(body={}, operation="job")],
            [answer(body={}, operation="get"), answer(404, {}, operation="job")],
        ),
    ],
)  # fmt: skip
def test_which_answers_can_be_judged(
    says: Callable[[Exchange], bool], of: list[Exchange], not_of: list[Exchange]
) -> None:
    assert [says(one) for one in of] == [True] * len(of)
    assert [says(one) for one in not_of] == [False] * len(not_of)


@pytest.mark.parametrize(
    ("exchange", "shape"),
    [
        (answer(body={}), "backup-answer"),
        (answer(body={}, operation="list"), "backup-list-answer"),
        (answer(body={}, operation="logs"), "backup-log-list-answer"),
        (answer(202, {}, operation="restore"), "job-descriptor-answer"),
        (answer(body={}, operation="job"), "job-answer"),
        (answer(202, {}, operation="delete"), "deletion-answer"),
        (answer(404, {}), "error-envelope"),
        (answer(401, {}), "error-envelope"),
        (answer(401, OAUTH), "oauth-error"),
        (answer(403, OAUTH), "error-envelope"),
        (answer(raw=b"{"), None),
        (answer(None), None),
        (answer(302, {}), None),
    ],
)
def test_the_shape_that_an_answer_is_held_to(exchange: Exchange, shape: str | None) -> None:
    assert answer_shapes.shape_of(exchange) == shape


def test_violations_are_those_at_a_place_and_below() -> None:
    exchange = answer(body={"data": {"id": "?", "identifier": 1, "events": {"created": "?"}}})
    pointers = {one.pointer for one in answer_shapes.mismatches_at(exchange, "/data/events")}
    assert "/data/events/created" in pointers
    assert all(pointer == "/data/events" or pointer.startswith("/data/events/") for pointer in pointers)
    assert {one.pointer for one in answer_shapes.mismatches_at(exchange, "/data/id")} == {"/data/id"}
    assert answer_shapes.mismatches(exchange) is answer_shapes.mismatches(exchange)
    assert answer_shapes.mismatches(answer(raw=b"{")) == []
    assert answer_shapes.mismatches(answer(404, raw=b"{")) == []


def test_a_null_of_http_10_is_no_violation_at_a_place() -> None:
    exchange = answer(404, {"error": {**ERROR["error"], "detail": None}, "data": None})
    assert [one.null_optional for one in answer_shapes.mismatches(exchange)] == [True]
    assert answer_shapes.mismatches_at(exchange, "/error/detail") == []


def test_the_backups_and_integrations_that_an_answer_shows() -> None:
    assert list(answer_shapes.backups(answer(body={"data": ONE}))) == [("/data", ONE)]
    assert list(answer_shapes.backups(answer(body={"data": [ONE]}))) == []
    assert list(answer_shapes.backups(answer(body={"data": [7, ONE]}, operation="list"))) == [("/data/1", ONE)]
    assert list(answer_shapes.backups(answer(body={"data": ONE}, operation="list"))) == []
    included = {"a": ONE, "b": 7}
    assert answer_shapes.integrations(answer(body={"includes": {"integrations": included}})) == {"a": ONE}
    others: list[Any] = [{"includes": {"integrations": []}}, {"includes": None}, {}, []]
    for body in others:
        assert answer_shapes.integrations(answer(body=body)) == {}


def job(state: object, **events: str) -> Exchange:
    return answer(body={"data": {"state": {"current": state}, "events": events}}, operation="job")


@pytest.mark.parametrize(
    "states",
    [
        ["new", "queued", "scheduled", "running", "completed"],
        ["scheduled", "queued", "error"],
        ["new", "new", "expired", "expired"],
        ["completed"],
        [],
    ],
)
def test_jobs_that_move_forward(states: list[str]) -> None:
    assert list(moves_forward([job(state) for state in states])) == []


@pytest.mark.parametrize(
    ("states", "where"),
    [
        (["running", "queued"], 1),
        (["queued", "new"], 1),
        (["new", "scheduled", "running", "scheduled", "completed"], 3),
        (["completed", "error"], 1),
        (["completed", "expired"], 1),
        (["error", "running"], 1),
        (["expired", "completed"], 1),
        (["completed", "paused"], 1),
    ],
)
def test_jobs_that_do_not(states: list[str], where: int) -> None:
    looks = [job(state) for state in states]
    [found] = moves_forward(looks)
    assert found.outcome is Outcome.FAILED
    assert found.exchange is looks[where]
    assert (found.got, found.pointer) == (states[where], "/data/state/current")
    before = states[where - 1]
    wanted = f"{before}, a final state" if before in TERMINAL_STATES else f"{before} or a later state"
    assert found.wanted == wanted


@pytest.mark.parametrize(
    ("times", "wrong"),
    [
        ({"queued": "01", "started": "02", "completed": "03"}, None),
        ({"queued": "01", "started": "01", "completed": "01"}, None),
        ({"queued": "02", "started": "01", "completed": "03"}, "started"),
        ({"queued": "01", "started": "03", "completed": "02"}, "completed"),
        ({"queued": "03", "completed": "02"}, "completed"),
        ({"started": "02", "completed": "01"}, "completed"),
        ({"queued": "02"}, None),
    ],
)
def test_the_order_of_a_jobs_times(times: dict[str, str], wrong: str | None) -> None:
    findings = list(
        moves_forward([job("running", **{name: f"2026-01-{day}T00:00:00Z" for name, day in times.items()})])
    )
    assert [one.pointer for one in findings] == ([f"/data/events/{wrong}"] if wrong else [])


def test_a_time_that_is_not_set_has_no_place_in_the_order() -> None:
    assert list(moves_forward([job("new", queued="2026-01-01T00:00:00Z", started=UNSET, completed="soon")])) == []


def sent(weight: int) -> Exchange:
    return Exchange(Request("get", "GET", "x" * weight), Response(200, (), b"", 0.0))


def test_equal_findings_are_one_defect_shown_by_the_lightest_request() -> None:
    tally = passive.FindingSet()
    for weight in (5, 3, 4):
        tally.add(violation("2 items", f"id 65ab0000000000000000000{weight}", sent(weight), f"/data/{weight}/id"))
    [defect] = tally.defects.values()
    assert defect.places == 3
    assert defect.first.exchange is not None
    assert len(defect.first.exchange.request.path) == 3


@pytest.mark.parametrize(
    "other",
    [
        violation("a", "c", None, "/x"),
        violation("b", "b", None, "/x"),
        violation("a", "b", None, "/y"),
        violation("a", "b"),
        Finding(Outcome.WARNED, "a", "b", None, "/x"),
    ],
)
def test_what_makes_two_defects(other: Finding) -> None:
    assert passive.identity(other) != passive.identity(violation("a", "b", None, "/x"))


def test_a_finding_set_keeps_a_bounded_number_of_defects() -> None:
    findings = passive.FindingSet()
    for number in range(passive.MAX_DEFECTS + 3):
        findings.add(violation(chr(ord("a") + number), "x"))
    assert len(findings.defects) == passive.MAX_DEFECTS


def test_a_judge_that_breaks_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: Exchange) -> Any:
        raise KeyError("x")

    judges = passive.PassiveJudges(catalogue.load(), ())
    monkeypatch.setattr(judges, "_judges", [Judging(breaks)])
    [(clause, found)] = judges.findings(answer())
    assert clause == "HTTP-1"
    assert (found.outcome, found.got) == (Outcome.ERROR, "KeyError: 'x'")


#: another value for everything that a judge may look at
OTHER_REQUESTS: dict[str, Any] = {
    "operation": "logs",
    "method": "HEAD",
    "path": "/v1/other",
    "query": "page[size]=1",
    "key": "view",
    "authorization": "Bearer other",
    "hub_id": "b" * 24,
    "headers": (("Accept", "*/*"),),
    "body": b"{}",
    "expected": Expected.REFUSAL,
    "throttled": Throttled.ACCEPT,
    "sender": Sender.OUTSIDER,
    "denied": "backups-view",
    "ownership": "missing",
    "resources": {"backup": "c" * 24},
    "asked": {"include": "integrations"},
    "without": ("accept",),
}
OTHER_RESPONSES: dict[str, Any] = {
    "status": 404,
    "headers": (("content-type", "text/html"),),
    "body": b"[]",
    "problem": "a body that is not gzip",
    "too_large": True,
}
OTHER_EXCHANGES: dict[str, Any] = {
    "failure": "no answer within 3 s",
    "seen": (2, 2),
    "unanswered": True,
    "suspected": True,
    "key_died": True,
}


def counting(seen: list[Exchange]) -> passive.PassiveJudges:
    def notes(exchange: Exchange) -> Iterator[Finding]:
        seen.append(exchange)
        yield from ()

    return passive.PassiveJudges(catalogue.load(), [Judge("HTTP-1", lambda _: True, notes)])


def test_an_exchange_that_repeats_an_earlier_one_is_judged_once_and_counted_again() -> None:
    seen: list[Exchange] = []
    judges = counting(seen)
    for number in range(3):
        date = f"Mon, 05 Jan 2026 10:00:0{number} GMT"
        response = Response(200, (("date", date),), b"{}", elapsed_s=number)
        judges.observe(Exchange(Request("get", "GET", "/v1", check=str(number)), response, started=number))
    assert len(seen) == 1
    [tally] = judges._tallies.values()
    assert tally.judged == 3


@pytest.mark.parametrize("kind", ["request", "response", "exchange"])
def test_an_exchange_that_differs_in_anything_that_judges_look_at_is_judged_anew(kind: str) -> None:
    others = {"request": OTHER_REQUESTS, "response": OTHER_RESPONSES, "exchange": OTHER_EXCHANGES}[kind]
    seen: list[Exchange] = []
    judges = counting(seen)
    first = Exchange(Request("get", "GET", "/v1"), Response(200, (), b"{}", 0.1))
    judges.observe(first)
    for number, (name, value) in enumerate(others.items(), 2):
        if kind == "exchange":
            judges.observe(replace(first, **{name: value}))
        else:
            judges.observe(replace(first, **{kind: replace(getattr(first, kind), **{name: value})}))
        assert len(seen) == number, name


def test_these_are_all_members_but_those_that_no_judge_looks_at() -> None:
    def names(kind: type) -> set[str]:
        return {member.name for member in fields(kind) if member.init}

    assert names(Request) == {*OTHER_REQUESTS, "check"}
    assert names(Response) == {*OTHER_RESPONSES, "elapsed_s"}
    assert names(Exchange) == {*OTHER_EXCHANGES, "request", "response", "started"}


def test_a_date_that_is_none_is_judged() -> None:
    seen: list[Exchange] = []
    judges = counting(seen)
    for date in ("Mon, 05 Jan 2026 10:00:00 GMT", "Bearer abc", "Bearer abd"):
        judges.observe(Exchange(Request("get", "GET", "/v1"), Response(200, (("Date", date),), b"{}", 0.1)))
    assert len(seen) == 3


def test_what_a_judge_has_found_is_found_again() -> None:
    def finds(exchange: Exchange) -> Iterator[Finding]:
        yield violation("a", "b", exchange)

    judges = passive.PassiveJudges(catalogue.load(), [Judge("HTTP-1", lambda _: True, finds)])
    judges.observe(answer())
    judges.observe(answer())
    [tally] = judges._tallies.values()
    assert [defect.places for defect in tally.defects.values()] == [2]


def test_merged_records_keep_each_finding_on_its_exchange() -> None:
    def evidence(path: str) -> ExchangeRow:
        request: RequestRow = {"method": "GET", "url": path, "headers": {}, "body": None}
        return {"key": "view", "operation": "get", "request": request, "response": None, "curl": path, "seen": None}

    def record(wanted: str, exchange: str, outcome: Outcome = Outcome.FAILED) -> CheckRecord:
        finding = FindingRecord(outcome, wanted, "b", None, 0, 1)
        return CheckRecord(CheckId("HTTP-1", "get"), outcome, findings=[finding], exchanges=[evidence(exchange)])

    [both] = merge_records([record("a", "/1"), record("c", "/2"), record("a", "/3")])
    assert [(one.wanted, one.exchange, one.places) for one in both.findings] == [("a", 0, 2), ("c", 1, 1)]
    assert [one["curl"] for one in both.exchanges] == ["/1", "/2", "/3"]


class Judging:
    """A passive judge of every exchange."""

    clause = "HTTP-1"

    def __init__(self, function: Callable[[Exchange], Any]) -> None:
        self.function = function

    def when(self, _: Exchange) -> bool:
        return True


@pytest.mark.parametrize(
    ("reason", "clause"),
    [
        ("inconclusive: CAP-4 failed first on POST /v1/x as view: 202", "CAP-4"),
        ("inconclusive: LIST-1 or a more basic clause failed first, before the restore", "LIST-1"),
        ("could not tell: because CAP-4 failed on POST /v1/x as view: 202", "CAP-4"),
        ("inconclusive: timeout after 10 s", None),
        ("wanted 403, got 202", None),
    ],
)
def test_the_clause_that_kept_a_check_from_judging(reason: str, clause: str | None) -> None:
    assert blocking_clause(reason) == clause
