"""fleet.html of a folder of reports: the newest run of each target, side by side, with the trend of those before."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from conformance.contract.timestamps import in_utc
from conformance.fleet import model, page, table
from conformance.report import index
from conformance.results import reading
from conformance.results.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conformance.fleet.model import Fleet, FleetTargetRow
    from conformance.report.index import RunEntry

TITLE = "Container backups conformance: targets"


def write(folder: Path) -> None:
    """Write the page where the folder has runs of several targets; else remove it."""
    runs: dict[str, list[RunEntry]] = defaultdict(list)
    for entry in sorted(index.entries(folder), key=lambda entry: entry.started, reverse=True):
        runs[entry.target].append(entry)
    if len(runs) > 1:
        fleet = build(folder, list(runs.values()), datetime.now(UTC))
        write_atomically(folder / index.OVERVIEW, page.render(fleet, TITLE))
    else:
        (folder / index.OVERVIEW).unlink(missing_ok=True)


def build(folder: Path, targets: Sequence[Sequence[RunEntry]], now: datetime) -> Fleet:
    """Return the table of targets; each has its runs, the newest first."""
    moment = in_utc(now)
    run: model.FleetRunRow = {"kind": "index", "started": moment, "finished": moment, "on": "", "strict": False}
    return table.build([_row(folder, newest, past) for newest, *past in targets], run)


def _row(folder: Path, newest: RunEntry, past: Sequence[RunEntry]) -> FleetTargetRow:
    report = folder / newest.path
    try:
        row = table.row_of(reading.load_results(report), newest.path, report)
    except (reading.ResultsError, OSError) as problem:
        row = table.row_without_report(newest.target, "", str(problem))
    row["past"] = [
        {"started": entry.started, "verdict": entry.verdict, "headline": entry.headline, "folder": entry.path}
        for entry in past[: page.MAX_TREND]
    ]
    return row
