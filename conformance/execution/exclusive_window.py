"""Lets one check go ahead of all others for a moment: what lasts only a moment could not be looked at otherwise."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExclusiveWindow:
    """Open to every thread, but while one holds it. It never stays shut for longer than was asked for."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._holder = 0
        self._until = 0.0

    @contextlib.contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Others wait at the gate meanwhile, for at most so many seconds. One thread at a time may hold it."""
        self._holder, self._until = threading.get_ident(), time.monotonic() + seconds
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def go_through(self) -> None:
        """Waits while somebody else holds the gate."""
        if threading.get_ident() != self._holder and not self._open.is_set():
            self._open.wait(max(0.0, self._until - time.monotonic()))
