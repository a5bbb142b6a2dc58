"""Counts which parts of the contract the exchanges of a run showed. Nothing is judged by it."""

from __future__ import annotations

import threading
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from conformance.contract import strict_json
from conformance.contract.error_codes import published_codes, published_form
from conformance.contract.pointers import escape, value_at
from conformance.contract.schemas import node, schemas
from conformance.judging.answer_shapes import ANSWER_SHAPE, is_judgeable_success

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from conformance.contract.schemas import Node
    from conformance.http.exchange import Exchange

BACKUP_STATES, JOB_STATES, LOG_TYPES = "backup states", "job states", "log types"
ERROR_CODES = "published error codes"
#: In how many items of a list members are counted.
MAX_ITEMS = 5

Counts = dict[str, dict[str, int]]


def members_of(operation: str) -> str:
    """Return the name of the enumeration that lists the members of an operation's answer."""
    return f"members of the {operation} response"


@cache
def known_values() -> dict[str, tuple[str, ...]]:
    """Return every enumeration of the contract by name: states, types, codes, and the members of each response."""
    states: dict[str, tuple[str, ...]] = {
        BACKUP_STATES: tuple(schemas()["backup-state.json"]["properties"]["current"]["enum"]),
        JOB_STATES: tuple(schemas()["job-state.json"]["properties"]["current"]["enum"]),
        LOG_TYPES: tuple(schemas()["backup-log.json"]["properties"]["type"]["enum"]),
        ERROR_CODES: published_codes(),
    }
    members = {members_of(operation): tuple(_pointers(node(shape))) for operation, shape in ANSWER_SHAPE.items()}
    return {**states, **members}


class Coverage:
    """What one worker saw; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: by the enumerations and values that a response shows
        self._seen: Counter[frozenset[tuple[str, str]]] = Counter()

    def observe(self, exchange: Exchange) -> None:
        """Count what a response shows, once for each response."""
        parsed = exchange.parsed
        if not isinstance(parsed, strict_json.Parsed):
            return
        served = exchange.operation if is_judgeable_success(exchange) else None
        shown = parsed.derive(("coverage", served), lambda _: frozenset((*_values(exchange), *_members(exchange))))
        with self._lock:
            self._seen[shown] += 1

    def counted(self) -> Counts:
        """Return the counts by enumeration and value."""
        counts: Counts = {}
        with self._lock:
            for shown, count in self._seen.items():
                for name, value in shown:
                    of_name = counts.setdefault(name, {})
                    of_name[value] = of_name.get(value, 0) + count
        return counts


def added(all_counts: Iterable[Mapping[str, Mapping[str, int]]]) -> Counts:
    """Return the counts of all workers added up; an enumeration of which nothing was seen is empty."""
    total: dict[str, Counter[str]] = {name: Counter() for name in known_values()}
    for counts in all_counts:
        for name, values in counts.items():
            total.setdefault(name, Counter()).update(values)
    return {name: dict(counts) for name, counts in total.items()}


def _values(exchange: Exchange) -> Iterator[tuple[str, str]]:
    if exchange.code and (code := published_form(exchange.code)):
        yield ERROR_CODES, code
    if not is_judgeable_success(exchange):
        return
    items = exchange.items if exchange.operation in ("list", "logs") else [exchange.data]
    name, pointer = {
        "list": (BACKUP_STATES, "/state/current"),
        "get": (BACKUP_STATES, "/state/current"),
        "job": (JOB_STATES, "/state/current"),
        "logs": (LOG_TYPES, "/type"),
    }.get(exchange.operation, ("", ""))
    for item in items if name else ():
        value = value_at(item, pointer)
        if isinstance(value, str) and value in known_values()[name]:
            yield name, value


def _members(exchange: Exchange) -> Iterator[tuple[str, str]]:
    if is_judgeable_success(exchange):
        name = members_of(exchange.operation)
        shown: set[str] = set()
        _add_shown(node(ANSWER_SHAPE[exchange.operation]), exchange.value, "", shown)
        for pointer in shown:
            yield name, pointer


def _pointers(shape: Node, pointer: str = "") -> Iterator[str]:
    for name, member in shape.members.items():
        yield f"{pointer}/{escape(name)}"
        yield from _pointers(member, f"{pointer}/{escape(name)}")
    for below in (shape.items, shape.values):
        if below is not None:
            yield from _pointers(below, f"{pointer}/*")


def _add_shown(shape: Node, value: object, pointer: str, shown: set[str]) -> None:
    """Add the pointers to the members that a value shows; a value that is no container shows none."""
    if isinstance(value, dict):
        for name, item in value.items():
            member = shape.members.get(name)
            if member is not None:
                below = f"{pointer}/{escape(name)}"
                shown.add(below)
                if isinstance(item, dict | list):
                    _add_shown(member, item, below, shown)
            elif shape.values is not None:
                _add_shown(shape.values, item, f"{pointer}/*", shown)
    elif isinstance(value, list) and shape.items is not None:
        for item in value[:MAX_ITEMS]:
            _add_shown(shape.items, item, f"{pointer}/*", shown)
