"""Outcomes as they come, one line of JSON each: what workers hand to the controller, and what survives a crash."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from conformance.outcomes import CheckRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Journal:
    """One worker's file in the run's state folder; each line is written whole and flushed."""

    def __init__(self, folder: Path, worker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"journal-{worker}.ndjson").open("a", encoding="ascii")
        self._lock = threading.Lock()

    def record(self, record: CheckRecord) -> None:
        """Keeps a check's record."""
        self.entry("check", record.to_json())

    def entry(self, kind: str, value: Any) -> None:
        """Keeps anything else that is plain data."""
        with self._lock:
            self._file.write(json.dumps({"kind": kind, "value": value}) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        self._file.close()


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
