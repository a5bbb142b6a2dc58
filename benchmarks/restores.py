"""How well a run overlaps: a target whose restores take three seconds each, against its restores one after the other.

    python benchmarks/restores.py [SECONDS]

The sum is what a run would need that waited for each restore it asks for, and did all the rest before or afterwards:
the accepted restores, as the server counted them, times their seconds, and a run whose restores take no time. The ratio
says how much of that sum the run needs, on a server that runs the restores of an instance one after the other and on
one that runs them side by side.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from conformance.config.target_file import load_target
from conformance.qualification.measure import judge
from conformance.reference import launch

#: well under the sum, for the two kinds of server
GOALS = {"one after the other": 0.9, "side by side": 0.6}
VARIANTS = {"one after the other": (), "side by side": ("restores_run_side_by_side",)}


def main(seconds: float) -> int:
    """The benchmark; exit code 1 where a goal is missed."""
    missed = False
    for how, goal in GOALS.items():
        rest, _ = _timed(how, 0.0)
        full, accepted = _timed(how, seconds)
        ratio = full / (accepted * seconds + rest)
        missed |= ratio > goal
        parts = f"{accepted} restores of {seconds:g} s and {rest:.1f} s for the rest, full run {full:.1f} s"
        print(f"{how}: {parts}: {ratio:.2f} of the sum (goal {goal})")
    return int(missed)


def _timed(how: str, seconds: float) -> tuple[float, int]:
    """The wall time of a run in seconds, and how many restores the server accepted."""
    with (
        launch.serve_in_thread([], VARIANTS[how], restore_seconds=seconds) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        file = Path(folder, "target.toml")
        file.write_text(server.target_toml, "utf-8")
        target = load_target(file, os.environ)
        patient = replace(target, restore=replace(target.restore, timeout_s=60 + 10 * seconds))
        started = time.monotonic()
        judge(patient)
        return time.monotonic() - started, server.store.counters.accepted_restores


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0))
