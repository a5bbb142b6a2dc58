"""Strict and bounded reading of JSON bodies (HTTP-1, HTTP-7).

The standard library's C scanner does the reading. What it accepts and RFC 8259 does not, what it loses (members that
occur twice) and what could hurt those who use the value (depth, infinities, millions of values) is decided here.
Everything takes time and memory in proportion to the body's length.

Nearly every body is read the quick way: the values that the scanner built are counted, level by level, and where their
number shows that none was lost, there is nothing to look for. The careful way, which sees each object's members, is
much dearer; it decides whatever the quick one leaves in doubt.
"""

from __future__ import annotations

import gc
import json
import math
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from conformance.contract import pointers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

D = TypeVar("D")
MAX_DEPTH = 200
#: how many members that occur twice are named
MAX_DUPLICATES = 50
#: how many objects with such members are remembered
MAX_OBJECTS = 1000

_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_LARGEST = sys.float_info.max
#: a string, perhaps without an end; possessive, so that no match is ever tried again
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)'
_CONSTANT = re.compile(rb"%s|(?P<constant>NaN|-?Infinity)" % _STRING, re.DOTALL)
_BRACKET = re.compile(rb"%s|(?P<open>[\[{])|(?P<close>[\]}])" % _STRING, re.DOTALL)
#: what comes before a value or a name, with all before it that brings none
_BRINGS_ONE = re.compile(
    rb'(?:[^"\[{,:]++|%s|[\[{](?=[ \t\r\n]*+[\]}]))*+(?:(?P<brought>[\[{,:])|\Z)' % _STRING, re.DOTALL
)
_ESCAPED = (b"\\\\", b'\\"')
#: the brackets of objects become those of arrays, and all but brackets, quotes and escapes is deleted
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"\\'))
_NO_STARTS = bytes(set(range(256)) - set(b",{["))
_NO_MEMBERS = bytes(set(range(256)) - set(b",:{}"))
_AS_COMMAS = bytes.maketrans(b"{}", b",,")
_DOUBT = object()
#: whether this interpreter shows of an object the values alone; where it does not, every document is read carefully
_SEES_VALUES_ALONE = gc.get_referents({"a": "b"}) == ["b"]


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
    """A document's value, and JSON pointers to members that occur twice in one object (HTTP-7).

    `derived` holds what was found out about the value, by any key: it is found out once for all equal bodies.
    """

    value: Any  # Any: JSON of a foreign server
    duplicates: tuple[str, ...] = ()
    derived: dict[Hashable, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def derive(self, key: Hashable, derive: Callable[[Any], D]) -> D:  # Any: the value
        """Return what `derive` makes of the value, remembered by the key. Nothing may change it."""
        if key not in self.derived:
            self.derived[key] = derive(self.value)
        return cast("D", self.derived[key])


def parse(body: bytes, *, max_depth: int = MAX_DEPTH) -> Parsed:
    """Read one JSON document, UTF-8 without a byte order mark (HTTP-1), at most `max_depth` containers deep.

    Of members that occur twice the last one counts. A number that neither a double nor an int of the interpreter's
    limit can hold (1e999, 5000 digits) is read as the double nearest to it, never as infinity: RFC 8259 leaves the
    range to the reader, and no arithmetic on such a value raises. Lone surrogate escapes are kept as they are.

    At most MAX_DUPLICATES duplicates are named, with their pointers cut where names are long.

    Raises NotJSON.
    """
    text = _decode(body)
    value = _read_quickly(body, text, max_depth)
    return _read_carefully(body, text, max_depth) if value is _DOUBT else Parsed(value)


def _read_carefully(body: bytes, text: str, max_depth: int) -> Parsed:
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
    if 1 + sum(map(body.count, (b",", b":", b"[", b"{"))) <= limit:
        return False
    brought = (match for match in _BRINGS_ONE.finditer(body) if match.lastgroup)
    return next(islice(brought, limit - 1, None), None) is not None


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


# The quick way


def _read_quickly(body: bytes, text: str, max_depth: int) -> object:
    """The value of a document without members that occur twice and not too deep; _DOUBT of anything that may differ."""
    if not _SEES_VALUES_ALONE:
        return _DOUBT
    decoder = json.JSONDecoder(parse_float=_float, parse_constant=_refuse)
    try:
        value = decoder.decode(text)
    except (ValueError, _ConstantError, RecursionError):
        return _DOUBT
    sizes = [len(level) for level in _levels(value)]
    if _may_repeat(body, value, sum(sizes)):
        return _DOUBT
    if len(sizes) >= max_depth and _is_deeper(body, max_depth):  # the lowest containers may be empty
        return _DOUBT
    return value


def _levels(value: object) -> Iterator[list[object]]:
    """What the containers of one level of a document hold, level by level; the names of members are no part of it."""
    level = [value]
    while level := gc.get_referents(*level):
        yield level


def _may_repeat(body: bytes, value: object, built: int) -> bool:
    """Whether more values may be written in a document than were built, the outermost one apart.

    Before each value there is a comma, or its container is opened; strings may hold these as well. Where they do, a
    dearer count of members may still tell.
    """
    written = len(body.translate(None, _NO_STARTS))
    if written <= built or written - body.count(b"{}") - body.count(b"[]") <= built:
        return False
    lists = [each for level in ([value], *_levels(value)) for each in level if isinstance(each, list)]
    return _may_repeat_members(body, built - sum(map(len, lists)))


def _may_repeat_members(body: bytes, built: int) -> bool:
    """Whether more members may be written than were built.

    Between the colons of two members there is a comma or a brace, so there are at most as many members as there are
    rows of colons; those of a time stand in the row of its member. Where strings hold colons behind commas or braces,
    a name's last quote and its colon have nothing but blanks between them.
    """
    if body.translate(_AS_COMMAS, _NO_MEMBERS).count(b":,") <= built:
        return False
    return body.translate(None, _BLANKS).count(b'":') > built


# Depth


def _is_deeper(body: bytes, max_depth: int) -> bool:
    """Whether brackets that are closed are nested deeper than that; those that stay open are left to the scanner."""
    marks = body.translate(_AS_ARRAYS, _NO_MARKS)
    if marks.count(b"[") <= max_depth:
        return False
    if 2 * marks.count(b'""') != marks.count(b'"'):  # a bracket or an escape in a string
        for escaped in _ESCAPED:
            body = body.replace(escaped, b"")
        marks = re.sub(rb'"[^"]++(?:"|\Z)', b"", body.translate(_AS_ARRAYS, _NO_MARKS).replace(b'""', b""))
    brackets = marks.translate(None, b'"\\')
    for _ in range(max_depth):
        length = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if len(brackets) == length:
            return False
    return b"[]" in brackets


def _too_deep(body: bytes, max_depth: int) -> NotJSON:
    depth, reason = 0, f"it is nested deeper than {max_depth} levels"
    for match in _BRACKET.finditer(body):
        depth += {"open": 1, "close": -1}.get(match.lastgroup or "", 0)
        if depth > max_depth:
            return NotJSON(reason, match.start())
    return NotJSON(reason)


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
    return next((match.start() for match in _CONSTANT.finditer(body) if match["constant"]), 0)


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

    def _decoder(self, parse_int: Callable[[str], int | float] | None) -> json.JSONDecoder:
        return json.JSONDecoder(
            parse_float=_float, parse_int=parse_int, parse_constant=_refuse, object_pairs_hook=self._object
        )

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) < len(pairs) and len(self.with_duplicates) < MAX_OBJECTS:
            counts = Counter(name for name, _ in pairs)
            twice = [name for name, count in counts.most_common(MAX_DUPLICATES) if count > 1]
            self.with_duplicates[id(members)] = (members, twice)
        return members

    def duplicates_in(self, value: object) -> list[str]:
        """Pointers to the members that occur twice, sorted; those in a member that was itself overwritten are left out.

        Each container on the way is kept with its parent and its step: pointers are made only for what is named.
        """
        pointers_found: list[str] = []
        rest: list[_Place] = [_Place(value, None, "")]
        while rest and len(pointers_found) < MAX_DUPLICATES:
            place = rest.pop()
            if id(place.value) in self.with_duplicates:
                _, twice = self.with_duplicates[id(place.value)]
                pointers_found += [pointers.shown([*place.steps, name]) for name in twice]
            rest.extend(place.containers())
        return sorted(pointers_found[:MAX_DUPLICATES])


@dataclass(frozen=True, slots=True)
class _Place:
    """A value within a document, and the way to it."""

    value: object
    parent: _Place | None
    step: str | int

    @property
    def steps(self) -> list[str | int]:
        steps: list[str | int] = []
        place = self
        while place.parent is not None:
            steps.append(place.step)
            place = place.parent
        return steps[::-1]

    def containers(self) -> Iterator[_Place]:
        """The arrays and objects directly within."""
        inner: Iterable[tuple[str | int, object]] = ()
        if isinstance(self.value, dict):
            inner = self.value.items()
        elif isinstance(self.value, list):
            inner = enumerate(self.value)
        return (_Place(item, self, step) for step, item in inner if isinstance(item, dict | list))


# Reasons


def _reason(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "something follows the document"
    if not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated string"):
        return _CUT_OFF if error.doc.strip() else "the body is empty"
    return error.msg[0].lower() + error.msg[1:].removesuffix(" at").removesuffix(" starting")


def _byte_offset(text: str, position: int) -> int:
    return len(text[:position].encode())
