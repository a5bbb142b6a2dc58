"""Two runs side by side: what broke, what was mended, and whether they can be compared at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from conformance.outcomes import Outcome
from conformance.report.model import LABELS, Results, Row, selection_words, shown
from conformance.report.terminal import STYLES
from conformance.report.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

_FORMAT = "backups-conformance/results/1"
_RED = (Outcome.FAILED, Outcome.ERROR)
_UNTOLD = (Outcome.NOT_TESTED, Outcome.ERROR)  # says nothing of the target
_NEEDED = {
    "suite": {"version", "catalogue_sha256", "schemas_sha256"},
    "target": {"name", "base_url"},
    "run": {"profile", "selection", "interrupted"},
}
_NEEDED_ROWS = {"waivers": {"clause", "state"}, "clauses": {"id", "level", "outcome", "reason"}}


class ResultsError(ValueError):
    """A file that is no results.json of a format that we read; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """A clause that came out otherwise; `reason` is the newer run's."""

    id: str
    level: str
    old: Outcome
    new: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs from the older run to the newer; each clause stands in one list at most.

    `broken`: was told and not red, and is red now; or passed and is not tested any more.
    `mended`: failed or ended in error, and passes now (with a warning at worst).
    `newly_tested`: could not be told before; `no_longer_tested`: cannot be told now, and did not pass before.
    `warnings`: all other changes, among passed, warned and waived.
    `differences`: why the two runs may not be alike (suite, catalogue, target, profile, selection, waivers).
    """

    broken: list[Change] = field(default_factory=list)
    mended: list[Change] = field(default_factory=list)
    newly_tested: list[Change] = field(default_factory=list)
    no_longer_tested: list[Change] = field(default_factory=list)
    warnings: list[Change] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of `compare`."""
        return 1 if self.broken else 0


def load_results(path: Path) -> Results:
    """Read a results.json, named itself or by its folder. Raises ResultsError."""
    file = path / "results.json" if path.is_dir() else path
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ResultsError(f"{file}: cannot be read: {problem.strerror or problem}") from None
    except (ValueError, RecursionError) as problem:
        raise ResultsError(f"{file}: is not JSON: {one_line(str(problem), 120)}") from None
    written = results.get("format") if isinstance(results, dict) else None
    if written != _FORMAT:
        seen = f"its format is {one_line(str(written), 60)!r}" if written else "it names no format"
        raise ResultsError(f"{file}: is no results.json that this version reads: {seen}, wanted {_FORMAT!r}")
    problem_seen = _problem(results)
    if problem_seen:
        raise ResultsError(f"{file}: is damaged: {problem_seen}")
    return dict(results)


def compare(old: Results, new: Results) -> Comparison:
    """What became of each clause from the older run to the newer."""
    comparison = Comparison(differences=_differences(old, new))
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
    titles = {
        "Mended": comparison.mended,
        "Newly tested": comparison.newly_tested,
        "No longer tested": comparison.no_longer_tested,
        "Changed in warnings and waivers": comparison.warnings,
        "Broken": comparison.broken,
    }
    for title, changes in titles.items():
        if changes:
            console.print()
            console.print(Text(f"{title}: {len(changes)}", "bold"))
        for change in changes:
            console.print(_change_line(change))
    console.print()
    broken = len(comparison.broken)
    console.print(Text(f"{broken} broken" if broken else "Nothing broke", "bold red" if broken else "bold green"))


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


def _problem(results: Results) -> str | None:
    """What keeps the file from being compared; a whole validation is the schema's work."""
    for name, members in _NEEDED.items():
        part = results.get(name)
        if not isinstance(part, dict) or not members <= part.keys():
            return f"{name} is missing or lacks members"
    for name, members in _NEEDED_ROWS.items():
        rows = results.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and members <= row.keys() for row in rows):
            return f"{name} are missing or lack members"
    known = {outcome.value for outcome in Outcome}
    strange = [row["outcome"] for row in results["clauses"] if row["outcome"] not in known]
    return f"unknown outcome {one_line(str(strange[0]), 40)!r}" if strange else None
