"""Measures what the suite catches: a run against each fault and each legal variant of the reference server.

`judge` is a whole run without pytest, for tests that want nothing but its outcomes.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.config.settings import Depth, Settings
from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.execution import depth as depths
from conformance.execution import journal
from conformance.execution.run import Run
from conformance.judging.checks import Stage
from conformance.judging.outcomes import Outcome, blocking_clause
from conformance.reference import launch
from conformance.reference.registry import Fault, Variant, find
from conformance.results import build
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from conformance.config.target import Target
    from conformance.judging.checks import Check
    from conformance.results.model import ClauseRow

TOGETHER = " + "
#: seconds that a restore takes on a server under test
RESTORE_SECONDS = 0.1
#: seconds after which waiting for it ends
PATIENCE_S = 8.0
#: A folder in memory, where the system has one, so that runs need not write to a disk.
MEMORY = Path("/dev/shm")  # noqa: S108 - only its existence is asked for, the folder in it is a fresh one
#: Clauses that a correct server need not give anything to judge.
NEVER_TESTED = frozenset({"HTTP-8"})


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of one clause in a run, with those of its checks."""

    outcome: Outcome
    reason: str
    checks: Mapping[str, Outcome] = field(default_factory=dict)
    applies: bool = True


@dataclass(frozen=True)
class Result:
    """The result of a run against a server with one fault or variant; `name` None is the reference without changes."""

    name: str | None
    clauses: Mapping[str, Judged]
    seconds: float

    @property
    def red(self) -> frozenset[str]:
        """The clauses that failed."""
        return self.of(Outcome.FAILED)

    @property
    def warned(self) -> frozenset[str]:
        """The clauses that only warned."""
        return self.of(Outcome.WARNED)

    @property
    def errors(self) -> frozenset[str]:
        """The clauses that were inconclusive."""
        return self.of(Outcome.ERROR)

    @property
    def not_tested(self) -> frozenset[str]:
        """The clauses that were not tested."""
        return self.of(Outcome.NOT_TESTED)

    @property
    def undecided(self) -> frozenset[str]:
        """The MUST clauses that apply, and that were inconclusive or not tested."""
        known = catalogue.load()
        return frozenset(
            clause
            for clause in self.errors | self.not_tested
            if known[clause].level == "MUST" and self.clauses[clause].applies
        )

    def of(self, outcome: Outcome) -> frozenset[str]:
        """The clauses with this outcome."""
        return frozenset(clause for clause, judged in self.clauses.items() if judged.outcome is outcome)

    def reasons(self, clauses: Collection[str]) -> str:
        """The reasons for the outcomes of these clauses, a line each."""
        rows = [(clause, self.clauses[clause]) for clause in sorted(clauses)]
        return "\n".join(f"{clause} {judged.outcome}: {judged.reason}" for clause, judged in rows)


def changes_of(name: str | None) -> list[Fault | Variant]:
    """Return the faults and variants that a name of `qualify_one` names."""
    return [] if name is None else [find(part) for part in name.split(TOGETHER)]


def problems(result: Result) -> list[str]:
    """Return the unexpected results of a run: clauses missed, accused, or inconclusive without a cause; [] if none.

    With a fault, the clauses that it breaks must fail, and those in its `also` may. With anything else no clause may
    fail, except those that a variant declares.
    """
    changes = changes_of(result.name)
    change = changes[0] if len(changes) == 1 else None
    if isinstance(change, Fault):
        missed = [clause for clause in change.breaks if result.clauses[clause].outcome not in signs_of(clause)]
        accused = (result.red | result.warned).difference(change.breaks, change.also)
        inconclusive = {clause for clause in result.errors if blocking_clause(result.clauses[clause].reason) is None}
        return _described(
            result, {"missed": missed, "accused": accused, "inconclusive": inconclusive.difference(change.also)}
        )
    variants = [variant for variant in changes if isinstance(variant, Variant)]
    warns = {clause for variant in variants for clause in variant.warns}
    may_be_untested = {clause for variant in variants for clause in variant.untested}
    accused = result.red | result.warned.difference(warns)
    untested = result.not_tested.difference(NEVER_TESTED, may_be_untested)
    if any(variant.expected == "inconclusive" for variant in variants):
        return _described(result, {"accused": accused})
    return _described(result, {"accused": accused, "inconclusive": result.errors, "not tested": untested})


