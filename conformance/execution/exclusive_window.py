"""Gives one check exclusive access to the target for a short time, so that short-lived states can be observed."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExclusiveWindow:
    """Lets every thread send, unless one thread holds the window, for a limited time.

    The thread that takes the window first waits for the responses to the requests in flight, for the same time at most.
    """

    def __init__(self) -> None:
        self._one_holder = threading.RLock()
        self._answered = threading.Condition()
        self._under_way = 0
        self._open = threading.Event()
        self._open.set()
        self._holder = 0
        self._until = 0.0

    @contextlib.contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Make all other threads wait, for at most this many seconds. One thread at a time may hold the window."""
        with self._one_holder:
            try:
                with self._answered:
                    self._holder, self._until = threading.get_ident(), time.monotonic() + 2 * seconds
                    self._open.clear()
                    self._answered.wait_for(lambda: not self._under_way, seconds)
                self._until = time.monotonic() + seconds
                yield
            finally:
                self._open.set()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait while another thread holds the window, then send; whoever takes it next waits for the answer."""
        if threading.get_ident() == self._holder and not self._open.is_set():
            yield
            return
        self._take_turn()
        try:
            yield
        finally:
            with self._answered:
                self._under_way -= 1
                self._answered.notify_all()

    def _take_turn(self) -> None:
        """Wait until the window is open, and count the request at once: whoever takes the window next must see it."""
        while True:
            with self._answered:
                left = 0.0 if self._open.is_set() else self._until - time.monotonic()
                if left <= 0:
                    self._under_way += 1
                    return
            self._open.wait(left)
