"""Small plots of the page, with positions in percent, so that they fit any width while text keeps its size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conformance.http.latency import LatencyRow
    from conformance.judging.outcomes import StepRow

_LEFT, _RIGHT = 2.0, 98.0
#: marks that are nearer than this, in percent, are drawn as one
_NEAR = 5.0
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Tick:
    """A position on the scale and its label."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Moments that are drawn as one mark: its start, its end, and their numbers in the list below."""

    x: float
    width: float
    label: str
    concluding: bool

    @property
    def middle(self) -> float:
        """The position of its label."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class TimePlot:
    """A timeline to scale."""

    ticks: list[Tick]
    marks: list[Mark]
    seconds: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a histogram: its start, its end, and its height in percent of the highest."""

    x: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class LatencyPlot:
    """The response times of one operation, on a scale that all operations share."""

    row: LatencyRow
    bars: list[Bar]
    median: float


def in_order(moments: Iterable[StepRow]) -> list[StepRow]:
    """The moments by time, each once; a check may have recorded a scenario several times."""
    once = {repr(sorted(moment.items())): moment for moment in moments}
    return sorted(once.values(), key=lambda moment: float(moment["t_s"]))


def timeline(moments: Sequence[StepRow]) -> TimePlot | None:
    """The timeline from the first moment to the last; None if there is nothing to draw to scale."""
    if len(moments) < 2 or moments[-1]["t_s"] - moments[0]["t_s"] <= 0:
        return None
    begin, last = moments[0]["t_s"], moments[-1]["t_s"]
    marks: list[Mark] = []
    first = 1
    for number, moment in enumerate(moments, 1):
        x, concluding = _place(moment["t_s"], begin, last), bool(moment.get("concluded"))
        if marks and x - (marks[-1].x + marks[-1].width) < _NEAR:
            before = marks.pop()
            marks.append(Mark(before.x, x - before.x, f"{first} to {number}", before.concluding or concluding))
        else:
            first = number
            marks.append(Mark(x, 0.0, str(number), concluding))
    ticks = [Tick(_place(at, begin, last), seconds(at)) for at in _scale(begin, last)]
    return TimePlot(ticks, marks, last - begin)


def latencies(rows: Sequence[LatencyRow]) -> tuple[list[LatencyPlot], list[Tick]]:
    """A plot for each operation, and the logarithmic scale below them."""
    bounds = [bound for row in rows for bound, _ in row["buckets"]]
    if not bounds:
        return [], []
    low, high = math.floor(math.log10(min(bounds)) - 1e-9), math.ceil(math.log10(max(bounds)) - 1e-9)
    high = max(high, low + 1)

    def place(value: float) -> float:
        share = (math.log10(value) - low) / (high - low)
        return round(_LEFT + (_RIGHT - _LEFT) * min(max(share, 0.0), 1.0), 2)

    ticks = [Tick(place(10**power), seconds(10**power)) for power in range(low, high + 1)]
    return [_latency(row, place) for row in rows], ticks


def _latency(row: LatencyRow, place: Callable[[float], float]) -> LatencyPlot:
    highest = max(count for _, count in row["buckets"])
    bars = []
    for bound, count in row["buckets"]:
        left, right = place(bound / 10 ** (1 / 6)), place(bound)
        bars.append(Bar(left, max(round(right - left, 2), 0.5), max(round(100 * count / highest, 1), 4.0)))
    return LatencyPlot(row, bars, place(max(row["p50_s"], 1e-6)))


def seconds(value: float) -> str:
    """Format seconds in a suitable unit."""
    if value == 0:
        return "0"
    if value < 0.001:
        return f"{value * 1e6:.3g} µs"
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _place(at: float, begin: float, last: float) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * (at - begin) / (last - begin), 2)


def _scale(begin: float, last: float) -> list[float]:
    """Return a few round numbers from `begin` to `last`."""
    power = 10 ** math.floor(math.log10((last - begin) / 5))
    step = next((step * power for step in (*_STEPS, 10) if (last - begin) / (step * power) <= 5), last - begin)
    first = math.ceil(begin / step)
    return [round(index * step, 9) for index in range(first, first + 7) if index * step <= last]
