"""The run's exchanges, kept masked, so that they can be judged again without any network.

Each worker writes a line as an exchange is judged; a run that is killed leaves what it had. Whole bodies are kept,
up to a bound; one that is longer, or comes when very much was kept already, is left out and cannot be judged again.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import zlib
from typing import TYPE_CHECKING

from conformance.evidence.recorder import Masking
from conformance.evidence.redaction import Redactor
from conformance.http.exchange import Exchange, Expected, Request, Response, Sender, Throttled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.contract.json_types import JsonObject
    from conformance.evidence.recorder import Recorder
    from conformance.evidence.rows import ExchangeRow

FILE = "exchanges.ndjson.gz"
FORMAT = "backups-conformance/exchanges/1"
LONGEST_BODY = 2**20
MAX_BYTES = 64 * 2**20
#: where a secret of the target itself stood unmasked (INC-7), there stands this when the exchange is judged again
SHOWN_SECRET = "a secret that was shown"  # noqa: S105 - it stands for one
_LABEL = re.compile(r"\[key [^\[\]]*\]")
_SECRET_LABEL = re.compile(r"\[secret auth\.\w+\]")


class ArchiveError(ValueError):
    """A file that is no archive of exchanges; the message is one line."""


class Archive:
    """One worker's exchanges, in the run's state folder."""

    def __init__(self, state: Path, worker: str, recorder: Recorder) -> None:
        self._path = state / f"exchanges-{worker}.ndjson"
        self._file = self._path.open("a", encoding="ascii")
        self._recorder = recorder
        self._lock = threading.Lock()
        self._bytes = 0

    def keep(self, exchange: Exchange) -> None:
        """Writes an exchange down, masked."""
        whole = self._bytes < MAX_BYTES
        line = json.dumps(self._recorder.replayable(exchange, LONGEST_BODY if whole else 0))
        with self._lock:
            if not self._file.closed:  # what comes after the end is left: the run is over
                self._bytes += len(line)
                self._file.write(line + "\n")
                self._file.flush()

    def close(self) -> None:
        """Ends the file; secrets that the target gave away late are taken out of what came before as well."""
        with self._lock:
            self._file.close()
        if self._recorder.learnt:
            clean = self._path.with_suffix(".clean")
            with self._path.open(encoding="ascii") as lines, clean.open("w", encoding="ascii") as kept:
                kept.writelines(json.dumps(self._recorder.clean_again(json.loads(line))) + "\n" for line in lines)
            clean.replace(self._path)


def merge(state: Path, path: Path) -> None:
    """One compressed file of all workers' exchanges, with a first line that says what it is."""
    fresh = path.with_name(f".{path.name}")
    with fresh.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
        packed.write(json.dumps({"format": FORMAT}).encode() + b"\n")
        for file in sorted(state.glob("exchanges-*.ndjson")):
            with file.open("rb") as lines:
                packed.writelines(line for line in lines if line.endswith(b"\n"))
    fresh.replace(path)


def read(path: Path) -> Iterator[JsonObject]:
    """The records of a report folder's archive. Raises ArchiveError."""
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            if json.loads(next(lines, "null")) != {"format": FORMAT}:
                raise ArchiveError(f"{path}: is no archive of exchanges that this version reads")
            for line in lines:
                yield json.loads(line)
    except (OSError, EOFError, zlib.error) as problem:
        words = getattr(problem, "strerror", None) or "is no whole gzip file"
        raise ArchiveError(f"{path}: cannot be read: {words}") from None
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, ArchiveError):
            raise
        raise ArchiveError(f"{path}: is damaged: a line is no JSON") from None


def read_state(file: Path) -> Iterator[JsonObject]:
    """The records that one worker left; a line that a crash cut off is left out."""
    with file.open(encoding="ascii") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def restored(record: JsonObject) -> Exchange | None:
    """The exchange of a record; None where its body was not kept. Raises ArchiveError."""
    try:
        if record["left_out"]:
            return None
        given = _typed(record["request"])
        authorization, labels = _plain(given["authorization"])
        given.update(
            authorization=authorization,
            headers=tuple((name, value) for name, value in given["headers"]),
            body=_bytes(given["body"]),
            without=tuple(given.get("without", ())),
        )
        came = record["response"]
        response = came and Response(
            status=came["status"],
            headers=tuple((name, _unlabelled(value, labels)) for name, value in came["headers"]),
            body=_body(came, labels),
            elapsed_s=came["elapsed_s"],
            problem=came["problem"],
            too_large=came["too_large"],
        )
        exchange = Exchange(Request(**given), response, record["failure"], record["started"])
        exchange.unanswered, exchange.key_died = record["unanswered"], record["key_died"]
        exchange.seen = tuple(record["seen"]) if record["seen"] else None
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ArchiveError(f"an exchange cannot be read: {type(problem).__name__}: {problem}") from None
    return exchange


class Replayed(Masking):
    """Evidence of exchanges that were kept: what the target file would add is on their records."""

    def __init__(self) -> None:
        super().__init__(Redactor())
        self._shown: dict[int, JsonObject] = {}

    def exchanges(self, records: Iterable[JsonObject]) -> Iterator[Exchange]:
        """The exchanges of these records that can be judged, each remembered with what is shown of it."""
        for record in records:
            exchange = restored(record)
            if exchange is not None:
                self._shown[id(exchange)] = {**record["shown"], "kept": exchange}
                yield exchange

    def evidence(self, exchange: Exchange) -> ExchangeRow:
        """The exchange as results.json has it."""
        shown = self._shown[id(exchange)]
        return self._evidence(exchange, shown["url"], shown["headers"], shown["curl"])


def _typed(given: JsonObject) -> JsonObject:
    """The members of a request with its enums; archives of the first release have booleans in their place."""
    if "expected" not in given:
        first = {name: given.get(name) for name in ("documented", "refusable", "good_key", "patient")}
        given = {name: value for name, value in given.items() if name not in (*first, "shaped_error")}
        refused = Expected.REFUSAL if first["refusable"] else Expected.DOCUMENTED
        given["expected"] = refused if first["documented"] else Expected.UNDOCUMENTED
        given["sender"] = Sender.MEMBER if first["good_key"] else Sender.OUTSIDER
        given["throttled"] = Throttled.RETRY if first["patient"] else Throttled.ACCEPT
    enums = {"expected": Expected(given["expected"]), "sender": Sender(given["sender"])}
    return {**given, **enums, "throttled": Throttled(given["throttled"])}


def _bytes(kept: str | dict[str, str] | None) -> bytes | None:
    if kept is None:
        return None
    return str(kept).encode() if isinstance(kept, str) else base64.b64decode(kept["base64"], validate=True)


def _body(came: JsonObject, labels: dict[str, str]) -> bytes:
    body = _bytes(came["body"]) or b""
    for label, plain in labels.items():
        body = body.replace(label.encode(), plain.encode())
    if came["secrets_shown"]:
        body = _SECRET_LABEL.sub(SHOWN_SECRET, body.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
    return body


def _plain(authorization: str | None) -> tuple[str | None, dict[str, str]]:
    """The header with its key's label as one word, as a key is, and which label became which word."""
    labels = {label: label.replace(" ", "-") for label in _LABEL.findall(authorization or "")}
    return (None if authorization is None else _unlabelled(authorization, labels)), labels


def _unlabelled(text: str, labels: dict[str, str]) -> str:
    for label, plain in labels.items():
        text = text.replace(label, plain)
    return text
