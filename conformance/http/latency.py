"""Response times by operation: counted by each worker, summed over the workers, and reduced to a few bars."""

from __future__ import annotations

import math
import threading
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.http.exchange import Exchange

Counted = dict[str, dict[str, int]]
BARS_PER_DECADE = 6


class LatencyRow(TypedDict):
    """Response times of an operation; `buckets` are pairs of an upper bound in seconds and a count."""

    operation: str
    count: int
    p50_s: float
    p95_s: float
    max_s: float
    buckets: list[tuple[float, int]]


class Latencies:
    """One worker's times, to three digits; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, Counter[str]] = defaultdict(Counter)

    def observe(self, exchange: Exchange) -> None:
        """Count a response; an exchange without one is ignored."""
        if exchange.response is not None:
            with self._lock:
                self._seen[exchange.operation][f"{max(exchange.response.elapsed_s, 1e-5):.3g}"] += 1

    def counted(self) -> Counted:
        """The counts for the journal: operation, seconds, count."""
        with self._lock:
            return {operation: dict(times) for operation, times in self._seen.items()}


def rows(counts: Iterable[Counted]) -> list[LatencyRow]:
    """The rows of results.json, from the counts of all workers."""
    added: dict[str, Counter[float]] = defaultdict(Counter)
    for counted in counts:
        for operation, times in counted.items():
            for seconds, count in times.items():
                added[operation][float(seconds)] += count
    return [_row(operation, sorted(times.items())) for operation, times in sorted(added.items())]


def _row(operation: str, times: list[tuple[float, int]]) -> LatencyRow:
    bars: Counter[float] = Counter()
    for seconds, count in times:
        bars[_bar(seconds)] += count
    return {
        "operation": operation,
        "count": sum(count for _, count in times),
        "p50_s": _quantile(times, 0.5),
        "p95_s": _quantile(times, 0.95),
        "max_s": times[-1][0],
        "buckets": [(bound, count) for bound, count in sorted(bars.items())],
    }


def _bar(seconds: float) -> float:
    """The upper bound of the bar that a time falls into."""
    return float(f"{10 ** (math.ceil(BARS_PER_DECADE * math.log10(seconds) - 1e-9) / BARS_PER_DECADE):.4g}")


def _quantile(times: list[tuple[float, int]], share: float) -> float:
    wanted, seen = share * sum(count for _, count in times), 0
    for seconds, count in times:
        seen += count
        if seen >= wanted:
            return seconds
    return times[-1][0]
