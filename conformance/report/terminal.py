"""The run's end on the screen: what failed and how to see it again, and the verdict last, where the eye is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from conformance.contract.documentation import clause_page
from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome, Verdict
from conformance.results.queries import (
    NOT_SELECTED,
    by_reason,
    counts,
    evidence,
    findings,
    is_strict,
    not_tested_by_reason,
    shown,
    sources,
    with_outcome,
)
from conformance.results.waivers import stubs
from conformance.results.wording import LABELS, counted, running_words

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
_FINDINGS = 3  # of one clause; the report has the rest
_FAILURES = 20  # told at length; whoever has more needs the report


def show(results: Results, console: Console, folder: Path, verbose: bool = False) -> None:
    """Print the outcome of a run. `verbose`: all findings of all clauses that are not green, and the notes.

    Foreign text goes to the console as `Text`, never as markup, with everything that a terminal would act upon
    made visible.
    """
    results = shown(results)
    _failures(results, console, verbose=verbose)
    _others(results, console, verbose=verbose)
    _alerts(results, console)
    _not_tested(results, console)
    if verbose:
        for note in results["notes"]:
            _line(console, ("note: ", "bright_black"), one_line(note))
    _stubs(results, console)
    _end(results, console, folder)


def _failures(results: Results, console: Console, *, verbose: bool) -> None:
    outcomes = (Outcome.FAILED, Outcome.WARNED) if is_strict(results) else (Outcome.FAILED,)
    rows = with_outcome(results, *outcomes)
    at_length = rows if verbose else rows[:_FAILURES]
    for clause in at_length:
        _clause(clause, console)
        _findings(clause, console, limit=10**6 if verbose else _FINDINGS)
    for clause in rows[len(at_length) :]:
        _brief(clause, console)


def _clause(clause: ClauseRow, console: Console) -> None:
    style = STYLES[Outcome(clause["outcome"])]
    console.print()
    _line(
        console, (LABELS[Outcome(clause["outcome"])].upper(), style), " ", (clause["id"], "bold"), f" {clause['level']}"
    )
    _indented(console, clause["title"])
    if clause["should"]:
        _indented(console, f"SHOULD: {clause['should']}")
    _indented(console, f"from {'; '.join(sources(clause))}", "bright_black")
    if page := clause_page(clause["id"]):
        _indented(console, f"see {page}", "bright_black")


def _findings(clause: ClauseRow, console: Console, limit: int) -> None:
    pairs = list(findings(clause))
    if not pairs:
        _indented(console, one_line(clause["reason"]))
    for check, finding in pairs[:limit]:
        if len(clause["checks"]) > 1:
            _indented(console, f"in {check['id']}", "bright_black")
        _fact(console, "wanted", one_line(finding["wanted"]))
        _fact(console, "got", one_line(finding["got"]), "red")
        if finding["pointer"] is not None:
            _fact(console, "at", one_line(finding["pointer"]) or "the whole body")
        exchange = evidence(check, finding)
        if exchange:
            _fact(console, "try", one_line(exchange["curl"], 2000), "cyan")
    if len(pairs) > limit:
        _indented(console, f"{counted(len(pairs) - limit, 'more finding')} in the report", "bright_black")


def _others(results: Results, console: Console, *, verbose: bool) -> None:
    told = (Outcome.ERROR,) if is_strict(results) else (Outcome.ERROR, Outcome.WARNED)
    for outcome in (*told, Outcome.WAIVED):
        rows = with_outcome(results, outcome)
        if rows:
            console.print()
        for alike in by_reason(rows).values():
            if len(alike) > 1 and not verbose:
                _together(alike, console)
                continue
            for clause in alike:
                _brief(clause, console)
                if verbose:
                    _findings(clause, console, limit=10**6)


def _together(rows: list[ClauseRow], console: Console) -> None:
    """Clauses that came out so for one reason."""
    outcome, reason = Outcome(rows[0]["outcome"]), one_line(rows[0]["reason"], 300)
    _line(console, (LABELS[outcome], STYLES[outcome]), " ", (counted(len(rows), "clause"), "bold"), f" {reason}")
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
    for hint, rows in groups.items():
        # Who left them out knows which.
        names = counted(len(rows), "clause") if hint == NOT_SELECTED else ", ".join(row["id"] for row in rows)
        _indented(console, f"{one_line(hint)}: {names}", "bright_black")


def _stubs(results: Results, console: Console) -> None:
    text = stubs(results)
    if not text:
        return
    console.print()
    _line(console, "Waivers to start from, for deviations that are known and accepted (--waivers FILE):")
    # Not indented and not wrapped, so that it can be copied into the file as it stands.
    console.print(Text(text, "bright_black"), soft_wrap=True)


def _end(results: Results, console: Console, folder: Path) -> None:
    console.print()
    parts = [
        part
        for outcome, name, number in counts(results)
        for part in ((f"{number} {name}", STYLES[outcome] if number else "bright_black"), "  ")
    ]
    _line(console, *parts[:-1])
    _line(console, (results["headline"], _VERDICTS[Verdict(results["verdict"])]))
    # A path that is broken over two lines cannot be clicked.
    console.print(Text(f"Report: {one_line(str(folder / 'report.html'), 4000)}"), soft_wrap=True)


def _fact(console: Console, name: str, value: str, style: str = "") -> None:
    if name == "try":  # a command is there to be copied whole
        console.print(Text.assemble("    ", (f"{name:<7}", "bright_black"), (value, style)), soft_wrap=True)
    else:
        behind_margin(console, Text.assemble((f"{name:<7}", "bright_black"), (value, style), overflow="fold"), 4)


def _indented(console: Console, text: str, style: str = "") -> None:
    behind_margin(console, Text(text, style, overflow="fold"), 2)


def behind_margin(console: Console, text: Text, width: int) -> None:
    """One line behind a margin, broken as the terminal needs it; in a file or a pipe nothing breaks lines, or cuts."""
    if console.soft_wrap:
        console.print(Text.assemble(" " * width, text))
    else:
        console.print(Padding(text, (0, 0, 0, width), expand=False))


def _line(console: Console, *parts: str | tuple[str, str]) -> None:
    console.print(Text.assemble(*parts, overflow="fold"))
