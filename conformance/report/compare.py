"""Renders a comparison of two runs for a terminal, a pull request and a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from conformance.evidence.text import one_line
from conformance.report.html import environment, style
from conformance.report.markdown import escape, table
from conformance.report.plots import seconds
from conformance.report.terminal import STYLES
from conformance.results.queries import shown
from conformance.results.wording import LABELS, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from conformance.judging.outcomes import Outcome
    from conformance.results.compare import Change, Comparison
    from conformance.results.model import Results


def render(comparison: Comparison, console: Console) -> None:
    """Print the comparison: differences between the runs, what broke, all else, and the headline again at the end."""
    for difference in comparison.differences:
        console.print(Text.assemble(("differs: ", "yellow"), one_line(difference)))
    for title, changes in comparison.sections.items():
        console.print()
        console.print(Text(f"{title}: {len(changes)}", "bold"))
        for line in _change_lines(changes):
            console.print(line)
    if comparison.timings:
        console.print()
        console.print(Text(f"Changed in time: {len(comparison.timings)}", "bold"))
    for timing in comparison.timings:
        times = f"{seconds(timing.old_s)} → {seconds(timing.new_s)}"
        console.print(Text.assemble(f"  {one_line(timing.subject):<16} {times}  ", (timing.words, "bright_black")))
    console.print()
    ids = ", ".join(change.id for change in comparison.broken)
    words = f"{comparison.headline}: {ids}" if ids else comparison.headline
    console.print(Text(words, "bold red" if ids else "bold green"))


def markdown(comparison: Comparison) -> str:
    """Return the comparison as Markdown for a pull request."""
    parts = [f"# {comparison.headline}"]
    if comparison.differences:
        parts.append("\n".join(f"> **Differs:** {escape(words)}\n>" for words in comparison.differences)[:-2])
    for title, changes in comparison.sections.items():
        rows = (
            [change.id, change.level, LABELS[change.old], LABELS[change.new], escape(change.reason)]
            for change in changes
        )
        parts += [f"## {title}", table(["clause", "level", "was", "is", "reason"], rows)]
    if comparison.timings:
        times = (
            [escape(timing.subject), seconds(timing.old_s), seconds(timing.new_s), timing.words]
            for timing in comparison.timings
        )
        parts += ["## Changed in time", table(["what", "was", "is", ""], times)]
    return "\n\n".join(parts)


def page(comparison: Comparison, old: Results, new: Results) -> str:
    """Return the comparison as one self-contained HTML file without scripts."""
    return (
        environment()
        .get_template("compare.html.jinja2")
        .render(comparison=comparison, old=shown(old), new=shown(new), style=style(), counted=counted)
    )


def _change_lines(changes: Sequence[Change]) -> Iterator[Text]:
    """Yield a line for each change that has a reason, then one for all that changed alike without one."""
    alike: dict[tuple[Outcome, Outcome], list[str]] = {}
    for change in changes:
        if change.reason:
            yield _change_line(change)
        else:
            alike.setdefault((change.old, change.new), []).append(change.id)
    for (old, new), ids in alike.items():
        styled = (LABELS[old], STYLES[old]), " → ", (LABELS[new], STYLES[new])
        yield Text.assemble("  ", *styled, f"  {', '.join(ids)}", overflow="fold")


def _change_line(change: Change) -> Text:
    reason = f"  {one_line(change.reason, 200)}" if change.reason else ""
    return Text.assemble(
        f"  {change.id:<8} ",
        (LABELS[change.old], STYLES[change.old]),
        " → ",
        (LABELS[change.new], STYLES[change.new]),
        (reason, "bright_black"),
        overflow="fold",
    )
