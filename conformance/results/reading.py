"""Reads results.json files, also those that older versions of the suite wrote."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, cast

import jsonschema_rs

from conformance.config import untrusted
from conformance.contract.schemas import validator
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
_SCHEMAS = {FORMAT: "results.json", FORMAT_1: "results-1.json"}


class ResultsError(ValueError):
    """A file is not a results.json that this version reads; the message says why, in one line."""


def load_results(path: Path) -> Results:
    """Read a results.json, given itself or its folder, whatever its format. Raises ResultsError."""
    # A link that the user names is followed; one in a folder that somebody else made is not.
    file = path / "results.json" if path.is_dir() else path.resolve() if path.is_symlink() else path
    if (path / "fleet.json").is_file() and not file.exists():
        raise ResultsError(one_line(f"{path}: is the folder of a fleet; name a report in {path / 'targets'}"))
    try:
        return parse_results(untrusted.read_json(file))
    except untrusted.UntrustedFileError as problem:
        raise ResultsError(one_line(str(problem))) from None
    except ResultsError as problem:
        raise ResultsError(one_line(f"{file}: {problem}")) from None


def parse_results(document: object) -> Results:
    """Return the results in the current format, validated against the schema of theirs. Raises ResultsError."""
    data = document if isinstance(document, dict) else {}
    written = data.get("format")
    reader = _READERS.get(written) if isinstance(written, str) else None
    if reader is None:
        seen = f"its format is {one_line(str(written), 60)!r}" if written else "it names no format"
        raise ResultsError(f"is not a results.json that this version reads: {seen}, wanted {FORMAT!r}")
    if mismatch := schema_mismatch(data, _SCHEMAS[str(written)]) or _contradiction(data):
        raise ResultsError(mismatch)
    return reader(data)


def load_verified(folder: Path, sha256: str) -> Results:
    """Read the results.json of a folder again, which was verified when it had this SHA-256.

    Raises ResultsError where it cannot be read or has changed since.
    """
    file = folder / "results.json"
    try:
        content = untrusted.read_bytes(file)
    except untrusted.UntrustedFileError as problem:
        raise ResultsError(one_line(str(problem))) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ResultsError(one_line(f"{file}: has changed since it was verified"))
    data: JsonObject = json.loads(content)  # the same bytes were read strictly and validated
    return _READERS[data["format"]](data)


def schema_mismatch(data: object, schema: str) -> str | None:
    """Return where data depart from one of our own schemas, in one line; None where they match it."""
    try:
        validator(schema).validate(data)
    except jsonschema_rs.ValidationError as problem:
        place = "/".join(map(str, problem.instance_path)) or "the whole file"
        return f"does not match its schema: {one_line(place, 80)}: {one_line(problem.message, 120)}"
    except (ValueError, RecursionError) as problem:  # such as a lone surrogate in the name of a member
        return f"does not match its schema: {one_line(str(problem), 120)}"
    return None


def _current(data: dict[str, object]) -> Results:
    return cast("Results", data)


def _format_1(data: JsonObject) -> Results:
    """Convert format 1: members that format 2 added are derived from its rows if possible, else unknown.

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


def _contradiction(data: JsonObject) -> str | None:
    """Check what a schema cannot express: rows are unique, findings refer to existing exchanges, times are valid."""
    ids = [row["id"] for row in data["clauses"]]
    if len(set(ids)) < len(ids):
        return "has two rows of one clause"
    try:
        started, finished = (datetime.fromisoformat(data["run"][name]) for name in ("started", "finished"))
        if started.tzinfo is None or finished.tzinfo is None:
            raise ValueError("a time without its time zone")
        check = next((check for row in data["clauses"] for check in row["checks"] if not _refers_to_own(check)), None)
    except ValueError:
        return "does not match its schema: run: not a valid time"
    return (
        f"does not match its schema: {one_line(check['id'], 80)}: a finding names no exchange of it" if check else None
    )


def _refers_to_own(check: JsonObject) -> bool:
    known = range(len(check["exchanges"]))
    named = [index for finding in check["findings"] for index in (finding["exchange"], *finding.get("related", ()))]
    return all(index is None or index in known for index in named)
