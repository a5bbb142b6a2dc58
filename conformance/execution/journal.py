"""The journal: what each worker records while it runs, one line of JSON per entry.

Workers hand their results to the controller through it, and it survives a crash of either.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from conformance.config import untrusted
from conformance.judging.outcomes import CheckRecord, merge_records
from conformance.judging.record_size import bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from conformance.http.latency import Counted
    from conformance.judging.coverage import Counts

POLL_S = 0.02
#: bytes of a worker's file, and of one line of it
MAX_FILE, MAX_LINE = 256 * 2**20, 64 * 2**20
#: Bytes of all records of checks together, and the part of the remaining room that one record may take: one in SHARES.
RECORDS_ROOM, SHARES = 32 * 2**20, 8
#: The bytes that a record may have in any case.
MIN_RECORD = 32 * 1024


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker counted: its own requests, and what all workers count together.

    `keys` maps the name of a key to the state of its proof; `problem` says why nothing could be judged, in one line.
    """

    requests: int = 0
    keys: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    restores_accepted: int = 0
    throttled: int = 0
    waited_s: float = 0.0
    #: What preflight found out about the members of the target file: name, state and detail of each, masked.
    preflight: Sequence[Mapping[str, str]] = ()

    def merged(self, other: WorkerFacts) -> WorkerFacts:
        """Return the facts of both workers; a key that one of them saw refused stays refused."""
        refused = {name: state for name, state in self.keys.items() if state.startswith("refused")}
        return WorkerFacts(
            requests=self.requests + other.requests,
            keys={**self.keys, **other.keys, **refused},
            problem=self.problem or other.problem,
            restores_accepted=max(self.restores_accepted, other.restores_accepted),
            throttled=max(self.throttled, other.throttled),
            waited_s=max(self.waited_s, other.waited_s),
            preflight=self.preflight or other.preflight,
        )


@dataclass(frozen=True, slots=True)
class RestoreStarted:
    """A restore that was accepted, or may have been: then its response was lost, and `job_id` is empty."""

    job_id: str
    backup_id: str
    instance_id: str
    since: str


