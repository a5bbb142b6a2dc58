"""The trials: every fault and every variant, those written by hand and those generated from the schemas."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from conformance.contract import catalogue
from conformance.qualification.structural import PREFIX, structural
from conformance.reference.registry import Change, Fault, Variant, all_changes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@dataclass(frozen=True)
class Trial:
    """One run of the suite, against a server with this change; `selected` None: of the whole suite."""

    change: Change
    selected: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """The name of its fault or variant."""
        return self.change.name

    @property
    def kind(self) -> str:
        """Return `written` (by hand) or `structural` (generated from the schemas)."""
        return "structural" if self.name.startswith(f"{PREFIX}/") else "written"

    @property
    def group(self) -> str:
        """Its group when a sample is drawn: the first clause that it breaks, or the variants of its kind."""
        own = self.change.breaks[0] if isinstance(self.change, Fault) else "variants"
        return f"{self.kind} {own}"

    @property
    def level(self) -> str:
        """MUST where it breaks a MUST clause."""
        broken = self.change.breaks if isinstance(self.change, Fault) else ()
        return "MUST" if any(catalogue.load()[clause].level == "MUST" for clause in broken) else "SHOULD"


@cache
def all_trials() -> dict[str, Trial]:
    """All trials by their names, those written by hand first."""
    trials = {name: Trial(change) for name, change in all_changes().items()}
    return trials | {name: Trial(generated.change, generated.selected) for name, generated in structural().items()}


def chosen(only: Collection[str] = (), patterns: Collection[str] = ()) -> list[Trial]:
    """The trials of faults that break one of the clauses `only`, and with a name that one of the patterns matches.

    Without either all of them. Variants break no clause: those that are wanted beside `only` are named by a pattern.
    """
    trials = list(all_trials().values())
    if patterns:
        trials = [trial for trial in trials if any(fnmatchcase(trial.name, pattern) for pattern in patterns)]
    if only:
        trials = [trial for trial in trials if _is_about(trial.change, only) or (patterns and _is_variant(trial))]
    return trials


def unmatched(patterns: Collection[str]) -> list[str]:
    """Return a line for each pattern that matches no fault and no variant."""
    names = all_trials().keys()
    lines = []
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            close = get_close_matches(pattern, names, 1, 0.8)
            hint = f"did you mean {close[0]!r}?" if close else "`backups-conformance serve --list-faults` lists them"
            lines.append(f"--faults: no fault or variant matches {pattern!r}; {hint}")
    return lines


def sampled(trials: Iterable[Trial], most: int, seed: int) -> list[Trial]:
    """A sample of trials, taken from each group in turn so that every clause is covered; reproducible from the seed."""
    rng = random.Random(f"{seed}:trials")  # noqa: S311 - reproducible on purpose
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.group].append(trial)
    queues = [rng.sample(group, len(group)) for _, group in sorted(groups.items())]
    rng.shuffle(queues)
    rounds = max(map(len, queues), default=0)
    turns = [queue[turn] for turn in range(rounds) for queue in queues if turn < len(queue)]
    return turns[:most]


def _is_about(change: Change, clauses: Collection[str]) -> bool:
    return isinstance(change, Fault) and not set(change.breaks).isdisjoint(clauses)


def _is_variant(trial: Trial) -> bool:
    return isinstance(trial.change, Variant)
