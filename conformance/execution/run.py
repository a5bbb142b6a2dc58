"""One worker's part of a run: puts client, fixtures, key proofs, observer and executor together."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.config.machine import return_large_blocks
from conformance.config.secrets import KeyUnavailableError
from conformance.config.settings import Depth
from conformance.contract import catalogue
from conformance.contract.operations import GRANTS
from conformance.evidence.recorder import Recorder
from conformance.evidence.redaction import Redactor
from conformance.execution import depth as depths
from conformance.execution.exclusive_window import ExclusiveWindow
from conformance.execution.executor import Executor
from conformance.execution.journal import WorkerFacts
from conformance.execution.observer import Observer
from conformance.execution.shared_state import LocalState, SharedState
from conformance.http import credentials
from conformance.http.client import Client
from conformance.http.clock import TargetGoneError
from conformance.http.correlation import Correlation
from conformance.judging.passive import PassiveJudges
from conformance.scenarios.context import RunContext
from conformance.scenarios.discovery import Discovery
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.key_proofs import KeyProofs
from conformance.scenarios.preflight.model import Preflight
from conformance.scenarios.preflight.requirements import Situation
from conformance.scenarios.preflight.stage import Stage
from conformance.scenarios.run_state import RunState
from conformance.scenarios.side_effects import FORBID_EFFECTS
from conformance.suite.registry import all_checks, all_reviews, judges_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.inputs import Inputs
    from conformance.judging.outcomes import CheckRecord

#: The clauses whose refused restores of a quick run watch a backup of their own.
QUICK_GROUPS = (("JOB-4", "JOB-6"), ("JOB-5", "JOB-7"), ("JOB-8",))


class Run:
    """The parts of a run in one process, and their life: `start`, then checks through `executor`, then `close`.

    `shows_passed`: whether its records show what checks without findings sent.

    `depth` decides how much scenarios and checks send, but not which checks are executed; `inputs` overrides it.
    """

    shows_passed = True

    def __init__(
        self,
        target: Target,
        *,
        seed: int,
        profile: str,
        selected: Collection[str],
        state: Path,
        worker: str = "main",
        workers: int = 1,
        examples: int = 25,
        depth: Depth = Depth.STANDARD,
        inputs: Inputs | None = None,
        archived: bool = False,
    ) -> None:
        return_large_blocks()
        self.target = target
        #: What preflight found out; empty before `start`.
        self.preflight = Preflight()
        redactor = Redactor()
        recorder = Recorder(target, redactor)
        _watch_secrets(target, redactor)
        clauses = catalogue.load()
        judges = PassiveJudges(clauses, judges_of(selected))
        run_state = RunState()
        self.recorder = recorder
        self.shared_state = SharedState(state) if workers > 1 else LocalState(state)
        self.observer = Observer(state, worker, recorder, judges, run_state, archived=archived)
        number = int("".join(filter(str.isdigit, worker)) or 0)
        self.client = Client(
            target, self.shared_state, self._observe, profile=profile, workers=workers, worker=number, folder=state
        )
        if target.request.correlation:
            self.client.correlate(Correlation(seed, number))
        self.context = RunContext(
            client=self.client,
            fixtures=Fixtures(target, sorted(FORBID_EFFECTS), groups_of_clauses(depth)),
            key_proofs=KeyProofs(self.client),
            state=run_state,
            judges=judges,
            window=ExclusiveWindow(),
            seed=seed,
            examples=examples,
            started=time.monotonic(),
            inputs=depths.inputs_of(depth) if inputs is None else inputs,
        )
        self.build = self.context.builder(self.context.rng("run"))
        self.discovery = Discovery(self.context.fixtures, self.client, self.build)
        self.executor = Executor(
            self.context,
            catalogue=clauses,
            recorder=recorder,
            selected=selected,
            reviews=list(all_reviews().values()),
            on_record=self._record,
            shows_passed=self.shows_passed,
        )
        proofs = self.context.key_proofs
        self.client.use_keys(lambda exchange: proofs.handle_unauthorized(self.build, exchange))

    def start(self) -> None:
        """Run preflight, and read what is left of a long list, which the checks need whole."""
        self.inspect()
        if not self.preflight.problem:
            with suppress(TargetGoneError):  # the checks find out by themselves
                self.discovery.complete()

    def inspect(self) -> None:
        """Run preflight: prove the base URL and the keys, and discover fixtures with a few requests.

        Raises nothing that the target does. What preflight found wrong ends the checks that rest on it, or all of them.
        """
        proofs, fixtures = self.context.key_proofs, self.context.fixtures
        self.client.use_controls(self._controls())
        stage = Stage(self.client, fixtures, proofs, self.context.rng("preflight"), self.discovery)
        is_first = False

        def prove() -> JsonObject:
            nonlocal is_first
            is_first, self.preflight = True, stage.run()
            keys = {name: self.recorder.text(state) for name, state in proofs.states.items()}
            return {
                "preflight": self.preflight.masked(self.recorder.text).to_json(),
                "keys": keys,
                "jobs": proofs.jobs,
            }

        proved = self.shared_state.once("preflight", prove)
        if not is_first:  # the list is read by each worker: it may hold secrets, which no file may
            self.preflight = Preflight.from_json(proved["preflight"])
            proofs.states, proofs.jobs = proved["keys"], proved["jobs"]
            if not self.preflight.problem:
                with suppress(TargetGoneError):
                    self.discovery.begin()
        self.executor.situation = Situation(self.target, self.context.profile, self.preflight)
        self.observer.journal.write(
            WorkerFacts(
                keys=proofs.states,
                problem=self.recorder.text(self.preflight.problem),
                preflight=self.preflight.rows(self.recorder.text),
            )
        )

    def stop(self) -> None:
        """End the run early: abort requests in flight and refuse new ones. Must not be called by threads of checks."""
        self.client.stop()

    def close(self) -> None:
        """Write everything that this worker knows into the journal, and release its resources."""
        self.executor.close()
        facts = WorkerFacts(
            requests=self.client.requests,
            keys=self.context.key_proofs.states,
            problem=self.recorder.text(
                self.preflight.problem or self.client.liveness.gone or self.context.key_proofs.problem
            ),
            restores_accepted=int(self.shared_state.read("restores_accepted")),
            throttled=int(self.shared_state.read("throttled")),
            waited_s=self.shared_state.read("waited_s"),
        )
        self.observer.close(facts, self.executor.look_again)
        self.client.close()

    # ------------------------------------------------------------ parts

    def _observe(self, exchange: Exchange) -> None:
        self.observer.observe(exchange)
        self.context.readings.observe(exchange)

    def _record(self, record: CheckRecord) -> None:
        self.observer.journal.write(record)

    def _controls(self) -> list[Callable[[], Request]]:
        """The makers of control requests: different kinds of reads, with a key whose value is available.

        Each but the first is of another address every time: a gateway may choose the backend by the address.
        """
        names = [name for name in (*GRANTS, "none") if name == "none" or self.target.keys.get(name)]
        for name in names:
            try:
                self.build.list(size=1, key=name)  # raises if the key is unavailable
                return self._controls_with(name)
            except KeyUnavailableError:
                continue
        return []

    def _controls_with(self, key: str) -> list[Callable[[], Request]]:
        build = self.build
        return [
            lambda: build.list(size=1, key=key),
            lambda: build.list(build.unknown_container(), size=1, key=key, ownership="missing"),
            lambda: build.get(build.unknown_id(), key=key, ownership="missing"),
            lambda: build.job(build.unknown_id(), key=key, ownership="missing"),
        ]


def clauses_with_restores() -> list[str]:
    """Return the clauses with a check that sends restores, in the order of the catalogue."""
    clauses = {check.clause for check in all_checks().values() if check.operation == "restore"}
    return [clause for clause in catalogue.load().clauses if clause in clauses]


def groups_of_clauses(depth: Depth) -> list[list[str]]:
    """Return which of these clauses watch one backup for effects: in a quick run many, which saves looks at it.

    An effect of a request by a key that lacks the capability breaks another clause than an effect of any other. Clauses
    of one group wait for each other, so those with the most requests are in different groups.
    """
    clauses = clauses_with_restores()
    if depth is not Depth.QUICK:
        return [[clause] for clause in clauses]
    groups = [[clause for clause in clauses if clause.startswith("CAP-")], *map(list, QUICK_GROUPS)]
    grouped = {clause for group in groups for clause in group}
    return [*groups, [clause for clause in clauses if clause not in grouped]]


def _watch_secrets(target: Target, redactor: Redactor) -> None:
    """Let the redactor know every key, and what checks make of it, before anything is sent with it."""

    def add_altered_forms(_name: str, full: str) -> None:
        for label, value in credentials.secrets_in(full).items():
            redactor.add(label, value)

    target.watch_secrets(redactor.add)
    if target.keys.full is not None:
        target.keys.full.watch(add_altered_forms)
