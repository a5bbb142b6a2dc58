"""`rejudge DIR`: a run's kept exchanges judged again by today's passive clauses, without any network.

An auditor reproduces what was said; a new version of the suite is tried on old evidence before anybody is accused.
Active checks ask a target, so what they found cannot be found again: those clauses are named, not judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.text import Text

from conformance import __version__
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.evidence import archive
from conformance.judging.checks import all_judges
from conformance.judging.outcomes import Outcome, worst
from conformance.judging.passive import PassiveJudges
from conformance.report.terminal import STYLES
from conformance.results.model import LABELS, counted, shown
from conformance.results.reading import load_results
from conformance.results.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from conformance.judging.outcomes import CheckRecord
    from conformance.results.model import Results

NOT_JUDGED = Outcome.NOT_TESTED


@dataclass(frozen=True, slots=True)
class Difference:
    """A passive check that comes out otherwise today; `reason` is today's, or the run's where today has none."""

    check: str
    was: Outcome
    now: Outcome
    reason: str


@dataclass
class Rejudged:
    """What today's suite says of the exchanges of a run."""

    suite: str
    exchanges: int = 0
    left_out: int = 0
    alike: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of `rejudge`."""
        return 1 if self.differences else 0


def rejudge(folder: Path) -> Rejudged:
    """Judge a report folder's exchanges again. Raises ResultsError and ArchiveError."""
    results = load_results(folder)
    found = Rejudged(str(results["suite"]["version"]))
    judges, replayed = PassiveJudges(catalogue.load(), _selected(results)), archive.Replayed()
    records = list(archive.read(folder / archive.FILE))
    for exchange in replayed.exchanges(records):
        judges.observe(exchange)
        found.exchanges += 1
    found.left_out = len(records) - found.exchanges
    now = {str(record.id): record for record in judges.records(replayed, lambda _: None)}
    _compare(found, _judged_then(results), now)
    return found


def show(found: Rejudged, console: Console) -> None:
    """Print what differs, and what was not judged again."""
    judged = counted(found.exchanges, "exchange")
    console.print(Text(f"{judged} of a run of suite {one_line(found.suite, 40)}, judged by {__version__}"))
    if found.left_out:
        console.print(Text(f"{counted(found.left_out, 'exchange')} left out: too long to have been kept whole"))
    for one in found.differences:
        console.print()
        parts: list[Any] = [(one.check, "bold"), "  ", (LABELS[one.was], STYLES[one.was]), " → "]
        console.print(Text.assemble(*parts, (LABELS[one.now], STYLES[one.now])))
        if one.reason:
            console.print(Text(f"  {one_line(shown(one.reason), 600)}", "bright_black"))
    console.print()
    passive = len({judge.clause for judge in all_judges()})
    rest = len(catalogue.load().clauses) - passive
    console.print(Text(f"{passive} clauses are judged on exchanges; the other {rest} need a target that answers."))
    if differ := len(found.differences):
        console.print(Text(f"{differ} of {differ + found.alike} checks differ", "bold red"))
    else:
        console.print(Text(f"All {found.alike} checks alike", "bold green"))


def _selected(results: Results) -> set[str]:
    """The clauses that the run tested; what its selection named and today's catalogue lacks is left out."""
    known, chosen = catalogue.load(), results["run"]["selection"]

    def matching(selectors: list[str]) -> set[str]:
        return {clause.id for clause in known if {clause.id, clause.chapter} & set(selectors)}

    return (matching(chosen["only"]) if chosen["only"] else set(known.clauses)) - matching(chosen["skip"])


def _judged_then(results: Results) -> dict[str, tuple[Outcome, str]]:
    """The run's passive checks, as they were before a waiver excused them."""
    return {
        check["id"]: (_unwaived(check), check["reason"])
        for row in results["clauses"]
        for check in row["checks"]
        if CheckId.kind_of(check["id"]) is CheckKind.OBSERVED
    }


def _unwaived(check: dict[str, Any]) -> Outcome:
    outcome = Outcome(check["outcome"])
    return outcome if outcome is not Outcome.WAIVED else worst(Outcome(one["outcome"]) for one in check["findings"])


def _compare(found: Rejudged, then: dict[str, tuple[Outcome, str]], now: dict[str, CheckRecord]) -> None:
    for name in sorted(then.keys() | now.keys(), key=_order):
        was, reason = then.get(name, (NOT_JUDGED, ""))
        came = now[name].outcome if name in now else NOT_JUDGED
        if was is came:
            found.alike += 1
            continue
        told = now[name].reason if name in now and came is not Outcome.PASSED else f"was: {reason}" if reason else ""
        found.differences.append(Difference(name, was, came, told))


def _order(check_id: str) -> tuple[Any, ...]:
    clause = check_id.partition("/")[0]
    return (0, catalogue.sort_key(clause), check_id) if clause in catalogue.load().clauses else (1, check_id)
