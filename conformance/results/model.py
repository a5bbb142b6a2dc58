"""What all writers ask of a results dict: its clauses in order, in groups, and its facts in words."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.contract import catalogue
from conformance.contract.check_id import CheckId
from conformance.judging.outcomes import Outcome, Verdict, verdict, worst
from conformance.results.text import cut, one_line, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Results = dict[str, Any]
Row = dict[str, Any]

ORDER = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED, Outcome.WAIVED, Outcome.PASSED, Outcome.NOT_TESTED)
"""How reports order outcomes: what needs a reader first."""

LABELS = {
    Outcome.FAILED: "failed",
    Outcome.ERROR: "error",
    Outcome.WARNED: "warned",
    Outcome.WAIVED: "waived",
    Outcome.PASSED: "passed",
    Outcome.NOT_TESTED: "not tested",
}

#: why a clause was not tested that nobody asked for
LEFT_OUT = "left out by --only or --skip"

# Characters of a body, and of any other string: a report stays readable whatever the recorder let through.
_LONGEST_BODY = 200_000
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the contract and the rows of its clauses."""

    id: str
    title: str
    clauses: list[Row]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a report by checks; `check` is None where the clause itself is the line."""

    id: str
    outcome: Outcome
    reason: str
    duration_s: float
    check: Row | None


def shown(value: Any) -> Any:
    """The results with every string visible and bounded: what any writer but JSON's starts from."""
    if isinstance(value, str):
        return visible(cut(value, _LONGEST))
    if isinstance(value, dict):
        return {one_line(str(key)): _shown_member(key, member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [shown(member) for member in value]
    return value


def clauses_in_order(results: Results) -> list[Row]:
    """The clause rows in the catalogue's order; rows of other catalogues come last, as they stand."""
    position = {clause_id: index for index, clause_id in enumerate(catalogue.load().clauses)}
    return sorted(results["clauses"], key=lambda row: position.get(row["id"], len(position)))


def by_chapter(results: Results) -> list[Chapter]:
    """The clause rows by chapter."""
    titles = catalogue.load().chapters
    groups: dict[str, list[Row]] = {}
    for row in clauses_in_order(results):
        groups.setdefault(row["chapter"], []).append(row)
    return [Chapter(chapter, titles.get(chapter, chapter), rows) for chapter, rows in groups.items()]


def with_outcome(results: Results, *outcomes: Outcome) -> list[Row]:
    """The clause rows that came out so."""
    return [row for row in clauses_in_order(results) if row["outcome"] in outcomes]


def is_strict(results: Results) -> bool:
    """Whether a warning counts as a failure in this run."""
    return bool(results["run"].get("strict"))


def to_mend(results: Results) -> list[Row]:
    """The clauses that make a run red: the failed ones, under `--strict` the warned ones as well."""
    outcomes = (Outcome.FAILED, Outcome.WARNED) if is_strict(results) else (Outcome.FAILED,)
    return with_outcome(results, *outcomes)


def cases(clause: Row) -> list[Case]:
    """A clause's checks as lines; the clause itself where no check says what the clause came to."""
    outcome = Outcome(clause["outcome"])
    lines = [_case(check, outcome) for check in clause["checks"]]
    if not lines or worst(line.outcome for line in lines) is not outcome:
        lines.append(Case(clause["id"], outcome, clause["reason"], 0.0, None))
    return lines


def findings(clause: Row) -> Iterator[tuple[Row, Row]]:
    """The clause's findings, each with its check: what broke it before what could not be told."""
    pairs = [(check, finding) for check in clause["checks"] for finding in check["findings"]]
    yield from sorted(pairs, key=lambda pair: place(pair[0]["id"], pair[1]["outcome"]))


def place(check_id: str, outcome: str) -> tuple[int, bool]:
    """Where something stands among others of one clause.

    What broke it comes before what could not be told, and what somebody thought of before what was generated.
    """
    rank = len(ORDER) if outcome == Outcome.ERROR else ORDER.index(Outcome(outcome))
    kind = CheckId.kind_of(check_id)
    return rank, kind is not None and kind.is_generated


def requests_of(clause: Row) -> int:
    """How many exchanges the clause's checks looked at; of older files, how many were kept."""
    return sum(check.get("requests", len(check["exchanges"])) for check in clause["checks"])


def evidence(check: Row, finding: Row) -> Row | None:
    """The exchange that a finding points at."""
    index = finding["exchange"]
    if index is None or not 0 <= index < len(check["exchanges"]):
        return None
    return dict(check["exchanges"][index])


def sources(clause: Row) -> list[str]:
    """A clause's sources spelled out."""
    names = catalogue.load().sources
    return [names.get(letter, letter) for letter in clause["source"].split()]


def not_tested_by_hint(results: Results) -> dict[str, list[Row]]:
    """The clauses that were not tested, under what would enable each."""
    return by_reason(with_outcome(results, Outcome.NOT_TESTED))


def by_reason(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows that came out so for one reason together: a target that is away is one thing to say."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["reason"] or "no reason was given", []).append(row)
    return groups


def running_words(run: Row) -> list[str]:
    """The restores that may still be running, in a sentence for each instance."""
    instances: dict[str, list[str]] = {}
    for job in run["restores_maybe_running"]:
        instances.setdefault(job["instance_id"] or "unknown", []).append(str(job["job_id"] or "unknown"))
    return [
        f"{'a restore' if len(jobs) == 1 else f'{len(jobs)} restores'} may still be running on instance {instance}: "
        f"{'job' if len(jobs) == 1 else 'jobs'} {', '.join(jobs)}"
        for instance, jobs in instances.items()
    ]


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 clause`, `3 clauses`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def counts(results: Results) -> list[tuple[Outcome, str, int]]:
    """Outcome, its name and the number of clauses, in the order of reports."""
    return [(outcome, LABELS[outcome], results["summary"][outcome.value]) for outcome in ORDER]


def again(results: Results, clause_id: str) -> str:
    """The command that tries one clause once more, on the same target and with the same seed."""
    command = results["run"]["command"]
    try:
        words = shlex.split(command)
    except ValueError:  # no command that we wrote
        return f"{command} --only {clause_id}"
    for option in ("--only", "--skip"):
        if option in words:
            at = words.index(option)
            del words[at : at + 2]
    return shlex.join([*words, "--only", clause_id])


def selection_words(run: Row) -> str:
    """What was chosen to be tested, in words."""
    only, skip = run["selection"]["only"], run["selection"]["skip"]
    words = f"only {', '.join(only)}" if only else "all clauses"
    return f"{words}, without {', '.join(skip)}" if skip else words


def waivers_words(results: Results) -> str:
    """How many waivers there are, and in what state."""
    waivers = results["waivers"]
    if not waivers:
        return "none"
    states = [waiver["state"] for waiver in waivers]
    kinds = [f"{states.count(state)} {state}" for state in ("used", "stale", "expired", "untested") if state in states]
    return f"{len(waivers)}: {', '.join(kinds)}"


def throttled_words(run: Row) -> str:
    """What rate limiting cost."""
    throttled = run["throttled"]
    if not throttled["count"]:
        return "never"
    return f"{counted(throttled['count'], 'answer')} 429, {throttled['waited_s']:.1f} s waited"


def judgement(rows: Sequence[Row], *, strict: bool, interrupted: bool, problem: str = "") -> dict[str, Any]:
    """Verdict, its words and the counts, from the clause rows alone: what a run writes, and what `verify` recounts."""
    outcomes = [Outcome(row["outcome"]) for row in rows]
    must = [Outcome(row["outcome"]) for row in rows if row["level"] == "MUST"]
    failed, untested = must.count(Outcome.FAILED), must.count(Outcome.NOT_TESTED)
    found = verdict(must, interrupted=interrupted, strict_warnings=strict and Outcome.WARNED in outcomes)
    summary = {
        **{outcome.value: outcomes.count(outcome) for outcome in Outcome},
        "must_total": len(must),
        "must_tested": len(must) - untested,
        "must_failed": failed,
        "must_not_tested": untested,
    }
    words = verdict_words(found, summary, strict=strict, interrupted=interrupted)
    if found is Verdict.INCONCLUSIVE and problem:
        words = f"inconclusive: {problem}"
    return {"verdict": found.value, "verdict_words": words, "summary": summary}


def verdict_words(verdict: Verdict, summary: dict[str, int], *, strict: bool = False, interrupted: bool = False) -> str:
    """The verdict in a sentence that hides no clause that was not tested, and none that was waived."""
    total, failed, tested = summary["must_total"], summary["must_failed"], summary["must_tested"]
    beside = {"not tested": summary["must_not_tested"], "waived": summary["waived"]}
    told = ", ".join(f"{number} {word}" for word, number in beside.items() if number)
    rest = f"; {told}" if told else ""
    if verdict is Verdict.CONFORMANT:
        return f"conformant in {tested} of {total} MUST clauses{rest}"
    if verdict is Verdict.NON_CONFORMANT and not failed and strict:
        return f"non-conformant: {counted(summary['warned'], 'warning')}, and --strict counts them as failures{rest}"
    if verdict is Verdict.NON_CONFORMANT:
        return f"non-conformant: {failed} of {total} MUST clauses failed{rest}"
    if not tested:
        return f"inconclusive: none of {total} MUST clauses was tested"
    if interrupted:
        return f"inconclusive: the run was interrupted, {tested} of {total} MUST clauses were tested"
    return f"inconclusive: {counted(summary['error'], 'clause')} ended in error{rest}"


def _shown_member(key: object, member: Any) -> Any:
    if key == "body" and isinstance(member, str):
        return visible(cut(member, _LONGEST_BODY))
    return shown(member)


def _case(check: Row, clause_outcome: Outcome) -> Case:
    outcome, reason = Outcome(check["outcome"]), check["reason"]
    # A waiver of the whole clause covers its checks, whether or not they say so themselves.
    if clause_outcome is Outcome.WAIVED and outcome in (Outcome.FAILED, Outcome.WARNED):
        outcome = Outcome.WAIVED
    return Case(check["id"], outcome, reason, check["duration_s"], check)
