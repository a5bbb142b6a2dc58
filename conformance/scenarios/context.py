"""The context of a check: it sends the requests of one check, and keeps their exchanges as its evidence."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, Unpack

from conformance.config.threads import Background, goes_first
from conformance.contract.operations import SHAPE_CLAUSE, Operation
from conformance.http.client import NotAllowedError
from conformance.judging.expectations import CannotTellError, NotTestableError, inconclusive_reason
from conformance.judging.inputs import AllInputs, described
from conformance.scenarios import probe
from conformance.scenarios.proofs.looks import Looks
from conformance.scenarios.proofs.readings import Readings
from conformance.scenarios.proofs.refusal_batches import RefusalBatches
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Collection, Iterable, Sequence
    from contextlib import AbstractContextManager

    from conformance.http.client import Client
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.checks import Check
    from conformance.judging.inputs import Describe, Inputs
    from conformance.judging.outcomes import StepRow
    from conformance.judging.passive import PassiveJudges
    from conformance.scenarios.fixtures import Fixtures
    from conformance.scenarios.key_proofs import KeyProofs
    from conformance.scenarios.request_builder import GetOptions, ListOptions, RequestOptions, RestoreOptions
    from conformance.scenarios.run_state import RunState, Snapshot

T = TypeVar("T")
U = TypeVar("U")


class ExclusiveWindow(Protocol):
    """Gives one check exclusive access to the target for a short time; `conformance.execution` implements it."""

    def held(self, seconds: float) -> AbstractContextManager[None]:
        """Make all other checks wait, for at most this many seconds."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Wait while another thread has exclusive access; whoever takes it next waits until this is over."""
        ...


@dataclass(frozen=True)
class RunContext:
    """The state that all checks of a worker share. `started` is a monotonic time in seconds."""

    client: Client
    fixtures: Fixtures
    key_proofs: KeyProofs
    state: RunState
    judges: PassiveJudges
    window: ExclusiveWindow
    seed: int
    examples: int
    started: float
    inputs: Inputs = field(default_factory=AllInputs)
    looks: Looks = field(default_factory=Looks)
    readings: Readings = field(default_factory=Readings)
    refusals: RefusalBatches = field(default_factory=RefusalBatches)

    @property
    def profile(self) -> str:
        """The profile of the run: `read` or `full`."""
        return self.client.profile

    @property
    def is_quick(self) -> bool:
        """Whether scenarios are shortened, as in a run of quick depth."""
        return self.inputs.is_quick

    def rng(self, name: str) -> random.Random:
        """Return a generator for this name: any selection of checks sends the same requests."""
        return random.Random(f"{self.seed}:{name}")  # noqa: S311 - reproducible on purpose

    def builder(self, rng: random.Random) -> RequestBuilder:
        """Return a builder whose requests require keys that were proved."""
        return RequestBuilder(self.fixtures, rng, self.key_proofs.require)

    def wait(self, seconds: float) -> None:
        """Let time pass between two looks. Raises StoppedError when the run is being stopped."""
        self.client.waiting.wait(seconds)


#: How many exchanges of a check without findings are kept as evidence.
EVIDENCE_KEPT = 2


@dataclass
class SentExchanges:
    """What is kept of the exchanges of a check, however many there were.

    `inputs`: hashes of the different requests; `first` and `last`: exchanges for the check's evidence.
    """

    count: int = 0
    inputs: set[int] = field(default_factory=set)
    first: list[Exchange] = field(default_factory=list)
    last: Exchange | None = None

    def add(self, exchanges: Collection[Exchange]) -> None:
        """Count exchanges in."""
        self.count += len(exchanges)
        self.inputs.update(exchange.request.content for exchange in exchanges)
        for exchange in exchanges:
            if len(self.first) < EVIDENCE_KEPT:
                self.first.append(exchange)
            self.last = exchange

    def add_all(self, others: SentExchanges) -> None:
        """Count in those of a scenario."""
        self.add(others.first)
        self.count += others.count - len(others.first)
        self.inputs |= others.inputs
        self.last = others.last or self.last


