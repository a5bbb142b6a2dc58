"""Gives one check exclusive access to the target for a short time, so that short-lived states can be observed."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExclusiveWindow:
    """Open to every thread unless one holds it, and never held for longer than that thread asked for."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._holder = 0
        self._until = 0.0

    @contextlib.contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Make all other threads wait, for at most so many seconds. One thread at a time may hold the window."""
        self._holder, self._until = threading.get_ident(), time.monotonic() + seconds
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def wait_for_turn(self) -> None:
        """Wait while another thread holds the window."""
        if threading.get_ident() != self._holder and not self._open.is_set():
            self._open.wait(max(0.0, self._until - time.monotonic()))
