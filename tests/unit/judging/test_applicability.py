"""A clause does not apply only where the contract exempts the target: jobs and delete are optional."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.config.target import Claims, FixtureIds, Target
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId
from conformance.judging.applicability import exempt_clauses
from conformance.judging.outcomes import CheckRecord, Outcome

TARGET = Target("t", "http://t.example.test", "h", fixtures=FixtureIds("c", deletable_backup_ids=("b",)))
DELETES = {clause.id for clause in catalogue.load() if clause.operations == ("delete",)}


def record(check: str, outcome: Outcome, *, applies: bool = True) -> CheckRecord:
    return CheckRecord(CheckId.parse(check), outcome, "does not apply: absent", applies=applies)


@pytest.mark.parametrize(
    ("deletable", "profile", "exempt"),
    [(("b",), "full", set()), (("b",), "read", DELETES), ((), "full", DELETES), ((), "read", DELETES)],
)
def test_delete_that_is_not_offered_or_cannot_be_sent(deletable: tuple[str], profile: str, exempt: set[str]) -> None:
    target = replace(TARGET, fixtures=replace(TARGET.fixtures, deletable_backup_ids=deletable))
    reasons = exempt_clauses(target, profile, [])
    assert set(reasons) == exempt
    assert all(reason.startswith("does not apply: delete is optional") for reason in reasons.values())


def test_checks_that_find_an_optional_part_absent_exempt_their_clauses() -> None:
    records = [
        record("JBS-1/job", Outcome.NOT_TESTED, applies=False),
        record("RST-5/restore", Outcome.NOT_TESTED, applies=False),
        record("RST-5/restore/final-review", Outcome.NOT_TESTED, applies=True),
        record("JBS-3/job", Outcome.PASSED),
        record("JBS-3/job/generated", Outcome.NOT_TESTED, applies=False),
    ]
    assert exempt_clauses(TARGET, "full", records) == {"JBS-1": "does not apply: absent"}


def test_a_tested_clause_applies_even_if_the_target_file_disclaims_it() -> None:
    reasons = exempt_clauses(TARGET, "read", [record("DEL-2/delete", Outcome.FAILED)])
    assert set(reasons) == DELETES - {"DEL-2"}


JOBS = {clause.id for clause in catalogue.load() if clause.operations == ("job",)}


def test_what_the_target_file_disclaims_does_not_apply() -> None:
    target = replace(TARGET, claims=Claims(jobs=False, delete=False))
    assert set(exempt_clauses(target, "full", [])) == JOBS | DELETES


@pytest.mark.parametrize("profile", ["read", "full"])
def test_what_the_target_file_claims_applies(profile: str) -> None:
    target = replace(TARGET, claims=Claims(jobs=True, delete=True), fixtures=FixtureIds("c"))
    assert exempt_clauses(target, profile, []) == {}
