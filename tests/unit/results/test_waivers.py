"""Waivers applied to records: exactly what a waiver names, as long as it is in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest
from support import reporting

from conformance.config.waivers_file import Waiver, WaiverError, load_waivers
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.results import verdicts
from conformance.results.waivers import apply, has_outdated, stubs
from conformance.suite.registry import check_ids

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 6, 1)
LATER, EARLIER = date(2026, 12, 1), date(2026, 5, 31)


def record(check_id: str, outcome: Outcome) -> CheckRecord:
    return CheckRecord(CheckId.parse(check_id), outcome, reason="wanted 403, got 200")


@pytest.mark.parametrize(
    ("expires", "outcome", "wanted", "state"),
    [
        (LATER, Outcome.FAILED, Outcome.WAIVED, "used"),
        (LATER, Outcome.WARNED, Outcome.WAIVED, "used"),
        (LATER, Outcome.PASSED, Outcome.PASSED, "stale"),
        (LATER, Outcome.ERROR, Outcome.ERROR, "untested"),
        (LATER, Outcome.NOT_TESTED, Outcome.NOT_TESTED, "untested"),
        (EARLIER, Outcome.FAILED, Outcome.FAILED, "expired"),
        (EARLIER, Outcome.PASSED, Outcome.PASSED, "expired"),
    ],
)
def test_what_becomes_of_a_record(expires: date, outcome: Outcome, wanted: Outcome, state: str) -> None:
    before = record("CAP-5/list", outcome)
    (after,), (row,) = apply([Waiver("CAP-5", "slow team", expires, ticket="T-1")], [before], DAY)
    assert after.outcome is wanted
    assert before.outcome is outcome
    assert row == {
        "clause": "CAP-5",
        "reason": "slow team",
        "expires": expires.isoformat(),
        "ticket": "T-1",
        "state": state,
    }


def test_a_waived_record_says_until_when_and_what_it_was() -> None:
    others = [record("CAP-5/get", Outcome.FAILED), record("CAP-1/list", Outcome.FAILED)]
    waiver = Waiver("CAP-5", "slow team", LATER, operation="list")
    shown, _ = apply([waiver], [record("CAP-5/list", Outcome.FAILED), *others], DAY)
    assert shown[0].reason == "waived until 2026-12-01: slow team; was: wanted 403, got 200"
    assert shown[1:] == others


@pytest.mark.parametrize(
    ("verdict", "state", "strict", "code"),
    [
        ("conformant", "stale", True, 2),
        ("partial", "expired", True, 2),
        ("partial", "stale", False, 0),
        ("partial", "expired", False, 0),
        ("partial", "used", True, 0),
        ("partial", "untested", True, 0),
        ("non-conformant", "stale", True, 1),
        ("inconclusive", "expired", True, 3),
    ],
)
def test_a_waiver_that_is_no_longer_needed_or_in_force_is_exit_code_2_in_strict_runs(
    verdict: str, state: str, strict: bool, code: int
) -> None:
    results = reporting.green()
    results["run"]["strict"] = strict
    results["waivers"] = [{"clause": "LIST-8", "reason": "known", "expires": "2026-12-31", "state": state}]
    assert verdicts.exit_code(verdict, has_outdated_waivers=has_outdated(results)) == code


# ------------------------------------------------------------ stubs


def every_check() -> list[CheckId]:
    """The IDs under which a run may record a failure."""
    checks = []
    for clause, ids in check_ids().items():
        for check in ids:
            operations = catalogue.load()[clause].operations if check.operation is None else (check.operation,)
            checks += [replace(check, operation=operation) for operation in operations]
    return checks


@pytest.mark.parametrize("check", every_check(), ids=str)
def test_the_stub_of_every_check_is_accepted_and_waives_it(check: CheckId, tmp_path: Path) -> None:
    passed = replace(check, kind=next(kind for kind in CheckKind if kind is not check.kind))
    records = [CheckRecord(check, Outcome.FAILED, "wanted 403, got 200"), CheckRecord(passed, Outcome.PASSED)]
    results = reporting.green()
    row = next(row for row in results["clauses"] if row["id"] == check.clause)
    row.update(outcome="failed", checks=[record.to_json() for record in records])
    file = tmp_path / "waivers.toml"
    file.write_text(stubs(results).replace('reason = ""', 'reason = "known"'))
    waivers = load_waivers(file, catalogue.load())
    applied, (row,) = apply(waivers, records, date(2026, 3, 2))  # the day after the run
    assert [record.outcome for record in applied] == [Outcome.WAIVED, Outcome.PASSED]
    assert row["check"] == str(check)


def test_a_stub_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(stubs(reporting.red()))
    with pytest.raises(WaiverError, match="give it a value"):
        load_waivers(file, catalogue.load())
