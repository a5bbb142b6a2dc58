"""Faults of reads that are not safe: they change something, or differ when repeated."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call, Reply
    from conformance.reference.data.store import Backup, Log


@fault(breaks=("HTTP-4",), also=("LIST-5", "LIST-3"))
def list_turns_round(server: Behaviours) -> None:
    """Every second list without a sort is in reverse order."""
    visible, turn = server.visible, count()

    def turning(call: Call) -> list[Backup]:
        items = visible(call)
        return items[::-1] if "sort" not in call.query and next(turn) % 2 else items

    server.visible = turning


@fault(breaks=("HTTP-4",))
def logs_count_their_readers(server: Behaviours) -> None:
    """The text of a log counts how often it was read."""
    write, readers = server.write_log, count(1)

    def counting(call: Call, of: Backup, log: Log) -> dict[str, object]:
        document = write(call, of, log)
        return document | {"log": f"{document['log']}read {next(readers)} times\n"}

    server.write_log = counting


@fault(
    breaks=("HTTP-4",),
    also=(
        "GET-3",
        "RST-3",
        "RST-7",
        "JOB-10",
        "CAP-8",
        "DEL-2",
        "DEL-4",
        "AUTH-5",
        "AUTH-6",
        "AUTH-9",
        "RST-4",
        "RST-6",
    ),
)
def reading_moves_the_size(server: Behaviours) -> None:
    """Each get increases the backup's size by one."""
    get = server.handlers["get"]

    def growing(call: Call) -> Reply:
        call.backup.size += 1
        return get(call)

    server.handlers["get"] = growing


@fault(breaks=("HTTP-4",))
def logs_come_in_any_order(server: Behaviours) -> None:
    """The order of logs is reversed at each reading."""
    visible, turn = server.visible_logs, count()
    server.visible_logs = lambda call: visible(call)[:: -1 if next(turn) % 2 else 1]
