"""How often the target fails regardless of the request, and how many lost tries in a row blame an input.

An input is blamed for a lost response, or for a 502, 503, 504 or 520 to 530, only if n tries in a row end so. n is the
smallest number, of 3 at least, for which (upper bound of the failure rate)^n times the inputs tried is below one in a
million. If n would exceed 12, the target is unavailable and nothing is concluded (HTTP-3).
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from functools import lru_cache

CONFIDENCE = 0.99
#: The accepted probability of blaming an input wrongly, for all inputs of a run.
MAX_RISK = 1e-6
MIN_TRIES, MAX_TRIES = 3, 12
#: A kind of control that was not answered in this many tries fails because of its own input.
NEVER = 3


class FailureRate:
    """Counts requests by kind, answered or not. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()

    def count(self, kind: int, *, answered: bool) -> None:
        """Count a request; `kind` is the number of a control, or the same number for all equal requests."""
        with self._lock:
            (self._answered if answered else self._failed)[kind] += 1

    @property
    def counted(self) -> tuple[int, int]:
        """The numbers of failed and of all requests, without the kinds of request that are never answered."""
        with self._lock:
            kinds = [
                kind
                for kind in self._answered.keys() | self._failed.keys()
                if self._answered[kind] or self._failed[kind] < NEVER
            ]
            failed = sum(self._failed[kind] for kind in kinds)
            return failed, failed + sum(self._answered[kind] for kind in kinds)

    @property
    def recovers(self) -> bool:
        """Whether requests of one kind were both lost and answered, so that their input cannot be the reason."""
        with self._lock:
            return any(self._answered[kind] for kind in self._failed)

    def tries_needed(self, inputs: int) -> int | None:
        """Return n for the number of inputs tried in this run; None if it would exceed MAX_TRIES."""
        failed, count = self.counted
        return tries_needed(upper_bound(failed, count), inputs)


def tries_needed(rate: float, inputs: int) -> int | None:
    """Return the smallest n of at least 3 with rate^n * inputs < 1e-6; None if it exceeds 12."""
    if rate >= 1:
        return None
    wanted = math.log(MAX_RISK / max(inputs, 1))
    tries = MIN_TRIES if rate <= 0 else max(MIN_TRIES, math.floor(wanted / math.log(rate)) + 1)
    return tries if tries <= MAX_TRIES else None


@lru_cache(4096)
def upper_bound(failed: int, count: int) -> float:
    """Return the upper 99 % confidence bound of a failure rate, after Clopper and Pearson."""
    if failed >= count:
        return 1.0
    low, high = failed / count, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        if _at_most(failed, count, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _at_most(failed: int, count: int, rate: float) -> float:
    """The probability of at most `failed` failures in `count` requests."""
    if rate <= 0:
        return 1.0
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    return math.fsum(
        math.exp(
            math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) + k * log_rate
            + (count - k) * log_rest
        )
        for k in range(failed + 1)
    )  # fmt: skip
