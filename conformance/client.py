"""The one way to the target: paces, budgets, waits when asked to, repeats what may be repeated, reports every exchange."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from conformance import __version__, credentials
from conformance.exchange import SAFE_METHODS, UNAVAILABLE, Exchange, Request
from conformance.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conformance.ledger import Ledger
    from conformance.target import Target

LONGEST_WAIT_S = 60.0
MOST_WAITS = 8
GONE_AFTER = 3


class NotAllowedError(RuntimeError):
    """A request that this run must not send (profile, budget, bad keys); the message says what would allow it."""


class TargetGoneError(RuntimeError):
    """The target stopped answering: nothing more can be told about it in this run."""


class Client:
    """Sends requests for the checks of one worker and hands each exchange to `on_exchange`, in any thread."""

    def __init__(
        self,
        target: Target,
        ledger: Ledger,
        on_exchange: Callable[[Exchange], None],
        *,
        profile: str,
        workers: int = 1,
    ) -> None:
        self.target = target
        self.ledger = ledger
        self.profile = profile
        self.requests = 0
        self._on_exchange = on_exchange
        self._wire = Wire(target, f"backups-conformance/{__version__}")
        concurrency = max(1, target.limits.concurrency // workers)
        self._slots = threading.BoundedSemaphore(concurrency)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="client")
        self._unanswered_controls = 0
        self._budget_freed = threading.Condition()
        self._controls: list[Request] = []

    def close(self) -> None:
        """Stops the threads and closes the connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._wire.close()

    def use_controls(self, requests: Sequence[Request]) -> None:
        """Requests of different kinds that show, by any answer, that the target is there."""
        self._controls = list(requests)

    def send_all(self, requests: Iterable[Request]) -> list[Exchange]:
        """Sends side by side, as many at once as the target file allows; answers come in the requests' order."""
        return list(self._pool.map(self.send, requests))

    def send(self, request: Request, *, judged: bool = True) -> Exchange:
        """Sends one request and has its exchange judged. Raises NotAllowedError and TargetGoneError, nothing else.

        `judged` False: for proofs of keys and second looks, which must not count twice.
        """
        if self._unanswered_controls >= GONE_AFTER:
            raise TargetGoneError("the target stopped answering")
        self._check_profile(request)
        self._check_bad_auth(request)
        reserved = self._reserve(request)
        exchange = self._attempt(request)
        if not _answered(exchange):
            exchange = self._look_again(exchange)
        if reserved:
            self._settle(exchange)
        if judged:
            self._on_exchange(exchange)
        return exchange

    # ------------------------------------------------------------ what may be sent

    def _check_profile(self, request: Request) -> None:
        if self.profile == "read" and request.method not in SAFE_METHODS:
            raise NotAllowedError("the read profile sends nothing that could change the target: use --profile full")

    def _check_bad_auth(self, request: Request) -> None:
        limit = self.target.limits.bad_auth_max
        if request.key in credentials.BAD and not self.ledger.add("bad_auth", limit=limit):
            raise NotAllowedError(f"limits.bad_auth_max = {limit} is used up: raise it")

    def _reserve(self, request: Request) -> bool:
        """Takes one restore out of the budget for any request that could start one, until it is known not to have.

        Waits while others that are under way may still give theirs back.
        """
        if request.method != "POST" or request.operation != "restore":
            return False
        limit = self.target.restore.max_restores
        patience = time.monotonic() + 2 * self.target.limits.timeout_s
        with self._budget_freed:
            while not self.ledger.add("restores", limit=limit):
                accepted = self.ledger.read("restores_accepted")
                if accepted >= limit or time.monotonic() > patience:
                    raise NotAllowedError(f"restore.max_restores = {limit} is used up: set it to at least {limit + 1}")
                self._budget_freed.wait(0.05)
        return True

    def _settle(self, exchange: Exchange) -> None:
        """A refused restore gives its place in the budget back; an accepted or lost one keeps it."""
        with self._budget_freed:
            if exchange.status is None or exchange.succeeded:
                self.ledger.add("restores_accepted")
            else:
                self.ledger.add("restores", -1)
            self._budget_freed.notify_all()

    # ------------------------------------------------------------ attempts

    def _attempt(self, request: Request) -> Exchange:
        """One answer that is not a request for patience, or the last of several that were."""
        for _ in range(MOST_WAITS):
            exchange = self._once(request)
            if exchange.status != 429 or not request.patient:
                return exchange
            self._on_exchange(exchange)
            self.ledger.pause(retry_after(exchange))
        return self._once(request)

    def _once(self, request: Request) -> Exchange:
        with self._slots:
            while (left := self.ledger.paused_for()) > 0:
                time.sleep(left)
            rate = self.target.limits.requests_per_second
            if rate and (turn := self.ledger.next_slot(rate)) > 0:
                time.sleep(turn)
            self.requests += 1
            return self._wire.send(request)

    def _look_again(self, first: Exchange) -> Exchange:
        """No answer: the target's fault, or is the target away? A control before and after a second try tells."""
        if not first.request.repeatable or not self._controls:
            self._control()
            return first
        before = self._control()
        second = self._attempt(first.request)
        after = self._control()
        if _answered(second):
            return second
        second.seen = (2, 2)
        second.unanswered = before and after
        return second

    def _control(self) -> bool:
        """Is the target there? Any answer to any of the control requests will do."""
        for request in self._controls:
            if _answered(self._once(request)):
                self._unanswered_controls = 0
                return True
        self._unanswered_controls += 1
        return False


def _answered(exchange: Exchange) -> bool:
    """A whole answer came, from the target itself."""
    response = exchange.response
    return response is not None and response.status not in UNAVAILABLE and not (response.problem or "").startswith(
        ("a body cut off", "a body that was not complete")
    )


def retry_after(exchange: Exchange) -> float:
    """Seconds that a 429 asks us to wait (both forms, capped); one second where it does not say."""
    text = (exchange.response.header("retry-after") or "").strip() if exchange.response else ""
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return min(float(text), LONGEST_WAIT_S)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 1.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max((when - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT_S)


def with_key(request: Request, target: Target, name: str, seed: int = 0) -> Request:
    """The same request under another credential. Raises LookupError where the target file has no such key."""
    return replace(request, key=name, authorization=credentials.authorization(target, name, seed))
