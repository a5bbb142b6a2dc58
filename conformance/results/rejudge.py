"""Judges a run's recorded exchanges again, by today's passive clauses and without a network (`rejudge DIR`).

An auditor can reproduce the outcomes of a run, and a new version of the suite can be tried on old evidence. What
active checks found cannot be judged again, because those checks send requests to a target.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.evidence import archive
from conformance.judging.outcomes import Outcome, worst
from conformance.judging.passive import PassiveJudges
from conformance.results import environment
from conformance.results.reading import load_results
from conformance.suite.registry import judges_of

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.judging.outcomes import CheckRecord, CheckRow
    from conformance.results.model import Results


@dataclass(frozen=True, slots=True)
class Difference:
    """A passive check with another outcome today; `reason` is today's, or the run's where the check passes today."""

    check: str
    old: Outcome
    new: Outcome
    reason: str


@dataclass
class Rejudgement:
    """Today's outcomes of the exchanges of a run, compared with the run's own.

    `suite`: the version that made the run; `changes`: libraries with another version than in the run, a line each;
    `exchanges`, `left_out`: how many exchanges were judged and how many were
    not recorded whole; `equal`: how many checks have the same outcome.
    """

    suite: str
    exchanges: int = 0
    left_out: int = 0
    equal: int = 0
    differences: list[Difference] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of `rejudge`."""
        return 1 if self.differences else 0


def rejudge(folder: Path) -> Rejudgement:
    """Judge a report folder's exchanges again. Raises ResultsError and ArchiveError."""
    results = load_results(folder)
    rejudgement = Rejudgement(str(results["suite"]["version"]))
    rejudgement.changes = environment.changed_versions(
        environment.JUDGES, results["run"]["versions"], environment.versions()
    )
    judges, replayed = PassiveJudges(catalogue.load(), judges_of(_selected(results))), archive.Replayed()
    for exchange in replayed.exchanges(archive.read(folder / archive.FILE)):
        judges.observe(exchange)
        rejudgement.exchanges += 1
    rejudgement.left_out = replayed.left_out
    edition = results.get("edition", catalogue.load().editions[-1])
    records = {
        str(record.id): record if catalogue.load().decides(record.clause, edition) else record.as_advisory()
        for record in judges.records(replayed, lambda _: None)
    }
    _compare(rejudgement, _recorded(results), records)
    return rejudgement


def _selected(results: Results) -> set[str]:
    """The clauses that the run tested; selectors that today's catalogue does not know are ignored."""
    known, selection = catalogue.load(), results["run"]["selection"]

    def matching(selectors: list[str]) -> set[str]:
        return {clause.id for clause in known if {clause.id, clause.chapter} & set(selectors)}

    only = matching(selection["only"]) if selection["only"] else set(known.clauses)
    return only - matching(selection["skip"])


def _recorded(results: Results) -> dict[str, tuple[Outcome, str]]:
    """Outcome and reason of the run's passive checks, as they were before waivers."""
    return {
        check["id"]: (_unwaived(check), check["reason"])
        for row in results["clauses"]
        for check in row["checks"]
        if CheckId.kind_of(check["id"]) is CheckKind.OBSERVED
    }


def _unwaived(check: CheckRow) -> Outcome:
    outcome = Outcome(check["outcome"])
    if outcome is not Outcome.WAIVED:
        return outcome
    return worst(Outcome(finding["outcome"]) for finding in check["findings"])


def _compare(
    rejudgement: Rejudgement, recorded: dict[str, tuple[Outcome, str]], records: dict[str, CheckRecord]
) -> None:
    for check in sorted(recorded.keys() | records.keys(), key=_sort_key):
        old, reason = recorded.get(check, (Outcome.NOT_TESTED, ""))
        new = records[check].outcome if check in records else Outcome.NOT_TESTED
        if old is new:
            rejudgement.equal += 1
            continue
        if check in records and new is not Outcome.PASSED:
            reason = records[check].reason
        elif reason:
            reason = f"was: {reason}"
        rejudgement.differences.append(Difference(check, old, new, reason))


def _sort_key(check: str) -> tuple[object, ...]:
    clause = check.partition("/")[0]
    return (0, catalogue.sort_key(clause), check) if clause in catalogue.load().clauses else (1, check)
