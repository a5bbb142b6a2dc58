"""CTRF (Common Test Report Format): a test for each check, for dashboards and CI summaries."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.results.queries import Case, by_chapter, cases, counts_warnings, unique_findings

if TYPE_CHECKING:
    from conformance.contract.json_types import JsonObject
    from conformance.results.model import ClauseRow, Results

SPEC_VERSION = "0.0.0"
_STATUSES = {
    Outcome.PASSED: "passed",
    Outcome.WARNED: "passed",
    Outcome.FAILED: "failed",
    Outcome.ERROR: "other",
    Outcome.WAIVED: "skipped",
    Outcome.NOT_TESTED: "skipped",
}


def document(results: Results) -> JsonObject:
    """Return the report; a clause without checks is one test."""
    tests = [
        _test(row, case, chapter.title, strict=counts_warnings(results, row))
        for chapter in by_chapter(results)
        for row in chapter.clauses
        for case in cases(row)
    ]
    run = results["run"]
    start, stop = _milliseconds(run["started"]), _milliseconds(run["finished"])
    statuses = [test["status"] for test in tests]
    counts = {name: statuses.count(name) for name in ("passed", "failed", "skipped", "pending", "other")}
    return {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "timestamp": run["finished"],
        "generatedBy": f"backups-conformance {results['suite']['version']}",
        "results": {
            "tool": {"name": "backups-conformance", "version": results["suite"]["version"]},
            "summary": {"tests": len(tests), **counts, "start": start, "stop": stop, "duration": stop - start},
            "tests": tests,
            "environment": {"testEnvironment": one_line(results["target"]["name"], 200) or "unnamed"},
            "extra": {
                "verdict": results["verdict"],
                "headline": one_line(results["headline"], 400),
                "run": run["id"],
                "clauses": results["summary"],
            },
        },
    }


def _test(row: ClauseRow, case: Case, chapter: str, *, strict: bool) -> JsonObject:
    status = "failed" if strict and case.outcome is Outcome.WARNED else _STATUSES[case.outcome]
    test: JsonObject = {
        "name": one_line(case.id, 200),
        "testId": one_line(case.id, 200),
        "status": status,
        "duration": round(case.duration_s * 1000),
        "suite": [chapter, row["id"]],
        "rawStatus": case.outcome.value,
        "tags": [row["level"], row["chapter"]],
        "type": "conformance",
        "extra": {"clause": row["id"], "title": row["title"]},
    }
    if reason := one_line(case.reason or ("" if case.outcome is Outcome.PASSED else row["reason"]), 2000):
        test["message"] = reason
    commands = [unique.exchange["curl"] for unique in unique_findings(row) if unique.exchange]
    if status == "failed" and commands:
        test["snippet"] = one_line(commands[0], 4000)
    return test


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
