"""Two runs side by side: what broke, what was mended, and whether they can be compared at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from conformance.judging.outcomes import Outcome
from conformance.report.html import environment, style
from conformance.report.markdown import escape, table
from conformance.report.plots import seconds
from conformance.report.terminal import STYLES
from conformance.results.model import LABELS, Results, Row, counted, selection_words, shown
from conformance.results.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

_RED = (Outcome.FAILED, Outcome.ERROR)
_UNTOLD = (Outcome.NOT_TESTED, Outcome.ERROR)  # says nothing of the target
#: a time that changed by less is noise
_FACTOR, _MIN_S = 2.0, 0.02


@dataclass(frozen=True, slots=True)
class Change:
    """A clause that came out otherwise; `reason` is the newer run's."""

    id: str
    level: str
    old: Outcome
    new: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Timing:
    """Something that took much longer, or much shorter; never a failure."""

    what: str
    old_s: float
    new_s: float

    @property
    def words(self) -> str:
        """By how much."""
        slower = self.new_s > self.old_s
        low, high = sorted((max(self.old_s, 1e-6), max(self.new_s, 1e-6)))
        return f"{high / low:.1f} times {'as long' if slower else 'faster'}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs from the older run to the newer; each clause stands in one list at most.

    `broken`: was told and not red, and is red now; or passed and is not tested any more.
    `mended`: failed or ended in error, and passes now (with a warning at worst).
    `newly_tested`: could not be told before; `no_longer_tested`: cannot be told now, and did not pass before.
    `warnings`: all other changes, among passed, warned and waived.
    `timings`: what took twice as long, or half.
    `differences`: why the two runs may not be alike (suite, catalogue, target, profile, selection, waivers).
    """

    broken: list[Change] = field(default_factory=list)
    mended: list[Change] = field(default_factory=list)
    newly_tested: list[Change] = field(default_factory=list)
    no_longer_tested: list[Change] = field(default_factory=list)
    warnings: list[Change] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of `compare`."""
        return 1 if self.broken else 0

    @property
    def verdict(self) -> str:
        """The outcome in words."""
        return f"{len(self.broken)} broken" if self.broken else "Nothing broke"

    @property
    def sections(self) -> dict[str, list[Change]]:
        """The lists that have anything in them, by their titles."""
        lists = {
            "Broken": self.broken,
            "Mended": self.mended,
            "Newly tested": self.newly_tested,
            "No longer tested": self.no_longer_tested,
            "Changed in warnings and waivers": self.warnings,
        }
        return {title: changes for title, changes in lists.items() if changes}


def compare(old: Results, new: Results) -> Comparison:
    """What became of each clause from the older run to the newer."""
    comparison = Comparison(timings=_timings(old, new), differences=_differences(old, new))
    before, after = _rows(old), _rows(new)
    for clause_id in [*before, *(name for name in after if name not in before)]:
        row = after.get(clause_id) or before[clause_id]
        was, came = _outcome(before.get(clause_id)), _outcome(after.get(clause_id))
        reason = row["reason"] if clause_id in after else "the newer run's catalogue does not have it"
        change = Change(clause_id, row["level"], was, came, reason)
        if was is not came:
            _list_for(change, comparison).append(change)
    return comparison


def render(comparison: Comparison, console: Console) -> None:
    """Print the comparison: first what makes it doubtful, last what broke."""
    for difference in comparison.differences:
        console.print(Text.assemble(("differs: ", "yellow"), one_line(difference)))
    told = [*comparison.sections.items()]
    for title, changes in [*told[1:], *told[:1]] if comparison.broken else told:
        console.print()
        console.print(Text(f"{title}: {len(changes)}", "bold"))
        for change in changes:
            console.print(_change_line(change))
    if comparison.timings:
        console.print()
        console.print(Text(f"Changed in time: {len(comparison.timings)}", "bold"))
    for timing in comparison.timings:
        times = f"{seconds(timing.old_s)} → {seconds(timing.new_s)}"
        console.print(Text.assemble(f"  {one_line(timing.what):<16} {times}  ", (timing.words, "bright_black")))
    console.print()
    console.print(Text(comparison.verdict, "bold red" if comparison.broken else "bold green"))


