"""Backups that go while a run uses them, and targets without a deletion: neither is the target's failure."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.checking import judge_clauses, target_of, target_with

from conformance.judging.outcomes import Outcome
from conformance.reference.registry import Fault, sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Container


def _fault(apply: Callable[[Behaviours], None]) -> Fault:
    return Fault(apply.__name__, sentence_of(apply), (), (), needs_probe=False, apply=apply)


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
    with target_of(tmp_path, _fault(a_backup_goes_before_its_restore)) as target:
        judged = judge_clauses(replace(target, probe=None), ("CAP-6", "JOB-1", "RST-6"))
    assert {clause: outcome.outcome for clause, outcome in judged.items()} == dict.fromkeys(judged, Outcome.PASSED)


def test_a_target_that_looks_for_the_backup_before_the_method_needs_no_deletion(tmp_path: Path) -> None:
    with target_with(tmp_path, "methods_are_looked_at_last") as target:
        judged = judge_clauses(replace(target, probe=None), ("DEL-1", "DEL-2", "DEL-4"))
    for clause, outcome in judged.items():
        assert not outcome.applies, f"{clause} {outcome}"


def retention_marks_a_backup_every_second(server: Behaviours) -> None:
    """From the first deletion on, retention marks another backup as deleted every second."""
    mark, begun = server.mark_deleted, list[bool]()

    def begin(call: Call) -> None:
        mark(call)
        if not begun:
            begun.append(True)
            expire(call.container)

    def expire(container: Container) -> None:
        live = [backup for backup in container.backups.values() if backup.current == "live"]
        live[len(live) // 2].current = "deleted"
        asyncio.get_running_loop().call_later(1, expire, container)

    server.mark_deleted = begin


@pytest.mark.parametrize(
    ("change", "outcome"),
    [(retention_marks_a_backup_every_second, Outcome.ERROR), ("neighbours_are_listed", Outcome.PASSED)],
)
def test_a_deletion_is_not_blamed_for_what_happens_without_it(
    tmp_path: Path, change: Callable[[Behaviours], None] | str, outcome: Outcome
) -> None:
    fault = change if isinstance(change, str) else _fault(change)
    with target_of(tmp_path, fault) as target:
        judged = judge_clauses(replace(target, probe=None), ("DEL-5",))["DEL-5"]
    assert judged.outcome is outcome, judged.reason
