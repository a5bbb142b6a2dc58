"""Runs preflight alone, and derives which clauses a run would test, and what would enable the others."""

from __future__ import annotations

import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.contract import catalogue
from conformance.execution.run import Run
from conformance.http.clock import TargetGoneError
from conformance.http.exchange import Purpose
from conformance.judging.expectations import items_of
from conformance.scenarios.preflight.requirements import BY_OPERATION, Situation, in_one_line
from conformance.suite.registry import all_checks, all_judges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.config.target import Target
    from conformance.contract.json_types import JsonObject
    from conformance.scenarios.preflight.model import Gap, Preflight


#: logs that are read for restores that failed
MAX_LOGS_READ = 20


@dataclass(frozen=True)
class Inspection:
    """Preflight of a target, the clauses that a run would test, and the other clauses by what they need.

    All texts are masked. `backups` are the items of the own container's list, as the target gave them.
    """

    preflight: Preflight
    profile: str
    testable: tuple[str, ...]
    enabling: dict[str, tuple[str, ...]]
    backups: tuple[JsonObject, ...] = ()
    #: live backups whose logs have a restore that failed
    failing: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """Return the inspection as `check --json` prints it."""
        return {
            "ready": self.preflight.is_ready,
            "profile": self.profile,
            "preflight": self.preflight.to_json(),
            "testable": list(self.testable),
            "enabling": [{"change": change, "clauses": list(ids)} for change, ids in self.enabling.items()],
        }


def inspect(target: Target, profile: str, *, logs: bool = False) -> Inspection:
    """Run preflight, which only reads, and derive what a run with this profile would test.

    `logs` reads the whole list as well, and the logs of some live backups, for restores that failed.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-check-") as folder:
        run = Run(target, seed=0, profile="read", selected=(), state=Path(folder))
        with closing(run):
            run.inspect()
            if logs and not run.preflight.problem:
                with suppress(TargetGoneError):
                    run.discovery.complete()
            preflight = run.preflight.masked(run.recorder.text)
            backups = tuple(run.context.fixtures.backups)
            failing = _failing(run) if logs and not preflight.problem else ()
    gaps = {} if preflight.problem else _gaps(Situation(target, profile, preflight))
    ordered = sorted(gaps, key=catalogue.sort_key)
    enabling: dict[str, list[str]] = {}
    for clause in ordered:
        if gaps[clause]:
            enabling.setdefault(in_one_line(list(gaps[clause])), []).append(clause)
    return Inspection(
        preflight=preflight,
        profile=profile,
        testable=tuple(clause for clause in ordered if not gaps[clause]),
        enabling={change: tuple(clauses) for change, clauses in enabling.items()},
        backups=backups,
        failing=failing,
    )


def _failing(run: Run) -> tuple[str, ...]:
    """Return the live backups, of some, that have a log of a restore which ended with an error."""
    live = [str(backup["id"]) for backup in run.context.fixtures.live()][:MAX_LOGS_READ]
    read = [run.client.send(run.build.logs(backup), Purpose.CONTROL) for backup in live]
    return tuple(
        backup
        for backup, exchange in zip(live, read, strict=True)
        if any(log.get("type") == "restore" and log.get("error") for log in items_of(exchange))
    )


def _gaps(situation: Situation) -> dict[str, Sequence[Gap]]:
    """Return what each clause lacks: that of its check which lacks the least.

    Where a clause has no check of an operation, its passive judge sees the exchanges of the others' checks.
    """
    by_clause: dict[str, Sequence[Gap]] = {}
    for check in all_checks().values():
        _keep_least(by_clause, check.clause, situation.gaps(check))
    checked = {(check.clause, check.operation) for check in all_checks().values()}
    for clause in {judge.clause for judge in all_judges()}:
        for operation in BY_OPERATION:
            if operation in catalogue.load()[clause].operations and (clause, operation) not in checked:
                _keep_least(by_clause, clause, situation.passive_gaps(clause, operation))
    return by_clause


def _keep_least(kept: dict[str, Sequence[Gap]], name: str, gaps: Sequence[Gap]) -> None:
    if name not in kept or len(gaps) < len(kept[name]):
        kept[name] = gaps
