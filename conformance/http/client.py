"""The only client of the target: it limits rate and restores, waits after 429, and repeats what may be repeated."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING

from conformance import __version__
from conformance.config.threads import Background, Places
from conformance.contract.operations import SAFE_METHODS
from conformance.http import credentials
from conformance.http.availability.liveness import Liveness, answered
from conformance.http.availability.pace import AutoPace
from conformance.http.bodies import in_turn
from conformance.http.budget import Budget, NotAllowedError, asks_for_restore
from conformance.http.clock import Clock, StoppedError, TargetGoneError
from conformance.http.connection import Connections
from conformance.http.exchange import Purpose, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.contract.operations import Operation
    from conformance.http.availability.liveness import Control
    from conformance.http.correlation import Correlation
    from conformance.http.exchange import Exchange, Request
    from conformance.http.shared_state import SharedState

__all__ = ["Client", "NotAllowedError", "StoppedError", "TargetGoneError", "retry_after"]

LONGEST_WAIT_S = 60.0
#: Seconds to wait if Retry-After is 0, doubled with each 429 in a row: the target may have rounded a second down.
MIN_WAIT_S = 0.02
#: The target counts as gone after this many 429s in a row without any other response in between.
MAX_WAITS = 8
#: For how many seconds a request is repeated that only gets 429 or 503 with Retry-After.
MAX_PATIENCE_S = 300.0
#: How many tries should suffice to blame an input: controls are sent until they do, or until that is hopeless.
CHEAP_TRIES, COSTLY_TRIES = 6, 4
#: Once this many inputs of an operation were blamed, further inputs whose tries are costly are not repeated.
MAX_COSTLY_BLAMED = 3
#: Once this many inputs of an operation hung, further ones are waited for only this long, or this many times longer
#: than the slowest answer of the operation took: an input that still hangs is inconclusive.
MAX_HUNG = 3
MIN_PATIENCE_S, PATIENCE_FACTOR = 1.0, 10.0
#: An input beyond these sizes, in octets, is never blamed: its address with its headers, and its body.
MAX_BLAMED_HEAD, MAX_BLAMED_BODY = 8000, 2**20
#: When the run is stopped, it waits this long for the response to a restore: it shows whether the restore was accepted.
LAST_WORDS_S = 2.0
#: How many places are kept for requests that go first, where there are enough: what they hold up is waited for.
KEPT_PLACES, MIN_TO_KEEP = 1, 4
#: How long `close` waits for threads that still send or judge; requests have deadlines of their own.
CLOSE_PATIENCE_S = 5.0


class Client:
    """Sends requests for the checks of one worker and hands each exchange to `on_exchange`, in any thread."""

    def __init__(
        self,
        target: Target,
        shared_state: SharedState,
        on_exchange: Callable[[Exchange], None],
        *,
        profile: str,
        workers: int = 1,
        worker: int = 0,
        waiting: Clock | None = None,
        folder: Path | None = None,
    ) -> None:
        self.target = target
        self.shared_state = shared_state
        self.profile = profile
        self.requests = 0
        self.waiting = waiting or Clock()
        self.liveness = Liveness(lambda request: self._once(request, fresh=True), self.waiting)
        self._on_exchange = on_exchange
        self._renew: Callable[[Exchange], Request | None] = lambda _: None
        self._connections = Connections(target, f"backups-conformance/{__version__}", folder)
        self._budget = Budget(target, shared_state, self.waiting)
        limit = target.limits.concurrency
        concurrency = max(1, limit // workers)
        self._pace = AutoPace()
        #: The requests, by their content, that were answered at the first attempt.
        self._answered: set[int] = set()
        #: How many inputs of each operation were blamed for having no response.
        self._blamed: Counter[Operation] = Counter()
        #: How many of them had no response in the time for it, and the longest time of a response, in seconds.
        self._hung: Counter[Operation] = Counter()
        self._slowest_s: dict[Operation, float] = {}
        kept = KEPT_PLACES if concurrency >= MIN_TO_KEEP else 0
        self._slots = Places(concurrency, kept)
        self._place = partial(shared_state.place, worker, workers, limit)
        self._pool: Background[Exchange] = Background("client", concurrency, kept=kept)
        self._counting = threading.Condition()
        self._restores_under_way = 0
        self._served_at = 0.0

    def close(self) -> None:
        """Stop the threads and close the connections; a thread that hangs is left behind."""
        self._pool.close(CLOSE_PATIENCE_S)
        self.liveness.close()
        self._connections.close()

    def stop(self) -> None:
        """End the requests in progress and start no more: every `send` raises StoppedError.

        Must be called from a thread that sends nothing itself.
        """
        self.waiting.stop()
        with self._counting:
            self._counting.wait_for(lambda: not self._restores_under_way, LAST_WORDS_S)
        self._connections.abort()

    def correlate(self, correlation: Correlation) -> None:
        """Send headers with every request by which gateways log it."""
        self._connections.correlation = correlation

    def use_controls(self, controls: Sequence[Control]) -> None:
        """Set the makers of control requests: different kinds of requests, each call with a new address."""
        self.liveness.use(controls)

    def use_keys(self, renew: Callable[[Exchange], Request | None]) -> None:
        """Set the function to call about a 401 to a good key.

        It returns the request with a new value of the key, or None.
        """
        self._renew = renew

    def reach(self) -> None:
        """Raise TargetGoneError if the target does not answer at all."""
        if not self.liveness.confirm() and self.liveness.gone is not None:
            raise TargetGoneError(self.liveness.gone)

    def send_all(self, requests: Iterable[Request], purpose: Purpose = Purpose.EVIDENCE) -> list[Exchange]:
        """Send at most `limits.concurrency` requests at once. Return the exchanges in the order of the requests."""
        requests = list(requests)
        if len(requests) == 1:
            return [self.send(requests[0], purpose)]
        return self._pool.map(partial(self.send, purpose=purpose), requests)

    def send_allowed(self, requests: Iterable[Request]) -> list[Exchange]:
        """Like `send_all`, but return what was answered before a request was not allowed.

        Raises NotAllowedError if no request was answered.
        """
        answers: list[Exchange] = []
        refusal: NotAllowedError | None = None
        for under_way in [self._pool.submit(partial(self.send, request)) for request in requests]:
            try:
                answers.append(under_way.result())
            except NotAllowedError as reason:
                refusal = reason
        if refusal is not None and not answers:
            raise refusal
        return answers

    def send(self, request: Request, purpose: Purpose = Purpose.EVIDENCE) -> Exchange:
        """Send one request and have its exchange judged.

        Raises NotAllowedError, TargetGoneError (StoppedError), and KeyUnavailableError of a key that a command gives.
        """
        self._check_allowed(request)
        reserved = self._budget.reserve(request)
        exchange = self._attempt(request)
        if answered(exchange):
            self._answered.add(request.content)
        elif not self.waiting.stopped and not asks_to_wait(exchange):
            exchange = self._look_again(exchange, reserved=reserved)
        if purpose is Purpose.EVIDENCE and exchange.status == 401 and (renewed := self._renew(exchange)) is not None:
            exchange = self._attempt(renewed)
        if reserved:
            self._budget.settle(exchange)
        if purpose is Purpose.EVIDENCE:
            self._hand_on(exchange)
        return exchange

    def _hand_on(self, exchange: Exchange) -> None:
        with in_turn(0 if exchange.response is None else len(exchange.response.body)):
            self._on_exchange(exchange)

    # ------------------------------------------------------------ what may be sent

    def _check_allowed(self, request: Request) -> None:
        self.waiting.raise_if_stopped()
        if self.liveness.gone is not None:
            raise TargetGoneError(self.liveness.gone)
        if self.profile == "read" and request.method not in SAFE_METHODS:
            raise NotAllowedError("the read profile sends nothing that could change the target: use --profile full")
        if not self._bad_auth_left(request):
            raise NotAllowedError(f"limits.bad_auth_max = {self.target.limits.bad_auth_max} is used up: raise it")

    def _bad_auth_left(self, request: Request) -> bool:
        """Count a request with a bad key. Raises NotAllowedError after too many."""
        limit = self.target.limits.bad_auth_max
        return request.key not in credentials.BAD or self.shared_state.add("bad_auth", limit=limit)

    # ------------------------------------------------------------ attempts

    def _attempt(self, request: Request, *, fresh: bool = False) -> Exchange:
        """The first response that does not ask to wait and retry, or else the last of those that do."""
        begun, last, tries, alone = self.waiting.now(), time.monotonic(), 0, 0
        while True:
            exchange = self._once(request, fresh=fresh)
            if not asks_to_wait(exchange) or request.throttled is Throttled.ACCEPT:
                self._served_at = time.monotonic()
                return exchange
            tries += 1
            alone = 1 if self._served_at > last else alone + 1  # other requests are served, so this one will be too
            last = time.monotonic()
            if alone >= MAX_WAITS:
                if exchange.status == 429:
                    self.liveness.gone = "the target answers 429 to everything"
                return exchange
            if tries >= MAX_WAITS and self.waiting.now() - begun > MAX_PATIENCE_S:
                return exchange
            self._hand_on(exchange)
            self.shared_state.pause(max(retry_after(exchange, self.waiting.now()), MIN_WAIT_S * 2**alone))

    def _once(self, request: Request, *, fresh: bool = False) -> Exchange:
        with self._slots:
            while (left := self.shared_state.paused_for()) > 0:
                self.waiting.wait(left)
            if (turn := self._next_slot()) > 0:
                self.waiting.wait(turn)
            self.waiting.raise_if_stopped()
            with self._place():
                exchange = self._sent(request, fresh=fresh)
        if exchange.status is None and self.waiting.stopped and request.repeatable:
            raise StoppedError("the run was interrupted")
        return exchange

    def _next_slot(self) -> float:
        """Seconds until this request may be sent, at the rate of the target file."""
        rate = self.target.limits.requests_per_second
        if rate == "auto":
            return self._pace.next_slot()
        return self.shared_state.next_slot(rate) if rate else 0.0

    def _sent(self, request: Request, *, fresh: bool) -> Exchange:
        waited_for = not request.repeatable
        with self._counting:
            self.requests += 1
            self._restores_under_way += waited_for
        try:
            exchange = self._connections.send(request, fresh=fresh, timeout_s=self._patience_s(request))
            if answered(exchange) and exchange.response is not None:
                slowest = max(self._slowest_s.get(request.operation, 0.0), exchange.response.elapsed_s)
                self._slowest_s[request.operation] = slowest
            if self.target.limits.requests_per_second == "auto":
                self._pace.observe(exchange)
            if request.method not in SAFE_METHODS and not asks_to_wait(exchange):
                self.liveness.count_write(request.content, answered=answered(exchange))
            return exchange
        finally:
            with self._counting:
                self._restores_under_way -= waited_for
                self._counting.notify_all()

    def _patience_s(self, request: Request) -> float:
        """How long to wait for a response: the limit of the target file, or less where many inputs hung.

        A write has its whole time, since it may have an effect, and so has a read that was answered before.
        """
        limit = self.target.limits.timeout_s
        if self._hung[request.operation] < MAX_HUNG or request.method not in SAFE_METHODS:
            return limit
        if request.content in self._answered:
            return limit
        slowest = self._slowest_s.get(request.operation)
        return limit if slowest is None else min(limit, max(MIN_PATIENCE_S, PATIENCE_FACTOR * slowest))

    def _look_again(self, first: Exchange, *, reserved: bool) -> Exchange:
        """Find out whether a response was lost because of this input, or because the target is unavailable.

        The request is sent again, byte for byte, as often as it takes to blame the input (HTTP-3), each time between
        two controls that are answered, and over a connection of its own, so that what an earlier response did to a
        kept one does not count. Where a try may have started a restore, it keeps its place in the budget.
        """
        with self._budget.one_after_the_other() if reserved else nullcontext():
            return self._try_again(first, reserved=reserved)

    def _try_again(self, first: Exchange, *, reserved: bool) -> Exchange:
        request, last, tries = first.request, first, 0
        while self.liveness.confirm() and not self._is_suspected(last) and self._may_repeat(last, reserved=reserved):
            if not tries:
                self.liveness.begin_tries()
            last, tries = self._attempt(request, fresh=True), tries + 1
            if answered(last):
                return last
            last.seen = (tries + 1, tries + 1)  # the first one and every try, all of them unanswered
            if not is_blamable(request) or not self.liveness.confirm():
                break
            wanted = COSTLY_TRIES if self._is_costly(last) else CHEAP_TRIES
            is_read = request.method in SAFE_METHODS
            needed = (self.liveness.tries_needed if is_read else self.liveness.tries_needed_of_write)(wanted)
            if needed is None:
                break
            if tries >= needed:
                last.unanswered = True
                self._blamed[request.operation] += 1
                self._hung[request.operation] += _is_slow(last)
                break
        return last

    def _is_suspected(self, last: Exchange) -> bool:
        """Whether more tries are pointless.

        They are if this input was answered before, or if a try is costly and enough inputs of the operation are blamed.
        """
        request, blamed = last.request, self._blamed[last.request.operation]
        was_answered = request.content in self._answered and last.seen is not None
        last.suspected = blamed > 0 and (was_answered or (self._is_costly(last) and blamed >= MAX_COSTLY_BLAMED))
        return was_answered or last.suspected

    def _may_repeat(self, last: Exchange, *, reserved: bool) -> bool:
        """Whether the request may be sent again. If so, it is counted as a bad key and in the restore budget."""
        request = last.request
        if not request.repeatable or not self._bad_auth_left(request):
            return False
        return not reserved or self._budget.once_more(last)

    def _is_costly(self, last: Exchange) -> bool:
        """Whether each try takes long, or one of the few places for bad keys and restores."""
        return _is_slow(last) or last.request.key in credentials.BAD or asks_for_restore(last.request)


def _is_slow(exchange: Exchange) -> bool:
    """Whether no response came in the time for it."""
    return exchange.response is None and "within" in (exchange.failure or "")


def is_blamable(request: Request) -> bool:
    """Whether an input can be blamed for a lost response: an intermediary may drop what is unusually large (HTTP-3)."""
    if request.body is not None and (request.method == "GET" or len(request.body) > MAX_BLAMED_BODY):
        return False
    if request.method == "GET" and any(name.lower() == "transfer-encoding" for name, _ in request.headers):
        return False
    headers = sum(len(name) + len(value) for name, value in request.headers) + len(request.authorization or "")
    return len(request.target) + headers + len(request.hub_id or "") <= MAX_BLAMED_HEAD


def asks_to_wait(exchange: Exchange) -> bool:
    """Whether a response asks for patience: a 429, or a 503 with Retry-After."""
    if exchange.status == 503 and exchange.response is not None:
        return exchange.response.header("retry-after") is not None
    return exchange.status == 429


def retry_after(exchange: Exchange, now: float | None = None) -> float:
    """Seconds that a 429 asks us to wait (both forms, capped); one second where it does not say.

    A date counts from the answer's own Date: the target's clock may be wrong.
    """
    text = (exchange.response.header("retry-after") or "").strip() if exchange.response else ""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text):
        return min(float(text), LONGEST_WAIT_S)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 1.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    sent = _date_of(exchange)
    if sent is None:
        sent = datetime.now(UTC).timestamp() if now is None else now
    left = when.timestamp() - sent
    return min(max(left, 0.0), LONGEST_WAIT_S)


def _date_of(exchange: Exchange) -> float | None:
    """The time in the `Date` header of a response, in seconds; None without one."""
    text = (exchange.response.header("date") or "") if exchange.response else ""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
