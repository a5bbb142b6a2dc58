"""Strict and bounded reading of JSON bodies (HTTP-1, HTTP-7).

The standard library's C scanner does the reading. What it lets through and RFC 8259 does not, what it loses (members
that occur twice) and what could hurt those who walk the value later (depth, infinities) is settled here.
"""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass
from itertools import chain
from typing import Any

from conformance.contract.pointers import escape

_BOM = b"\xef\xbb\xbf"
_LARGEST = sys.float_info.max
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONSTANT = re.compile(rb"NaN|-?Infinity")


class NotJSON(ValueError):  # noqa: N818 - the name says what the body is; callers read `except NotJSON`
    """The body is not one strict JSON document: `reason` says why in one line, `offset` counts bytes (HTTP-1)."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} (byte {offset})")
        self.reason = reason
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's value, and the JSON pointers of members that occur twice in one object (HTTP-7)."""

    value: Any
    duplicates: tuple[str, ...] = ()


def parse(body: bytes, *, max_depth: int = 200) -> Parsed:
    """Read one JSON document, UTF-8 without a byte order mark (HTTP-1), at most `max_depth` containers deep.

    Of members that occur twice the last one counts. A number that neither a double nor an int of the interpreter's
    limit can hold (1e999, 5000 digits) is read as the double nearest to it, never as infinity: RFC 8259 leaves the
    range to the reader, and no arithmetic on such a value raises. Lone surrogate escapes are kept as they are.

    Raises NotJSON.
    """
    text = _decode(body)
    try:
        value = _scan(text)
    except json.JSONDecodeError as error:
        raise NotJSON(_reason(error), _byte_offset(text, error.pos)) from None
    except _Constant as error:
        raise NotJSON(f"{error} is not JSON", _constant_offset(body)) from None
    except RecursionError:
        raise _too_deep(body, max_depth) from None
    strings = _count_strings(value, max_depth)
    if strings is None:
        raise _too_deep(body, max_depth)
    # Every string, be it a name or a value, stands between two quotes. Fewer strings in the value than in the text
    # means that a member was overwritten. With an escaped quote in the text the count says nothing.
    if body.count(b'"') == 2 * strings and not (b"\\" in body and b'\\"' in body):
        return Parsed(value)
    return Parsed(value, _duplicates(text))


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


class _Constant(Exception):  # noqa: N818 - carries the name of the constant out of the scanner
    pass


def _refuse(constant: str) -> Any:
    raise _Constant(constant)


def _float(literal: str) -> float:
    number = float(literal)
    return math.copysign(_LARGEST, number) if math.isinf(number) else number


def _int(literal: str) -> int | float:
    try:
        return int(literal)
    except ValueError:  # more digits than the interpreter converts
        return _float(literal)


class _Object(dict[str, Any]):
    """An object in which names occur twice: the walk of _duplicates finds it again by its type."""

    twice: tuple[str, ...]


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    marked = _Object(members)
    names = [name for name, _ in pairs]
    marked.twice = tuple(name for name in members if names.count(name) > 1)
    return marked


_FAST = json.JSONDecoder(parse_float=_float, parse_constant=_refuse)
_LONG_NUMBERS = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=_refuse)
_MARKING = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=_refuse, object_pairs_hook=_members)


def _scan(text: str) -> Any:
    try:
        return _FAST.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a literal with more digits than the interpreter converts
        return _LONG_NUMBERS.decode(text)


def _count_strings(value: Any, max_depth: int) -> int | None:
    """How many strings stand in the value, names and values alike; None if it is nested deeper than `max_depth`.

    Level by level instead of by recursion: whatever the depth, and most of the work is done in C.
    """
    strings = 0
    level = [value]
    for _ in range(max_depth + 1):
        kinds = list(map(type, level))
        strings += kinds.count(str)
        dicts = [item for item in level if type(item) is dict] if dict in kinds else []
        below = list(chain.from_iterable(map(dict.values, dicts)))
        strings += len(below)
        if list in kinds:
            below.extend(chain.from_iterable(item for item in level if type(item) is list))
        elif not dicts:
            return strings
        level = below
    return None


def _duplicates(text: str) -> tuple[str, ...]:
    found: list[str] = []
    rest: list[tuple[str, Any]] = [("", _MARKING.decode(text))]
    while rest:
        pointer, value = rest.pop()
        if isinstance(value, _Object):
            found.extend(f"{pointer}/{escape(name)}" for name in value.twice)
        if isinstance(value, dict):
            rest.extend((f"{pointer}/{escape(name)}", item) for name, item in value.items())
        elif isinstance(value, list):
            rest.extend((f"{pointer}/{index}", item) for index, item in enumerate(value))
    return tuple(sorted(found))


def _reason(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "something follows the document"
    return error.msg[0].lower() + error.msg[1:].removesuffix(" at").removesuffix(" starting")


def _byte_offset(text: str, position: int) -> int:
    return len(text[:position].encode())


def _without_strings(body: bytes) -> bytes:
    """The body with every string replaced by as many quotes: offsets stay, brackets in strings are gone."""
    return _STRING.sub(lambda match: b'"' * len(match[0]), body)


def _constant_offset(body: bytes) -> int:
    found = _CONSTANT.search(_without_strings(body))
    return found.start() if found else 0


def _too_deep(body: bytes, max_depth: int) -> NotJSON:
    depth = 0
    for match in re.finditer(rb"[\[{]|[\]}]", _without_strings(body)):
        depth += 1 if match[0] in b"[{" else -1
        if depth > max_depth:
            return NotJSON(f"it is nested deeper than {max_depth} levels", match.start())
    return NotJSON(f"it is nested deeper than {max_depth} levels")
