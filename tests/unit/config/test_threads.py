"""Threads of the suite: results in order, errors passed on, and an end that waits no longer than it may."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest

from conformance.config.threads import Background


def test_results_come_in_the_order_of_the_values() -> None:
    background: Background[int] = Background("test", 4)
    assert background.map(lambda value: value * value, range(50)) == [value * value for value in range(50)]
    background.close()


def test_an_error_is_raised_where_the_result_is_awaited() -> None:
    background: Background[float] = Background("test", 2)
    with pytest.raises(ZeroDivisionError):
        background.map(lambda value: 1 / value, [1, 0, 2])
    assert background.map(lambda value: 1 / value, [1]) == [1]
    background.close()


def test_as_many_run_at_once_as_there_are_threads() -> None:
    background: Background[int] = Background("test", 3)
    together = threading.Barrier(3, timeout=30)
    assert sorted(background.map(lambda _: together.wait(), range(3))) == [0, 1, 2]
    background.close()


def test_a_task_that_hangs_does_not_keep_the_end_from_coming() -> None:
    background: Background[bool] = Background("test", 1)
    hanging, begun = threading.Event(), threading.Event()

    def hang() -> bool:
        begun.set()
        return hanging.wait(600)

    background.submit(hang)
    waiting = background.submit(lambda: True)
    assert begun.wait(30)
    started = time.monotonic()
    background.close(0.1)
    assert time.monotonic() - started < 30
    with pytest.raises(CancelledError):
        waiting.result(timeout=30)
    with pytest.raises(CancelledError):
        background.submit(lambda: True).result(timeout=30)
    hanging.set()
