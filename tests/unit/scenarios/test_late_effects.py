"""How long the final review waits for the effects of refused changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, Request
from conformance.scenarios.proofs import late_effects
from conformance.scenarios.restore import Restore
from conformance.scenarios.run_state import RunState

if TYPE_CHECKING:
    from conformance.contract.operations import Operation

POLL_S = 0.5


def observed(state: RunState, operation: Operation, status: int) -> Exchange:
    exchange = Exchange(Request(operation, "POST", "/b/tasks", resources={"backup": "b"}), answer(status, {}).response)
    state.observe(exchange)
    return exchange


def waited(state: RunState, since_s: float, *, is_quick: bool = False) -> float:
    """How long the review waits that begins this many seconds after the last change was refused, or after the start."""
    waits: list[float] = []
    target = SimpleNamespace(restore=SimpleNamespace(poll_s=POLL_S))
    run = SimpleNamespace(state=state, wait=waits.append, is_quick=is_quick)
    context = cast("Any", SimpleNamespace(run=run, fixtures=SimpleNamespace(target=target)))
    late_effects.await_late_effects(context, lambda: (state.last_refused_change or 0.0) + since_s)
    return sum(waits)


def restore_that_took(seconds: float) -> Restore:
    restore = Restore(observed(RunState(), "restore", 202), "b", "i", frozenset(), 0.0)
    restore.took_s = seconds
    return restore


def test_without_a_refused_change_nothing_is_awaited() -> None:
    state = RunState()
    observed(state, "restore", 202)
    observed(state, "get", 403)
    assert waited(state, 0.0) == 0


OPERATIONS: list[Operation] = ["restore", "delete"]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("since_s", "expected"), [(0.0, 2.0), (1.5, 0.5), (2.0, 0.0), (60.0, 0.0)])
def test_without_restores_the_polls_of_the_target_file_decide(
    operation: Operation, since_s: float, expected: float
) -> None:
    state = RunState()
    observed(state, operation, 403)
    assert waited(state, since_s) == pytest.approx(expected)


@pytest.mark.parametrize(("took_s", "expected"), [(0.1, 2.0), (3.0, 6.0), (300.0, late_effects.MAX_PATIENCE_S)])
def test_the_longest_restore_of_the_run_decides(took_s: float, expected: float) -> None:
    state = RunState()
    state.add_restores([restore_that_took(0.05), restore_that_took(took_s)])
    observed(state, "restore", 403)
    assert waited(state, 0.0) == pytest.approx(expected)


def test_a_restore_that_was_left_alone_at_first_says_little_of_how_long_one_takes() -> None:
    state, walked = RunState(), restore_that_took(3.0)
    walked.unwatched_s = 2.9
    state.add_restores([walked])
    observed(state, "restore", 403)
    assert waited(state, 0.0) == pytest.approx(2.0)


def restore_that_ended(at_s: float, *, error: str | None = None) -> Restore:
    restore = restore_that_took(at_s)
    log = {"id": f"log of {at_s}", "instance_id": "i", "error": {"message": error} if error else None}
    restore.logs = [log]
    return restore


@pytest.mark.parametrize(
    ("restores", "since_s", "expected"),
    [
        ([restore_that_ended(1.0)], 2.0, 2.5),
        ([restore_that_ended(1.0)], 60.0, 0.0),
        ([restore_that_ended(1.0), restore_that_ended(3.0)], 2.0, 2.5),  # only the first one
        ([restore_that_ended(1.0), restore_that_ended(3.0, error="damaged")], 4.0, 2.5),
        ([restore_that_took(1.0)], 2.0, 0.0),  # its end was not seen
    ],
)
def test_the_first_restore_and_those_that_failed_settle(
    restores: list[Restore], since_s: float, expected: float
) -> None:
    state = RunState()
    state.add_restores(restores)
    assert waited(state, since_s) == pytest.approx(expected)
    assert waited(state, since_s, is_quick=True) == 0


def test_only_the_last_review_waits_for_restores_to_settle() -> None:
    state = RunState()
    state.add_restores([restore_that_ended(1.0)])
    state.begin_review(is_last=False)
    assert waited(state, 2.0) == 0
    state.begin_review()
    assert waited(state, 2.0) == pytest.approx(2.5)
