"""What must be one for a whole run, however many workers: restore budget, pause, pace, bad keys, progress.

The workers are processes, so the ledger is a small JSON file behind a file lock. It is written a few times a second
at most (an unlimited request rate is never looked up here), only the pause is looked at before each request.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Entries = dict[str, float]


class Ledger:
    """The run's shared counters, kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "ledger.json"
        self._pause = folder / "pause"
        self._lock = FileLock(folder / "ledger.lock")

    def read(self, name: str) -> float:
        """The present value of a counter."""
        with self._lock:
            return self._load().get(name, 0)

    def add(self, name: str, amount: float = 1, *, limit: float | None = None) -> bool:
        """Adds to a counter, unless that would take it over `limit`; says whether it did."""
        with self._entries() as entries:
            if limit is not None and entries.get(name, 0) + amount > limit:
                return False
            entries[name] = entries.get(name, 0) + amount
            return True

    def next_slot(self, per_second: float) -> float:
        """Seconds to wait for this request's turn, at so many requests per second for the whole run."""
        with self._entries() as entries:
            now = time.time()
            slot = max(now, entries.get("next_slot", 0))
            entries["next_slot"] = slot + 1 / per_second
            return slot - now

    def pause(self, seconds: float) -> None:
        """The target asked for patience: nobody sends anything for so long."""
        with self._entries() as entries:
            until = max(time.time() + seconds, entries.get("pause_until", 0))
            entries["waited_s"] = entries.get("waited_s", 0) + seconds
            entries["throttled"] = entries.get("throttled", 0) + 1
            entries["pause_until"] = until
        self._pause.write_text(repr(until))

    def paused_for(self) -> float:
        """Seconds left of the pause; cheap enough to ask before every request."""
        try:
            return float(self._pause.read_text()) - time.time()
        except (FileNotFoundError, ValueError):
            return 0.0

    @contextmanager
    def _entries(self) -> Iterator[Entries]:
        with self._lock:
            entries = self._load()
            yield entries
            self._file.write_text(json.dumps(entries))

    def _load(self) -> Entries:
        try:
            return dict(json.loads(self._file.read_text()))
        except FileNotFoundError:
            return {}
