"""Waivers applied to records: exactly what a waiver names, as long as it is in force."""

from __future__ import annotations

from datetime import date

import pytest

from conformance.config.waivers_file import Waiver
from conformance.contract.check_id import CheckId
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.results.waivers import apply

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
