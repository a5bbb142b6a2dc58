"""Compares two runs: which clauses broke, which were fixed, and whether the runs can be compared at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from conformance.judging.outcomes import Outcome
from conformance.results import environment
from conformance.results.queries import shown
from conformance.results.wording import selection_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.results.model import ClauseRow, Results, RunRow, WaiverRow

_RED = (Outcome.FAILED, Outcome.ERROR)
#: outcomes that say nothing about the target
_UNDETERMINED = (Outcome.NOT_TESTED, Outcome.ERROR)
#: A duration that changed by less is noise. Most of a check's time is spent waiting for its turn among others, so that
#: only a change of seconds says something about the target.
_MIN_FACTOR, _MIN_DIFFERENCE_S, _MIN_DIFFERENCE_OF_CHECKS_S = 2.0, 0.02, 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """A clause with another outcome in the newer run; `reason` is the newer run's."""

    id: str
    level: str
    old: Outcome
    new: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Timing:
    """A duration, in seconds, that changed noticeably; never a failure."""

    subject: str
    old_s: float
    new_s: float

    @property
    def words(self) -> str:
        """Describe by how much it changed."""
        slower = self.new_s > self.old_s
        low, high = sorted((max(self.old_s, 1e-6), max(self.new_s, 1e-6)))
        return f"{high / low:.1f} times {'as long' if slower else 'faster'}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes from the older run to the newer; each clause is in at most one list.

    `broken`: passed, warned or waived before, and failed or in error now; or passed before and not tested now; or
    failed before and after, and now also in checks that passed before.
    `partly_fixed`: failed before and after, in fewer checks.
    `fixed`: failed or in error before, and passed (or only warned) now.
    `newly_tested`: undetermined before; `no_longer_tested`: undetermined now, and did not pass before.
    `warnings`: all other changes among passed, warned and waived.
    `timings`: durations that doubled or halved, and changed by more than chance changes them.
    `differences`: why the runs may not be comparable (suite, catalogue, target, profile, selection, waivers).
    """

    broken: list[Change] = field(default_factory=list)
    fixed: list[Change] = field(default_factory=list)
    newly_tested: list[Change] = field(default_factory=list)
    no_longer_tested: list[Change] = field(default_factory=list)
    partly_fixed: list[Change] = field(default_factory=list)
    warnings: list[Change] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """The exit code of `compare`."""
        return 1 if self.broken else 0

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        return f"{len(self.broken)} broken" if self.broken else "Nothing broke"

    @property
    def sections(self) -> dict[str, list[Change]]:
        """The lists that are not empty, by title."""
        lists = {
            "Broken": self.broken,
            "Fixed": self.fixed,
            "Partly fixed": self.partly_fixed,
            "Newly tested": self.newly_tested,
            "No longer tested": self.no_longer_tested,
            "Changed in warnings and waivers": self.warnings,
        }
        return {title: changes for title, changes in lists.items() if changes}


def compare(old: Results, new: Results) -> Comparison:
    """Compare each clause of the older run with the newer."""
    comparison = Comparison(timings=_timings(old, new), differences=_differences(old, new))
    old_rows, new_rows = _rows(old), _rows(new)
    for clause_id in [*old_rows, *(name for name in new_rows if name not in old_rows)]:
        row = new_rows.get(clause_id) or old_rows[clause_id]
        before, after = _outcome(old_rows.get(clause_id)), _outcome(new_rows.get(clause_id))
        reason = row["reason"] if clause_id in new_rows else "the newer run's catalogue does not have it"
        change = Change(clause_id, row["level"], before, after, reason)
        if before is not after:
            _list_for(change, comparison).append(change)
        elif after in (Outcome.FAILED, Outcome.WARNED):
            _compare_checks(change, old_rows[clause_id], new_rows[clause_id], comparison)
    # Clauses that decide come first, and failures before their knock-on effects.
    for changes in comparison.sections.values():
        changes.sort(key=lambda change: (change.level != "MUST", change.new is not Outcome.FAILED))
    return comparison


def _compare_checks(change: Change, old: ClauseRow, new: ClauseRow, comparison: Comparison) -> None:
    """List a clause that has the same outcome because of other checks, such as those of another operation."""
    before, after = ({check["id"]: check["outcome"] for check in row["checks"]} for row in (old, new))
    newly = [name for name, outcome in after.items() if outcome == change.new and before.get(name) == Outcome.PASSED]
    gone = [name for name, outcome in before.items() if outcome == change.old and after.get(name) == Outcome.PASSED]
    parts = [f"now also in {', '.join(newly)}"] if newly else []
    parts += [f"no longer in {', '.join(gone)}"] if gone else []
    if parts:
        moved = replace(change, reason=f"{'; '.join(parts)}: {change.reason}")
        is_broken = newly and change.new is Outcome.FAILED
        listed = comparison.broken if is_broken else comparison.warnings if newly else comparison.partly_fixed
        listed.append(moved)


def _list_for(change: Change, comparison: Comparison) -> list[Change]:
    before, after = change.old, change.new
    newly_red = before not in (*_UNDETERMINED, *_RED) and after in _RED
    if newly_red or (before is Outcome.PASSED and after in _UNDETERMINED):
        return comparison.broken
    if before in _UNDETERMINED and after not in _UNDETERMINED:
        is_fixed = before is Outcome.ERROR and after is not Outcome.FAILED
        return comparison.fixed if is_fixed else comparison.newly_tested
    if after in _UNDETERMINED:
        return comparison.no_longer_tested
    if before is Outcome.FAILED and after is not Outcome.WAIVED:
        return comparison.fixed
    return comparison.warnings


def _rows(results: Results) -> dict[str, ClauseRow]:
    return {row["id"]: row for row in shown(results["clauses"])}


def _outcome(row: ClauseRow | None) -> Outcome:
    return Outcome(row["outcome"]) if row else Outcome.NOT_TESTED


def _differences(old: Results, new: Results) -> list[str]:
    pairs = {
        "suite version": (old["suite"]["version"], new["suite"]["version"]),
        "catalogue": (old["suite"]["catalogue_sha256"][:12], new["suite"]["catalogue_sha256"][:12]),
        "schemas": (old["suite"]["schemas_sha256"][:12], new["suite"]["schemas_sha256"][:12]),
        "target": (old["target"]["name"], new["target"]["name"]),
        "base URL": (old["target"]["base_url"], new["target"]["base_url"]),
        "profile": (old["run"]["profile"], new["run"]["profile"]),
        "selection": (selection_words(old["run"]["selection"]), selection_words(new["run"]["selection"])),
        "edition": (old.get("edition", "unknown"), new.get("edition", "unknown")),
        "waivers": (_waived(old["waivers"]), _waived(new["waivers"])),
    }
    changed = [f"{name}: {before} → {after}" for name, (before, after) in pairs.items() if before != after]
    changed += _libraries(old["run"], new["run"])
    runs = (("older", old), ("newer", new))
    return changed + [f"the {name} run was interrupted" for name, results in runs if results["run"]["interrupted"]]


def _libraries(old: RunRow, new: RunRow) -> list[str]:
    """Which libraries have another version; those that generate requests count only if both runs have the same seed."""
    versions = old["versions"], new["versions"]
    generators = environment.changed_versions(environment.GENERATORS, *versions)
    if generators and old["seed"] == new["seed"]:
        generators = [f"{change}: seed {new['seed']} gave other requests" for change in generators]
    return generators + environment.changed_versions(environment.JUDGES, *versions)


def _waived(waivers: Iterable[WaiverRow]) -> str:
    names = {waiver.get("check") or waiver["clause"] for waiver in waivers if waiver["state"] != "expired"}
    return ", ".join(sorted(names)) or "none"


def _timings(old: Results, new: Results) -> list[Timing]:
    """The durations that both runs have and that changed: the run, responses by operation, checks by clause."""
    pairs = (
        (_responses(old), _responses(new), _MIN_DIFFERENCE_S),
        (_checks(old), _checks(new), _MIN_DIFFERENCE_OF_CHECKS_S),
    )
    return [
        Timing(subject, before[subject], after[subject])
        for before, after, floor in pairs
        for subject in before
        if subject in after and _is_noticeable(before[subject], after[subject], floor)
    ]


def _responses(results: Results) -> dict[str, float]:
    durations: dict[str, float] = {}
    for row in results.get("latency", []):
        durations[f"{row['operation']}, median"] = row["p50_s"]
        durations[f"{row['operation']}, 95 %"] = row["p95_s"]
    return durations


def _checks(results: Results) -> dict[str, float]:
    """The durations of the run and, by clause, of the checks."""
    rows = [(row["id"], row.get("checks", [])) for row in results["clauses"]]
    durations = {name: sum(check["duration_s"] for check in checks) for name, checks in rows if checks}
    return {"the run": float(results["run"].get("duration_s", 0)), **durations}


def _is_noticeable(old_s: float, new_s: float, floor_s: float) -> bool:
    low, high = sorted((old_s, new_s))
    return high - low >= floor_s and high >= _MIN_FACTOR * low
