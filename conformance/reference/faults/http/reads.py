"""Faults of reads that are not safe: they change something, or differ when repeated."""

from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.data.store import MANAGE, new_id
from conformance.reference.patching import wrap_check
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call, Check, Reply, Sort
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


@fault(breaks=("HTTP-4", "LIST-5"), also=("LIST-3",))
def lists_are_in_random_order(server: Behaviours) -> None:
    """A list without a sort is in random order, as of a map in Go."""
    visible, rng = server.visible, random.Random(7)  # noqa: S311 - reproducible on purpose

    def shuffled(call: Call) -> list[Backup]:
        backups = visible(call)
        return rng.sample(backups, len(backups))

    server.visible = shuffled


# ---------------------------------------------------------------- parameters that stick


@fault(breaks=("HTTP-4",), also=("LIST-5", "LIST-3", "LIST-7"))
def sort_sticks(server: Behaviours) -> None:
    """A list without a sort is in the order of the last sorted list."""
    parse = server.parse_sort
    last: list[Sort] = []

    def remember(call: Call) -> Sort:
        if "sort" in call.query:
            last[:] = [parse(call)]
        return last[0] if last else []

    server.parse_sort = remember


@fault(breaks=("HTTP-4",), also=("LIST-5", "LIST-3"))
def sort_sticks_once(server: Behaviours) -> None:
    """The list after a sorted one has the same sort."""
    parse = server.parse_sort
    last: list[Sort] = []

    def remember(call: Call) -> Sort:
        if "sort" in call.query:
            last[:] = [parse(call)]
            return last[0]
        return last.pop() if last else []

    server.parse_sort = remember


@fault(breaks=("HTTP-4",), also=("INC-1", "RST-7"))
def include_sticks(server: Behaviours) -> None:
    """The list after one with includes has includes too."""
    wants, before = server.wants_integrations, list[bool]()

    def remember(call: Call) -> bool:
        if call.operation != "list":
            return wants(call)
        stuck = bool(before) and before.pop()
        if wants(call):
            before[:] = [True]
        return wants(call) or stuck

    server.wants_integrations = remember


@fault(breaks=("HTTP-4",), also=("LIST-5", "LIST-4", "LIST-3", "LIST-6", "RST-7"))
def page_size_sticks(server: Behaviours) -> None:
    """The list after one with a page size has the same page size."""
    parse, last = server.parse_page, list[int]()

    def remember(call: Call) -> tuple[int, int]:
        number, size = parse(call)
        if "page[size]" in call.query:
            last[:] = [size]
            return number, size
        return number, last.pop() if last else size

    server.parse_page = remember


@fault(breaks=("HTTP-4",), also=("LIST-5", "LIST-3", "RST-7"))
def page_number_sticks(server: Behaviours) -> None:
    """The list after a page has the same page number."""
    parse, last = server.parse_page, list[int]()

    def remember(call: Call) -> tuple[int, int]:
        number, size = parse(call)
        if "page[number]" in call.query:
            last[:] = [number]
            return number, size
        return last.pop() if last else number, size

    server.parse_page = remember


@fault(breaks=("HTTP-4",), also=("LIST-5", "LIST-3"))
def order_of_the_previous_caller(server: Behaviours) -> None:
    """A list without a sort is newest or oldest first by a setting of the previous list's key."""
    visible, newest_first = server.visible, [True]

    def ordered(call: Call) -> list[Backup]:
        backups = visible(call)[:: 1 if newest_first[0] else -1]
        newest_first[0] = call.caller is None or MANAGE in call.caller.capabilities
        return backups

    server.visible = ordered


@fault(breaks=("HTTP-4",), also=("GET-1", "GET-2", "GET-3", "INC-4", "CAP-5", "RST-3", "RST-7"))
def denials_are_cached(server: Behaviours) -> None:
    """A denied get makes the next get of the same backup a denial, whatever its key."""
    denied: dict[str, RefusalError] = {}

    def remember(call: Call, check: Check) -> None:
        if call.operation == "get" and call.path in denied:
            raise denied.pop(call.path)
        try:
            check(call)
        except RefusalError as refusal:
            if call.operation == "get":
                denied[call.path] = refusal
            raise

    wrap_check(server, "capability", remember)


@fault(breaks=("HTTP-4",), also=("RST-2", "RST-4", "RST-6"))
def logs_are_sorted_by_the_list(server: Behaviours) -> None:
    """A sorted list also turns the order of logs, until the next list."""
    visible, order = server.visible_logs, server.order
    turned: list[bool] = []

    def remember(call: Call, backups: list[Backup], sort: Sort) -> list[Backup]:
        turned[:] = [bool(sort)]
        return order(call, backups, sort)

    server.order = remember
    server.visible_logs = lambda call: visible(call)[:: -1 if turned and turned[0] else 1]


@fault(breaks=("HTTP-4",), also=("LOG-6", "RST-2", "RST-4"))
def log_ids_are_made_up(server: Behaviours) -> None:
    """A log has a new id at each reading."""
    write = server.write_log
    server.write_log = lambda call, backup, log: write(call, backup, log) | {"id": new_id()}
