"""Takes every exchange of a worker to whoever keeps or judges it, and writes what the worker knows into the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from conformance.contract.pointers import value_at
from conformance.evidence.archive import Archive
from conformance.execution.journal import Journal, Observations, RestoreEnded, RestoreStarted
from conformance.http.budget import asks_for_restore, may_have_started
from conformance.http.latency import Latencies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.evidence.recorder import Recorder
    from conformance.execution.journal import WorkerFacts
    from conformance.http.exchange import Exchange
    from conformance.judging.passive import PassiveJudges
    from conformance.scenarios.run_state import RunState


class Observer:
    """Sees every exchange of one worker, whichever check sent it. Safe to use from many threads."""

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
        self._archive = Archive(folder, worker, recorder) if archived else None

    def observe(self, exchange: Exchange) -> None:
        """Count, archive and judge an exchange."""
        self._state.observe(exchange)
        if asks_for_restore(exchange.request) and may_have_started(exchange):
            self.journal.write(_started(exchange))
        if self._archive is not None:
            self._archive.keep(exchange)
        self._latencies.observe(exchange)
        self.judges.observe(exchange)

    def close(self, facts: WorkerFacts, look_again: Callable[[Exchange], None]) -> None:
        """Write the records of the passive judges and the worker's facts, and close all files."""
        for record in self.judges.records(self._recorder, look_again):
            self.journal.write(record)
        self.journal.write(facts)
        for restore in self._state.restores:
            if restore.ended:
                self.journal.write(RestoreEnded(_started(restore.answer)))
        if self._archive is not None:
            self._archive.close()
        notes = frozenset(map(self._recorder.text, self.judges.notes))
        self.journal.write(Observations(notes, (self._latencies.counted(),), self.judges.matrix))
        self.journal.close()


def _started(exchange: Exchange) -> RestoreStarted:
    """A restore that was accepted, or may have been since its answer was lost."""
    since = datetime.fromtimestamp(exchange.started, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    resources, job = exchange.request.resources, value_at(exchange.data, "/job/id")
    return RestoreStarted(job if isinstance(job, str) else "", resources["backup"], resources["instance"], since)
