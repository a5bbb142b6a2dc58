"""Passes every exchange of a worker to the archive and the judges, and writes the worker's facts into the journal."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from conformance.contract.operations import SAFE_METHODS
from conformance.contract.pointers import value_at
from conformance.evidence.archive import Archive
from conformance.execution.journal import Deleted, Journal, Observations, ResponseLost, RestoreEnded, RestoreStarted
from conformance.http.budget import asks_for_restore, may_have_started
from conformance.http.latency import Latencies
from conformance.judging.coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.evidence.recorder import Recorder
    from conformance.execution.journal import WorkerFacts
    from conformance.http.exchange import Exchange
    from conformance.judging.passive import PassiveJudges
    from conformance.scenarios.restore import Restore
    from conformance.scenarios.run_state import RunState


class Observer:
    """Observes every exchange of one worker, whichever check sent it. Safe to use from many threads."""

    def __init__(
        self,
        folder: Path,
        worker: str,
        recorder: Recorder,
        judges: PassiveJudges,
        state: RunState,
        *,
        archived: bool,
    ) -> None:
        self.journal = Journal(folder, worker)
        self.judges = judges
        self._recorder = recorder
        self._state = state
        self._latencies = Latencies()
        self._coverage = Coverage()
        self._archive = Archive(folder, worker, recorder) if archived else None
        self._ends = threading.Lock()
        #: by the place of a restore among those followed: how much was seen of it at the last look, and its last state
        self._looked_at: dict[int, tuple[int, Exchange | None]] = {}
        self._ended_in: dict[int, str] = {}

    def observe(self, exchange: Exchange) -> None:
        """Count, archive and judge an exchange."""
        self._state.observe(exchange)
        self._journal_effect(exchange)
        self._journal_ends()
        if self._archive is not None:
            self._archive.keep(exchange)
        self._latencies.observe(exchange)
        self._coverage.observe(exchange)
        self.judges.observe(exchange)

    def _journal_effect(self, exchange: Exchange) -> None:
        """Write what the exchange has changed on the target, or may have."""
        request = exchange.request
        if asks_for_restore(request) and may_have_started(exchange):
            self.journal.write(self._started(exchange))
        if request.operation == "delete" and request.method == "DELETE" and exchange.is_success:
            self.journal.write(Deleted(self._id(request.resources.get("backup")), _since(exchange)))
        if exchange.status is None and request.method not in SAFE_METHODS:
            lost = ResponseLost(request.operation, self._id(request.resources.get("backup")), _since(exchange))
            self.journal.write(lost)

    def _journal_ends(self) -> None:
        """Write the restores whose end was seen since the last call, so that a run that is killed later knows them."""
        with self._ends:
            for index, restore in enumerate(self._state.followed):
                seen = len(restore.jobs), restore.after
                if index in self._ended_in or self._looked_at.get(index) == seen:
                    continue
                self._looked_at[index] = seen
                # A log alone is no end yet: the job may still appear, and be running.
                if restore.after is not None or restore.terminal is not None:
                    self._journal_end(index, restore)

    def _journal_end(self, index: int, restore: Restore) -> None:
        state = restore.states[-1] if restore.states else ""
        if restore.ended and self._ended_in.get(index) != state:
            self._ended_in[index] = state
            self.journal.write(RestoreEnded(self._started(restore.answer), self._recorder.text(state)))

    def close(self, facts: WorkerFacts, look_again: Callable[[Exchange], None]) -> None:
        """Write the records of the passive judges and the worker's facts, and close all files."""
        for record in self.judges.records(self._recorder, look_again):
            self.journal.write(record)
        self.journal.write(facts)
        with self._ends:
            for index, restore in enumerate(self._state.followed):
                self._journal_end(index, restore)
        if self._archive is not None:
            self._archive.close()
        notes = frozenset(map(self._recorder.text, self.judges.notes))
        seen = (self._latencies.counted(),), self.judges.matrix, (self._coverage.counted(),)
        self.journal.write(Observations(notes, *seen))
        self.journal.close()

    def _started(self, exchange: Exchange) -> RestoreStarted:
        """A restore that was accepted, or may have been since its answer was lost."""
        resources, job = exchange.request.resources, self._id(value_at(exchange.data, "/job/id"))
        return RestoreStarted(job, self._id(resources["backup"]), self._id(resources["instance"]), _since(exchange))

    def _id(self, given: object) -> str:
        """An ID as reports have it: a target may have put anything there, a key as well."""
        return self._recorder.text(given) if isinstance(given, str) else ""


def _since(exchange: Exchange) -> str:
    return datetime.fromtimestamp(exchange.started, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
