"""One thread has exclusive access for a short time, and no longer."""

from __future__ import annotations

import threading
import time

from support.waiting import PATIENCE_S

from conformance.execution.exclusive_window import ExclusiveWindow


def waiting_thread(window: ExclusiveWindow) -> tuple[threading.Thread, threading.Event]:
    """Another thread that goes through the window, and whether it has."""
    passed = threading.Event()

    def go() -> None:
        window.turn().__enter__()
        passed.set()

    thread = threading.Thread(target=go)
    thread.start()
    return thread, passed


def test_an_open_window_lets_all_checks_pass() -> None:
    thread, passed = waiting_thread(ExclusiveWindow())
    thread.join(PATIENCE_S)
    assert passed.is_set()


def test_others_wait_until_it_is_let_go() -> None:
    window = ExclusiveWindow()
    with window.held(60):
        window.turn().__enter__()  # the holder itself is not stopped
        thread, passed = waiting_thread(window)
        assert not passed.wait(0.1)
    thread.join(PATIENCE_S)
    assert passed.is_set()


def test_no_check_waits_longer_than_its_limit() -> None:
    window, begun = ExclusiveWindow(), time.monotonic()
    with window.held(0.1):
        thread, passed = waiting_thread(window)
        assert passed.wait(PATIENCE_S)
        assert time.monotonic() - begun >= 0.1
    thread.join(PATIENCE_S)


def test_whoever_takes_it_waits_for_what_is_under_way() -> None:
    window, begun, taken = ExclusiveWindow(), threading.Event(), threading.Event()

    def take() -> None:
        begun.set()
        with window.held(PATIENCE_S):
            taken.set()

    with window.turn():
        thread = threading.Thread(target=take)
        thread.start()
        assert begun.wait(PATIENCE_S)
        assert not taken.wait(0.1)
    thread.join(PATIENCE_S)
    assert taken.is_set()


def test_a_request_that_sees_the_window_open_is_under_way_for_whoever_takes_it_then() -> None:
    window, taken = ExclusiveWindow(), threading.Event()

    def take() -> None:
        with window.held(PATIENCE_S):
            taken.set()

    thread = threading.Thread(target=take)

    class TakenOnceSeen(threading.Event):
        """An event that says it is set, and lets the other thread act upon the window before the caller goes on."""

        def is_set(self) -> bool:
            thread.start()
            taken.wait(0.1)
            return True

    opened, window._open = window._open, TakenOnceSeen()
    turn = window.turn()
    turn.__enter__()
    window._open = opened
    assert not taken.wait(0.1)
    turn.__exit__(None, None, None)
    thread.join(PATIENCE_S)
    assert taken.is_set()
