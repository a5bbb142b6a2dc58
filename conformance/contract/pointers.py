"""JSON pointers (RFC 6901): written, and followed into a value."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: names are shown up to this length
MAX_SHOWN = 200
#: an index without leading zeros, and of no more digits than an index of a list can have
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")


def escape(name: str) -> str:
    """`name` as one step of a pointer."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def unescape(step: str) -> str:
    """The name of the member that a step denotes."""
    return step.replace("~1", "/").replace("~0", "~")


def join(steps: Iterable[str | int]) -> str:
    """The pointer that takes these steps: names of members and indices of elements."""
    return "".join(f"/{escape(str(step))}" for step in steps)


def shown(steps: Iterable[str | int]) -> str:
    """The pointer as reports show it: long names are cut, so that it may not resolve."""
    return join(step if isinstance(step, int) or len(step) <= MAX_SHOWN else f"{step[:MAX_SHOWN]}…" for step in steps)


def value_at(value: object, pointer: str) -> Any:  # Any: JSON, which the caller narrows
    """The value at a pointer in any JSON value; None if the pointer leads to no value."""
    for name in _names(pointer):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


@lru_cache(maxsize=1024)
def _names(pointer: str) -> tuple[str, ...]:
    return tuple(map(unescape, pointer.split("/")[1:]))