def signs_of(clause_id: str) -> tuple[Outcome, ...]:
    """Return the outcomes that show that a clause is broken; a MUST clause with a SHOULD half also warns."""
    clause = catalogue.load()[clause_id]
    halves = (Outcome.FAILED, Outcome.WARNED) if clause.should else (Outcome.FAILED,)
    return halves if clause.level == "MUST" else (Outcome.WARNED,)


def _described(result: Result, by_kind: Mapping[str, Collection[str]]) -> list[str]:
    return [f"{what}: {result.reasons([clause])}" for what, clauses in by_kind.items() for clause in sorted(clauses)]


def judge(
    target: Target,
    *,
    selected: Collection[str] | None = None,
    seed: int = 1,
    depth: Depth = Depth.STANDARD,
    begin: Callable[..., Run] = Run,
) -> dict[str, Judged]:
    """Run the suite against a target in this process, and return the outcome of each clause of the catalogue.

    `depth` sets no number of generated cases: `begin` makes the run that executes the checks.
    """
    chosen = catalogue.load().select((), ()) if selected is None else set(selected)
    checks = [check for check in checks_of(depth) if check.clause in chosen]
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="backups-qualify-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        state, profile = Path(folder), target.default_profile
        with closing(begin(target, seed=seed, profile=profile, selected=chosen, state=state, depth=depth)) as run:
            run.start()
            _execute(run, checks)
        facts = build.RunFacts(id="qualify", started=started, seed=seed, profile=profile, command="")
        results = build.build(Settings(depth=depth), target, chosen, journal.read(state), facts)
    return {row["id"]: _judged(row) for row in results["clauses"]}


def checks_of(depth: Depth) -> list[Check]:
    """Return the checks that a run of this depth executes."""
    return [check for check in all_checks().values() if depths.includes(depth, check)]


def qualify_one(name: str | None, *, selected: Collection[str] | None = None, seed: int = 1) -> Result:
    """Run the suite against the reference server with this fault or variant; None: without any.

    Several variants at once are joined: `zero_times + gzip_bodies`.
    """
    started = time.monotonic()
    faults = [change.name for change in changes_of(name) if isinstance(change, Fault)]
    variants = [change.name for change in changes_of(name) if isinstance(change, Variant)]
    with launch.spawn(faults, variants, restore_seconds=RESTORE_SECONDS) as server:
        target = load_target(server.target_file, os.environ)
        target = replace(target, restore=replace(target.restore, timeout_s=PATIENCE_S))
        clauses = judge(target, selected=selected, seed=seed)
    return Result(name, clauses, time.monotonic() - started)


def _execute(run: Run, checks: Collection[Check]) -> None:
    """Execute the checks in the order of their stages, as pytest does: changes go on beside the reads."""
    ordered = sorted(checks, key=lambda check: check.stage)
    run.executor.begin_reads(check for check in ordered if check.stage is Stage.READS)
    run.executor.begin_changes(check for check in ordered if check.stage.changes)
    for check in ordered:
        if check.stage is Stage.BAD_KEYS:
            run.executor.before_bad_keys()
            run.executor.begin_bad_keys(check for check in ordered if check.stage is Stage.BAD_KEYS)
        run.executor.result(check)
    run.executor.finish_changes()
    run.executor.final_review()


def _judged(row: ClauseRow) -> Judged:
    checks = {check["id"]: Outcome(check["outcome"]) for check in row["checks"]}
    return Judged(Outcome(row["outcome"]), row["reason"], checks, row["applies"])
