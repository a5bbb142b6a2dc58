"""How trials are spread over this machine, and what a worker process does besides executing them."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from conformance.fleet import executors
from conformance.qualification import runner, trying

if TYPE_CHECKING:
    from conformance.qualification.assessing import Row


@pytest.mark.parametrize(("count", "at_once"), [(None, 6), (1, 1), (2, 2), (7, 7)])
def test_two_trials_execute_at_once_on_each_core_unless_their_number_is_given(
    monkeypatch: pytest.MonkeyPatch, count: int | None, at_once: int
) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 3)
    assert runner.trials_at_once(executors.Processes(count)) == at_once


def test_a_worker_excludes_what_the_first_trial_has_left_from_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    description = trying.TrialDescription("zero_times", trying.TrialOptions())
    row: Row = {"name": "zero_times"}
    monkeypatch.setattr(trying, "execute", lambda _: row)
    trying._collect_rarely.cache_clear()
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        assert trying.execute_in_worker(description) == row
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold() > thresholds
        gc.unfreeze()
        assert trying.execute_in_worker(description) == row
        assert gc.get_freeze_count() == 0, "what later trials leave is collected"
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        trying._collect_rarely.cache_clear()
