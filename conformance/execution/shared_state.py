"""State that all workers of a run share: restore budget, pause, rate, bad keys, progress and the stop.

Several workers are several processes, so they share a small JSON file behind a file lock. A run in one process keeps
the same entries in memory.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from filelock import FileLock

from conformance.config.machine import MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from conformance.contract.json_types import JsonObject

Entries = dict[str, float]
POLL_S = 0.005
#: the counter of places that are taken in the restore budget
RESTORES = "restores"
#: The length of the line that says how many are, in characters; blanks fill it up.
MAX_LINE = 40


class SharedState:
    """The run's shared counters, kept in `folder`."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / "ledger.json"
        self._pause = folder / "pause"
        self._stop = folder / "stop"
        self._now = now
        self._lock = FileLock(folder / "ledger.lock")
        self._threads = threading.Lock()

    def read(self, name: str) -> float:
        """The current value of a counter."""
        return self._load().get(name, 0)

    def add(self, name: str, amount: float = 1, *, limit: float | None = None) -> bool:
        """Add to a counter unless it would exceed `limit`; return whether it was added."""
        with self._entries() as entries:
            if limit is not None and entries.get(name, 0) + amount > limit:
                return False
            entries[name] = entries.get(name, 0) + amount
            return True

    def next_slot(self, per_second: float) -> float:
        """Seconds until this request may be sent, at the given rate for the whole run."""
        with self._entries() as entries:
            now = self._now()
            slot = max(now, entries.get("next_slot", 0))
            entries["next_slot"] = slot + 1 / per_second
            return slot - now

    def pause(self, seconds: float) -> None:
        """Pause all requests of the run for this many seconds, as the target asked."""
        with self._entries() as entries:
            now = self._now()
            before = max(now, entries.get("pause_until", 0))
            until = max(now + seconds, before)
            entries["waited_s"] = entries.get("waited_s", 0) + until - before
            entries["throttled"] = entries.get("throttled", 0) + 1
            entries["pause_until"] = until
            self._write(self._pause, repr(until))

    def paused_for(self) -> float:
        """Seconds left of the pause; cheap enough to call before every request."""
        try:
            return float(self._pause.read_text()) - self._now()
        except FileNotFoundError:
            return 0.0

    def place(self, worker: int, workers: int, concurrency: int) -> AbstractContextManager[object]:
        """A place among the requests in flight, needed if there are more workers than requests allowed at once.

        Workers that share a place send in turns; where each may send at least one, nothing is to be shared.
        """
        if workers <= concurrency:
            return nullcontext()
        lock = FileLock(self._folder / f"place-{worker % concurrency}.lock", thread_local=False)
        return lock.acquire(poll_interval=POLL_S)

    def once(self, name: str, make: Callable[[], JsonObject]) -> JsonObject:
        """Return what the first worker that comes here makes; the others wait for it.

        Where that worker ends before it is done, the next one makes it.
        """
        file = self._folder / f"{name}.json"
        with FileLock(self._folder / f"{name}.lock").acquire(poll_interval=POLL_S):
            if not file.is_file():
                SharedState._write(self, file, json.dumps(make()))
            made: JsonObject = json.loads(file.read_text())
            return made

    def stop(self) -> None:
        """Tell all processes of the run to stop."""
        self._stop.touch()

    @property
    def stopped(self) -> bool:
        """Whether a process has stopped the run."""
        return self._stop.exists()

    @contextmanager
    def _entries(self) -> Iterator[Entries]:
        if not self._folder.is_dir():  # a lost file would reset the budgets
            raise MachineError(f"this machine: the report folder was removed during the run: {self._folder.parent}")
        # Threads queue for a lock of their own first: waiting for a file lock means polling, which is slow.
        with self._threads, self._lock.acquire(poll_interval=POLL_S):
            entries = self._load()
            yield entries
            self._write(self._file, json.dumps(entries))

    def _load(self) -> Entries:
        """Return the entries as they are now; only `_entries` may change them."""
        try:
            return dict(json.loads(self._file.read_text()))
        except FileNotFoundError:
            return {}

    def _write(self, file: Path, text: str) -> None:
        """Write atomically, so that a reader, also after a crash, sees either the old text or the new one."""
        fresh = file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(file)


class LocalState(SharedState):
    """The state of a run in one process: in memory, but for the stop, which a second handle of the folder may set.

    The places in the restore budget are written as well, each before its restore is sent: whoever finds the folder of
    a run that was killed can tell whether it may have changed the target.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        super().__init__(folder, now)
        self._memory: Entries = {}
        self._on_disk: int | None = None

    def once(self, name: str, make: Callable[[], JsonObject]) -> JsonObject:
        """Make it: there are no other workers."""
        del name
        return make()

    def paused_for(self) -> float:
        """Seconds left of the pause."""
        return self._memory.get("pause_until", 0) - self._now()

    @contextmanager
    def _entries(self) -> Iterator[Entries]:
        with self._threads:
            before = self._memory.get(RESTORES)
            yield self._memory
            if self._memory.get(RESTORES) != before:
                self._keep(json.dumps({RESTORES: self._memory[RESTORES]}))

    def _keep(self, text: str) -> None:
        """Write a short line over the one before: in one system call, which a crash leaves whole."""
        if self._on_disk is None:
            self._on_disk = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            weakref.finalize(self, os.close, self._on_disk)
        os.pwrite(self._on_disk, text.ljust(MAX_LINE).encode(), 0)

    def _load(self) -> Entries:
        return self._memory

    def _write(self, file: Path, text: str) -> None:
        """Do nothing: no other process reads the state."""
