"""Which backups a list shows, in which order, and which page of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from conformance.reference.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.call import Call
    from conformance.reference.world import Backup, Log

DEFAULT_SIZE = 100
LARGEST_SIZE = 1000
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
SORTS: dict[str, Callable[[Backup], Any]] = {
    "id": lambda backup: backup.id,
    "created": lambda backup: backup.created,
    "size": lambda backup: backup.size,
}


def visible(call: Call) -> list[Backup]:
    """The backups of the container, the newest first."""
    return sorted(call.container.backups.values(), key=lambda backup: backup.created, reverse=True)


def sort_wanted(call: Call) -> list[tuple[str, bool]]:
    """The members to sort by, and whether each descends."""
    wanted = []
    for part in call.query.get("sort", "").split(",") if "sort" in call.query else ():
        name = part.removeprefix("-")
        if name not in SORTS:
            raise RefusalError("400.invalid-syntax", "The list cannot be sorted by that")
        wanted.append((name, part != name))
    return wanted


def order(_call: Call, items: list[Backup], wanted: list[tuple[str, bool]]) -> list[Backup]:
    """The items in the order asked for: sorting is stable, so the last key is applied first."""
    for name, descending in reversed(wanted):
        items = sorted(items, key=SORTS[name], reverse=descending)
    return items


def page_wanted(call: Call) -> tuple[int, int]:
    """The number and the size of the page asked for. Pages are counted from 1."""
    values = []
    for name, default in (("page[number]", 1), ("page[size]", DEFAULT_SIZE)):
        text = call.query.get(name)
        if text is not None and (not WHOLE_NUMBER.fullmatch(text) or int(text) < 1):
            raise RefusalError("400.invalid-syntax", f"{name} must be a number from 1 on")
        values.append(default if text is None else int(text))
    return values[0], min(values[1], LARGEST_SIZE)


def page(_call: Call, items: list[Backup], number: int, size: int) -> list[Backup]:
    """One page of the items."""
    return items[(number - 1) * size : number * size]


def visible_logs(call: Call) -> list[Log]:
    """All logs of the backup, the oldest first."""
    return list(call.backup.logs)
