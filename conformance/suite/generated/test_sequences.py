"""Walks through the API in random order, by several keys: told once, judged clause by clause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation.stateful_machine import run_sequences
from conformance.judging.checks import Stage, check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


def of_the_walks(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """What the walks found of this clause; the shortest walk that breaks it stands in the timeline."""
    found, steps = context.run_once("walk", run_sequences).findings_of(context.check.clause, operation)
    for step in steps:
        context.record_step(step, None, "")
    yield from found


def walks(clause: str, *operations: Operation) -> object:
    return check(clause, *operations, kind=CheckKind.STATEFUL, stage=Stage.GENERATED)(of_the_walks)


test_walks_serve_lists = walks("LIST-1", "list")
test_walks_serve_gets = walks("GET-1", "get")
test_walks_serve_logs = walks("LOG-1", "logs")
test_walks_serve_the_key_with_view = walks("CAP-5", "list", "get", "logs")
test_walks_list_every_backup = walks("LIST-5", "list")
test_walks_show_the_same_backups = walks("GET-3", "get")
test_walks_read_the_same_logs = walks("HTTP-4", "logs")
test_walks_find_nothing_unknown = walks("GET-4", "get")
test_walks_find_no_unknown_logs = walks("LOG-4", "logs")
test_walks_need_a_key = walks("AUTH-1", "list", "get", "logs")
test_walks_need_a_key_of_this_hub = walks("AUTH-6", "list", "get", "logs", "restore")
test_walks_need_view_to_list = walks("CAP-1", "list")
test_walks_need_view_to_get = walks("CAP-2", "get")
test_walks_need_view_to_read_logs = walks("CAP-3", "logs")
test_walks_need_manage_to_restore = walks("CAP-4", "restore")
test_walks_denied_restores_do_nothing = walks("CAP-8", "restore")
test_walks_start_a_restore = walks("JOB-1", "restore")
test_walks_start_no_incomplete_restore = walks("JOB-5", "restore")
test_walks_start_no_restore_elsewhere = walks("JOB-8", "restore")
test_walks_refused_restores_do_nothing = walks("JOB-10", "restore")
test_walks_restores_leave_one_log = walks("RST-2", "restore")
test_walks_restores_leave_the_backup = walks("RST-3", "restore")
test_walks_read_while_a_restore_runs = walks("RST-7", "restore")
test_walks_delete_for_good = walks("DEL-3", "delete")
