"""Renders what `rejudge` found, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from conformance import __version__
from conformance.contract import catalogue
from conformance.evidence.text import one_line
from conformance.report.terminal import STYLES
from conformance.results.queries import shown
from conformance.results.wording import LABELS, counted
from conformance.suite.registry import all_judges

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.results.rejudge import Rejudgement


def render(rejudgement: Rejudgement, console: Console) -> None:
    """Print the checks with another outcome, and how many clauses cannot be judged again."""
    exchanges = counted(rejudgement.exchanges, "exchange")
    console.print(Text(f"{exchanges} of a run of suite {one_line(rejudgement.suite, 40)}, judged by {__version__}"))
    if rejudgement.changes:
        console.print(
            Text(one_line(f"Other versions than in the run: {', '.join(rejudgement.changes)}", 300), "yellow")
        )
    if rejudgement.left_out:
        console.print(Text(f"{counted(rejudgement.left_out, 'exchange')} left out: not kept whole"))
    for difference in rejudgement.differences:
        console.print()
        parts: list[str | tuple[str, str]] = [(difference.check, "bold"), "  "]
        parts += [(LABELS[difference.old], STYLES[difference.old]), " → "]
        console.print(Text.assemble(*parts, (LABELS[difference.new], STYLES[difference.new])))
        if difference.reason:
            console.print(Text(f"  {one_line(shown(difference.reason), 600)}", "bright_black"))
    console.print()
    passive = len({judge.clause for judge in all_judges()})
    active = len(catalogue.load().clauses) - passive
    console.print(Text(f"{passive} clauses are judged on exchanges; the other {active} need a live target."))
    if differing := len(rejudgement.differences):
        console.print(Text(f"{differing} of {differing + rejudgement.equal} checks differ", "bold red"))
    else:
        console.print(Text(f"All {rejudgement.equal} checks have the same outcome", "bold green"))
