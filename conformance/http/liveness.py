"""Decides whether the target is reachable, by control requests, after a request without a response.

It is gone for the rest of the run when none of the controls, which are of different kinds, is answered several times
over: from then on everything that would still be asked is told so at once instead of running into timeouts.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from conformance.contract.operations import UNAVAILABLE
from conformance.http.intermediaries import UNKNOWN, answerer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.http.clock import Clock
    from conformance.http.exchange import Exchange, Request

#: how long a target may be unreachable, for a restart, before it counts as gone
GRACE_S = 2.0
PAUSE_S = 0.4
MIN_ROUNDS = 2


def answered(exchange: Exchange) -> bool:
    """Whether a complete response of the target itself arrived."""
    return exchange.status is not None and exchange.status not in UNAVAILABLE


class Liveness:
    """Holds the control requests and their latest result. Safe to use from many threads."""

    def __init__(self, send: Callable[[Request], Exchange], waiting: Clock) -> None:
        self._send = send
        self._waiting = waiting
        self._controls: list[Request] = []
        self._lock = threading.Lock()
        self._seen_at = 0.0
        self._pool: ThreadPoolExecutor | None = None
        #: whether any response arrived in this run
        self.known = False
        #: why the target is unreachable, once that is clear
        self.gone: str | None = None

    def use(self, controls: Sequence[Request]) -> None:
        """The control requests."""
        self._controls = list(controls)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def confirm(self) -> bool:
        """Whether the target answers controls that were sent after this was called. False: it does not, or is gone.

        Threads that ask at the same time share the answer. Without controls nothing can be told.
        """
        asked_at = time.monotonic()
        with self._lock:
            if self.gone is not None:
                return False
            return self._seen_at >= asked_at or (bool(self._controls) and self._look())

    def _look(self) -> bool:
        """Send rounds of controls until one is answered, or it is clear that none will be."""
        begun, rounds = time.monotonic(), 0
        while True:
            started, rounds = time.monotonic(), rounds + 1
            last = self._round()
            if answered(last):
                self._seen_at, self.known = started, True
                return True
            if rounds >= MIN_ROUNDS and time.monotonic() - begun >= GRACE_S:
                self.gone = self._in_words(last)
                return False
            self._waiting.wait(PAUSE_S)

    def _round(self) -> Exchange:
        """Send the controls concurrently; return the first complete response, else the last failure."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(len(self._controls), 1), thread_name_prefix="controls")
        last: Exchange | None = None
        for done in as_completed([self._pool.submit(self._send, control) for control in self._controls]):
            last = done.result()
            if answered(last):
                break
        assert last is not None  # noqa: S101 - there is at least one control
        return last

    def _in_words(self, last: Exchange) -> str:
        if last.status is not None:
            by = f", answered by {answerer}" if (answerer := answerer_of(last)) and answerer.name != UNKNOWN else ""
            return f"the target is unavailable: it answers {last.status} to everything{by}"
        words = last.failure or "no answer"
        if words[:1].isdigit():
            return f"the target gives no whole answer: {words}"
        return f"the target stopped answering: {words}" if self.known else f"the target could not be reached: {words}"
