"""What a deletion changes beside its backup counts only where a look at the other backups can be trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from support.checking import judge_clauses, target_of, target_with

from conformance.judging.outcomes import Outcome, blocking_clause
from conformance.reference.registry import Fault, sentence_of
from conformance.scenarios import deletion_scenarios

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from conformance.qualification.measure import Judged
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.refusals import RefusalError


def judged(folder: Path, change: str, *clauses: str) -> dict[str, Judged]:
    with target_with(folder, change) as target:
        return dict(judge_clauses(replace(target, probe=None), clauses))


def test_a_backup_that_moves_to_another_page_while_the_list_is_read_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion_scenarios, "END_PATIENCE_S", 0.0)  # the backup goes when it is listed, not when read
    outcome = judged(tmp_path, "pages_shift_while_a_backup_goes", "DEL-5")["DEL-5"]
    assert outcome.outcome is Outcome.PASSED, outcome.reason


def test_a_backup_that_changes_with_each_reading_shows_no_effect_of_deletions(tmp_path: Path) -> None:
    for clause, outcome in judged(tmp_path, "reading_moves_the_size", "DEL-2", "DEL-4", "DEL-5").items():
        assert (outcome.outcome, blocking_clause(outcome.reason)) == (Outcome.ERROR, "HTTP-4"), f"{clause} {outcome}"


def breaks_down_after_a_refused_deletion(server: Behaviours) -> None:
    """A get of a backup whose deletion was denied is a 500."""
    refuse, check = server.refuse, server.checks["key"]
    denied: set[str] = set()

    def remember(call: Call, refusal: RefusalError) -> RefusalError:
        if call.operation == "delete" and refusal.code == "403.permissions":
            denied.add(call.ids["backup"])
        return refuse(call, refusal)

    def fragile(call: Call) -> None:
        if call.operation == "get" and call.ids["backup"] in denied:
            raise RuntimeError("crash of a fault")
        check(call)

    server.refuse, server.checks["key"] = remember, fragile


def test_a_backup_that_cannot_be_read_was_not_deleted_by_a_refused_deletion(tmp_path: Path) -> None:
    change = breaks_down_after_a_refused_deletion
    fault = Fault(change.__name__, sentence_of(change), ("HTTP-3",), (), needs_probe=False, apply=change)
    with target_of(tmp_path, fault) as target:
        outcome = judge_clauses(replace(target, probe=None), {"DEL-2"})["DEL-2"]
    assert outcome.outcome is Outcome.ERROR, outcome.reason
    assert outcome.reason.endswith(": 500")
