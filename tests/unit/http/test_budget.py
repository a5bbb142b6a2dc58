"""Places in the restore budget for requests whose response was lost."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.waiting import PATIENCE_S

from conformance.config.threads import Background
from conformance.execution.shared_state import LocalState
from conformance.http.budget import Budget
from conformance.http.clock import Clock
from conformance.http.exchange import Exchange, Request, Response

if TYPE_CHECKING:
    from pathlib import Path

RESTORE = Request("restore", "POST", "/v1/x")
LOST = Exchange(RESTORE, None, failure="connection reset")
REFUSED = Exchange(RESTORE, Response(422, (), b"{}", 0.1))


def budget_of(places: int, folder: Path) -> Budget:
    policy = SimpleNamespace(allow=True, max_restores=places)
    target = cast("Any", SimpleNamespace(restore=policy, limits=SimpleNamespace(timeout_s=PATIENCE_S)))
    return Budget(target, LocalState(folder), Clock())


@pytest.fixture
def threads() -> Background[bool]:
    return Background("test", 2)


def test_a_try_waits_for_the_place_of_a_request_that_is_refused(tmp_path: Path, threads: Background[bool]) -> None:
    budget = budget_of(2, tmp_path)
    assert budget.reserve(RESTORE)
    assert budget.reserve(RESTORE)
    with budget.one_after_the_other():
        tried = threads.submit(lambda: budget.once_more(LOST))
        assert not tried.done()
        budget.settle(REFUSED)
        assert tried.result(PATIENCE_S)
        assert not budget.once_more(LOST)
    threads.close()


def test_no_try_waits_for_places_that_lost_requests_keep(tmp_path: Path, threads: Background[bool]) -> None:
    budget, waits = budget_of(2, tmp_path), threading.Event()
    assert budget.reserve(RESTORE)
    assert budget.reserve(RESTORE)

    def try_later() -> bool:
        waits.set()
        with budget.one_after_the_other():
            return budget.once_more(LOST)

    with budget.one_after_the_other():
        later = threads.submit(try_later)
        assert waits.wait(PATIENCE_S)
        assert not budget.once_more(LOST)
    budget.settle(LOST)
    assert not later.result(PATIENCE_S)
    threads.close()
