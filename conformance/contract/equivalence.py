"""Compares two values as the contract does (GET-3, HTTP-4).

Times are equal if they name the same instant, numbers if they have the same value. An absent member equals a null
member. The order of members does not matter, and members that no schema names are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.pointers import escape
from conformance.contract.schemas import Node, node, project
from conformance.contract.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Collection


def differences(shape: str, a: object, b: object, *, ignore: Collection[str] = ()) -> list[str]:
    """JSON pointers to the places at which two values of `shape` differ; [] if they are the same (GET-3, HTTP-4).

    `ignore` holds pointers that are not compared, nor what is below them; a step `*` stands for any one step, so that
    "/data/*/events/updated" leaves that member out of every item. Where arrays have different lengths the pointer is
    the array's. Raises KeyError for an unknown shape.
    """
    comparison = _Comparison([tuple(pattern.split("/")[1:]) for pattern in ignore])
    place = node(shape)
    if a is not b:  # equal bodies share one value
        comparison.compare(place, project(shape, a), project(shape, b), ())
    return ["".join(f"/{step}" for step in steps) for steps in comparison.found]


class _Comparison:
    def __init__(self, ignored: list[tuple[str, ...]]) -> None:
        self.ignored = ignored
        self.found: list[tuple[str, ...]] = []

    def compare(self, place: Node | None, a: object, b: object, at: tuple[str, ...]) -> None:
        if a is b or any(_matches(pattern, at) for pattern in self.ignored):
            return
        if isinstance(a, dict) and isinstance(b, dict):
            for name in [*a, *(name for name in b if name not in a)]:
                below = None if place is None else place.member(name)
                self.compare(below, a.get(name), b.get(name), (*at, escape(name)))
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            items = None if place is None else place.items
            for index, (left, right) in enumerate(zip(a, b, strict=True)):
                self.compare(items, left, right, (*at, str(index)))
        elif not _same(place, a, b):
            self.found.append(at)


def _matches(pattern: tuple[str, ...], at: tuple[str, ...]) -> bool:
    return len(pattern) == len(at) and all(wanted in ("*", step) for wanted, step in zip(pattern, at, strict=True))


def _same(place: Node | None, a: object, b: object) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if place is not None and place.is_time and isinstance(a, str) and isinstance(b, str):
        left = parse_time(a)
        return a == b if left is None else left == parse_time(b)
    return bool(a == b)
