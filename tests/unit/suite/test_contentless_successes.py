"""A success without the documented status or content is never a pass of the clause that describes the success."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import pytest
from support.checking import judge_clauses, target_of
from support.exchanges import answer

from conformance.contract.operations import SHAPE_CLAUSE, SUCCESS, Operation
from conformance.http.exchange import Expected
from conformance.judging.checks import declared_judges
from conformance.judging.expectations import expect_content
from conformance.judging.outcomes import Outcome, blocking_clause
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.http.exchange import Exchange

OPERATIONS = get_args(Operation)
LISTS = ("list", "logs")


def observed(exchange: Exchange) -> list[tuple[Outcome, str, str]]:
    """What the passive judges of the operation's own clause find."""
    clause = SHAPE_CLAUSE[exchange.operation]
    all_checks()
    judges = [judge for judge in declared_judges() if judge.clause == clause and judge.when(exchange)]
    return [(finding.outcome, finding.wanted, finding.got) for judge in judges for finding in judge.function(exchange)]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_another_success_without_a_body_fails_the_clause_of_the_operation(operation: Operation) -> None:
    resources = {"job": "j1", "backup": "b1", "container": "c1"}
    no_content = answer(204, raw=b"", operation=operation, resources=resources)
    assert observed(no_content) == [(Outcome.FAILED, str(SUCCESS[operation]), "204")]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_partial_content_is_a_success_of_its_own_only_where_a_range_was_asked_for(operation: Operation) -> None:
    resources = {"job": "j1", "backup": "b1", "container": "c1"}
    part = answer(206, raw=b"{", operation=operation, resources=resources)
    assert observed(part) == [(Outcome.FAILED, str(SUCCESS[operation]), "206")]
    asked = replace(part, request=replace(part.request, headers=(("Range", "bytes=0-0"),)))
    assert observed(asked) == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("refused", [{"expected": Expected.REFUSAL}, {"ownership": "missing"}, {"denied": "x"}])
def test_a_success_that_is_the_defect_itself_has_no_second_one(operation: Operation, refused: dict[str, Any]) -> None:
    assert observed(answer(204, raw=b"", operation=operation, **refused)) == []


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("body", "clause"),
    [(b"", "HTTP-1"), (b"OK", "HTTP-1"), (b"<p>done</p>", "HTTP-1"), (b"{}", "HTTP-2"), (b'{"data":null}', "HTTP-2")],
)
def test_content_that_breaks_a_more_basic_clause_is_inconclusive(
    operation: Operation, body: bytes, clause: str
) -> None:
    (finding,) = expect_content(answer(SUCCESS[operation], raw=body, operation=operation))
    assert finding.outcome is Outcome.ERROR
    assert blocking_clause(finding.got) == clause


@pytest.mark.parametrize("operation", OPERATIONS)
def test_content_that_can_be_judged_is_left_to_the_judges(operation: Operation) -> None:
    content: object = [] if operation in LISTS else {}
    assert list(expect_content(answer(SUCCESS[operation], {"data": content}, operation=operation))) == []


@pytest.mark.parametrize(
    ("fault", "outcome", "reason"),
    [
        ("deletion_has_no_content", Outcome.FAILED, "wanted 202, got 204"),
        ("deletion_is_accepted_without_a_body", Outcome.ERROR, "HTTP-1 failed first"),
        ("deletion_has_null_data", Outcome.ERROR, "HTTP-2 failed first"),
        ("deletion_requires_a_reason", Outcome.FAILED, "got 422"),
    ],
)
def test_a_run_of_this_clause_alone_does_not_pass(tmp_path: Path, fault: str, outcome: Outcome, reason: str) -> None:
    with target_of(tmp_path, fault) as target:
        judged = judge_clauses(replace(target, probe=None), {"DEL-1"})["DEL-1"]
    assert (judged.outcome, reason in judged.reason) == (outcome, True), judged.reason
