"""Random sequences of requests by several keys: they are sent once, and each clause judges them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation.stateful_machine import run_sequences
from conformance.judging.checks import Stage, check
from conformance.judging.expectations import violation
from conformance.scenarios import deletion_scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


def judge_sequences(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Yield the findings of the clause; the shortest sequence that breaks it is recorded step by step."""
    results = context.run_once("walk", run_sequences)
    findings, steps = results.findings_of(context.check.clause, operation)
    for step in steps:
        context.record_step(step, None, "")
    yield from findings


def sequence_check(clause: str, *operations: Operation) -> object:
    """Declare a check that judges the generated sequences of requests by one clause."""
    return check(clause, *operations, kind=CheckKind.STATEFUL, stage=Stage.GENERATED)(judge_sequences)


test_sequences_lists_are_served = sequence_check("LIST-1", "list")
test_sequences_backups_are_served = sequence_check("GET-1", "get")
test_sequences_logs_are_served = sequence_check("LOG-1", "logs")
test_sequences_view_alone_reads = sequence_check("CAP-5", "list", "get", "logs")
test_sequences_every_backup_is_listed_once = sequence_check("LIST-5", "list")
test_sequences_get_and_list_show_the_same = sequence_check("GET-3", "get")
test_sequences_reading_logs_again_gives_the_same = sequence_check("HTTP-4", "logs")
test_sequences_unknown_backups_are_not_found = sequence_check("GET-4", "get")
test_sequences_logs_of_unknown_backups_are_not_found = sequence_check("LOG-4", "logs")
test_sequences_requests_without_a_key_are_unauthorized = sequence_check("AUTH-1", "list", "get", "logs")
test_sequences_another_hubs_key_opens_nothing = sequence_check("AUTH-6", "list", "get", "logs", "restore")
test_sequences_list_needs_view = sequence_check("CAP-1", "list")
test_sequences_get_needs_view = sequence_check("CAP-2", "get")
test_sequences_logs_needs_view = sequence_check("CAP-3", "logs")
test_sequences_restore_needs_manage = sequence_check("CAP-4", "restore")
test_sequences_denied_restores_do_nothing = sequence_check("CAP-8", "restore")
test_sequences_valid_restores_are_accepted = sequence_check("JOB-1", "restore")
test_sequences_incomplete_restores_are_refused = sequence_check("JOB-5", "restore")
test_sequences_restores_to_unknown_instances_are_refused = sequence_check("JOB-8", "restore")
test_sequences_refused_restores_do_nothing = sequence_check("JOB-10", "restore")
test_sequences_restores_leave_one_log = sequence_check("RST-2", "restore")
test_sequences_restores_leave_the_backup_as_it_was = sequence_check("RST-3", "restore")
test_sequences_reads_are_served_while_a_restore_runs = sequence_check("RST-7", "restore")


@check("DEL-3", "delete", kind=CheckKind.STATEFUL, stage=Stage.DELETES)
def test_a_backup_deleted_behind_the_sequences_is_gone(context: CheckContext) -> Iterator[Finding]:
    """It is no step of theirs: it may change other backups, which is DEL-5's, so it waits for all reads."""
    context.run_once("walk", run_sequences)
    deletion = deletion_scenarios.deleted_behind_others(context)
    if not deletion.gone_in_get:
        yield violation("404, deleting or deleted", f"{deletion.get.status} as before", deletion.get)
    if not deletion.gone_in_list:
        yield violation("not listed, deleting or deleted", "listed as before", deletion.listing, "/data")
