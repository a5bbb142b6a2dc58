"""Decides a run's verdict from its clause rows: written by runs, recomputed by `verify` and `merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from conformance.judging.outcomes import Outcome, Verdict
from conformance.results.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.results.model import ClauseRow, SummaryRow


class Judgement(TypedDict):
    """The members of results.json that follow from its clause rows."""

    verdict: str
    headline: str
    summary: SummaryRow


#: The exit code, with `--strict`, for a waiver that must be removed or renewed.
OUTDATED_WAIVER = 2


def exit_code(verdict: str, *, require_conformant: bool = False, has_outdated_waivers: bool = False) -> int:
    """Return the exit code of a verdict, unless options ask for more than the verdict says.

    `require_conformant` takes no partial verdict. `has_outdated_waivers`: the run is strict, and a waiver of it is
    stale or expired.
    """
    code = Verdict(verdict).exit_code
    if code == 0 and require_conformant and verdict != Verdict.CONFORMANT:
        return Verdict.INCONCLUSIVE.exit_code
    return OUTDATED_WAIVER if code == 0 and has_outdated_waivers else code


def judge(rows: Sequence[ClauseRow], *, strict: bool, interrupted: bool, problem: str = "") -> Judgement:
    """Return verdict, headline and counts.

    `strict`: a warning anywhere makes the run non-conformant. `problem`: why the target as a whole could not be
    judged, in one line.
    """
    summary = summarize(rows)
    warned = sum(_decides(row) and row["outcome"] == Outcome.WARNED for row in rows) if strict else 0
    verdict = decide(summary, interrupted=interrupted, warned=warned)
    if verdict is Verdict.INCONCLUSIVE and problem:
        headline = f"Inconclusive: {problem}"
    else:
        headline = _headline(verdict, summary, interrupted=interrupted, warned=warned)
    return {"verdict": verdict.value, "headline": headline, "summary": summary}


def summarize(rows: Sequence[ClauseRow]) -> SummaryRow:
    """Count the clauses by outcome; the MUST clauses among those that decide."""
    outcomes = [Outcome(row["outcome"]) for row in rows]
    deciding = [row for row in rows if _decides(row)]
    must = [(row["applies"], Outcome(row["outcome"])) for row in deciding if row["level"] == "MUST"]
    applicable = [outcome for applies, outcome in must if applies]
    return {
        "passed": outcomes.count(Outcome.PASSED),
        "failed": outcomes.count(Outcome.FAILED),
        "warned": outcomes.count(Outcome.WARNED),
        "waived": outcomes.count(Outcome.WAIVED),
        "not_tested": outcomes.count(Outcome.NOT_TESTED),
        "error": outcomes.count(Outcome.ERROR),
        "must_total": len(must),
        "must_applicable": len(applicable),
        # A warned MUST clause holds: only its SHOULD half does not.
        "must_passed": applicable.count(Outcome.PASSED) + applicable.count(Outcome.WARNED),
        "must_failed": applicable.count(Outcome.FAILED),
        "must_error": applicable.count(Outcome.ERROR),
        "must_waived": applicable.count(Outcome.WAIVED),
        "must_not_tested": applicable.count(Outcome.NOT_TESTED),
    }


def _decides(row: ClauseRow) -> bool:
    return row.get("decides", True)


def decide(summary: SummaryRow, *, interrupted: bool = False, warned: int = 0) -> Verdict:
    """Return the verdict: a failed MUST decides whatever else happened, then everything that is undetermined.

    `warned`: how many warnings count as failures.
    """
    if summary["must_failed"] or warned:
        return Verdict.NON_CONFORMANT
    tested = summary["must_applicable"] - summary["must_not_tested"]
    if interrupted or summary["must_error"] or not tested:
        return Verdict.INCONCLUSIVE
    return Verdict.CONFORMANT if summary["must_passed"] == summary["must_applicable"] else Verdict.PARTIAL


def _headline(verdict: Verdict, summary: SummaryRow, *, interrupted: bool, warned: int) -> str:
    clauses = counted(summary["must_applicable"], "MUST clause")
    passed = f"{summary['must_passed']} of {clauses} passed"
    failed, undetermined, rest = summary["must_failed"], summary["must_error"], _rest(summary)
    if verdict is Verdict.CONFORMANT:
        return f"Conformant: {passed}"
    if verdict is Verdict.PARTIAL:
        return f"Partial: {', '.join([passed, *rest])}"
    if verdict is Verdict.NON_CONFORMANT:
        warnings = f"{counted(warned, 'warning')}, which --strict counts as failures"
        return f"Non-conformant: {', '.join([f'{failed} of {clauses} failed', *rest]) if failed else warnings}"
    if interrupted:
        reason = f"the run was interrupted; {', '.join([passed, *rest])}"
    elif undetermined:
        reason = ", ".join([f"{undetermined} of {clauses} ended in error", *rest])
    else:
        reason = "no MUST clause was tested"
    return f"Inconclusive: {reason}"


def _rest(summary: SummaryRow) -> list[str]:
    """The MUST clauses that did not pass for other reasons than a failure."""
    counts = {"not tested": summary["must_not_tested"], "waived": summary["must_waived"]}
    return [f"{number} {words}" for words, number in counts.items() if number]
