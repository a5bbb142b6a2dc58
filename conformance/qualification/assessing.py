"""Assesses a trial: whether the fault was caught, by which clause, and whether there was a false positive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.config.settings import Depth
from conformance.contract.catalogue import sort_key
from conformance.contract.json_types import JsonObject
from conformance.judging.outcomes import blocking_clause
from conformance.qualification.measure import NEVER_TESTED, Result, checks_of, signs_of
from conformance.reference.registry import Fault, Variant

if TYPE_CHECKING:
    from collections.abc import Collection

    from conformance.qualification.trials import Trial

Row = JsonObject

#: the key in `reasons`, instead of a clause ID, of a trial that could not be judged
_TRIAL = "trial"
RIGHT, OTHERS, MISSED, GREEN, ACCUSED, ERROR = "right", "others", "missed", "green", "accused", "error"


def assess(
    trial: Trial, result: Result, *, catch_s: float | None, cut_short: bool, depth: Depth = Depth.STANDARD
) -> Row:
    """The row of a trial. `cut_short`: its run ended at the first broken MUST, so that later checks did not run."""
    if isinstance(trial.change, Fault):
        return _fault(trial, trial.change, result, catch_s, cut_short=cut_short, depth=depth)
    return _variant(trial, result, depth)


def broke_down(trial: Trial, why: str) -> Row:
    """The row of a trial that could not be judged."""
    row = {**_row(trial, ERROR, 0.0), "inconclusive": [], "reasons": {_TRIAL: why}}
    if isinstance(trial.change, Fault):
        return {**row, **_declared(trial, trial.change), "seen": [], "undeclared": [], "catch_s": None}
    return {**row, "difference": trial.change.difference, "accused": [], "undecided": []}


def has_broken_down(row: Row) -> bool:
    """Whether a row is one of `broke_down`."""
    return _TRIAL in row["reasons"]


def _fault(trial: Trial, fault: Fault, result: Result, catch_s: float | None, *, cut_short: bool, depth: Depth) -> Row:
    seen = [clause for clause in fault.breaks if result.clauses[clause].outcome in signs_of(clause)]
    red = result.red | result.warned
    undeclared = red.difference(fault.breaks, fault.also)
    if trial.selected is not None:  # of other clauses, which a quick run tests all the same, it declares nothing
        undeclared &= trial.selected
    # A run that was cut short shows only the first red clause, which may also be one of `also`.
    # A quick run does not test every clause, so that one of those that are broken is enough.
    wanted = 1 if depth is Depth.QUICK else len(fault.breaks)
    right = not red.isdisjoint((*fault.breaks, *fault.also)) if cut_short else len(seen) >= wanted
    outcome = RIGHT if right else OTHERS if red else MISSED
    inconclusive = [] if cut_short else _unexplained(result).difference(fault.breaks, fault.also)
    missed = set(fault.breaks) - set(seen)
    return {
        **_row(trial, outcome, result.seconds),
        **_declared(trial, fault),
        "seen": _in_order(red),
        "undeclared": _in_order(undeclared),
        "inconclusive": _in_order(inconclusive),
        "catch_s": None if catch_s is None else round(catch_s, 3),
        "reasons": _reasons(result, undeclared | set(inconclusive) | (set() if cut_short else missed)),
    }


def _unexplained(result: Result) -> frozenset[str]:
    """The inconclusive clauses for which no failure of a more basic clause is the reason."""
    return frozenset(clause for clause in result.errors if blocking_clause(result.clauses[clause].reason) is None)


def _variant(trial: Trial, result: Result, depth: Depth) -> Row:
    change = trial.change
    warns, untested = ((), ()) if isinstance(change, Fault) else (change.warns, change.untested)
    accused = result.red | result.warned.difference(warns)
    unexpectedly_untested = (
        result.not_tested.difference(NEVER_TESTED, untested) if trial.selected is None else frozenset()
    )
    if depth is Depth.QUICK:
        unexpectedly_untested &= {check.clause for check in checks_of(depth)}
    inconclusive = result.errors | unexpectedly_untested
    # A run of selected clauses, or a quick one, does not test the others whatever the server does.
    whole = trial.selected is None and depth is not Depth.QUICK
    undecided = result.undecided if whole else result.undecided & inconclusive
    expected = isinstance(change, Variant) and change.expected == "inconclusive"
    outcome = ACCUSED if accused else ERROR if inconclusive and not expected else GREEN
    return {
        **_row(trial, outcome, result.seconds),
        "difference": "" if isinstance(change, Fault) else change.difference,
        "accused": _in_order(accused),
        "inconclusive": _in_order(inconclusive),
        "undecided": _in_order(undecided),
        "reasons": _reasons(result, accused | inconclusive | undecided),
    }


def _row(trial: Trial, outcome: str, seconds: float) -> Row:
    sentence = trial.change.sentence
    return {
        "name": trial.name, "kind": trial.kind, "sentence": sentence, "outcome": outcome, "seconds": round(seconds, 3),
    }  # fmt: skip


def _declared(trial: Trial, fault: Fault) -> Row:
    return {
        "level": trial.level,
        "breaks": list(fault.breaks),
        "also": list(fault.also),
        "needs_probe": fault.needs_probe,
    }


def _in_order(clauses: Collection[str]) -> list[str]:
    return sorted(clauses, key=sort_key)


def _reasons(result: Result, clauses: Collection[str]) -> dict[str, str]:
    return {
        clause: f"{result.clauses[clause].outcome}: {result.clauses[clause].reason}" for clause in _in_order(clauses)
    }
