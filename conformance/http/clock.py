"""The run's clock, and waits that end at once when the run is stopped."""

from __future__ import annotations

import threading
import time


class TargetGoneError(RuntimeError):
    """The target stopped answering: nothing more can be determined about it in this run."""


class StoppedError(TargetGoneError):
    """The run is being stopped: nothing more is sent."""


class Clock:
    """All waits of a run go through this clock, so that a stopped run ends promptly and tests need no real time."""

    def __init__(self) -> None:
        self._stopping = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether the run is being stopped."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End all waits now, and let none begin."""
        self._stopping.set()

    def now(self) -> float:
        """Seconds since the epoch, which all processes of a run share."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Wait. Raises StoppedError as soon as the run is stopped."""
        if self._stopping.wait(seconds):
            raise StoppedError("the run was interrupted")

    def raise_if_stopped(self) -> None:
        """Raise StoppedError if the run is being stopped."""
        if self.stopped:
            raise StoppedError("the run was interrupted")
