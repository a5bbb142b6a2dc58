"""A whole run against the reference server as it is: all clauses hold, and nothing that is registered stays unrun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.contract import catalogue
from conformance.judging.outcomes import Outcome
from conformance.qualification.measure import NEVER_TESTED, problems
from conformance.suite.registry import all_checks, all_judges

if TYPE_CHECKING:
    from conformance.qualification.measure import Result

CLAUSES = {clause.id: clause for clause in catalogue.load()}
#: one scenario or one engine judges many clauses, not all of them in every run
MANY_CLAUSES = ("stateful", "schemathesis")

pytestmark = pytest.mark.process


def test_the_reference_server_is_conformant_in_every_clause(full_run: Result) -> None:
    assert problems(full_run) == []
    assert {clause for clause, judged in full_run.clauses.items() if judged.outcome is Outcome.PASSED} == (
        set(CLAUSES) - NEVER_TESTED
    )


def test_every_check_ran_in_a_full_run(full_run: Result) -> None:
    ran = {check for judged in full_run.clauses.values() for check, outcome in judged.checks.items()
           if outcome is Outcome.PASSED}  # fmt: skip
    assert {name for name in all_checks() if not name.endswith(MANY_CLAUSES)} <= ran


def test_every_judge_judged_something_in_a_full_run(full_run: Result) -> None:
    judged = {check.split("/")[0] for one in full_run.clauses.values() for check in one.checks if "/observed" in check}
    assert {judge.clause for judge in all_judges()} - NEVER_TESTED == judged
