"""Which requests an intermediary may answer in the target's place, and what is said of such an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, Request, Response
from conformance.judging import answer_shapes
from conformance.judging.outcomes import Outcome
from conformance.judging.unusual_requests import asks_for_its_refusal, sender_of, unusual_part
from conformance.suite import test_errors, test_http

if TYPE_CHECKING:
    from conformance.judging.expectations import Finding

OID = "0123456789abcdef01234567"
PATH = f"/v1/containers/{OID}/backups/{OID}"
PAGE = b"<html><head><title>400 Bad Request</title></head></html>"


def restore(body: object = None, *, raw: bytes | None = None, **more: Any) -> Request:
    content = json.dumps(body).encode() if raw is None else raw
    return Request("restore", "POST", f"{PATH}/tasks", body=content, **more)


def job_request(**contents: object) -> dict[str, object]:
    return {"action": "restore", "contents": {"instance_id": OID, **contents}}


@pytest.mark.parametrize(
    "request_",
    [
        Request("get", "GET", PATH),
        Request("list", "GET", "/v1/containers/container-1/backups", query="page%5Bnumber%5D=2&page%5Bsize%5D=100"),
        Request("list", "GET", "/v1/containers/container-1/backups", query="include=integrations&sort=-id"),
        Request("get", "GET", PATH, headers=(("Origin", "https://portal.example.test"),), hub_id=OID),
        Request("get", "GET", PATH, ownership="missing", hub_id="", authorization=None),
        Request("delete", "DELETE", PATH),
        Request("job", "GET", "/v1/jobs/j1"),
        restore(job_request()),
        restore(job_request(instance_id="6515868e1234567890123456")),
        restore({"action": "destroy"}),
        restore([]),
        restore(raw=b"{"),
        restore(raw=b""),
        restore(job_request(), headers=(("Content-Type", "text/plain"),)),
        restore(job_request(), headers=(("Content-Type", "application/json; charset=utf-8"),)),
    ],
    ids=str,
)
def test_everyday_requests_are_not_unusual(request_: Request) -> None:
    assert unusual_part(request_) is None


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        *((Request("get", "GET", path), "address") for path in (
            f"{PATH}%2Flogs", f"{PATH}/", f"/v1//containers/{OID}/backups", f"{PATH}/unknown", "/v1/jobs/" + "a" * 2000,
            f"{PATH[:-1]}%37", f"{PATH}%00",
        )),
        (Request("get", "GET", PATH, ownership="malformed"), "address"),
        *((Request("list", "GET", PATH[:-25], query=query), "query") for query in (
            "page%5Bsize%5D=0", "page%5Bnumber%5D=abc", "page%5Bnumber%5D%5Bx%5D=1", "sort=%00", "sort%5B$ne%5D=1",
            "include=a&include=b", "include=" + "a" * 2000, "x=1", "&&", "page%5Bsize%5D=" + "9" * 30, "include=",
        )),
        *((Request("get", "GET", PATH, headers=headers), "headers") for headers in (
            (("Range", "bytes=0-1"),), (("User-Agent", ""),), (("Accept", "text/html"),), (("Content-Encoding", "br"),),
            (("Content-Type", ";"),), (("Accept", "*/*"), ("Accept", "*/*")),
        )),
        (Request("get", "GET", PATH, hub_id="' OR '1'='1"), "headers"),
        (Request("get", "GET", PATH, hub_id="a" * 600), "headers"),
        (Request("get", "GET", PATH, authorization="Bearer " + "a" * 5000), "headers"),
        (Request("get", "PUT", PATH), "method or headers"),
        (Request("get", "HEAD", PATH), "method or headers"),
        (Request("get", "GET", PATH, body=b"{}"), "size"),
        (restore(job_request(note="x" * 10_000)), "size"),
        *((restore(job_request(note=note)), "body") for note in (
            "\ud800", "\0", "' OR 1=1", "../x", "<script>", "${7*7}", "__proto__", "%s", 10**30,
        )),
        (restore(raw=b"[" * 500), "body"),
        (restore(raw=b'{"a":1e400}'), "body"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_unusual_about_a_request(request_: Request, part: str) -> None:
    assert unusual_part(request_) == part


@pytest.mark.parametrize(
    ("name", "status"), [("Accept", 406), ("Range", 416), ("Expect", 417), ("Transfer-Encoding", 411)]
)
def test_a_header_asks_for_its_own_refusal_only(name: str, status: int) -> None:
    request = Request("get", "GET", PATH, headers=((name, "x"),))
    assert asks_for_its_refusal(request, status)
    assert not asks_for_its_refusal(request, 400)
    assert not asks_for_its_refusal(Request("get", "GET", PATH), status)


def test_the_sender_is_named_by_its_page_and_its_header() -> None:
    assert sender_of(Response(400, (("Server", "nginx/1.27"),), PAGE, 0.0)) == "400 Bad Request, nginx/1.27"
    assert sender_of(Response(400, (), b"{}", 0.0)) == ""
    assert sender_of(Response(400, (("Server", "a\x07b"),), b"", 0.0)) == ""


# ---------------------------------------------------------------- what the judges make of it


def findings(exchange: Exchange) -> list[tuple[str, Finding]]:
    judges = {
        "HTTP-1": (test_http.must_be_json, test_http.bodies_are_strict_json),
        "HTTP-1 of intermediaries": (
            answer_shapes.is_foreign_refusal,
            test_http.unusual_requests_are_refused_in_the_envelope,
        ),
        "ERR-1": (answer_shapes.is_error, test_errors.errors_have_the_envelope),
        "ERR-2": (answer_shapes.has_envelope, test_errors.error_status_is_the_http_status),
        "ERR-3": (answer_shapes.has_envelope, test_errors.error_code_starts_with_the_status),
        "ERR-4": (answer_shapes.has_envelope, test_errors.error_title_says_something),
    }
    return [(clause, found) for clause, (when, judge) in judges.items() if when(exchange) for found in judge(exchange)]


def clauses(exchange: Exchange) -> list[tuple[str, Outcome]]:
    return [(clause, found.outcome) for clause, found in findings(exchange)]


@pytest.mark.parametrize("raw", [PAGE, b"", b'{"message":"Forbidden"}', b'{"error":{"status":403},"data":null}', b"no"])
def test_a_foreign_refusal_of_an_unusual_request_is_one_warning(raw: bytes) -> None:
    exchange = answer(403, raw=raw, query="page%5Bsize%5D=x", headers=())
    assert clauses(exchange) == [("HTTP-1 of intermediaries", Outcome.WARNED)]
    assert "query is unusual" in findings(exchange)[0][1].wanted


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 530])
@pytest.mark.parametrize("query", ["", "x=%00"])
def test_no_clause_speaks_of_the_page_of_an_unavailable_or_throttling_target(status: int, query: str) -> None:
    assert clauses(answer(status, raw=PAGE, query=query)) == []


def test_the_page_of_an_everyday_request_is_a_failure() -> None:
    assert clauses(answer(404, raw=PAGE)) == [("HTTP-1", Outcome.FAILED)]
    assert clauses(answer(404, {"message": "no"})) == [("ERR-1", Outcome.FAILED)] * 2  # error and data are missing
    assert clauses(answer(404, raw=b"")) == [("ERR-1", Outcome.FAILED)]


@pytest.mark.parametrize(("member", "clause"), [("status", "ERR-2"), ("code", "ERR-3"), ("title", "ERR-4")])
def test_a_missing_or_mistyped_member_has_one_clause(member: str, clause: str) -> None:
    error = {"status": 404, "code": "404.uri", "title": "No"}
    for changed in ({name: value for name, value in error.items() if name != member}, {**error, member: ["x"]}):
        assert clauses(answer(404, {"error": changed, "data": None})) == [(clause, Outcome.FAILED)]


def test_an_error_that_is_no_object_has_err_1_alone() -> None:
    assert clauses(answer(404, {"error": "no", "data": None})) == [("ERR-1", Outcome.FAILED)]


def test_an_envelope_for_an_unusual_request_is_judged_as_ever() -> None:
    body = {"error": {"status": 404, "code": "404.x y", "title": "No"}, "data": None}
    exchange = answer(404, body, ownership="malformed")
    assert ("ERR-3", Outcome.FAILED) in clauses(exchange)
