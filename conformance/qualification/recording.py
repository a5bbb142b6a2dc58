"""Records which check kills which fault, and what each check sends: the data that `--depth quick` is chosen by.

The checks run one after the other, so that every request and every finding belongs to one of them. What a passive judge
finds counts for the check whose exchanges it judged.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.execution.run import Run
from conformance.judging.checks import Stage
from conformance.judging.passive import PassiveJudges
from conformance.qualification import trying
from conformance.qualification.measure import MEMORY, signs_of
from conformance.qualification.trials import all_trials
from conformance.suite.registry import all_checks, judges_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.config.target import Target
    from conformance.http.exchange import Exchange
    from conformance.judging.checks import Check
    from conformance.judging.outcomes import CheckRecord


class CheckDeed(TypedDict):
    """What a check sent against a fault, and which of the clauses that the fault breaks it found broken."""

    check: str
    requests: int
    kills: list[str]


class FaultRecord(TypedDict):
    """A fault and what each check did with it; `requests` are those before the first check."""

    fault: str
    breaks: list[str]
    requests: int
    checks: list[CheckDeed]


@dataclass
class _Noted:
    exchanges: list[Exchange]
    records: list[CheckRecord]


class _NotingRun(Run):
    """A run that keeps what the current check sends and finds."""

    noted = _Noted([], [])

    def _observe(self, exchange: Exchange) -> None:
        super()._observe(exchange)
        self.noted.exchanges.append(exchange)

    def _record(self, record: CheckRecord) -> None:
        super()._record(record)
        self.noted.records.append(record)


def record(name: str, examples: int, seed: int = 1) -> FaultRecord:
    """Run every check against a fault, one after the other."""
    trial = all_trials()[name]
    breaks = list(getattr(trial.change, "breaks", ()))
    with trying.serving(trial) as file:
        target = trying.with_short_timeouts(load_target(file, os.environ))
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            return _record(name, breaks, target, Path(folder), examples=examples, seed=seed)


def _record(name: str, breaks: list[str], target: Target, state: Path, *, examples: int, seed: int) -> FaultRecord:
    everything = catalogue.load().select((), ())
    run = _NotingRun(
        target, seed=seed, profile=target.default_profile, selected=everything, state=state, examples=examples
    )
    with closing(run):
        run.start()
        before = run.client.requests
        checks = [_deed(run, check, breaks) for check in _in_order()]
        return {"fault": name, "breaks": breaks, "requests": before, "checks": checks}


def _in_order() -> Iterator[Check]:
    """Yield checks with written requests before generated ones, which get the credit only for what they alone find."""
    yield from sorted(all_checks().values(), key=lambda check: (check.stage, check.id.kind.is_generated))


def _deed(run: _NotingRun, check: Check, breaks: list[str]) -> CheckDeed:
    run.noted = noted = _Noted([], [])
    before = run.client.requests
    if check.stage is Stage.BAD_KEYS:
        run.executor.before_bad_keys()
    run.executor.execute(check)
    judges = PassiveJudges(catalogue.load(), judges_of(breaks))
    for exchange in noted.exchanges:
        judges.observe(exchange)
    kills = {record.clause for record in noted.records if record.outcome in signs_of(record.clause)}
    kills |= {
        clause
        for exchange in noted.exchanges
        for clause, finding in judges.findings(exchange)
        if finding.outcome in signs_of(clause)
    }
    return {
        "check": str(check.id),
        "requests": run.client.requests - before,
        "kills": sorted(kills.intersection(breaks)),
    }
