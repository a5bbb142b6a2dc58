"""Reads results.json files, also those that older versions of the suite wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from conformance.evidence.text import one_line
from conformance.judging.outcomes import Outcome
from conformance.results import verdicts
from conformance.results.model import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.contract.json_types import JsonObject
    from conformance.results.model import ClauseRow, Results

FORMAT_1 = "backups-conformance/results/1"
_MEMBERS = {
    "suite": {"version", "catalogue_sha256", "schemas_sha256"},
    "target": {"name", "base_url"},
    "run": {"profile", "selection", "interrupted"},
}
_ROW_MEMBERS = {"waivers": {"clause", "state"}, "clauses": {"id", "level", "outcome", "reason"}}


class ResultsError(ValueError):
    """A file is not a results.json that this version reads; the message says why, in one line."""


def load_results(path: Path) -> Results:
    """Read a results.json, given itself or its folder, whatever its format. Raises ResultsError."""
    file = path / "results.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ResultsError(f"{file}: cannot be read: {problem.strerror or problem}") from None
    except (ValueError, RecursionError) as problem:
        raise ResultsError(f"{file}: is not JSON: {one_line(str(problem), 120)}") from None
    try:
        return parse_results(data)
    except ResultsError as problem:
        raise ResultsError(f"{file}: {problem}") from None


def parse_results(document: object) -> Results:
    """Return the results in the current format. Raises ResultsError."""
    data = document if isinstance(document, dict) else {}
    written = data.get("format")
    reader = _READERS.get(written) if isinstance(written, str) else None
    if reader is None:
        seen = f"its format is {one_line(str(written), 60)!r}" if written else "it names no format"
        raise ResultsError(f"is not a results.json that this version reads: {seen}, wanted {FORMAT!r}")
    if damage := _damage(data):
        raise ResultsError(f"is damaged: {damage}")
    return reader(data)


def _current(data: dict[str, object]) -> Results:
    return cast("Results", data)


def _format_1(data: JsonObject) -> Results:
    """Format 1, with what format 2 added: from its rows where they tell it, else as unknown.

    Its verdicts knew no `partial`: a run that left MUST clauses out could be conformant.
    """
    run = {"problem": "", "subjects": [], "waivers_sha256": None, "versions": {}, "strict": False, **data["run"]}
    clauses = [_format_1_clause(row) for row in data["clauses"]]
    members = {name: value for name, value in data.items() if name != "verdict_words"}
    judgement = verdicts.judge(
        cast("list[ClauseRow]", clauses), strict=run["strict"], interrupted=run["interrupted"], problem=run["problem"]
    )
    return cast("Results", {"latency": [], **members, "format": FORMAT, "run": run, "clauses": clauses, **judgement})


def _format_1_clause(row: JsonObject) -> dict[str, object]:
    checks = [{**check, "id": _format_1_check_id(check["id"])} for check in row.get("checks", [])]
    is_exempt = row["outcome"] == Outcome.NOT_TESTED and row["reason"].startswith("does not apply")
    return {**row, "checks": checks, "applies": not is_exempt}


def _format_1_check_id(check_id: str) -> str:
    """The ID as it is written today: the final review was called `afterwards`."""
    head, separator, kind = check_id.rpartition("/")
    return f"{head}/final-review" if separator and kind == "afterwards" else check_id


_READERS: dict[str, Callable[[dict[str, object]], Results]] = {FORMAT: _current, FORMAT_1: _format_1}


def _damage(data: JsonObject) -> str | None:
    """What keeps the file from being used; the schema is for a complete validation."""
    for name, members in _MEMBERS.items():
        part = data.get(name)
        if not isinstance(part, dict) or not members <= part.keys():
            return f"{name} is missing or lacks members"
    for name, members in _ROW_MEMBERS.items():
        rows = data.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and members <= row.keys() for row in rows):
            return f"{name} are missing or lack members"
    known = {outcome.value for outcome in Outcome}
    unknown = [row["outcome"] for row in data["clauses"] if row["outcome"] not in known]
    return f"unknown outcome {one_line(str(unknown[0]), 40)!r}" if unknown else None
