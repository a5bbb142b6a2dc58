"""What the client needs of the state that all workers of a run share; `conformance.execution` implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class SharedState(Protocol):
    """Counters, the pause and the pace of one run, however many workers send requests."""

    def read(self, name: str) -> float:
        """Return a counter's value; 0 if it was never set."""
        ...

    def add(self, name: str, amount: float = 1, *, limit: float | None = None) -> bool:
        """Add to a counter unless that would exceed `limit`; return whether it was added."""
        ...

    def next_slot(self, per_second: float) -> float:
        """Reserve the next time slot at this rate and return the seconds until it begins."""
        ...

    def pause(self, seconds: float) -> None:
        """Keep all workers from sending for this long: the target asked for it."""
        ...

    def paused_for(self) -> float:
        """Return the seconds that are left of the pause; zero or negative without a pause."""
        ...

    def place(self, worker: int, workers: int, concurrency: int) -> AbstractContextManager[object]:
        """Hold a place among the requests in flight while workers outnumber `limits.concurrency`."""
        ...