def markdown(comparison: Comparison) -> str:
    """The comparison for a pull request."""
    parts = [f"# {comparison.verdict}"]
    if comparison.differences:
        parts.append("\n".join(f"> **Differs:** {escape(words)}\n>" for words in comparison.differences)[:-2])
    for title, changes in comparison.sections.items():
        rows = (
            [change.id, change.level, LABELS[change.old], LABELS[change.new], escape(change.reason)]
            for change in changes
        )
        parts += [f"## {title}", table(["clause", "level", "was", "is", "reason"], rows)]
    if comparison.timings:
        times = ([escape(one.what), seconds(one.old_s), seconds(one.new_s), one.words] for one in comparison.timings)
        parts += ["## Changed in time", table(["what", "was", "is", ""], times)]
    return "\n\n".join(parts)


def page(comparison: Comparison, old: Results, new: Results) -> str:
    """The comparison as one self-contained HTML file without scripts."""
    return (
        environment()
        .get_template("compare.html.jinja2")
        .render(comparison=comparison, old=shown(old), new=shown(new), style=style(), counted=counted)
    )


def _list_for(change: Change, comparison: Comparison) -> list[Change]:
    was, came = change.old, change.new
    if (was is Outcome.PASSED and came in _UNTOLD) or (was not in _UNTOLD and was not in _RED and came in _RED):
        return comparison.broken
    if was in _UNTOLD and came not in _UNTOLD:
        return comparison.mended if was is Outcome.ERROR and came is not Outcome.FAILED else comparison.newly_tested
    if came in _UNTOLD:
        return comparison.no_longer_tested
    if was is Outcome.FAILED and came is not Outcome.WAIVED:
        return comparison.mended
    return comparison.warnings


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


def _rows(results: Results) -> dict[str, Row]:
    return {row["id"]: row for row in shown(results["clauses"])}


def _outcome(row: Row | None) -> Outcome:
    return Outcome(row["outcome"]) if row else Outcome.NOT_TESTED


def _differences(old: Results, new: Results) -> list[str]:
    pairs = {
        "suite version": (old["suite"]["version"], new["suite"]["version"]),
        "catalogue": (old["suite"]["catalogue_sha256"][:12], new["suite"]["catalogue_sha256"][:12]),
        "schemas": (old["suite"]["schemas_sha256"][:12], new["suite"]["schemas_sha256"][:12]),
        "target": (old["target"]["name"], new["target"]["name"]),
        "base URL": (old["target"]["base_url"], new["target"]["base_url"]),
        "profile": (old["run"]["profile"], new["run"]["profile"]),
        "selection": (selection_words(old["run"]), selection_words(new["run"])),
        "waivers": (_waived(old["waivers"]), _waived(new["waivers"])),
    }
    told = [f"{name}: {was} → {came}" for name, (was, came) in pairs.items() if was != came]
    whole = (("older", old), ("newer", new))
    return told + [f"the {name} run was interrupted" for name, results in whole if results["run"]["interrupted"]]


def _waived(waivers: Iterable[Row]) -> str:
    names = {waiver.get("check") or waiver["clause"] for waiver in waivers if waiver["state"] != "expired"}
    return ", ".join(sorted(names)) or "none"


def _timings(old: Results, new: Results) -> list[Timing]:
    """The run as a whole, the answers by operation, the clauses' checks: whatever both runs have."""
    before, after = _times(old), _times(new)
    found = [Timing(what, before[what], after[what]) for what in before if what in after]
    return [one for one in found if _is_change(one.old_s, one.new_s)]


def _times(results: Results) -> dict[str, float]:
    times = {"the run": float(results["run"].get("duration_s", 0))}
    for row in results.get("latency", []):
        times[f"{row['operation']}, median"] = row["p50_s"]
        times[f"{row['operation']}, 95 %"] = row["p95_s"]
    for clause in results["clauses"]:
        checks = clause.get("checks", [])
        if checks:
            times[clause["id"]] = sum(check["duration_s"] for check in checks)
    return times


def _is_change(old_s: float, new_s: float) -> bool:
    low, high = sorted((old_s, new_s))
    return high - low >= _MIN_S and high >= _FACTOR * low
