"""Backups that go while a run uses them, and targets without a deletion: neither is the target's failure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from support.checking import judge_clauses, target_of, target_with

from conformance.judging.outcomes import Outcome
from conformance.reference.registry import Fault, sentence_of

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.reference.core import Behaviours, Call


def a_backup_goes_before_its_restore(server: Behaviours) -> None:
    """The retention of the first backup that the key manage wants to restore ends with the request."""
    check, gone = server.checks["state"], list[str]()

    def expire(call: Call) -> None:
        if call.operation == "restore" and call.caller and call.caller.name == "manage" and not gone:
            gone.append(call.backup.id)
            call.backup.current = "deleting"
        check(call)

    server.checks["state"] = expire


def test_where_a_backup_goes_before_its_restore_another_one_is_restored(tmp_path: Path) -> None:
    apply = a_backup_goes_before_its_restore
    change = Fault(apply.__name__, sentence_of(apply), (), (), needs_probe=False, apply=apply)
    with target_of(tmp_path, change) as target:
        judged = judge_clauses(replace(target, probe=None), ("CAP-6", "JOB-1", "RST-6"))
    assert {clause: outcome.outcome for clause, outcome in judged.items()} == dict.fromkeys(judged, Outcome.PASSED)


def test_a_target_that_looks_for_the_backup_before_the_method_needs_no_deletion(tmp_path: Path) -> None:
    with target_with(tmp_path, "methods_are_looked_at_last") as target:
        judged = judge_clauses(replace(target, probe=None), ("DEL-1", "DEL-2", "DEL-4"))
    for clause, outcome in judged.items():
        assert not outcome.applies, f"{clause} {outcome}"
