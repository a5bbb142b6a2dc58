"""BKP-1 … BKP-4: what every backup must be, in list and in get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.pointers import value_at
from conformance.contract.timestamps import parse_time
from conformance.judging.answer_shapes import backups, serves
from conformance.judging.checks import passive
from conformance.judging.expectations import (
    violation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.json_types import JsonObject
    from conformance.contract.timestamps import Instant
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding


def shows_backups(exchange: Exchange, *states: str) -> bool:
    """A success of list or get with a backup in it, in one of these states where some are named."""
    return serves("list", "get")(exchange) and any(
        not states or value_at(backup, "/state/current") in states for _, backup in backups(exchange)
    )


@passive("BKP-1", when=shows_backups)
def created_is_set_and_first(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        created, updated = (time_at(backup, f"/events/{name}") for name in ("created", "updated"))
        if created is not None and created.unset:
            yield violation("a time at which it was created", "not set", exchange, f"{pointer}/events/created")
        elif created and updated and not updated.unset and updated < created:
            yield violation("updated not before created", "an earlier time", exchange, f"{pointer}/events/updated")


@passive("BKP-2", when=lambda exchange: shows_backups(exchange, "saving", "live"))
def deleted_is_set_only_when_deleted(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        deleted = time_at(backup, "/events/deleted")
        if deleted and not deleted.unset and value_at(backup, "/state/current") in ("saving", "live"):
            yield violation("deleted not set in this state", "set", exchange, f"{pointer}/events/deleted")


@passive("BKP-3", when=shows_backups)
def size_is_not_negative(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        size = value_at(backup, "/target/size")
        if isinstance(size, int | float) and size < 0:
            yield violation("a size of 0 or more", f"{size}", exchange, f"{pointer}/target/size")


@passive("BKP-4", when=lambda exchange: shows_backups(exchange, "live"))
def live_backups_have_a_file(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        for name in ("path", "file_id") if value_at(backup, "/state/current") == "live" else ():
            if value_at(backup, f"/target/{name}") == "":
                yield violation(f"the {name} of a live backup", "an empty string", exchange, f"{pointer}/target/{name}")


def time_at(backup: JsonObject, pointer: str) -> Instant | None:
    """The time at a pointer; None if it is absent or no valid timestamp."""
    value = value_at(backup, pointer)
    return parse_time(value) if isinstance(value, str) else None
