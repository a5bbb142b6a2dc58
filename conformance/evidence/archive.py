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
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

import jsonschema_rs

from conformance.config import untrusted
from conformance.contract import strict_json
from conformance.contract.schemas import validator
from conformance.evidence.lines import Lines
from conformance.evidence.recorder import Masking
from conformance.evidence.redaction import Redactor
from conformance.evidence.text import one_line
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
#: bytes of the archive, of what it unpacks to, and of one line of that
MAX_PACKED, MAX_UNPACKED, MAX_LINE = 256 * 2**20, 512 * 2**20, 16 * 2**20
#: bytes and JSON values of a body in the archive; masking makes a body longer
MAX_BODY, MAX_VALUES = 6 * LONGEST_BODY, LONGEST_BODY
#: Replaces a secret that the target returned unmasked (INC-7) when the exchange is judged again.
SHOWN_SECRET = "a secret that was shown"  # noqa: S105 - a placeholder
_LABEL = re.compile(r"\[key [^\[\]]*\]")
_SECRET_LABEL = re.compile(r"\[secret auth\.\w+\]")


class ArchiveError(ValueError):
    """The file is not an archive of exchanges; the message is one line."""


class Archive:
    """Writes the exchanges of one worker into the run's state folder."""

    def __init__(self, state: Path, worker: str, recorder: Recorder) -> None:
        self._path = state / f"exchanges-{worker}.ndjson"
        self._file = self._path.open("a", encoding="ascii")
        self._recorder = recorder
        self._lines = Lines(recorder)
        self._lock = threading.Lock()
        self._bytes = 0

    def keep(self, exchange: Exchange) -> None:
        """Write one exchange, masked."""
        whole = self._bytes < MAX_BYTES
        line = self._lines.line(exchange, LONGEST_BODY if whole else 0)
        with self._lock:
            if not self._file.closed:  # exchanges after the end of the run are dropped
                self._bytes += len(line)
                self._file.write(line + "\n")
                self._file.flush()

    def close(self) -> None:
        """Close the file; secrets that were learnt late are also removed from earlier exchanges."""
        with self._lock:
            self._file.close()
        if self._recorder.learnt:
            clean = self._path.with_suffix(".clean")
            with self._path.open(encoding="ascii") as lines, clean.open("w", encoding="ascii") as kept:
                kept.writelines(self._lines.clean_again(line.removesuffix("\n")) + "\n" for line in lines)
            clean.replace(self._path)


def merge(state: Path, path: Path) -> None:
    """One compressed file of all workers' exchanges, with a first line that says what it is.

    No more is written than `read` takes: what comes beyond that is left out.
    """
    fresh = path.with_name(f".{path.name}")
    room = MAX_UNPACKED
    with fresh.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed:
        room -= packed.write(json.dumps({"format": FORMAT}).encode() + b"\n")
        for file in sorted(state.glob("exchanges-*.ndjson")):
            with untrusted.open_regular(file) as lines:
                for line in lines:
                    if line.endswith(b"\n") and len(line) <= min(room, MAX_LINE):
                        room -= packed.write(line)
    fresh.replace(path)


def read(path: Path) -> Iterator[JsonObject]:
    """The records of a report folder's archive, one after the other. Raises ArchiveError."""
    try:
        with untrusted.open_regular(path, MAX_PACKED) as packed, gzip.GzipFile(fileobj=packed) as unpacked:
            lines = untrusted.lines(unpacked, MAX_LINE)
            if untrusted.parse_json(next(lines, b"null")) != {"format": FORMAT}:
                raise ArchiveError(f"{path}: is not an archive of exchanges that this version can read")
            room = MAX_UNPACKED
            for line in lines:
                room -= len(line)
                if room < 0:
                    raise ArchiveError(f"{path}: is too large: more than {MAX_UNPACKED:,} bytes when unpacked")
                yield checked(untrusted.parse_json(line))
    except untrusted.UntrustedFileError as problem:
        raise ArchiveError(str(problem)) from None
    except (OSError, EOFError, zlib.error) as problem:
        words = getattr(problem, "strerror", None) or "is not a complete gzip file"
        raise ArchiveError(f"{path}: cannot be read: {words}") from None
    except strict_json.NotJSON as problem:
        raise ArchiveError(f"{path}: is damaged: a line is not JSON: {problem}") from None
    except ValueError as problem:
        if isinstance(problem, ArchiveError):
            raise
        raise ArchiveError(f"{path}: is damaged: {problem}") from None


def read_state(file: Path) -> Iterator[JsonObject]:
    """The records that one worker left; a last line that a crash cut off is left out. Raises ArchiveError."""
    try:
        for record in untrusted.read_json_lines(file, MAX_UNPACKED, MAX_LINE):
            yield checked(record)
    except untrusted.UntrustedFileError as problem:
        raise ArchiveError(str(problem)) from None


def checked(record: object) -> JsonObject:
    """Parse one record. Raises ArchiveError."""
    try:
        validator("exchange.json").validate(record)
    except jsonschema_rs.ValidationError as problem:
        place = "/".join(map(str, problem.instance_path)) or "the whole of it"
        raise ArchiveError(f"an exchange cannot be read: {one_line(place, 80)}: {_reason(problem)}") from None
    except ValueError as problem:  # such as a lone surrogate in the name of a member
        raise ArchiveError(f"an exchange cannot be read: {one_line(str(problem), 120)}") from None
    return cast("JsonObject", record)


def _reason(problem: jsonschema_rs.ValidationError) -> str:
    return one_line(problem.message, 120)


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
        recorded = record["response"]
        response = recorded and Response(
            status=recorded["status"],
            headers=tuple((name, _unlabelled(value, labels)) for name, value in recorded["headers"]),
            body=_body(recorded, labels),
            elapsed_s=recorded["elapsed_s"],
            problem=recorded["problem"],
            too_large=recorded["too_large"],
        )
        exchange = Exchange(Request(**given), response, record["failure"], record["started"])
        exchange.unanswered, exchange.key_died = record["unanswered"], record["key_died"]
        exchange.seen = tuple(record["seen"]) if record["seen"] else None
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ArchiveError(f"an exchange cannot be read: {type(problem).__name__}: {problem}") from None
    if response is not None and (
        len(response.body) > MAX_BODY or strict_json.has_more_values(response.content(), MAX_VALUES)
    ):
        raise ArchiveError("an exchange cannot be read: its body is larger than any that is kept")
    return exchange


class Replayed(Masking):
    """Evidence of exchanges that were kept: what the target file would add is on their records."""

    def __init__(self) -> None:
        super().__init__(Redactor())
        #: of those exchanges alone that somebody still holds
        self._shown: WeakKeyDictionary[Exchange, JsonObject] = WeakKeyDictionary()
        self.left_out = 0

    def exchanges(self, records: Iterable[JsonObject]) -> Iterator[Exchange]:
        """The exchanges of these records that can be judged, each remembered with what is shown of it."""
        for record in records:
            exchange = restored(record)
            if exchange is None:
                self.left_out += 1
                continue
            self._shown[exchange] = record["shown"]
            yield exchange

    def evidence(self, exchange: Exchange) -> ExchangeRow:
        """The exchange as results.json has it."""
        shown = self._shown[exchange]
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


def _body(recorded: JsonObject, labels: dict[str, str]) -> bytes:
    body = _bytes(recorded["body"]) or b""
    for label, plain in labels.items():
        body = body.replace(label.encode(), plain.encode())
    if recorded["secrets_shown"]:
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
