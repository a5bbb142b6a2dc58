"""index.html of a fleet: targets and chapters, what they disagree about, and each clause; static, without scripts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.contract import catalogue
from conformance.contract.documentation import clause_page
from conformance.evidence.text import cut, one_line, visible
from conformance.judging.outcomes import Outcome, Verdict, worst
from conformance.report.html import content_security_policy, prose, style, templates, when
from conformance.report.markdown import escape, table
from conformance.results.queries import ORDER
from conformance.results.wording import LABELS, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jinja2 import Environment

    from conformance.fleet.model import Fleet, FleetClauseRow, FleetTargetRow

#: targets that a clause lists by name, and earlier runs that a trend shows
MAX_NAMED, MAX_TREND = 20, 30
_SHOWN = 120
VERDICTS = (Verdict.NON_CONFORMANT, Verdict.INCONCLUSIVE, Verdict.PARTIAL, Verdict.CONFORMANT)


@dataclass(frozen=True, slots=True)
class Cell:
    """The clauses of a chapter for one target: the worst outcome, and the clauses that have none better than it.

    `others`: outcomes other than passed, each with its clauses.
    """

    outcome: str
    text: str
    others: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Row:
    """A target as the page shows it."""

    target: FleetTargetRow
    age: str
    cells: list[Cell | None]
    trend: list[str]


@dataclass(frozen=True, slots=True)
class ClauseView:
    """A clause as the page shows it: counts, and the targets with each outcome other than the most frequent one."""

    clause: FleetClauseRow
    outcomes: list[tuple[str, str, int]]
    named: list[tuple[str, str]]


def render(fleet: Fleet, title: str = "Container backups conformance: fleet") -> str:
    """Return the page."""
    chapters = _chapters(fleet["clauses"])
    finished = datetime.fromisoformat(fleet["run"]["finished"])
    disagreeing = {row["chapter"] for row in fleet["clauses"] if row["disagree"]}
    views = _clause_views(fleet)
    return (
        _environment()
        .get_template("fleet.html.jinja2")
        .render(
            title=title,
            fleet=fleet,
            chapters=[(chapter, catalogue.load().chapters.get(chapter, "")) for chapter in chapters],
            disagreeing=disagreeing,
            rows=[_row(target, chapters, finished) for target in fleet["targets"]],
            has_trend=any(target["past"] for target in fleet["targets"]),
            verdicts=[(verdict.value, _count(fleet, verdict)) for verdict in VERDICTS if _count(fleet, verdict)],
            nobody=[view for view in views if _nobody_passes(view.clause)],
            single=[view for view in views if view.clause["counts"].get(Outcome.FAILED) == 1 < len(fleet["targets"])],
            views=views,
            policy=content_security_policy(),
            style=style(),
        )
    )


def markdown(fleet: Fleet) -> str:
    """Return summary.md: the verdict and a line for each target."""
    lines = [
        [escape(row["name"], 80), escape(row["verdict"]), escape(row["headline"], 300), row["suite"]]
        for row in sorted(fleet["targets"], key=lambda row: [v.value for v in VERDICTS].index(row["verdict"]))
    ]
    return f"# {escape(fleet['headline'])}\n\n{table(['target', 'verdict', 'what it rests on', 'suite'], lines)}"


@cache
def _environment() -> Environment:
    made = templates(Path(__file__).parent / "templates")
    made.globals.update(clause_page=clause_page, counted=counted)
    made.filters.update(one_line=_one_line, when=when, prose=prose)
    return made


def _one_line(text: str, limit: int = _SHOWN) -> str:
    return one_line(visible(cut(text, limit)))


def _chapters(clauses: Iterable[FleetClauseRow]) -> dict[str, list[str]]:
    chapters: dict[str, list[str]] = defaultdict(list)
    for row in clauses:
        chapters[row["chapter"]].append(row["id"])
    return dict(chapters)


def _row(target: FleetTargetRow, chapters: dict[str, list[str]], finished: datetime) -> Row:
    cells = [_cell(target, clauses) for clauses in chapters.values()]
    trend = [past["verdict"] for past in target["past"][:MAX_TREND]][::-1]
    return Row(target, age(target["started"], finished), cells, trend)


def _cell(target: FleetTargetRow, clauses: Sequence[str]) -> Cell | None:
    """The chapter of a target; None where the target has no report."""
    groups: dict[Outcome, list[str]] = defaultdict(list)
    for clause in clauses:
        if outcome := target["outcomes"].get(clause):
            groups[Outcome(outcome)].append(clause)
    if not groups:
        return None
    decisive = worst(groups)
    number = len(groups[decisive])
    text = str(number) if decisive is Outcome.PASSED else f"{number} {LABELS[decisive]}"
    others = [
        (outcome.value, ", ".join(groups[outcome]))
        for outcome in ORDER
        if outcome is not Outcome.PASSED and groups.get(outcome)
    ]
    return Cell(decisive.value, text, others)


def age(started: str, now: datetime) -> str:
    """Return how long before the page a run had started, in one unit; empty where it is unknown."""
    if not started:
        return ""
    seconds = max(0.0, (now - datetime.fromisoformat(started)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def _count(fleet: Fleet, verdict: Verdict) -> int:
    return sum(row["verdict"] == verdict for row in fleet["targets"])


def _nobody_passes(clause: FleetClauseRow) -> bool:
    """Whether a clause was tested and no target passed it."""
    counts = clause["counts"]
    return bool(counts.get(Outcome.FAILED)) and not any(
        counts.get(outcome) for outcome in (Outcome.PASSED, Outcome.WARNED)
    )


def _clause_views(fleet: Fleet) -> list[ClauseView]:
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for target in fleet["targets"]:
        for clause_id, outcome in target["outcomes"].items():
            if outcome not in (Outcome.PASSED, Outcome.NOT_TESTED):
                names[clause_id, outcome].append(one_line(target["name"], 60))
    views = []
    for clause in fleet["clauses"]:
        counts = clause["counts"]
        outcomes = [(outcome.value, LABELS[outcome], counts[outcome]) for outcome in ORDER if counts.get(outcome)]
        named = [(outcome, _named(names[clause["id"], outcome])) for outcome, _, _ in outcomes]
        views.append(ClauseView(clause, outcomes, [(outcome, words) for outcome, words in named if words]))
    return views


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
