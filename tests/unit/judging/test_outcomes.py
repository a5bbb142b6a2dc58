"""The outcome of a clause follows from its checks, and from those that somebody left out."""

from __future__ import annotations

import pytest

from conformance.contract.check_id import CheckId
from conformance.judging.outcomes import CheckRecord, Outcome, of_clause


@pytest.mark.parametrize(
    ("outcome", "wanted"),
    [
        (Outcome.PASSED, Outcome.NOT_TESTED),
        (Outcome.WARNED, Outcome.NOT_TESTED),
        (Outcome.NOT_TESTED, Outcome.NOT_TESTED),
        (Outcome.ERROR, Outcome.ERROR),
        (Outcome.FAILED, Outcome.FAILED),
        (Outcome.WAIVED, Outcome.WAIVED),
    ],
)
def test_a_clause_has_not_passed_where_one_of_its_checks_was_left_out(outcome: Outcome, wanted: Outcome) -> None:
    assert of_clause([(outcome, False), (Outcome.NOT_TESTED, True)]) is wanted
    assert of_clause([(outcome, False), (Outcome.NOT_TESTED, False)]) is outcome


def test_a_clause_without_checks_is_not_tested() -> None:
    assert of_clause([]) is Outcome.NOT_TESTED


@pytest.mark.parametrize("left_out", [True, False])
def test_the_record_of_a_check_says_whether_it_was_left_out(left_out: bool) -> None:
    record = CheckRecord(CheckId.parse("LIST-10/list"), Outcome.NOT_TESTED, "removed by x", left_out=left_out)
    assert CheckRecord.from_json(record.to_json()) == record
    assert record.to_json().get("left_out", False) is left_out
