"""Bodies as numbered lines: JSON laid out as it was sent, with the places that a finding points at marked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.evidence.text import block, one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# Laid out piece by piece and not by parsing and writing again: so `1.0` stays `1.0`, a member that occurs twice is
# seen twice, and a body that was cut is readable as far as it goes.
_TOKEN = re.compile(r'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[-+.\w]+|[{}\[\],:])', re.DOTALL)
_DEEPEST = 100  # of nesting; deeper parts are shown as they were sent
_HEAD = 8  # lines from the beginning, for orientation
_AROUND = 6  # lines before and after a marked one
_END = 16  # lines from the end of what is not JSON
_WHOLE = 40  # lines of a body that is shown whole, or of one that nothing points into
_MARKS = 5  # marked places of one body
_WIDTH = 600


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a body; `number` 0 is a gap, whose text says how much was left out."""

    number: int
    text: str
    marked: bool = False


def body_lines(body: str, pointers: Collection[str] = (), *, was_cut: bool = False) -> list[Line]:
    """The lines to show of a body, around the places that the JSON pointers name; the end of what is not JSON."""
    is_json = was_cut or _is_json(body)
    rows = _laid_out(body) if is_json or len(body) > _WIDTH else None
    if rows is None:
        rows = [("", line) for line in block(body, 10_000, _WIDTH).split("\n")]
        return _windowed(rows, set(), with_end=True)
    places = {place for pointer in pointers for place in _places(pointer, rows)}
    return _windowed(rows, places, with_end=not is_json)


def _windowed(rows: list[tuple[str, str]], marked: set[int], *, with_end: bool) -> list[Line]:
    keep = set(range(_HEAD if (marked or with_end) and len(rows) > _WHOLE else _WHOLE))
    if with_end:
        keep.update(range(len(rows) - _END, len(rows)))
    for place in sorted(marked)[:_MARKS]:
        keep.update(range(place - _AROUND, place + _AROUND + 1))
    lines: list[Line] = []
    left_out = 0
    for index, (_, text) in enumerate(rows):
        if index not in keep:
            left_out += 1
            continue
        lines += _gap(left_out)
        left_out = 0
        lines.append(Line(index + 1, one_line(text, _WIDTH), index in marked))
    return lines + _gap(left_out)


def _gap(left_out: int) -> list[Line]:
    return [Line(0, f"… {left_out:,} lines …" if left_out > 1 else "… 1 line …")] if left_out else []


def _places(pointer: str, rows: list[tuple[str, str]]) -> list[int]:
    """Where the value at the pointer begins; for a missing value, the nearest value that would contain it.

    What was found by comparing two readings of a thing is said of the thing itself, which an answer has under `data`.
    """
    known = {where for where, _ in rows}
    pointer = pointer if pointer in known or f"/data{pointer}" not in known else f"/data{pointer}"
    while pointer:
        places = [index for index, (where, _) in enumerate(rows) if where == pointer]
        if places:
            return places
        pointer = pointer.rpartition("/")[0]
    return []


def _is_json(body: str) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _laid_out(body: str) -> list[tuple[str, str]] | None:
    """(pointer, line) for each line; None for what does not look like JSON or is nested too deep."""
    if body.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return list(_Printer(body).rows())
    except (ValueError, RecursionError):
        return None


@dataclass(slots=True)
class _Frame:
    pointer: str
    is_array: bool
    index: int = 0
    key: str | None = None
    empty: bool = True

    def child(self) -> str:
        return f"{self.pointer}/{self.index if self.is_array else _escaped(self.key or '')}"


@dataclass(slots=True)
class _Printer:
    """Turns tokens into indented lines, each with the pointer of the value that begins on it."""

    body: str
    stack: list[_Frame] = field(default_factory=list)
    line: str = ""
    pointer: str = ""

    def rows(self) -> Iterator[tuple[str, str]]:
        position = 0
        while match := _TOKEN.match(self.body, position):
            position = match.end()
            yield from self._take(match.group(1))
        rest = self.body[position:].strip()
        if self.line or rest:
            yield self.pointer, self.line + rest

    def _take(self, piece: str) -> Iterator[tuple[str, str]]:
        if piece in "}]":
            yield from self._close(piece)
        elif piece == ",":
            yield from self._end_line(",")
            self._next_member()
        elif piece == ":":
            self.line += ": "
        else:
            if self.stack and self.stack[-1].empty:
                self.stack[-1].empty = False
                yield from self._end_line("")
            self._value(piece)

    def _value(self, piece: str) -> None:
        frame = self.stack[-1] if self.stack else None
        if frame and not frame.is_array and frame.key is None:
            frame.key = _decoded(piece)
            self.line, self.pointer = self._indent() + piece, frame.child()
            return
        if not self.line:
            self.line, self.pointer = self._indent(), frame.child() if frame else ""
        self.line += piece
        if piece in "{[":
            if len(self.stack) >= _DEEPEST:
                raise ValueError("nested too deep")
            self.stack.append(_Frame(self.pointer, piece == "["))

    def _close(self, piece: str) -> Iterator[tuple[str, str]]:
        if not self.stack:
            raise ValueError("closed without having been opened")
        frame = self.stack.pop()
        if not frame.empty:
            yield from self._end_line("")
            # A closing bracket begins no value, so no pointer finds it.
            self.line, self.pointer = self._indent(), "\0"
        self.line += piece

    def _end_line(self, tail: str) -> Iterator[tuple[str, str]]:
        yield self.pointer, self.line + tail
        self.line = ""

    def _next_member(self) -> None:
        if self.stack:
            self.stack[-1].index += 1
            self.stack[-1].key = None

    def _indent(self) -> str:
        return "  " * len(self.stack)


def _decoded(piece: str) -> str:
    try:
        return str(json.loads(piece, strict=False))
    except ValueError:
        return piece.strip('"')


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
