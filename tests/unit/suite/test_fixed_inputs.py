"""The inputs that every run sends, whatever its seed: a census of what is really sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest
from support.checking import run_checks, target_with
from support.queries import holds

from conformance.generation import fixed_inputs
from conformance.judging.inputs import AllInputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.http.exchange import Request

#: the fixtures run the probe of the target file
pytestmark = pytest.mark.process

#: What the contract lists, by a piece of a query that shows it.
LISTED_IN_QUERIES = (
    *("constructor", "__proto__", "toString", "hasOwnProperty", "__class__"),
    *("%5B%24ne%5D=1", "%5Bx%5D=1", "%5B%5D="),
    *("18446744073709551616", "1" + "0" * 400, "%25s", "%7B%7D", "%24%7Bx%7D", "%27", "..%2F", "%ED%A0%80", "%00"),
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target_with(tmp_path_factory.mktemp("target"), restore_seconds=0) as target:
        yield target


class Census(Protocol):
    """The requests that a check sends."""

    def __call__(self, check: str, *, seed: int = 1) -> list[Request]: ...


@pytest.fixture
def census(target: Target, tmp_path: Path) -> Census:
    def requests_of(check: str, *, seed: int = 1) -> list[Request]:
        return [exchange.request for exchange in run_checks(target, tmp_path, [check], seed=seed).exchanges]

    return requests_of


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("check", "name", "inputs"),
    [
        ("LIST-10/list", "sort", fixed_inputs.page_and_sort_queries()),
        ("INC-6/list", "include", fixed_inputs.include_queries()),
        ("INC-6/get", "include", fixed_inputs.include_queries()),
        ("HTTP-3/list", "x", fixed_inputs.unknown_parameters()),
        ("HTTP-3/get", "x", fixed_inputs.unknown_parameters()),
        ("HTTP-3/logs", "x", fixed_inputs.unknown_parameters()),
    ],
)
def test_every_listed_query_is_sent_with_every_seed(
    check: str, name: str, inputs: list[fixed_inputs.OddQuery], seed: int, census: Census
) -> None:
    queries = {request.query for request in census(check, seed=seed)}
    assert [odd.query for odd in inputs if not any(holds(query, odd.query) for query in queries)] == []
    assert [piece for piece in LISTED_IN_QUERIES if not any(piece in query for query in queries)] == []
    assert any(query.count(f"{name}=") > 1 for query in queries), "a list given twice"


@pytest.mark.parametrize("operation", ["list", "get", "logs"])
def test_reads_are_sent_with_every_listed_header(operation: str, census: Census) -> None:
    requests = census(f"HTTP-3/{operation}")
    headers = {(name, value) for request in requests for name, value in request.headers}
    assert {("User-Agent", ""), ("Accept", "*/*;q=0"), ("Range", "bytes=0-1"), ("Expect", "100-continue")} <= headers
    assert {"user-agent", "accept"} <= {name for request in requests for name in request.without}
    assert any(request.method == "GET" and request.body for request in requests), "a GET with a body"


def test_job_requests_are_sent_with_every_listed_header_and_member(target: Target, census: Census) -> None:
    requests = census("HTTP-3/restore")
    names = {name for request in requests for name, _ in request.headers}
    assert {"Content-Encoding", "Transfer-Encoding", "Expect", "Range", "User-Agent"} <= names
    bodies = [request.body for request in requests if request.body]
    for piece in ("__proto__", "constructor", "toString", "__class__", "$where", "$ne", "1e400", "18446744073709551616",
                  "%s", "{}", "${x}", "'", "../", "\\ud800", "\\u0000", '"x":1,"x":2'):  # fmt: skip
        assert any(piece.encode() in body for body in bodies), piece
    assert not any(str(target.fixtures.instance_id).encode() in body for body in bodies)


TEXT_MEMBERS = pytest.mark.parametrize(
    ("check", "member"), [("JOB-6/restore", "action"), ("JOB-8/restore", "instance_id")]
)


@TEXT_MEMBERS
def test_members_that_hold_text_are_sent_with_every_odd_text_in_a_deep_run(
    check: str, member: str, target: Target, tmp_path: Path
) -> None:
    exchanges = run_checks(target, tmp_path, [check], inputs=AllInputs()).exchanges
    values = texts_of((exchange.request for exchange in exchanges), member)
    assert {text for _, text in fixed_inputs.odd_texts()} <= values


@TEXT_MEMBERS
def test_and_with_some_of_each_kind_in_any_other(check: str, member: str, census: Census) -> None:
    values = texts_of(census(check), member)
    assert {oddity for oddity, text in fixed_inputs.odd_texts() if text in values} == set(fixed_inputs.TEXTS)


def texts_of(requests: Iterable[Request], member: str) -> set[str]:
    values = set()
    for request in requests:
        if request.method == "POST" and request.body:
            body = json.loads(request.body)
            values.add(body[member] if member in body else body["contents"].get(member))
    return values
