"""results.json read back: of this format's every age, and refused in one line where it is of another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.judging.outcomes import Outcome
from conformance.results.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.results.model import Results

FORMAT = "backups-conformance/results/1"
_NEEDED = {
    "suite": {"version", "catalogue_sha256", "schemas_sha256"},
    "target": {"name", "base_url"},
    "run": {"profile", "selection", "interrupted"},
}
_NEEDED_ROWS = {"waivers": {"clause", "state"}, "clauses": {"id", "level", "outcome", "reason"}}


class ResultsError(ValueError):
    """A file that is no results.json of a format that we read; the message is one line that says why."""


def load_results(path: Path) -> Results:
    """Read a results.json, named itself or by its folder. Raises ResultsError."""
    file = path / "results.json" if path.is_dir() else path
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ResultsError(f"{file}: cannot be read: {problem.strerror or problem}") from None
    except (ValueError, RecursionError) as problem:
        raise ResultsError(f"{file}: is not JSON: {one_line(str(problem), 120)}") from None
    written = results.get("format") if isinstance(results, dict) else None
    reader = _READERS.get(written) if isinstance(written, str) else None
    if reader is None:
        seen = f"its format is {one_line(str(written), 60)!r}" if written else "it names no format"
        raise ResultsError(f"{file}: is no results.json that this version reads: {seen}, wanted {FORMAT!r}")
    problem_seen = _problem(results)
    if problem_seen:
        raise ResultsError(f"{file}: is damaged: {problem_seen}")
    return reader(results)


def _first(results: dict[str, Any]) -> Results:
    """Format 1. What was added to it since its first files is filled in as what it was then: not there."""
    run = {"problem": "", "subjects": [], "waivers_sha256": None, **results["run"]}
    return {"latency": [], **results, "run": run}


_READERS: dict[str, Callable[[dict[str, Any]], Results]] = {FORMAT: _first}


def _problem(results: Results) -> str | None:
    """What keeps the file from being used; a whole validation is the schema's work."""
    for name, members in _NEEDED.items():
        part = results.get(name)
        if not isinstance(part, dict) or not members <= part.keys():
            return f"{name} is missing or lacks members"
    for name, members in _NEEDED_ROWS.items():
        rows = results.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and members <= row.keys() for row in rows):
            return f"{name} are missing or lack members"
    known = {outcome.value for outcome in Outcome}
    strange = [row["outcome"] for row in results["clauses"] if row["outcome"] not in known]
    return f"unknown outcome {one_line(str(strange[0]), 40)!r}" if strange else None
