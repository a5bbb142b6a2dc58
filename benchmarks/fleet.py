"""What many targets and many seeds cost once their runs have ended: merging, the fleet page, the index.

    python benchmarks/fleet.py REPORT [--targets N] [--seeds N]

REPORT is the report folder of a real run. It is copied under other names and with other seeds, so that sizes are those
of real reports; the pages of more targets repeat one row. Each measurement has a process of its own, whose peak is the
memory.
Exit code 1 where a goal is missed: 100 seeds in 10 s and 300 MB, a page of 1,000 targets in 10 s and 5 MB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.fleet import model, page, table
from conformance.fleet.merging import command, history
from conformance.report import index, write_all, write_page
from conformance.results import signoff

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS, MERGE_MB, PAGE_MB = 10.0, 300, 5.0


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and processor time, megabytes of memory at the peak, and of what was written."""

    wall: float
    processor: float
    memory: float
    written: float

    def __str__(self) -> str:
        return (
            f"{self.wall:.1f} s ({self.processor:.1f} s of processor time), "
            f"{self.memory:.0f} MB of memory, {self.written:.2f} MB written"
        )


def measured(function: Callable[..., Path], *arguments: object) -> Cost:
    """Call a function in a fresh process; it returns the file or folder that it wrote."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (function, *arguments))


def _measure(function: Callable[..., Path], *arguments: object) -> Cost:
    wall, processor = time.monotonic(), time.process_time()
    written = function(*arguments)
    spent = time.monotonic() - wall, time.process_time() - processor
    files = [written] if written.is_file() else [file for file in written.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return Cost(*spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, size / 1e6)


def copies(report: Path, folder: Path, number: int, *, of_one_target: bool) -> Path:
    """Write report folders below a folder: a real one, under other names or with other seeds."""
    original: Any = json.loads((report / "results.json").read_bytes())
    for each in range(number):
        run = original["run"] | {"id": f"{each:016x}", "seed": each}
        name = original["target"]["name"] if of_one_target else f"target-{each:06}"
        results = original | {"run": run, "target": original["target"] | {"name": name}}
        copy = folder / f"{each:06}"
        copy.mkdir(parents=True)
        write_all(results, copy)
        write_page(results, copy)
        signoff.write(results, copy)
    return folder


def merge(folder: Path, into: Path) -> Path:
    """Merge the folders below one."""
    command.merge(command.MergeOptions([folder], into))
    return into


def fleet_page(folder: Path, number: int) -> Path:
    """Render the page of this many rows, all from the first report of a folder."""
    results = json.loads((folder / "000000/results.json").read_bytes())
    row = table.row_of(results, "000000", folder / "000000")
    rows = [row | {"name": f"target-{each:06}", "folder": f"targets/{each:06}"} for each in range(number)]
    run: model.FleetRunRow = {
        "kind": "merge", "started": row["started"], "finished": row["started"], "on": "", "strict": False,
    }  # fmt: skip
    file = folder / f"page-{number}.html"
    file.write_text(page.render(table.build(rows, run)), "utf-8")
    return file


def indexed(folder: Path) -> Path:
    """Write the index of a folder, with the page that compares all targets."""
    history.write(folder)
    index.write(folder)
    return folder / index.OVERVIEW


def main() -> int:
    """Measure and print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=100)
    given = parser.parse_args()
    size = sum(file.stat().st_size for file in given.report.iterdir() if file.is_file()) / 1e6
    print(f"the report: {size:.2f} MB in {sum(1 for _ in given.report.iterdir())} files")
    with tempfile.TemporaryDirectory(dir=given.report.parent) as place:
        seeds = copies(given.report, Path(place) / "seeds", given.seeds, of_one_target=True)
        merged = measured(merge, seeds, Path(place) / "merged")
        print(f"merge of {given.seeds:,} seeds: {merged}", flush=True)
        targets = copies(given.report, Path(place) / "targets", given.targets, of_one_target=False)
        fleet = measured(merge, targets, Path(place) / "fleet")
        print(f"merge of {given.targets:,} targets: {fleet}", flush=True)
        over_time = measured(indexed, targets)
        print(f"index of {given.targets:,} targets: {over_time}", flush=True)
        pages = {number: measured(fleet_page, targets, number) for number in (10, 1_000, 10_000, 100_000)}
        for number, cost in pages.items():
            print(f"page of {number:,} targets: {cost}", flush=True)
    big = pages[1_000]
    missed = merged.processor > SECONDS or merged.memory > MERGE_MB
    missed |= big.processor > SECONDS or big.written > PAGE_MB
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
