"""Shows a run's results on a terminal: what failed and how to see it again; the verdict is last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome, Verdict
from conformance.results import waivers
from conformance.results.queries import (
    NOT_SELECTED,
    causes,
    counts,
    failing,
    not_tested_by_reason,
    shown,
    sources,
    unique_findings,
    with_outcome,
)
from conformance.results.wording import LABELS, counted, footprint_words, running_words

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from conformance.results.model import ClauseRow, Results

STYLES = {
    Outcome.FAILED: "bold red",
    Outcome.ERROR: "magenta",
    Outcome.WARNED: "yellow",
    Outcome.WAIVED: "blue",
    Outcome.PASSED: "green",
    Outcome.NOT_TESTED: "bright_black",
}
_VERDICTS = {
    Verdict.CONFORMANT: "bold green",
    Verdict.PARTIAL: "bold",
    Verdict.NON_CONFORMANT: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
}
#: findings of one clause, and clauses with their findings; the report has the others
_MAX_FINDINGS = 3
_MAX_FAILURES = 20
_MAX_NAMED = 60
_EVERYTHING = 10**6


def show(results: Results, console: Console, folder: Path, verbose: bool = False) -> None:
    """Print the results of a run.

    `verbose`: all findings of all clauses that did not pass, and the notes. Foreign text is printed as `Text`, never
    as markup, and everything in it that a terminal would act upon is made visible.
    """
    results = shown(results)
    _failures(results, console, verbose=verbose)
    _others(results, console, verbose=verbose)
    _alerts(results, console)
    _not_tested(results, console)
    if verbose:
        for note in results["notes"]:
            _line(console, ("note: ", "bright_black"), one_line(note))
    _end(results, console, folder)


def _failures(results: Results, console: Console, *, verbose: bool) -> None:
    rows = failing(results)
    in_full = rows if verbose else rows[:_MAX_FAILURES]
    for clause in in_full:
        _clause(clause, console)
        _findings(clause, console, limit=_EVERYTHING if verbose else _MAX_FINDINGS)
    if rest := rows[len(in_full) :]:
        console.print()
    for clause in rest:
        _brief(clause, console)


def _clause(clause: ClauseRow, console: Console) -> None:
    outcome = Outcome(clause["outcome"])
    console.print()
    _line(console, (LABELS[outcome].upper(), STYLES[outcome]), " ", (clause["id"], "bold"), f" {clause['level']}")
    _indented(console, clause["title"])
    if clause["should"]:
        _indented(console, f"SHOULD: {clause['should']}")
    _indented(console, f"from {'; '.join(sources(clause))}", "bright_black")


def _findings(clause: ClauseRow, console: Console, limit: int) -> None:
    findings = unique_findings(clause)
    if not findings:
        _indented(console, one_line(clause["reason"]))
    for unique in findings[:limit]:
        finding = unique.finding
        if len(clause["checks"]) > 1:
            _indented(console, f"in {', '.join(unique.checks)}", "bright_black")
        if finding["outcome"] == Outcome.ERROR:
            _fact(console, "why", one_line(finding["got"]), "magenta")
        else:
            _fact(console, "wanted", one_line(finding["wanted"]))
            _fact(console, "got", one_line(finding["got"]), "red")
        if finding["pointer"] is not None:
            _fact(console, "at", one_line(finding["pointer"]) or "the whole body")
        if unique.exchange:
            _fact(console, "try", one_line(unique.exchange["curl"], 2000), "cyan")
    if len(findings) > limit:
        _indented(console, f"{counted(len(findings) - limit, 'more finding')} in the report", "bright_black")


def _others(results: Results, console: Console, *, verbose: bool) -> None:
    shown_above = failing(results)
    for outcome in (Outcome.ERROR, Outcome.WARNED, Outcome.WAIVED):
        rows = [row for row in with_outcome(results, outcome) if row not in shown_above]
        if rows:
            console.print()
        groups = causes(rows) if outcome is Outcome.ERROR else []
        for cause in groups if not verbose else ():
            _cause(cause.words, cause.clauses, console)
        for clause in rows if verbose or not groups else ():
            _brief(clause, console)
            if verbose:
                _findings(clause, console, limit=_EVERYTHING)


def _cause(reason: str, rows: list[ClauseRow], console: Console) -> None:
    """Clauses with an outcome for one reason."""
    if len(rows) == 1:
        _brief(rows[0], console)
        return
    outcome = Outcome(rows[0]["outcome"])
    clauses = (counted(len(rows), "clause"), "bold")
    _line(console, (LABELS[outcome], STYLES[outcome]), " ", clauses, f": {one_line(reason, 300)}")
    _indented(console, ", ".join(row["id"] for row in rows), "bright_black")


def _brief(clause: ClauseRow, console: Console) -> None:
    outcome = Outcome(clause["outcome"])
    reason = one_line(clause["reason"], 300)
    _line(console, (LABELS[outcome], STYLES[outcome]), " ", (clause["id"], "bold"), f" {reason}")


def _alerts(results: Results, console: Console) -> None:
    run = results["run"]
    alerts = [f"interrupted: {one_line(run['interruption'])}"] if run["interrupted"] else []
    alerts += [one_line(words, 2000) for words in running_words(run)]
    alerts += [
        f"the waiver of {waiver['clause']} is {waiver['state']}: {one_line(waiver['reason'])}"
        for waiver in results["waivers"]
        if waiver["state"] != "used"
    ]
    if alerts:
        console.print()
    for alert in alerts:
        _line(console, ("! ", "bold yellow"), alert)


def _not_tested(results: Results, console: Console) -> None:
    groups = not_tested_by_reason(results)
    if not groups:
        return
    console.print()
    _line(console, f"{counted(sum(map(len, groups.values())), 'clause')} not tested:")
    for reason, rows in groups.items():
        # Whoever left clauses out knows which.
        names = counted(len(rows), "clause") if reason == NOT_SELECTED else ", ".join(row["id"] for row in rows)
        _indented(console, f"{one_line(reason)}: {names}", "bright_black")


def _end(results: Results, console: Console, folder: Path) -> None:
    console.print()
    if words := footprint_words(results):
        _line(console, f"Left behind: {words}")
    if waivers.stubs(results):
        _path(console, "Waiver stubs", folder / waivers.STUB_FILE)
    _path(console, "Report", folder / "report.html")
    parts = [
        part
        for outcome, name, number in counts(results)
        for part in ((f"{number} {name}", STYLES[outcome] if number else "bright_black"), "  ")
    ]
    _line(console, *parts[:-1])
    _line(console, (results["headline"], _VERDICTS[Verdict(results["verdict"])]))
    if rows := failing(results):
        more = f", and {len(rows) - _MAX_NAMED} more" if len(rows) > _MAX_NAMED else ""
        _line(console, ("Failed: ", "bold red"), ", ".join(row["id"] for row in rows[:_MAX_NAMED]) + more)


def _path(console: Console, name: str, path: Path) -> None:
    # A path that is broken over two lines cannot be clicked.
    console.print(Text(f"{name}: {one_line(str(path), 4000)}"), soft_wrap=True)


def _fact(console: Console, name: str, value: str, style: str = "") -> None:
    if name == "try":  # a command is copied as a whole
        console.print(Text.assemble("    ", (f"{name:<7}", "bright_black"), (value, style)), soft_wrap=True)
    else:
        behind_margin(console, Text.assemble((f"{name:<7}", "bright_black"), (value, style), overflow="fold"), 4)


def _indented(console: Console, text: str, style: str = "") -> None:
    behind_margin(console, Text(text, style, overflow="fold"), 2)


def behind_margin(console: Console, text: Text, width: int) -> None:
    """Print a line behind a margin, broken to the terminal's width; in a file or a pipe no line is broken."""
    if console.soft_wrap:
        console.print(Text.assemble(" " * width, text))
    else:
        console.print(Padding(text, (0, 0, 0, width), expand=False))


def _line(console: Console, *parts: str | tuple[str, str]) -> None:
    console.print(Text.assemble(*parts, overflow="fold"))
