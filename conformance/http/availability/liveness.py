"""Decides whether the target is still reachable when a request got no response, by sending control requests.

The target counts as gone for the rest of the run once several rounds of controls, which are of different kinds, got no
response. From then on every request is refused at once, instead of running into a timeout.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, as_completed
from functools import partial
from typing import TYPE_CHECKING

from conformance.config.threads import Background
from conformance.contract.operations import UNAVAILABLE
from conformance.http.availability.failure_rate import FailureRate
from conformance.http.intermediaries import UNKNOWN, answerer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.http.clock import Clock
    from conformance.http.exchange import Exchange, Request

    #: Makes a control request, of another address each time.
    Control = Callable[[], Request]

#: A target may be unreachable this long, for a restart, before it counts as gone.
GRACE_S = 2.0
PAUSE_S = 0.4
#: How long `close` waits for controls that are in progress.
CLOSE_PATIENCE_S = 5.0
MIN_ROUNDS = 2
#: How many rounds of controls measure the failure rate at once, and how many controls a run spends on that.
ROUNDS_AT_ONCE = 4
MAX_MEASURED = 480
#: Above this failure rate, measured on this many controls, no number of tries blames an input.
HOPELESS_RATE, ENOUGH = 0.4, 48


def answered(exchange: Exchange) -> bool:
    """Whether a complete response arrived, and from the target itself."""
    return exchange.status is not None and exchange.status not in UNAVAILABLE


class Liveness:
    """Sends control requests and remembers how they were answered. Safe to use from many threads."""

    def __init__(self, send: Callable[[Request], Exchange], waiting: Clock) -> None:
        self._send = send
        self._waiting = waiting
        self._controls: list[Control] = []
        self._lock = threading.Lock()
        self._seen_at = 0.0
        self._pool: Background[Exchange] | None = None
        self._failures = FailureRate()
        #: Of requests that may change the target: intermediaries repeat reads on another server, but no writes.
        self._write_failures = FailureRate()
        self._inputs_tried = 0
        #: A response arrived in this run.
        self.known = False
        #: Why the target counts as gone; None as long as it does not.
        self.gone: str | None = None

    def use(self, controls: Sequence[Control]) -> None:
        """Set the control requests."""
        self._controls = list(controls)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.close(CLOSE_PATIENCE_S)

    def confirm(self) -> bool:
        """Return whether the target answers controls sent after this call; False if it does not, or is gone.

        Threads that ask at the same time share the answer. Without controls nothing is known: False.
        """
        asked_at = time.monotonic()
        with self._lock:
            if self.gone is not None:
                return False
            return self._seen_at >= asked_at or (bool(self._controls) and self._look())

    # ------------------------------------------------------------ blaming an input

    def begin_tries(self) -> None:
        """Count an input that is tried again and again, to find out whether it is to blame."""
        with self._lock:
            self._inputs_tried += 1

    def count_write(self, content: int, *, answered: bool) -> None:
        """Count a request that may change the target; `content` is equal for equal requests."""
        self._write_failures.count(content, answered=answered)

    def tries_needed_of_write(self, wanted: int) -> int | None:
        """Return how many tries in a row blame a write: more than `tries_needed` if only writes are lost at random."""
        needed = self.tries_needed(wanted)
        if needed is None or not self._write_failures.recovers:
            return needed
        with self._lock:
            of_writes = self._write_failures.tries_needed(self._inputs_tried)
        return None if of_writes is None else max(needed, of_writes)

    def tries_needed(self, wanted: int) -> int | None:
        """Return how many tries in a row blame an input; None if the target is too unavailable to blame any.

        Sends more controls as long as they may bring the number down to `wanted`.
        """
        with self._lock:
            while True:
                needed = self._failures.tries_needed(self._inputs_tried)
                failed, count = self._failures.counted
                hopeless = count >= ENOUGH and failed / count > HOPELESS_RATE
                if (needed is not None and needed <= wanted) or count >= MAX_MEASURED or hopeless:
                    return needed
                if self.gone is not None or not self._controls:
                    return None
                for asked in as_completed([future for _ in range(ROUNDS_AT_ONCE) for future in self._asked()]):
                    asked.result()

    # ------------------------------------------------------------ controls

    def _look(self) -> bool:
        """Send rounds of controls, until one is answered or it is clear that none will be."""
        begun, rounds = time.monotonic(), 0
        while True:
            started, rounds = time.monotonic(), rounds + 1
            last = self._round()
            if answered(last):
                self._seen_at, self.known = started, True
                return True
            if rounds >= MIN_ROUNDS and time.monotonic() - begun >= GRACE_S:
                self.gone = self._describe(last)
                return False
            self._waiting.wait(PAUSE_S)

    def _round(self) -> Exchange:
        """Send the controls side by side; return the first whole response, else the last failure."""
        last: Exchange | None = None
        for done in as_completed(self._asked()):
            last = done.result()
            if answered(last):
                break
        assert last is not None  # noqa: S101 - there is at least one control
        return last

    def _asked(self) -> list[Future[Exchange]]:
        if self._pool is None:
            self._pool = Background("controls", 2 * max(len(self._controls), 1))
        # Their ids are drawn here, in one order, so that a seed sends the same requests again.
        requests = [make() for make in self._controls]
        return [self._pool.submit(partial(self._ask, kind, request)) for kind, request in enumerate(requests)]

    def _ask(self, kind: int, request: Request) -> Exchange:
        exchange = self._send(request)
        self._failures.count(kind, answered=answered(exchange))
        return exchange

    def _describe(self, last: Exchange) -> str:
        if last.status is not None:
            by = f", answered by {answerer}" if (answerer := answerer_of(last)) and answerer.name != UNKNOWN else ""
            return f"the target is unavailable: it answers {last.status} to everything{by}"
        words = last.failure or "no answer"
        if words[:1].isdigit():
            return f"the target sends no complete response: {words}"
        return f"the target stopped answering: {words}" if self.known else f"the target could not be reached: {words}"
