"""JSON pointers (RFC 6901): written, and followed into a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: an index without leading zeros, and of no more digits than an index of a list can have
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")


def escape(name: str) -> str:
    """`name` as one step of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def unescape(step: str) -> str:
    """The member's name that a step stands for."""
    return step.replace("~1", "/").replace("~0", "~")


def join(steps: Iterable[str | int]) -> str:
    """The pointer that takes these steps: names of members and indices of elements."""
    return "".join(f"/{escape(str(step))}" for step in steps)


def value_at(value: object, pointer: str) -> Any:
    """The value at a pointer, None where there is none (JSON of any type comes in and goes out)."""
    for step in pointer.split("/")[1:]:
        if isinstance(value, dict):
            value = value.get(unescape(step))
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
