"""One worker's part of a run: the client, the world, and the execution of checks into records."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter, defaultdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.config.machine import MachineError
from conformance.config.secrets import KeyUnavailableError
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.contract.operations import GRANTS
from conformance.contract.pointers import value_at
from conformance.evidence.archive import Archive
from conformance.evidence.recorder import Recorder
from conformance.evidence.redaction import Redactor
from conformance.execution.exclusive_window import ExclusiveWindow
from conformance.execution.journal import ENDED, STARTED, Journal
from conformance.execution.shared_state import SharedState
from conformance.execution.thread_pool import Background
from conformance.http import credentials
from conformance.http.budget import asks_for_restore, may_have_started
from conformance.http.client import Client, NotAllowedError, TargetGoneError
from conformance.http.exchange import Purpose, Sender
from conformance.http.latency import Latencies
from conformance.judging.expectations import CannotTellError, NotTestableError, inconclusive
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.judging.passive import FindingSet, PassiveJudges, attach
from conformance.scenarios import final_review, side_effects
from conformance.scenarios.context import CheckContext
from conformance.scenarios.fixtures import Fixtures, discover_fixtures
from conformance.scenarios.key_proofs import KeyProofs
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.checks import Check
    from conformance.scenarios.follower import Restore

T = TypeVar("T")
PASSED_EXCHANGES_KEPT = 2
READS_PATIENCE_S = 300.0
#: checks that read are executed so many at once: while one waits for its answer, others ask
READERS = 4
#: what a stopped run still waits for its changes; what they ask for is refused by then
STOPPED_PATIENCE_S = 5.0
#: reasons for which something cannot be asked at all, none of them a finding
CANNOT_GO_ON = (NotTestableError, CannotTellError, NotAllowedError, TargetGoneError, KeyUnavailableError, MachineError)


class Run:
    """Executes checks against the target. Those that change it run one after the other on a thread of their own,
    from the start, so that waiting for restores overlaps with the reads of the other checks.
    """

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
        archived: bool = False,
    ) -> None:
        self.started = time.monotonic()
        self.target = target
        self.seed = seed
        self.profile = profile
        self.examples = examples
        self.catalogue = catalogue.load()
        self.redactor = Redactor()
        self.recorder = Recorder(target, self.redactor)
        self.journal = Journal(state, worker)
        self.shared_state = SharedState(state)
        self.archive = Archive(state, worker, self.recorder) if archived else None
        self.latencies = Latencies()
        self.selected = frozenset(selected)
        self.judges = PassiveJudges(self.catalogue, selected)
        number = int("".join(filter(str.isdigit, worker)) or 0)
        self.client = Client(
            target, self.shared_state, self._observe, profile=profile, workers=workers, worker=number, folder=state
        )
        self.fixtures = Fixtures(target)
        self.key_proofs = KeyProofs(self.client)
        self.build = RequestBuilder(self.fixtures, self.rng("run"), self.key_proofs.require)
        #: requests for a restore that were sent in this run, and those that the target accepted, by backup
        self.asked: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        #: the first look at each backup that is watched: its logs, and how many restores had been accepted
        self.baselines: dict[str, tuple[frozenset[str], int]] = {}
        self.restores: list[Restore] = []
        self.watches: list[side_effects.Snapshot] = []
        #: what deletes that must be refused were tried on, and the backups that were deleted as they may be
        self.kept: list[side_effects.Kept] = []
        self.deleted: set[str] = set()
        #: those of them that were seen to be gone
        self.gone: set[str] = set()
        #: through which all checks go to the target; who looks at something short holds it meanwhile
        self.exclusive_window = ExclusiveWindow()
        self._counting = threading.Lock()
        self._scenarios: dict[str, Any] = {}
        self._scenario_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._reads: Background[CheckRecord] = Background("reads", READERS)
        self._changes: Background[CheckRecord] = Background("changes")
        self._changing: dict[CheckId, Future[CheckRecord]] = {}
        self._looked_back = False
        self._reading: dict[CheckId, Future[CheckRecord]] = {}
        self.client.use_keys(lambda exchange: self.key_proofs.handle_unauthorized(self.build, exchange))
        self._watch_keys()

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Proves the keys and looks around. Raises nothing that the target does: the checks tell it."""
        try:
            self.client.use_controls(self._controls())
            self.client.reach()
            self.key_proofs.prove_all(self.build)
            discover_fixtures(self.fixtures, self.client, self.build)
            self._look_for_jobs()
        except CANNOT_GO_ON as reason:
            self.fixtures.problem = str(reason)
        self.journal.entry("facts", {"requests": 0, "keys": self.key_proofs.states})

    def stop(self) -> None:
        """Ends the run early: what is under way is cut off, what comes is refused. From another thread than checks."""
        self.client.stop()

    @property
    def stopped(self) -> bool:
        """Whether the run was ended early."""
        return self.client.waiting.stopped

    def wait(self, seconds: float) -> None:
        """Lets time pass between two looks. Raises StoppedError when the run is being stopped."""
        self.client.waiting.wait(seconds)

    def finish_changes(self) -> None:
        """Waits until everything that changes the target has happened."""
        for under_way in list(self._changing.values()):
            under_way.exception()

    def await_reads(self, count: int) -> None:
        """Waits until the reads of all workers are done, so that a lockout by bad keys disturbs none of them."""
        deadline = time.monotonic() + READS_PATIENCE_S
        while self.shared_state.read("reads_done") < count and time.monotonic() < deadline:
            self.wait(0.1)

    def before_bad_keys(self, reads: int = 0) -> None:
        """Bad keys come last, since they may lock us out: before the first, all else is finished and looked at.

        `reads`: how many reads there are among the checks of all workers.
        """
        if not self._looked_back:
            self._looked_back = True
            self.finish_changes()
            self.await_reads(reads)
            self.final_review()

    def final_review(self) -> None:
        """Looks once more at everything that refused requests must have left alone."""
        try:
            for record in (*side_effects.final_review(self), *final_review.recount(self)):
                self.journal.record(record)
        except CANNOT_GO_ON as reason:
            for clause in {watch.clause for watch in self.watches}:
                lost = CheckId(clause, "restore", CheckKind.FINAL_REVIEW)
                self.journal.record(CheckRecord(lost, Outcome.ERROR, str(reason)))

    def close(self) -> None:
        """Writes the passive records and the run's facts into the journal, and lets go of everything."""
        for background in (self._reads, self._changes):
            background.close(STOPPED_PATIENCE_S if self.stopped else None)
        for record in self.judges.records(self.recorder, self.look_again):
            self.journal.record(record)
        shared = {name: self.shared_state.read(name) for name in ("restores_accepted", "throttled", "waited_s")}
        problem = self.recorder.text(self.client.liveness.gone or self.key_proofs.problem)
        facts = {"requests": self.client.requests, "keys": self.key_proofs.states, "problem": problem, **shared}
        self.journal.entry("facts", facts)
        self.journal.entry(ENDED, [_started(restore.answer) for restore in self.restores if restore.ended])
        self.journal.entry("notes", [self.recorder.text(note) for note in sorted(self.judges.notes)])
        self.journal.entry("latency", self.latencies.counted())
        if self.archive is not None:
            self.archive.close()
        self.journal.entry("matrix", [[*cell, count] for cell, count in self.judges.matrix.items()])
        self.journal.close()
        self.client.close()

    # ------------------------------------------------------------ checks

    def rng(self, name: str) -> random.Random:
        """A generator of its own for each check, so that any selection of checks sends the same requests."""
        return random.Random(f"{self.seed}:{name}")  # noqa: S311 - reproducible on purpose

    def begin_changes(self, checks: Iterable[Check]) -> None:
        """Starts the checks that change the target, in order, beside whatever else runs."""
        for check in checks:
            if check.id not in self._changing:
                self._changing[check.id] = self._changes.submit(partial(self.execute, check))

    def begin_reads(self, checks: Iterable[Check]) -> None:
        """Starts the checks that only read, several at once."""
        for check in checks:
            self._reading[check.id] = self._reads.submit(partial(self.execute, check))

    def result(self, check: Check) -> CheckRecord:
        """The record of a check: executed here and now, or awaited where it is under way already."""
        under_way = self._changing.get(check.id) or self._reading.get(check.id)
        return under_way.result() if under_way else self.execute(check)

    @property
    def scenarios_run(self) -> set[str]:
        """The stories that were told so far."""
        return set(self._scenarios)

    def run_once(self, name: str, tell: Callable[[], T]) -> T:
        """What several checks judge together happens once: the first that needs it makes it happen."""
        with self._counting:
            telling = self._scenario_locks[name]
        with telling:
            if name not in self._scenarios:
                try:
                    self._scenarios[name] = tell()
                except CANNOT_GO_ON as reason:
                    self._scenarios[name] = reason
        told = self._scenarios[name]
        if isinstance(told, Exception):
            raise told
        return told  # type: ignore[no-any-return]

    def execute(self, check: Check) -> CheckRecord:
        """Runs a check and journals what it came to, where its clause is selected."""
        started = time.monotonic()
        record = CheckRecord(check.id, Outcome.PASSED)
        context = CheckContext(check, self)
        tally = FindingSet()
        try:
            for found in check.run(context):
                tally.add(found)
            if not context.exchanges and not tally.defects:
                tally.add(inconclusive("the check asked nothing: a bug of the suite"))
        except CANNOT_GO_ON as reason:
            if isinstance(reason, NotTestableError | NotAllowedError):
                record.outcome, record.reason = Outcome.NOT_TESTED, self.recorder.text(str(reason))
            elif self.stopped:  # whatever else could not be told could not because of that
                record.outcome, record.reason = Outcome.NOT_TESTED, "the run ended before it"
            else:
                tally.add(inconclusive(str(reason), context.exchanges[-1] if context.exchanges else None))
        except Exception as bug:  # a bug of ours is `error`, never the target's failure
            tally.add(inconclusive(_bug(bug)))
        record.duration_s = round(time.monotonic() - started, 4)
        record.requests = len(context.exchanges)
        attach(record, self.catalogue, tally.defects.values(), self.recorder, self.look_again)
        if not record.exchanges:
            record.exchanges = [self.recorder.evidence(one) for one in context.exchanges[:PASSED_EXCHANGES_KEPT]]
        record.timeline = context.timeline
        if check.clause in self.selected:
            self.journal.record(record)
        return record

    def look_again(self, exchange: Exchange) -> None:
        """A failed read is read once more, to tell "seen 2 of 2" from "seen 1 of 2"; the outcome stays."""
        request = exchange.request
        if exchange.seen or exchange.status is None or request.method != "GET" or request.sender is not Sender.MEMBER:
            return
        try:
            again = self.client.send(request, Purpose.CONTROL)
        except CANNOT_GO_ON:
            return
        exchange.seen = (2 if again.status == exchange.status else 1, 2)

    # ------------------------------------------------------------ parts

    def _observe(self, exchange: Exchange) -> None:
        request = exchange.request
        if asks_for_restore(request):
            self.asked[request.resources["backup"]] += 1
            if may_have_started(exchange):
                self.journal.entry(STARTED, _started(exchange))
            if exchange.is_success or exchange.status is None:
                with self._counting:
                    self.accepted[request.resources["backup"]] += 1
        if self.archive is not None:
            self.archive.keep(exchange)
        self.latencies.observe(exchange)
        self.judges.observe(exchange)

    def _controls(self) -> list[Request]:
        """Requests of different kinds to which any answer will do, with a key that is there."""
        names = [name for name in (*GRANTS, "none") if name == "none" or self.target.keys.get(name)]
        for name in names:
            try:
                unknown = self.build.unknown_id()
                return [self.build.list(size=1, key=name), self.build.job(key=name), self.build.get(unknown, key=name)]
            except KeyUnavailableError:
                continue
        return []

    def _watch_keys(self) -> None:
        """The redactor knows every key, and what is made of it, before anything is sent with it."""
        self.target.watch_secrets(self.redactor.add)
        if self.target.keys.full is not None:
            self.target.keys.full.watch(self._learn_altered_forms)

    def _learn_altered_forms(self, _name: str, full: str) -> None:
        for label, value in credentials.secrets_in(full).items():
            self.redactor.add(label, value)

    def _look_for_jobs(self) -> None:
        """Is there a jobs endpoint? An unknown job's code may tell; else only a restore's own job will."""
        exchange = self.client.send(self.build.job())
        self.key_proofs.jobs = True if exchange.code == "404.job" else None


def _started(exchange: Exchange) -> dict[str, str]:
    """A restore that was accepted, or may have been: its answer was lost."""
    since = datetime.fromtimestamp(exchange.started, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    ids = {"backup_id": exchange.request.resources["backup"], "instance_id": exchange.request.resources["instance"]}
    job = value_at(exchange.data, "/job/id")
    return {"job_id": job if isinstance(job, str) else "", **ids, "since": since}


def _bug(bug: Exception) -> str:
    place = traceback.extract_tb(bug.__traceback__)[-1]
    return f"a bug of the suite: {type(bug).__name__}: {bug} ({place.name}, line {place.lineno})"
