"""Outcomes as they come, one line of JSON each: what workers hand to the controller, and what survives a crash."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from conformance.judging.outcomes import CheckRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LOOK_S = 0.02
#: a restore that was accepted, or may have been; and those of them whose end was seen
STARTED, ENDED = "restore started", "restores ended"


class Journal:
    """One worker's file in the run's state folder; each line is written whole and flushed.

    A lock is held beside it as long as something may still come: it goes with the process, however that ends.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._under_way = FileLock(folder / f"journal-{worker}.lock", thread_local=False)
        self._under_way.acquire()
        self._file = (folder / f"journal-{worker}.ndjson").open("a", encoding="ascii")
        self._lock = threading.Lock()

    def record(self, record: CheckRecord) -> None:
        """Keeps a check's record."""
        self.entry("check", record.to_json())

    def entry(self, kind: str, value: Any) -> None:
        """Keeps anything else that is plain data. What comes after the end is left: the run is over."""
        with self._lock:
            if not self._file.closed:
                self._file.write(json.dumps({"kind": kind, "value": value}) + "\n")
                self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        with self._lock:
            self._file.close()
        self._under_way.release()


def read(folder: Path) -> Iterator[tuple[str, Any]]:
    """Every whole entry of every worker, as (kind, value). A line that a crash cut off is left out."""
    for file in sorted(folder.glob("journal-*.ndjson")):
        for line in file.read_text(encoding="ascii").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            value = entry["value"]
            yield entry["kind"], CheckRecord.from_json(value) if entry["kind"] == "check" else value


def await_ends(folder: Path, patience_s: float) -> None:
    """Waits until no process writes a journal any more, at most so long."""
    end = time.monotonic() + patience_s
    for lock in folder.glob("journal-*.lock"):
        try:
            with FileLock(lock).acquire(timeout=max(end - time.monotonic(), 0), poll_interval=LOOK_S):
                pass
        except Timeout:
            return


def maybe_running(entries: Iterable[tuple[str, Any]]) -> list[dict[str, str]]:
    """The restores that were started and whose end nobody saw; of a worker that died, all that it started."""
    ended = [row for kind, value in entries if kind == ENDED for row in value]
    return [value for kind, value in entries if kind == STARTED and value not in ended]
