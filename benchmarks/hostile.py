"""Hostile answers: the time to judge, record and mask them against their size, and the memory that it takes.

    python benchmarks/hostile.py [--size MB] [--memory] [FAMILY ...]

Prints, for each family of tests/support/families.py, the processor time per MB at a size and at a quarter of it. With
`--memory`: the peak of a process that receives one such answer of 15 MB, above that of the process itself. Exit code 1
where a goal is missed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.answering import ANSWERS, PIECE, Judging
from support.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_PER_MB = 1.0
PEAK_MB = 250
MB = 2**20


def main() -> int:
    """The tables, as asked for."""
    options = _options()
    families = options.families or list(FAMILIES)
    if options.one:
        return _one(families[0], options.size)
    missed = False
    for family in families:
        if options.memory:
            peak, seconds = _in_a_process(family, options.size)
            missed |= peak > PEAK_MB
            print(f"{family:45} {peak:8.0f} MB {seconds:8.1f} s", flush=True)
        else:
            small, large = seconds_per_mb(family, options.size / 4), seconds_per_mb(family, options.size)
            missed |= large > SECONDS_PER_MB
            print(f"{family:45} {small:8.3f} {large:8.3f} s/MB  {large / small:5.1f} x", flush=True)
    return int(missed)


def seconds_per_mb(family: str, size: float) -> float:
    """Processor seconds for each MB to judge, record and mask an answer of so many MB: the worst of all operations."""
    body = FAMILIES[family](int(size * MB))
    with tempfile.TemporaryDirectory() as folder, Judging(Path(folder)) as judging:
        return max(judging.receive(body, *answer) for answer in ANSWERS) / (len(body) / MB)


def _in_a_process(family: str, size: float) -> tuple[float, float]:
    line = [sys.executable, __file__, "--one", "--size", str(size), family]
    peak, seconds = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
    return float(peak), float(seconds)


def _one(family: str, size: float) -> int:
    body = Path(tempfile.mkstemp()[1])
    line = [sys.executable, "-m", "support.families", family, str(int(size * MB))]
    with body.open("wb") as file:  # made elsewhere: only what it takes to receive it counts
        subprocess.run(line, stdout=file, check=True, cwd=Path(__file__).parents[1] / "tests")
    with tempfile.TemporaryDirectory() as folder, Judging(Path(folder)) as judging:
        seconds = max(judging.receive_pieces(_pieces(body), *answer) for answer in ANSWERS)
    body.unlink()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, seconds)
    return 0


def _pieces(body: Path) -> Iterator[bytes]:
    with body.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=4.0)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("families", nargs="*")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
