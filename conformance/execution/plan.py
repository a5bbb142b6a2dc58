"""`run --plan`: what a run would test, what it cannot and what would enable it, without changing anything.

Preflight proves the keys and inspects the target, with reads only. Then every check is started in a context that stops
it at its first request. A check that gets this far would be tested; a check that stops earlier says what it lacks.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from rich.table import Table

from conformance.contract import catalogue
from conformance.contract.operations import SAFE_METHODS
from conformance.execution.effects import Effect, effect_of, limited
from conformance.execution.run import Run
from conformance.http.client import NotAllowedError
from conformance.judging.expectations import CannotTellError, NotTestableError
from conformance.scenarios.context import CheckContext
from conformance.scenarios.preflight.model import Preflight
from conformance.scenarios.preflight.requirements import Situation, in_one_line
from conformance.scenarios.restore_requests import scenarios_within_budget
from conformance.suite.registry import all_checks, all_judges

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from rich.console import Console

    from conformance.config.target import Target
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.checks import Check
    from conformance.scenarios.context import RunContext

T = TypeVar("T")


CHANGING = {"restore", "delete"}
#: Operations whose responses a read run never sees: only restores create jobs.
UNSEEN_BY_READS = {*CHANGING, "job"}


@dataclass
class Plan:
    """Clauses that would be tested, clauses that cannot be and why, and how much may be changed at the most."""

    effect: Effect
    testable: set[str] = field(default_factory=set)
    lacking: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    problem: str | None = None
    preflight: Preflight = field(default_factory=Preflight)


def make(target: Target, profile: str, selected: Collection[str]) -> Plan:
    """The plan for a target: sends reads only, whatever the profile."""
    plan, clauses = Plan(effect_of(target, profile, selected)), catalogue.load()
    target = limited(target, plan.effect)
    with tempfile.TemporaryDirectory(prefix="conformance-plan-") as folder:
        run = Run(target, seed=0, profile="read", selected=(), state=Path(folder))
        with closing(run):
            run.inspect()
            plan.preflight = run.preflight
            plan.problem = run.preflight.problem or None
            situation = Situation(target, profile, run.preflight)
            stopped: dict[tuple[str, bool], Exception] = {}
            for check in all_checks().values() if plan.problem is None else ():
                if check.clause in selected and plan.effect.fits(check):
                    if gaps := situation.gaps(check):
                        plan.lacking[check.clause].add(in_one_line(gaps))
                    else:
                        _consider(plan, Planned(check, run.context, profile, stopped))
    if plan.problem is None:
        judged = {judge.clause for judge in all_judges() if judge.clause in selected}
        plan.testable |= {
            clause for clause in judged if profile == "full" or set(clauses[clause].operations) - UNSEEN_BY_READS
        }
    return plan


class WouldSendError(Exception):
    """The check got as far as its first request: it would be tested."""


#: The ways in which a check that sends nothing can end.
_STOPS = (WouldSendError, NotTestableError, NotAllowedError, CannotTellError)


class Planned(CheckContext):
    """A context that sends nothing: it stops a check at the first request that its profile would let it send."""

    def __init__(self, check: Check, run: RunContext, profile: str, stopped: dict[tuple[str, bool], Exception]) -> None:
        super().__init__(check, run)
        self._profile = profile
        self._stopped = stopped

    def send(self, request: Request) -> NoReturn:
        """Raise WouldSendError, or NotAllowedError if the profile forbids the request."""
        self._consider(request)
        raise WouldSendError

    def send_all(self, requests: Iterable[Request]) -> list[Exchange]:
        """Raise what `send` raises. Without any request, return no exchanges."""
        sent = False
        for request in requests:
            self._consider(request)
            sent = True
            if self._profile == "full":
                break
        if sent:
            raise WouldSendError
        return []

    def send_allowed(self, requests: Iterable[Request]) -> list[Exchange]:
        """Raise what `send` raises. Without any request, return no exchanges."""
        return self.send_all(requests)

    def _consider(self, request: Request) -> None:
        # A check of an operation that changes something reads first; a read run would stop at its next request.
        changing = self.check.operation in CHANGING or request.method not in SAFE_METHODS
        if self._profile == "read" and changing:
            raise NotAllowedError("the read profile sends nothing that could change the target: use --profile full")

    def run_once(self, name: str, scenario: Callable[[CheckContext], T]) -> T:
        """Start each scenario once, as a run does: some take a while to generate their requests."""
        which = (name, self.check.operation in CHANGING)
        if which not in self._stopped:
            try:
                return scenario(self)
            except _STOPS as stop:
                self._stopped[which] = stop
        raise self._stopped[which].with_traceback(None)

    def digest_of(self, instance: str) -> str:
        """Raise WouldSendError instead of running the probe."""
        del instance
        raise WouldSendError

    @property
    def profile(self) -> str:
        """The profile of the run that is planned; the plan itself only reads."""
        return self._profile


def _consider(plan: Plan, context: Planned) -> None:
    clause = context.check.clause
    try:
        for _ in context.check.run(context):
            break
    except WouldSendError:
        plan.testable.add(clause)
    except (NotTestableError, NotAllowedError, CannotTellError) as reason:
        plan.lacking[clause].add(str(reason))


def show(plan: Plan, target: Target, profile: str, console: Console) -> None:
    """Print the plan."""
    if plan.problem:
        console.print(f"Nothing can be planned: {plan.problem}", markup=False, highlight=False)
        return
    clauses = catalogue.load()
    lacking = {clause: reasons for clause, reasons in plan.lacking.items() if clause not in plan.testable}
    must = sum(1 for clause in plan.testable if clauses[clause].level == "MUST")
    tested = f"{_count(len(plan.testable), 'clause')} would be tested, {must} of them MUST."
    console.print(f"{target.name}, profile {profile}: {tested}", markup=False)
    if plan.lacking:
        table = Table("Clauses", "What would enable them", title="Not tested, or only in part", title_justify="left")
        for reason, names in _by_reason(plan.lacking).items():
            table.add_row(", ".join(f"{name}" if name in lacking else f"({name})" for name in names), reason)
        console.print(table, markup=False)
        console.print("A clause in brackets is tested on other operations.", highlight=False)
    console.print(_changes(plan.effect), highlight=False)


def _changes(effect: Effect) -> str:
    """Return what the run may change at the most."""
    restores, deletions = _count(effect.restores, "accepted restore"), _count(effect.deletions, "deleted backup")
    sentences = [f"At most {restores} and {deletions}."]
    if "source" in scenarios_within_budget(effect.restores):
        sentences.append("One of the restores is of a backup of another instance, where the list has one.")
    other = "other " if effect.restores or effect.deletions else ""
    sentences.append(f"Every {other}request that could change something must be refused.")
    return " ".join(sentences)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _by_reason(lacking: dict[str, set[str]]) -> dict[str, list[str]]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for clause, reasons in lacking.items():
        for reason in reasons:
            by_reason[reason].append(clause)
    return {reason: sorted(names, key=catalogue.sort_key) for reason, names in by_reason.items()}
