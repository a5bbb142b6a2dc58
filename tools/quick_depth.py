"""Chooses the checks of `--depth quick`: `python tools/quick_depth.py RECORD [--record N]`, reviewed like any change.

With `--record N` it first records what each check sends and kills against N more MUST faults, spread over the clauses,
and appends that to RECORD, a file of JSON lines; with `--narrow` only the checks of the clauses that a fault breaks,
which is several times as fast. Then a greedy cover chooses checks and inputs until all faults are killed that any check
kills, or the requests are used up, and writes conformance/execution/quick.json.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.config.settings import QUICK_EXAMPLES
from conformance.execution import depth
from conformance.qualification import cover, recording, trials
from conformance.reference.registry import Fault

if TYPE_CHECKING:
    from conformance.qualification.trials import Trial

ROOT = Path(__file__).parents[1]
SEED = 1


def written_faults() -> list[Trial]:
    """Return the MUST faults that are written by hand: of the others nearly all show in any response."""
    return [
        trial
        for trial in trials.all_trials().values()
        if isinstance(trial.change, Fault) and trial.level == "MUST" and trial.selected is None
    ]


def population() -> Counter[str]:
    """Return by clause how many of them there are."""
    changes = [trial.change for trial in written_faults()]
    return Counter(clause for change in changes if isinstance(change, Fault) for clause in change.breaks)


def record(file: Path, count: int, jobs: int, *, narrow: bool) -> None:
    """Record faults that the file lacks."""
    known = {row["fault"] for row in cover.read(file)}
    faults = written_faults()
    chosen = [trial.name for trial in trials.sampled(faults, len(faults), SEED) if trial.name not in known][:count]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool, file.open("a", encoding="utf-8") as stream:
        futures = {pool.submit(recording.record, name, QUICK_EXAMPLES, SEED, only_own=narrow): name for name in chosen}
        for future in as_completed(futures):
            if problem := future.exception():
                print(f"{futures[future]}: {problem}")
                continue
            stream.write(json.dumps(future.result()) + "\n")
            stream.flush()


def main() -> None:
    """Record, choose, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--record", type=int, default=0)
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.record:
        record(options.file, options.record, options.jobs, narrow=options.narrow)
    chosen = cover.choose(cover.read(options.file), cover.MAX_REQUESTS, population())
    text = json.dumps(chosen, indent=1) + "\n"
    (ROOT / "conformance" / "execution" / depth.FILE).write_text(text, "utf-8")
    print(
        f"{len(chosen['checks'])} checks kill {chosen['killed']} of {chosen['faults']} faults "
        f"with {chosen['requests']} requests"
    )


if __name__ == "__main__":
    main()
