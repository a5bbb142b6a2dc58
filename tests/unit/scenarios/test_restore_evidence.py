"""Whether a restore that ends in an unexpected way is the target's failure, or shows a wrong fixture."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from conformance.http.exchange import Exchange, Request, Response
from conformance.judging.expectations import violation
from conformance.judging.outcomes import Outcome
from conformance.scenarios.proofs import restore_evidence
from conformance.scenarios.restore import Restore
from conformance.scenarios.run_state import RunState

ERROR = {"message": "the archive is damaged"}
FOUND = [violation("what the clause wants", "something else")]


def answered(operation: Any, data: Any, backup: str = "b", status: int = 200) -> Exchange:
    request = Request(operation, "GET", "/v1/x", ownership="own", resources={"backup": backup})
    response = Response(status, (("content-type", "application/json"),), json.dumps({"data": data}).encode(), 0.01)
    return Exchange(request, response)


def restore_log(log_id: str, error: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": log_id, "type": "restore", "backup_id": "b", "instance_id": "i", "error": error}


def restored(
    state: RunState, job: str | None, error: dict[str, Any] | None, *earlier: Any, backup: str = "b"
) -> Restore:
    """A restore with this state of its job and error of its log, after earlier restores with these errors."""
    logs = [restore_log(f"{backup}{number}", text) for number, text in enumerate(earlier)]
    state.observe(answered("logs", logs, backup))
    answer = answered("restore", {"job": {"id": "j"}}, backup, 202)
    restore = Restore(answer, backup, "i", frozenset(log["id"] for log in logs), 0.0)
    restore.logs = [restore_log("new", error)]
    restore.jobs = [answered("job", {"state": {"current": job}})] if job else []
    state.add_restores([restore])
    return restore


def context_of(state: RunState) -> Any:
    return SimpleNamespace(run=SimpleNamespace(state=state))


@pytest.mark.parametrize(
    ("job", "error", "earlier", "outcome"),
    [
        ("completed", None, [], Outcome.ERROR),
        ("completed", None, [ERROR], Outcome.ERROR),  # a cause that is gone, such as a full volume
        ("completed", None, [ERROR, None, ERROR], Outcome.ERROR),
        ("completed", None, [ERROR, ERROR], Outcome.FAILED),
        ("completed", ERROR, [], Outcome.FAILED),
        ("completed", {"message": ""}, [], Outcome.FAILED),
        ("error", None, [], Outcome.FAILED),
        (None, None, [], Outcome.FAILED),
    ],
)
def test_a_failing_backup_is_doubted_only_where_state_and_log_say_that_it_is_good(
    job: str | None, error: dict[str, Any] | None, earlier: list[Any], outcome: Outcome
) -> None:
    state = RunState()
    restore = restored(state, job, error, *earlier)
    [finding] = restore_evidence.naming_failing_backup(context_of(state), restore, FOUND)
    assert finding.outcome is outcome
    assert ("fixtures.failing_backup_id" in finding.got) == (outcome is Outcome.ERROR or job is None)


@pytest.mark.parametrize(
    ("other", "earlier", "outcome", "named"),
    [
        ("completed", [], Outcome.FAILED, True),
        ("completed", [ERROR], Outcome.ERROR, True),
        ("completed", [ERROR, None], Outcome.FAILED, True),
        ("error", [ERROR], Outcome.FAILED, False),
        (None, [ERROR], Outcome.FAILED, False),
    ],
)
def test_a_main_backup_is_doubted_only_where_another_is_restored(
    other: str | None, earlier: list[Any], outcome: Outcome, named: bool
) -> None:
    state = RunState()
    restore = restored(state, "error", ERROR, *earlier)
    if other:
        restored(state, other, None if other == "completed" else ERROR, backup="other")
    [finding] = restore_evidence.naming_backup(context_of(state), restore, FOUND)
    assert finding.outcome is outcome
    assert ("fixtures.backup_id" in finding.got) == named


def test_a_main_backup_that_was_restored_once_in_this_run_is_not_doubted() -> None:
    state = RunState()
    restored(state, "completed", None)
    restore = restored(state, "error", ERROR)
    restored(state, "completed", None, backup="other")
    assert [*restore_evidence.naming_backup(context_of(state), restore, FOUND)] == FOUND
