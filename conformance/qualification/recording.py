"""Records which exchange kills which fault, and what each check sends: the data that `--depth quick` is chosen by.

The checks run one after the other as in a quick run, but each with all inputs that it lists. So every request and every
finding belongs to a check, or to a scenario that several checks share. What a passive judge finds counts for whatever
sent the exchange, and what a final review finds for the requests that it rests on.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

from conformance.config.settings import Depth
from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.contract.operations import SAFE_METHODS
from conformance.execution.run import Run
from conformance.judging.checks import Stage
from conformance.judging.passive import PassiveJudges
from conformance.qualification import trying
from conformance.qualification.measure import MEMORY, signs_of
from conformance.qualification.trials import all_trials
from conformance.suite.registry import all_checks, all_reviews, judges_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from conformance.config.target import Target
    from conformance.contract.check_id import CheckId
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.checks import Check
    from conformance.judging.expectations import Finding
    from conformance.judging.inputs import Describe
    from conformance.judging.outcomes import CheckRecord

T = TypeVar("T")
#: What tells one request of a check from another; not the key's value, which the client fills in.
Key = tuple[object, ...]


class SentDeed(TypedDict):
    """What a check or a scenario sent against a fault by itself, and what that found of the clauses that it breaks.

    `uses`: the scenarios that it needed. `inputs`: how many inputs a check lists; its other requests it always sends.
    `by_input`: by the place of an input the clauses that it found broken. `kills`: those that other requests found.
    `together`: those that several inputs may have found.
    """

    requests: int
    kills: list[str]
    together: list[str]
    inputs: int
    by_input: dict[str, list[str]]
    uses: list[str]


class FaultRecord(TypedDict):
    """A fault, and what each check and each scenario did with it; `requests` are those before the first check."""

    fault: str
    breaks: list[str]
    requests: int
    checks: dict[str, SentDeed]
    scenarios: dict[str, SentDeed]


@dataclass
class _Sender:
    """A check or a scenario: what it sent and found. `places`: the place of each input."""

    exchanges: list[Exchange] = field(default_factory=list)
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    places: dict[Key, int] = field(default_factory=dict)
    by_place: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    kills: set[str] = field(default_factory=set)
    together: set[str] = field(default_factory=set)

    def credit(self, clause: str, exchange: Exchange | None, related: Iterable[Exchange] = ()) -> None:
        """Note a broken clause, which one of the related exchanges has caused, or else this one shows by itself."""
        suspects = self._places(related) or self._places([exchange] if exchange else [])
        if len(suspects) == 1:
            self.by_place[suspects.pop()].add(clause)
        elif self.places and (suspects or exchange is None or related):
            self.together.add(clause)
        else:
            self.kills.add(clause)

    def _places(self, exchanges: Iterable[Exchange]) -> set[int]:
        keys = (_key(exchange.request) for exchange in exchanges)
        return {self.places[key] for key in keys if key in self.places}

    def deed(self, breaks: Iterable[str]) -> SentDeed:
        """Return what it did about the clauses that a fault breaks."""
        wanted = set(breaks)
        by_input = {str(place): sorted(clauses & wanted) for place, clauses in sorted(self.by_place.items())}
        return {
            "requests": len(self.exchanges),
            "kills": sorted(self.kills & wanted),
            "together": sorted(self.together & wanted),
            "inputs": len(self.places),
            "by_input": {place: clauses for place, clauses in by_input.items() if clauses},
            "uses": sorted(self.uses),
        }


class _NotingRun(Run):
    """A run that keeps what each check and each scenario sends and finds."""

    def __init__(self, target: Target, *, seed: int, selected: frozenset[str], state: Path, examples: int) -> None:
        #: The check or scenario that sends at the moment.
        self.sender = _Sender()
        self.checks: dict[str, _Sender] = {}
        self.scenarios: dict[str, _Sender] = {}
        profile = target.default_profile
        super().__init__(
            target,
            seed=seed,
            profile=profile,
            selected=selected,
            state=state,
            examples=examples,
            depth=Depth.QUICK,
            inputs=_NotingInputs(self),
        )
        run_once = self.context.state.run_once

        def noted(name: str, scenario: Callable[[], T]) -> T:
            self.sender.uses.add(name)
            return run_once(name, lambda: self._as(self.scenarios.setdefault(name, _Sender()), scenario))

        self.context.state.run_once = noted  # type: ignore[method-assign] # counts what each scenario sends

    def _as(self, sender: _Sender, send: Callable[[], T]) -> T:
        before, self.sender = self.sender, sender
        try:
            return send()
        finally:
            self.sender = before

    def note(self, check: Check) -> _Sender:
        """Execute a check, and return what it did."""
        sender = _Sender()

        def function(*arguments: object) -> Iterator[Finding]:
            for finding in check.function(*arguments):
                sender.findings.append((check.clause, finding))
                yield finding

        self._as(sender, lambda: self.executor.execute(replace(check, function=function)))
        return sender

    def _observe(self, exchange: Exchange) -> None:
        super()._observe(exchange)
        self.sender.exchanges.append(exchange)

    def _record(self, record: CheckRecord) -> None:
        super()._record(record)
        if record.outcome in signs_of(record.clause):
            self.sender.failed.add(record.clause)


@dataclass(frozen=True)
class _NotingInputs:
    """Chooses all inputs, each in a request of its own, and notes their places. Scenarios are those of a quick run."""

    run: _NotingRun
    is_quick: bool = True
    repeats_kinds: bool = True
    combines: bool = False

    def chosen(self, check: str, first: int, listed: Sequence[Request], describe: Describe) -> list[Request]:
        """Return all of them."""
        del check, describe
        self.run.sender.places |= {_key(request): place for place, request in enumerate(listed, first)}
        return list(listed)

    def sends_kind(self, check: CheckId, label: str) -> bool:
        """Whatever the kind is."""
        del check, label
        return True


def _key(request: Request) -> Key:
    return (request.method, request.target, request.key, request.hub_id, request.headers, request.without, request.body)


def record(name: str, examples: int, seed: int = 1, *, only_own: bool = False) -> FaultRecord:
    """Run every check against a fault, one after the other; with `only_own` those of the clauses that it breaks."""
    trial = all_trials()[name]
    breaks = list(getattr(trial.change, "breaks", ()))
    with trying.serving(trial) as file:
        target = trying.with_short_timeouts(load_target(file, os.environ))
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            everything = frozenset(catalogue.load().select((), ()))
            run = _NotingRun(target, seed=seed, selected=everything, state=Path(folder), examples=examples)
            with closing(run):
                checks = [check for check in _in_order() if not only_own or check.clause in breaks]
                recorded = _record(run, name, breaks, checks)
            run.checks.clear()  # they hold every exchange of the run
            run.scenarios.clear()
            return recorded


def _record(run: _NotingRun, name: str, breaks: list[str], checks: Sequence[Check]) -> FaultRecord:
    run.start()
    before = run.client.requests
    is_reviewed = False
    for check in checks:
        if check.stage is Stage.BAD_KEYS and not is_reviewed:
            is_reviewed = True
            _review(run)
        run.checks[str(check.id)] = sender = run.note(check)
        for clause, finding in sender.findings:
            if finding.outcome in signs_of(clause) and clause in sender.failed:
                sender.credit(clause, finding.exchange, finding.related)
    _review(run)
    judges = PassiveJudges(catalogue.load(), judges_of(breaks))
    for sender in (*run.checks.values(), *run.scenarios.values()):
        for exchange in sender.exchanges:
            for clause, finding in judges.findings(exchange):
                if finding.outcome in signs_of(clause):
                    sender.credit(clause, exchange)
    return {
        "fault": name,
        "breaks": breaks,
        "requests": before,
        "checks": {check: sender.deed(breaks) for check, sender in run.checks.items()},
        "scenarios": {scenario: sender.deed(breaks) for scenario, sender in run.scenarios.items()},
    }


def _in_order() -> Iterator[Check]:
    """Yield checks with written requests before generated ones, which get the credit only for what they alone find."""
    yield from sorted(all_checks().values(), key=lambda check: (check.stage, check.id.kind.is_generated))


def _review(run: _NotingRun) -> None:
    """Review the run, and credit whatever sent the requests that a finding rests on."""
    run.context.state.begin_review()
    senders = (*run.checks.values(), *run.scenarios.values())
    for review in all_reviews().values():
        for clause, finding in run.note(review).findings:
            changing = [each for each in finding.related if each.request.method not in SAFE_METHODS]
            for sender in senders if finding.outcome in signs_of(clause) else ():
                if own := [each for each in changing if any(each is sent for sent in sender.exchanges)]:
                    sender.credit(clause, None, own)
