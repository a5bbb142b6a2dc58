"""Lists: which backups are shown, in which order, and which page of them; and the logs of a backup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.reference.refusals import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from conformance.reference.core import Call, Sort
    from conformance.reference.data.store import Backup, Log

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
MAX_INT64 = 2**63 - 1
INTEGER = re.compile(r"[0-9]{1,19}")
SORT_KEYS: dict[str, Callable[[Backup], str | datetime | int]] = {
    "id": lambda backup: backup.id,
    "created": lambda backup: backup.created,
    "size": lambda backup: backup.size,
}


def visible(call: Call) -> list[Backup]:
    """The backups of the container, newest first."""
    return sorted(call.container.backups.values(), key=lambda backup: backup.created, reverse=True)


def parse_sort(call: Call) -> Sort:
    """The members to sort by, each with whether it descends."""
    sort = []
    for value in call.query_list("sort"):
        name = value.removeprefix("-")
        if name not in SORT_KEYS:
            raise RefusalError("400.invalid-syntax", "Lists cannot be sorted by that")
        sort.append((name, value != name))
    return sort


def order(_call: Call, backups: list[Backup], sort: Sort) -> list[Backup]:
    """The backups in the requested order: sorting is stable, so the last key is applied first."""
    for name, descending in reversed(sort):
        backups = sorted(backups, key=SORT_KEYS[name], reverse=descending)
    return backups


def parse_page(call: Call) -> tuple[int, int]:
    """The number and the size of the requested page. Page numbers start at 1."""
    values = []
    for name, default in (("page[number]", 1), ("page[size]", DEFAULT_PAGE_SIZE)):
        text = call.query.get(name)
        if text is not None and (not INTEGER.fullmatch(text) or not 1 <= int(text) <= MAX_INT64):
            raise RefusalError("400.invalid-syntax", f"{name} must be a 64-bit integer of at least 1")
        values.append(default if text is None else int(text))
    return values[0], min(values[1], MAX_PAGE_SIZE)


def page(_call: Call, backups: list[Backup], number: int, size: int) -> list[Backup]:
    """One page of the backups."""
    return backups[(number - 1) * size : number * size]


def visible_logs(call: Call) -> list[Log]:
    """All logs of the backup, oldest first."""
    return list(call.backup.logs)
