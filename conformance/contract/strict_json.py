"""Strict and bounded reading of JSON bodies (HTTP-1, HTTP-7).

The standard library's C scanner does the reading. What it accepts and RFC 8259 does not, what it loses (members that
occur twice) and what could hurt those who use the value (depth, infinities, millions of values) is decided here.
Everything takes time and memory in proportion to the body's length.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.contract.pointers import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 200
#: so many members that occur twice are named
MAX_DUPLICATES = 50
#: a step of a duplicate's pointer is cut to so many characters
MAX_STEP = 200

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_LARGEST = sys.float_info.max
#: strings, the last one perhaps without an end; possessive, so that no match is ever tried again
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
_CONSTANT = re.compile(rb"NaN|-?Infinity")
_BRACKET = re.compile(rb"[\[{]|[\]}]")
#: the brackets of objects become those of arrays, and all but brackets, quotes and escapes is deleted
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"\\'))


_CUT_OFF = "the body ends in the middle of the document"


class NotJSON(ValueError):  # noqa: N818 - the name says what the body is; callers read `except NotJSON`
    """The body is not one strict JSON document: `reason` says why in one line, `offset` counts bytes (HTTP-1)."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} (byte {offset})")
        self.reason = reason
        self.offset = offset

    @property
    def is_cut_off(self) -> bool:
        """Whether the body is the beginning of a document, and nothing else is wrong with it."""
        return self.reason == _CUT_OFF


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's value, and JSON pointers to members that occur twice in one object (HTTP-7)."""

    value: Any
    duplicates: tuple[str, ...] = ()


def parse(body: bytes, *, max_depth: int = MAX_DEPTH) -> Parsed:
    """Read one JSON document, UTF-8 without a byte order mark (HTTP-1), at most `max_depth` containers deep.

    Of members that occur twice the last one counts. A number that neither a double nor an int of the interpreter's
    limit can hold (1e999, 5000 digits) is read as the double nearest to it, never as infinity: RFC 8259 leaves the
    range to the reader, and no arithmetic on such a value raises. Lone surrogate escapes are kept as they are.

    At most MAX_DUPLICATES duplicates are named, with their pointers cut where names are long.

    Raises NotJSON.
    """
    text = _decode(body)
    if _is_deeper(body, max_depth):
        raise _too_deep(body, max_depth)
    objects = _Objects()
    try:
        value = objects.decode(text)
    except json.JSONDecodeError as error:
        raise NotJSON(_reason(error), _byte_offset(text, error.pos)) from None
    except _ConstantError as error:
        raise NotJSON(f"{error} is not JSON", _constant_offset(body)) from None
    except RecursionError:
        raise _too_deep(body, max_depth) from None
    return Parsed(value, tuple(objects.duplicates_in(value)) if objects.with_duplicates else ())


def has_more_values(body: bytes, limit: int) -> bool:
    """Whether a JSON body holds more than `limit` values, the names of members counted as well.

    Values are counted in the text, before any of them is built. What is no JSON is counted roughly.
    """
    if body.lstrip(_BLANKS)[:1] not in (b"{", b"["):
        return False
    most = 1 + sum(map(body.count, (b",", b":", b"[", b"{")))
    return most > limit and _count_values(_without_strings(body)) > limit


def _count_values(outside_strings: bytes) -> int:
    """Each comma and each opening of a container that is not empty brings one value, each colon one name."""
    dense = outside_strings.translate(None, _BLANKS)
    empty = dense.count(b"[]") + dense.count(b"{}")
    return 1 + sum(map(dense.count, (b",", b":", b"[", b"{"))) - empty


def _decode(body: bytes) -> str:
    if body.startswith(_BOM):
        raise NotJSON("it begins with a byte order mark")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotJSON("it is not UTF-8", error.start) from None
    if not text.strip(" \t\r\n"):
        raise NotJSON("it is empty")
    return text


# Depth


def _is_deeper(body: bytes, max_depth: int) -> bool:
    """Whether brackets that are closed are nested deeper than that; those that stay open are left to the scanner."""
    marks = body.translate(_AS_ARRAYS, _NO_MARKS)
    if marks.count(b"[") <= max_depth:
        return False
    if 2 * marks.count(b'""') != marks.count(b'"'):  # a bracket or an escape in a string
        marks = _without_strings(body).translate(_AS_ARRAYS, _NO_MARKS)
    brackets = marks.translate(None, b'"\\')
    for _ in range(max_depth):
        length = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if len(brackets) == length:
            return False
    return b"[]" in brackets


