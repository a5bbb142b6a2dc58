"""One thread goes ahead of the others for a moment, and for no longer."""

from __future__ import annotations

import threading
import time

from conformance.execution.exclusive_window import ExclusiveWindow


def through(gate: ExclusiveWindow) -> tuple[threading.Thread, threading.Event]:
    """Another thread that goes through the gate, and whether it has."""
    passed = threading.Event()

    def go() -> None:
        gate.go_through()
        passed.set()

    thread = threading.Thread(target=go)
    thread.start()
    return thread, passed


def test_an_open_gate_stops_nobody() -> None:
    thread, passed = through(ExclusiveWindow())
    thread.join(10)
    assert passed.is_set()


def test_others_wait_until_it_is_let_go() -> None:
    gate = ExclusiveWindow()
    with gate.held(60):
        gate.go_through()  # the holder itself is not stopped
        thread, passed = through(gate)
        assert not passed.wait(0.1)
    thread.join(10)
    assert passed.is_set()


def test_nobody_waits_longer_than_was_asked_for() -> None:
    gate, begun = ExclusiveWindow(), time.monotonic()
    with gate.held(0.1):
        thread, passed = through(gate)
        assert passed.wait(10)
        assert time.monotonic() - begun >= 0.1
    thread.join(10)
