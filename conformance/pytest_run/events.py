"""Renders a run as events, one JSON object per line, for programs that follow it (`run --json`).

Every event has a member `event`:

- `start`: target, base_url, profile, seed, report_dir and the number of checks;
- `check`: the ID of a check that ended, and `passed`, `failed` (a failure or an error; the clause tells which) or
  `not_tested`;
- `clause`: ID, level, outcome and reason of each clause, after the last check;
- `end`: verdict, headline, summary, what interrupted the run (or null), problems of the machine, and the report's path.

Readers must ignore members and events that they do not know.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from conformance.results.queries import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from conformance.results.model import Results


def line(event: str, members: Mapping[str, object]) -> str:
    """Return an event as a line of ASCII, so that no encoding of a pipe can refuse it."""
    return json.dumps({"event": event, **members}) + "\n"


def ending(results: Results, folder: Path, problems: Sequence[str]) -> Iterator[str]:
    """Yield the last events of a run: one for each clause, and the end."""
    results = shown(results)
    for row in results["clauses"]:
        yield line("clause", {name: row[name] for name in ("id", "level", "outcome", "reason")})
    run = results["run"]
    yield line(
        "end",
        {
            "verdict": results["verdict"],
            "headline": results["headline"],
            "summary": results["summary"],
            "interruption": run["interruption"] if run["interrupted"] else None,
            "problems": list(problems),
            "report": str(folder / "report.html"),
        },
    )
