"""How well a run overlaps: a target whose restores take three seconds each, against reads and restores one by one.

    python benchmarks/restores.py [SECONDS]

Prints the wall time of a full run, of the same run's reads alone, and of its restores if each were waited for; the
ratio says how much of the sum the full run needs. A figure well below 1 means that waiting is used for reading.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

from conformance.qualify import judge
from conformance.reference import launch
from conformance.target import load_target

GOAL = 0.95


def main(seconds: float) -> int:
    """The benchmark; exit code 1 where the goal is missed."""
    with launch.spawn(restore_seconds=seconds) as server:
        target = load_target(server.target_file, os.environ)
        reads = _timed(lambda: judge(replace(target, restore=replace(target.restore, allow=False))))
        patient = replace(target, restore=replace(target.restore, timeout_s=60 + 10 * seconds))
        full = _timed(lambda: judge(patient))
    restores = 7 * seconds
    ratio = full / (reads + restores)
    print(f"reads alone {reads:.1f} s, 7 restores one by one {restores:.1f} s, full run {full:.1f} s: {ratio:.2f}")
    return 0 if ratio <= GOAL else 1


def _timed(work: object) -> float:
    started = time.monotonic()
    assert callable(work)  # noqa: S101 - a benchmark's own argument
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0))
