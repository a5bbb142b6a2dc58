"""Renders a replay for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from conformance.evidence.text import one_line
from conformance.replay.model import Status
from conformance.report.terminal import behind_margin
from conformance.results.queries import shown
from conformance.results.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.replay.model import Replay, Replayed

STYLES = {
    Status.FIXED: "bold green",
    Status.FAILING: "bold red",
    Status.FLAKY: "bold magenta",
    Status.UNKNOWN: "bold yellow",
}


def show_check(check: Replayed, console: Console) -> None:
    """Print one check: its status, its result now, and its result in the run."""
    status = check.status
    console.print(Text.assemble((status.value, STYLES[status]), "  ", (one_line(check.failure.check, 100), "bold")))
    judged = sum(attempt.is_judged for attempt in check.attempts)
    facts = {"then": check.failure.reason, "now": check.reason}
    if status is not Status.UNKNOWN:
        facts["tries"] = f"{judged} judged of {len(check.attempts)}"
    for name, words in facts.items():
        if words:
            line = Text.assemble((f"{name:<6}", "bright_black"), one_line(shown(words), 600), overflow="fold")
            behind_margin(console, line, 2)


def show_end(replay: Replay, console: Console) -> None:
    """Print which target was asked, how many checks have each status, and the worst of them."""
    console.print()
    if replay.recorded.rstrip("/") != replay.replayed.rstrip("/"):
        where = f"{one_line(replay.replayed, 300)}; the report is about {one_line(replay.recorded, 300)}"
        console.print(Text(f"Replayed on {where}"))
    if replay.changes:
        words = f"Other versions than in the run, so that generated requests may differ: {', '.join(replay.changes)}"
        console.print(Text(one_line(words, 300), "yellow"))
    statuses = [check.status for check in replay.checks]
    counts = [f"{statuses.count(status)} {status.value}" for status in Status if status in statuses]
    console.print(Text(f"{counted(len(statuses), 'check')}: {', '.join(counts)}"))
    console.print(Text(replay.status.value.capitalize(), STYLES[replay.status]))
