"""Editions: clauses of a later one are run and shown, and never decide."""

from __future__ import annotations

from typing import Any

import pytest
from support import reporting

from conformance.contract import catalogue
from conformance.contract.check_id import CheckId
from conformance.judging.outcomes import CheckRecord, FindingRecord, Outcome
from conformance.report import html, junit, markdown
from conformance.results import queries, signoff, verdicts

FIRST, NEWEST = catalogue.load().editions[0], catalogue.load().editions[-1]
LATER = [clause.id for clause in catalogue.load() if clause.since != FIRST]


def of_the_first_edition(outcomes: dict[str, Outcome], *, strict: bool = False) -> Any:
    """Results that decide by the first edition."""
    built = reporting.results(outcomes, strict=strict)
    built["edition"] = FIRST
    for row in built["clauses"]:
        if row["id"] in LATER:
            row["decides"] = False
    return reporting.judged(built)


def test_the_editions_are_those_of_the_contract() -> None:
    known = catalogue.load()
    assert known.editions[:2] == ["2026.1", "2026.2"]
    assert known.editions == sorted({clause.since for clause in known})
    counts = [sum(known.decides(clause.id, edition) for clause in known) for edition in known.editions]
    assert counts[:2] == [98, 102]
    assert counts[-1] == len(list(known))
    assert known.decides("NEW-1", FIRST)


@pytest.mark.parametrize("outcome", [Outcome.WARNED, Outcome.ERROR, Outcome.NOT_TESTED])
@pytest.mark.parametrize("strict", [False, True])
def test_a_later_clause_never_decides(outcome: Outcome, strict: bool) -> None:
    results = of_the_first_edition(dict.fromkeys(LATER, outcome), strict=strict)
    assert results["verdict"] == "conformant"
    must = sum(clause.level == "MUST" and clause.since == FIRST for clause in catalogue.load())
    assert f"{must} of {must} MUST" in results["headline"]
    assert queries.failing(results) == []
    assert list(reporting.parse_xml(junit.render(results)).iter("failure")) == []
    assert reporting.results(dict.fromkeys(LATER, Outcome.ERROR))["verdict"] == "inconclusive"


def test_a_violation_of_a_later_clause_is_a_warning() -> None:
    finding = FindingRecord(Outcome.FAILED, "4xx", "200")
    unclear = FindingRecord(Outcome.ERROR, "an answer", "none")
    record = CheckRecord(CheckId.parse("AUTH-10/list"), Outcome.FAILED, findings=[finding, unclear])
    demoted = record.as_advisory()
    assert demoted.outcome is Outcome.WARNED
    assert [one.outcome for one in demoted.findings] == [Outcome.WARNED, Outcome.ERROR]
    passed = CheckRecord(CheckId.parse("AUTH-10/list"), Outcome.PASSED)
    assert passed.as_advisory() is passed


def test_reports_and_record_name_the_edition() -> None:
    results = of_the_first_edition({LATER[0]: Outcome.WARNED})
    assert f"edition {FIRST}" in html.render_summary(results)
    assert FIRST in markdown.render(results)
    record = signoff.statement(results, {"results.json": "a" * 64})
    assert record["predicate"]["configuration"][0]["annotations"]["edition"] == FIRST
    assert "does not decide" in html.render_summary(results)


def test_an_older_file_decides_by_all_clauses() -> None:
    results = reporting.results({LATER[0]: Outcome.FAILED})
    assert "edition" not in results
    assert verdicts.judge(results["clauses"], strict=False, interrupted=False)["verdict"] == "non-conformant"