@dataclass(frozen=True, slots=True)
class RestoreEnded:
    """The end of a restore was seen; `state` is the last state of its job, or empty if no job was read."""

    restore: RestoreStarted
    state: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deletion that was accepted."""

    backup_id: str
    since: str


@dataclass(frozen=True, slots=True)
class ResponseLost:
    """A request that may have changed the target, and whose response was lost."""

    operation: str
    resource_id: str
    since: str


@dataclass(frozen=True, slots=True)
class Observations:
    """What a worker observed in all its exchanges; its last entry.

    `notes`: what is allowed but not in the contract. `latency`: see `http.latency`. `matrix`: (key, operation,
    ownership, status) to how often it was seen. `coverage`: see `judging.coverage`.
    """

    notes: frozenset[str] = frozenset()
    latency: tuple[Counted, ...] = ()
    matrix: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    coverage: tuple[Counts, ...] = ()

    def merged(self, other: Observations) -> Observations:
        """Return the observations of both workers."""
        return Observations(
            self.notes | other.notes,
            self.latency + other.latency,
            self.matrix + other.matrix,
            self.coverage + other.coverage,
        )


#: the kinds of entries; those in _PLAIN are written as their members
_CHECK, _OBSERVATIONS, _RESTORE_ENDED, _FACTS = "check", "observations", "restore ended", "facts"
_PLAIN: dict[str, type[WorkerFacts | RestoreStarted | RestoreEnded | Deleted | ResponseLost]] = {
    _FACTS: WorkerFacts,
    "restore started": RestoreStarted,
    _RESTORE_ENDED: RestoreEnded,
    "deleted": Deleted,
    "response lost": ResponseLost,
}
Entry = CheckRecord | WorkerFacts | RestoreStarted | RestoreEnded | Deleted | ResponseLost | Observations


@dataclass(frozen=True, slots=True)
class Contents:
    """The entries of all workers, merged."""

    checks: list[CheckRecord]
    facts: WorkerFacts
    observations: Observations
    restores_started: list[RestoreStarted]
    restores_ended: list[RestoreEnded]
    deletions: list[Deleted]
    lost: list[ResponseLost]

    @property
    def restores_maybe_running(self) -> list[RestoreStarted]:
        """The restores whose end was not seen; of a worker that died, all that it started."""
        ended = {end.restore for end in self.restores_ended}
        return [restore for restore in self.restores_started if restore not in ended]


class Journal:
    """One worker's file in the run's state folder; each line is written whole and flushed.

    A lock beside the file is held for as long as entries may follow. It is released when the process ends, however
    that happens.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._under_way = FileLock(folder / f"journal-{worker}.lock", thread_local=False)
        self._under_way.acquire()
        self._file = (folder / f"journal-{worker}.ndjson").open("a", encoding="ascii")
        self._lock = threading.Lock()
        self._room = RECORDS_ROOM

    def write(self, entry: Entry) -> None:
        """Append an entry. After `close` it is dropped, because the run is over.

        The more evidence was written before, the less of a check's is kept.
        """
        written = None if isinstance(entry, CheckRecord) else _to_json(entry)
        with self._lock:
            if isinstance(entry, CheckRecord):
                record, size = bounded(entry.to_json(), max(self._room // SHARES, MIN_RECORD))
                written, self._room = {"kind": _CHECK, "value": record}, self._room - size
            if not self._file.closed:
                self._file.write(f"{json.dumps(written)}\n")
                self._file.flush()

    def close(self) -> None:
        """End the file."""
        with self._lock:
            self._file.close()
        self._under_way.release()


def read(folder: Path) -> Contents:
    """Return the entries of all workers."""
    return _merge(entry for file in sorted(folder.glob("journal-*.ndjson")) for entry in entries(file))


def entries(file: Path) -> Iterator[Entry]:
    """Yield the whole entries of one worker's file; a last line that a crash cut off is left out.

    Raises UntrustedFileError where the file is not one that this module wrote.
    """
    for written in untrusted.read_json_lines(file, MAX_FILE, MAX_LINE):
        try:
            if not isinstance(written, dict):
                raise TypeError("an entry is an object")
            yield _from_json(written["kind"], written["value"])
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            reason = f"is damaged: an entry cannot be read: {type(problem).__name__}"
            raise untrusted.UntrustedFileError(file, reason) from None


def await_ends(folder: Path, patience_s: float) -> None:
    """Wait until no process writes a journal any more, for at most `patience_s` seconds."""
    end = time.monotonic() + patience_s
    for lock in folder.glob("journal-*.lock"):
        try:
            with FileLock(lock).acquire(timeout=max(end - time.monotonic(), 0), poll_interval=POLL_S):
                pass
        except Timeout:
            return


def _merge(entries: Iterable[Entry]) -> Contents:
    checks: list[CheckRecord] = []
    started: list[RestoreStarted] = []
    ended: list[RestoreEnded] = []
    deletions: list[Deleted] = []
    lost: list[ResponseLost] = []
    facts, observations = WorkerFacts(), Observations()
    for entry in entries:
        match entry:
            case CheckRecord():
                checks.append(entry)
            case WorkerFacts():
                facts = facts.merged(entry)
            case RestoreStarted():
                started.append(entry)
            case RestoreEnded():
                ended.append(entry)
            case Deleted():
                deletions.append(entry)
            case ResponseLost():
                lost.append(entry)
            case Observations():
                observations = observations.merged(entry)
    return Contents(merge_records(checks), facts, observations, started, ended, deletions, lost)


def _to_json(entry: Entry) -> dict[str, object]:
    match entry:
        case CheckRecord():
            return {"kind": _CHECK, "value": entry.to_json()}
        case Observations():
            cells = [[*cell, count] for cell, count in entry.matrix.items()]
            value = {
                "notes": sorted(entry.notes),
                "latency": entry.latency,
                "matrix": cells,
                "coverage": entry.coverage,
            }
            return {"kind": _OBSERVATIONS, "value": value}
    kind = next(name for name, plain in _PLAIN.items() if isinstance(entry, plain))
    return {"kind": kind, "value": asdict(entry)}


def _from_json(kind: str, value: Any) -> Entry:  # Any: a line of a file that this module wrote
    if kind == _CHECK:
        return CheckRecord.from_json(value)
    if kind == _OBSERVATIONS:
        matrix = Counter({tuple(cell[:-1]): cell[-1] for cell in value["matrix"]})
        return Observations(frozenset(value["notes"]), tuple(value["latency"]), matrix, tuple(value["coverage"]))
    if kind == _RESTORE_ENDED:
        return RestoreEnded(RestoreStarted(**value["restore"]), value["state"])
    if kind == _FACTS:
        return WorkerFacts(**{**value, "preflight": tuple(value.get("preflight", ()))})
    return _PLAIN[kind](**value)