def _too_deep(body: bytes, max_depth: int) -> NotJSON:
    depth = 0
    for match in _BRACKET.finditer(_blank_strings(body)):
        depth += 1 if match[0] in b"[{" else -1
        if depth > max_depth:
            return NotJSON(f"it is nested deeper than {max_depth} levels", match.start())
    return NotJSON(f"it is nested deeper than {max_depth} levels")


def _without_strings(body: bytes) -> bytes:
    """The body with every string replaced by two quotes."""
    return _STRING.sub(b'""', body)


def _blank_strings(body: bytes) -> bytes:
    """The body with every string replaced by as many quotes: offsets stay, brackets in strings are gone."""
    return _STRING.sub(lambda match: b'"' * len(match[0]), body)


# Numbers and constants


class _ConstantError(Exception):
    """Carries the name of a constant out of the scanner."""


def _refuse(constant: str) -> object:
    raise _ConstantError(constant)


def _float(literal: str) -> float:
    number = float(literal)
    return math.copysign(_LARGEST, number) if math.isinf(number) else number


def _int(literal: str) -> int | float:
    try:
        return int(literal)
    except ValueError:  # more digits than the interpreter converts
        return _float(literal)


def _constant_offset(body: bytes) -> int:
    constant = _CONSTANT.search(_blank_strings(body))
    return constant.start() if constant else 0


# Members that occur twice


class _Objects:
    """Builds the objects of one document, and remembers those in which names occur twice."""

    def __init__(self) -> None:
        #: by identity; each object is kept with it, so that no other object gets the same identity
        self.with_duplicates: dict[int, tuple[dict[str, object], list[str]]] = {}

    def decode(self, text: str) -> object:
        """The document's value."""
        try:
            return self._decoder(None).decode(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # a literal with more digits than the interpreter converts
            self.with_duplicates.clear()
            return self._decoder(_int).decode(text)

    def _decoder(self, parse_int: Any) -> json.JSONDecoder:  # Any: what json's own annotations ask for
        return json.JSONDecoder(
            parse_float=_float, parse_int=parse_int, parse_constant=_refuse, object_pairs_hook=self._object
        )

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            twice = [name for name, count in counts.most_common(MAX_DUPLICATES) if count > 1]
            self.with_duplicates[id(members)] = (members, twice)
        return members

    def duplicates_in(self, value: object) -> list[str]:
        """Pointers to the members that occur twice, sorted; those in a member that was itself overwritten are left out.

        Each container on the way is kept with its parent and its step: pointers are made only for what is named.
        """
        pointers: list[str] = []
        rest: list[_Place] = [_Place(value, None, "")]
        while rest and len(pointers) < MAX_DUPLICATES:
            place = rest.pop()
            if id(place.value) in self.with_duplicates:
                _, twice = self.with_duplicates[id(place.value)]
                pointers += [f"{place.pointer}/{_step(name)}" for name in twice]
            rest.extend(place.containers())
        return sorted(pointers[:MAX_DUPLICATES])


@dataclass(frozen=True, slots=True)
class _Place:
    """A value within a document, and the way to it."""

    value: object
    parent: _Place | None
    step: str | int

    @property
    def pointer(self) -> str:
        steps: list[str] = []
        place = self
        while place.parent is not None:
            steps.append(_step(str(place.step)))
            place = place.parent
        return "".join(f"/{step}" for step in reversed(steps))

    def containers(self) -> Iterator[_Place]:
        """The arrays and objects directly within."""
        inner: Any = ()
        if isinstance(self.value, dict):
            inner = self.value.items()
        elif isinstance(self.value, list):
            inner = enumerate(self.value)
        return (_Place(item, self, step) for step, item in inner if isinstance(item, dict | list))


def _step(name: str) -> str:
    return escape(name if len(name) <= MAX_STEP else f"{name[:MAX_STEP]}…")


# Reasons


def _reason(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "something follows the document"
    if not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated string"):
        return _CUT_OFF if error.doc.strip() else "the body is empty"
    return error.msg[0].lower() + error.msg[1:].removesuffix(" at").removesuffix(" starting")


def _byte_offset(text: str, position: int) -> int:
    return len(text[:position].encode())
