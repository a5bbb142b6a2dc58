"""Values that the contract allows and the vendor's own clients cannot read: a note, never a warning."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from conformance.contract.pointers import escape
from conformance.contract.schemas import NOTED_ITEMS, Node, node
from conformance.contract.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many are named for one value at most.
MAX_NAMED = 50
ZERO_TIME = "0001-01-01T00:00:00Z"
_MAX_INTEGER = 2**63 - 1
_SMALL_LETTER = re.compile(r"[tz]")


def unreadable_values(shape: str, value: object) -> set[str]:
    """Name the values of an answer of this shape that are legal and unreadable, with `*` for indices and map keys."""
    return {f"{pointer} is {what}" for pointer, what in islice(_walk(node(shape), value, ""), MAX_NAMED)}


def _walk(place: Node, value: object, pointer: str) -> Iterator[tuple[str, str]]:
    if what := _unreadable(place, value):
        yield pointer, what
    elif isinstance(value, dict):
        for name, item in value.items():
            below = place.member(name)
            if below is not None:
                yield from _walk(below, item, f"{pointer}/{escape(name) if name in place.members else '*'}")
    elif isinstance(value, list) and place.items is not None:
        for item in value[:NOTED_ITEMS]:
            yield from _walk(place.items, item, f"{pointer}/*")


def _unreadable(place: Node, value: object) -> str:
    """What is unusual about a value; empty where nothing is."""
    if place.is_time and isinstance(value, str):
        return _unreadable_time(value)
    if "integer" not in place.types or "number" in place.types or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return "an integer written with a fraction or an exponent"
    return "an integer above 2^63-1" if isinstance(value, int) and value > _MAX_INTEGER else ""


def _unreadable_time(text: str) -> str:
    time = parse_time(text)
    if not text:
        return "an empty string for a time"
    if time is None:
        return ""  # the clause of the shape speaks of it
    if time.unset:
        return "" if text == ZERO_TIME else "the zero time in another spelling"
    if time.leap:
        return "a leap second"
    return "a time with a small t or z" if _SMALL_LETTER.search(text) else ""