class CheckContext:
    """Sends the requests of one check. `exchanges` and `timeline` are its evidence.

    The methods that are named after operations build a request and send it; `build` only builds it, so that a check
    can send several side by side.
    """

    def __init__(self, check: Check, run: RunContext) -> None:
        self.check = check
        self.run = run
        self.client = run.client
        self.fixtures = run.fixtures
        self.key_proofs = run.key_proofs
        self.rng = run.rng(str(check.id))
        self.build = run.builder(self.rng)
        self.exchanges = SentExchanges()
        self.snapshots: list[Snapshot] = []
        self.timeline: list[StepRow] = []
        self._listed = 0

    @property
    def profile(self) -> str:
        """The profile of the run: `read` or `full`."""
        return self.run.profile

    def digest_of(self, instance: str) -> str:
        """Return what the target file's probe prints for an instance."""
        return probe.digest_of(self.fixtures.target, instance)

    # ------------------------------------------------------------ sending

    def send(self, request: Request) -> Exchange:
        """Send one request."""
        with self.run.window.turn():
            exchange = self.client.send(self._named(request))
        self._keep([exchange])
        return exchange

    def send_all(self, requests: Iterable[Request]) -> list[Exchange]:
        """Send requests side by side; the exchanges come in the requests' order."""
        with self.run.window.turn():
            exchanges = self.client.send_all(map(self._named, requests))
        self._keep(exchanges)
        return exchanges

    def send_allowed(self, requests: Iterable[Request]) -> builtins.list[Exchange]:
        """Send those that may still be sent, side by side. Raises NotAllowedError where none may."""
        with self.run.window.turn():
            exchanges = self.client.send_allowed(map(self._named, requests))
        self._keep(exchanges)
        return exchanges

    def chosen(self, listed: Sequence[Request], describe: Describe | None = None) -> builtins.list[Request]:
        """Return the inputs of a list that this run sends: all of them, unless its depth says otherwise."""
        first = self._listed
        self._listed += len(listed)
        return self.run.inputs.chosen(str(self.check.id), first, listed, describe or self._described)

    def _described(self, request: Request) -> str:
        known = self.fixtures.target.fixtures
        names = {known.instance_id: "{instance}", known.empty_container_id: "{empty container}"}
        return described(request, {resource_id: name for resource_id, name in names.items() if resource_id})

    def _keep(self, exchanges: builtins.list[Exchange]) -> None:
        self.exchanges.add(exchanges)
        for exchange in exchanges:
            self.run.state.observe_acceptance(self.check.clause, exchange)

    def _named(self, request: Request) -> Request:
        """The request with the ID of the check, where it is to be sent along."""
        if not self.fixtures.target.request.correlation:
            return request
        return replace(request, check=str(self.check.id))

    def list(self, container: str | None = None, **options: Unpack[ListOptions]) -> Exchange:
        """Send `RequestBuilder.list`."""
        return self.send(self.build.list(container, **options))

    def get(self, backup: str | None = None, **options: Unpack[GetOptions]) -> Exchange:
        """Send `RequestBuilder.get`."""
        return self.send(self.build.get(backup, **options))

    def logs(self, backup: str | None = None, **options: Unpack[RequestOptions]) -> Exchange:
        """Send `RequestBuilder.logs`."""
        return self.send(self.build.logs(backup, **options))

    def job(self, job: str | None = None, **options: Unpack[RequestOptions]) -> Exchange:
        """Send `RequestBuilder.job`."""
        return self.send(self.build.job(job, **options))

    def restore(
        self, backup: str | None = None, instance: str | None = None, **options: Unpack[RestoreOptions]
    ) -> Exchange:
        """Send `RequestBuilder.restore`."""
        return self.send(self.build.restore(backup, instance, **options))

    def delete(self, backup: str, **options: Unpack[RequestOptions]) -> Exchange:
        """Send `RequestBuilder.delete`."""
        return self.send(self.build.delete(backup, **options))

    # ------------------------------------------------------------ scenarios

    def run_once(self, name: str, scenario: Callable[[CheckContext], T]) -> T:
        """Return the result of a scenario that several checks judge: the first of them runs it.

        Its exchanges are evidence for each of them.
        """
        result, exchanges, timeline = self.run.state.run_once(name, lambda: self._run_scenario(scenario))
        self.exchanges.add_all(exchanges)
        self.timeline += timeline
        return result

    def try_scenario(self, name: str, scenario: Callable[[CheckContext], T]) -> T | None:
        """Return the same where it is only one of several scenarios; None where it cannot run."""
        try:
            return self.run_once(name, scenario)
        except (NotTestableError, CannotTellError, NotAllowedError):
            return None

    def at_once(self, one: Callable[[CheckContext], T], other: Callable[[CheckContext], U]) -> tuple[T, U]:
        """Run two scenarios side by side, and return what they return. Not for use within an exclusive window."""
        with closing(Background[Any]("scenario", first=goes_first())) as threads:  # Any: what `other` returns
            running = threads.submit(lambda: self._run_scenario(other))
            first = self._run_scenario(one)
            second = running.result()
        for _, exchanges, timeline in (first, second):
            self.exchanges.add_all(exchanges)
            self.timeline += timeline
        return first[0], second[0]

    def _run_scenario(self, scenario: Callable[[CheckContext], T]) -> tuple[T, SentExchanges, builtins.list[StepRow]]:
        own = CheckContext(self.check, self.run)
        return scenario(own), own.exchanges, own.timeline

    def record_step(self, action: str, exchange: Exchange | None, conclusion: str) -> None:
        """Append a step to the timeline that the report shows."""
        answer = "" if exchange is None else f"{exchange.status or exchange.failure}"
        t_s = round(time.monotonic() - self.run.started, 3)
        self.timeline.append({"t_s": t_s, "what": action, "answer": answer, "concluded": conclusion})

    # ------------------------------------------------------------ requirements

    def require_jobs(self) -> None:
        """Raise NotTestableError where the target has no jobs endpoint, or no key may use it."""
        if not self.fixtures.target.jobs.follow:
            raise NotTestableError("set jobs.follow = true")
        if self.key_proofs.jobs is False:
            raise NotTestableError("give keys.full the capability apionly-jobs-view")

    def require_served(self, operation: Operation) -> None:
        """Raise CannotTellError where even the plain request of the full key fails: one cause, one failure."""
        plain = self.run.state.run_once(
            f"plain {operation}", lambda: self.client.send(self.build.for_operation(operation))
        )
        if why := inconclusive_reason(plain):
            raise CannotTellError(f"{why} on {plain.request.line}")
        if not plain.is_success:
            raise CannotTellError(f"{SHAPE_CLAUSE[operation]} failed first on {plain.request.line}: {plain.status}")
