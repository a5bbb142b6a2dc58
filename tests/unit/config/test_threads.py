"""Threads of the suite: results in order, errors passed on, and an end that waits no longer than it may."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest
from support.waiting import wait_until

from conformance.config.threads import Background, Places, goes_first, going_first


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


def test_what_goes_first_overtakes_what_waits() -> None:
    background: Background[None] = Background("test", 1)
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        begun.set()
        go_on.wait(30)

    background.submit(hold)
    assert begun.wait(30)
    later = background.submit(lambda: order.append(f"later {goes_first()}"))
    with going_first():
        first = background.submit(lambda: order.append(f"first {goes_first()}"))
    go_on.set()
    first.result(timeout=30)
    later.result(timeout=30)
    background.close()
    assert order == ["first True", "later False"]


def test_a_free_place_is_given_to_what_goes_first() -> None:
    places, order, waiting = Places(1), list[str](), list[threading.Thread]()

    def take(name: str, *, first: bool) -> None:
        with going_first(first), places:
            order.append(name)

    with places:
        for name, first in (("later", False), ("first", True)):
            waiting.append(threading.Thread(target=take, args=(name,), kwargs={"first": first}))
            waiting[-1].start()
            wait_until(lambda: places.waiting == len(waiting))
    for thread in waiting:
        thread.join(30)
    assert order == ["first", "later"]
    with places:  # it was given back
        assert places.waiting == 0


def test_a_kept_place_is_taken_by_what_goes_first_alone() -> None:
    places, order = Places(2, kept=1), list[str]()

    def take(name: str) -> None:
        with places:
            order.append(name)

    with places:
        later = threading.Thread(target=take, args=("later",))
        later.start()
        wait_until(lambda: places.waiting == 1)
        with going_first():
            take("first")
        assert order == ["first"]
        assert places.waiting == 1
    later.join(30)
    assert order == ["first", "later"]
    with going_first(), places, places:  # both were given back
        assert places.waiting == 0


def test_a_kept_thread_makes_only_calls_that_go_first() -> None:
    background, order = Background[None]("test", 2, kept=1), list[str]()
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait(30)

    background.submit(hold)
    assert begun.wait(30)
    later = background.submit(lambda: order.append("later"))
    with going_first():
        background.submit(lambda: order.append("first")).result(timeout=30)
    assert order == ["first"]
    go_on.set()
    later.result(timeout=30)
    background.close()
    assert order == ["first", "later"]


def test_no_more_take_a_place_than_there_are() -> None:
    places, counting, inside, most = Places(3), threading.Lock(), 0, 0

    def take(_: int) -> None:
        nonlocal inside, most
        with places:
            with counting:
                inside += 1
                most = max(most, inside)
            with counting:
                inside -= 1

    background: Background[None] = Background("test", 8)
    background.map(take, range(500))
    background.close()
    assert 1 <= most <= 3
    assert inside == 0
