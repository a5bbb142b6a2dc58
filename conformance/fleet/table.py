"""Makes fleet.json from the results of its targets: one row for each target, one for each clause."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from conformance import __version__
from conformance.contract import catalogue
from conformance.evidence.text import one_line
from conformance.fleet.model import FORMAT, Fleet, FleetTargetRow
from conformance.judging.outcomes import Outcome, Verdict
from conformance.results import signoff
from conformance.results.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from conformance.fleet.model import CountsRow, FleetClauseRow, FleetRunRow
    from conformance.results.model import Results

#: the verdicts by severity: the verdict of several targets is the first of these that one of them has
ORDER = (Verdict.NON_CONFORMANT, Verdict.INCONCLUSIVE, Verdict.PARTIAL, Verdict.CONFORMANT)
_WITH_REASON = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED)
_MAX_REASON = 300
#: outcomes that show how a target behaves; targets disagree on a clause that has two of them
_JUDGED = frozenset({Outcome.PASSED, Outcome.FAILED, Outcome.WARNED, Outcome.WAIVED})


def row_of(results: Results, folder: str, report: Path, file: str = "") -> FleetTargetRow:
    """Return the row of a target with a whole report; `folder` is its path as fleet.json names it."""
    run = results["run"]
    row: FleetTargetRow = {
        "name": results["target"]["name"],
        "file": file,
        "base_url": results["target"]["base_url"],
        "folder": folder,
        "signoff_sha256": signoff.sha256(report / signoff.FILE),
        "problem": "",
        "verdict": results["verdict"],
        "headline": results["headline"],
        "started": run["started"],
        "suite": results["suite"]["version"],
        "profile": run["profile"],
        "seed": run["seed"],
        "requests": run["requests"],
        "outcomes": {clause["id"]: clause["outcome"] for clause in results["clauses"]},
        "reasons": {
            clause["id"]: one_line(clause["reason"], _MAX_REASON)
            for clause in results["clauses"]
            if clause["outcome"] in _WITH_REASON
        },
        "past": [],
    }
    if "edition" in results:
        row["edition"] = results["edition"]
    return row


def row_without_report(name: str, file: str, problem: str) -> FleetTargetRow:
    """Return the row of a target whose run left no whole report: it counts as inconclusive."""
    return {
        "name": name,
        "file": file,
        "base_url": "",
        "folder": "",
        "signoff_sha256": "",
        "problem": one_line(problem, 600),
        "verdict": Verdict.INCONCLUSIVE.value,
        "headline": f"Inconclusive: no report: {one_line(problem, 200)}",
        "started": "",
        "suite": __version__,
        "profile": "",
        "seed": None,
        "requests": 0,
        "outcomes": {},
        "reasons": {},
        "past": [],
    }


def build(rows: Sequence[FleetTargetRow], run: FleetRunRow) -> Fleet:
    """Return the whole document."""
    summary = summarize(rows)
    verdict = worst_verdict(row["verdict"] for row in rows)
    return {
        "format": FORMAT,
        "suites": sorted({row["suite"] for row in rows}),
        "run": run,
        "verdict": verdict.value,
        "headline": headline(verdict, summary),
        "summary": summary,
        "targets": sorted(rows, key=lambda row: (row["name"].lower(), row["file"], row["folder"])),
        "clauses": clause_rows(rows),
    }


def worst_verdict(verdicts: Iterable[str]) -> Verdict:
    """Return the verdict that decides: the worst. Without any target nothing was determined."""
    given = set(verdicts)
    return next((verdict for verdict in ORDER if verdict in given), Verdict.INCONCLUSIVE)


def summarize(rows: Iterable[FleetTargetRow]) -> CountsRow:
    """Count the targets by verdict."""
    rows = list(rows)
    verdicts = Counter(row["verdict"] for row in rows)
    return {
        "targets": len(rows),
        "conformant": verdicts[Verdict.CONFORMANT],
        "partial": verdicts[Verdict.PARTIAL],
        "non_conformant": verdicts[Verdict.NON_CONFORMANT],
        "inconclusive": verdicts[Verdict.INCONCLUSIVE],
        "without_report": sum(not row["folder"] for row in rows),
    }


def headline(verdict: Verdict, summary: CountsRow) -> str:
    """Return the verdict and the number of targets by verdict, in one line."""
    numbers = {
        "non-conformant": summary["non_conformant"],
        "inconclusive": summary["inconclusive"],
        "partial": summary["partial"],
        "conformant": summary["conformant"],
    }
    parts = ", ".join(f"{number} {word}" for word, number in numbers.items() if number)
    return f"{verdict.value.capitalize()}: {counted(summary['targets'], 'target')}{': ' if parts else ''}{parts}"


def clause_rows(rows: Sequence[FleetTargetRow]) -> list[FleetClauseRow]:
    """Return a row for each clause of the catalogue: counts by outcome, and whether targets disagree."""
    outcomes = {clause.id: Counter(row["outcomes"].get(clause.id, "") for row in rows) for clause in catalogue.load()}
    return [
        {
            "id": clause.id,
            "level": clause.level,
            "chapter": clause.chapter,
            "title": clause.text,
            "counts": {outcome.value: number for outcome in Outcome if (number := outcomes[clause.id][outcome.value])},
            "disagree": len(_JUDGED & outcomes[clause.id].keys()) > 1,
        }
        for clause in catalogue.load()
    ]
