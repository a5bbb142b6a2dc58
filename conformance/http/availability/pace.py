"""The pace of `limits.requests_per_second = "auto"`, and the rate limits that a target announces in its headers."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from conformance.contract.operations import UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.http.exchange import Exchange, Response

#: The slowest pace, in requests per second.
MIN_RATE = 0.2
#: The pace after a 429 or 503, as a share of the recent throughput, and how it grows with each request that is served.
SLOWER, FASTER = 0.5, 1.02
#: Throughput is measured over this many seconds.
WINDOW_S = 5.0
#: Several 429s within this time count as one request to slow down.
ONE_SLOWDOWN_S = 1.0
#: Seconds of the windows that headers name.
WINDOWS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}


def announced_rate(response: Response) -> float | None:
    """Return the requests per second that the headers of a response allow; None if they do not say.

    Reads `RateLimit-Policy` and `RateLimit-Limit` with a window, `RateLimit` with the rest and its reset, and the
    `X-RateLimit-Limit-Minute` of Kong and its like.
    """
    for name in ("ratelimit-policy", "ratelimit-limit", "x-ratelimit-limit"):
        text = response.header(name) or ""
        limit = re.search(r"(?:^|[;,\s])(?:q=)?(\d{1,9})\s*;\s*(?:\w+=[^;,]*;\s*)*w=(\d{1,6})", text)
        if limit and int(limit[2]):
            return int(limit[1]) / int(limit[2])
    for window, seconds in WINDOWS.items():
        text = response.header(f"x-ratelimit-limit-{window}") or response.header(f"ratelimit-limit-{window}") or ""
        if re.fullmatch(r"\d{1,9}", text.strip()):
            return int(text) / seconds
    return None


class AutoPace:
    """Requests per second that adapt to the target: an announced limit, and what it answers with 429 and 503.

    Safe to use from many threads. The first requests are not slowed down.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._sent: deque[float] = deque(maxlen=10_000)
        self._slot = 0.0
        self._slowed_at = float("-inf")
        self._announced: float | None = None
        #: The present pace; None before the target asked to slow down.
        self.rate: float | None = None

    def next_slot(self) -> float:
        """Reserve the next time slot and return the seconds until it begins."""
        with self._lock:
            now = self._now()
            if self.rate is None:
                slot = now
            else:
                slot = max(now, self._slot)
                self._slot = slot + 1 / self.rate
            self._sent.append(slot)
            return slot - now

    def observe(self, exchange: Exchange) -> None:
        """Adapt the pace to a response."""
        if exchange.response is None:
            return
        announced = announced_rate(exchange.response)
        with self._lock:
            if announced:
                self._announced = max(announced, MIN_RATE)
            if exchange.status == 429 or exchange.status in UNAVAILABLE:
                self._slow_down()
            elif self.rate is not None:
                self.rate *= FASTER
            if self._announced is not None:
                self.rate = min(self.rate or self._announced, self._announced)

    def _slow_down(self) -> None:
        now = self._now()
        if now - self._slowed_at < ONE_SLOWDOWN_S:
            return
        self._slowed_at = now
        recent = [slot for slot in self._sent if now - WINDOW_S < slot <= now]
        span = max(now - recent[0], 0.1) if recent else WINDOW_S
        self.rate = max(min(self.rate or float("inf"), len(recent) / span) * SLOWER, MIN_RATE)
