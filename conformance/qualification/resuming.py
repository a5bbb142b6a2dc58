"""The rows of trials that have ended, kept while a qualification goes on, so that `--resume` need not repeat them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self

from conformance.config import untrusted
from conformance.contract import strict_json
from conformance.evidence.text import one_line
from conformance.qualification.assessing import broke_down, has_broken_down
from conformance.qualification.trials import all_trials
from conformance.results import build

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.contract.json_types import JsonObject
    from conformance.qualification.assessing import Row
    from conformance.qualification.trying import TrialOptions

FILE = "trials.ndjson"


class NotResumableError(ValueError):
    """What was kept cannot be continued; the message is one line."""


class Journal:
    """A file with a line that identifies the trials, and then a line for each row."""

    def __init__(self, folder: Path, options: TrialOptions) -> None:
        self._path = folder / FILE
        self._identity: JsonObject = {
            "suite": build.identity(),
            "seed": options.seed,
            "examples": options.examples,
            "depth": options.depth.value,
            "fail_fast": options.fail_fast,
        }

    def read(self) -> dict[str, Row]:
        """Return the rows that were kept, by the names of their trials; none where there is no file.

        Raises NotResumableError where the trials were others. A last line that was cut off is left out.
        """
        if not self._path.exists():
            return {}
        try:
            lines = untrusted.read_bytes(self._path).splitlines()
        except untrusted.UntrustedFileError as error:
            raise NotResumableError(str(error)) from None
        documents = [document for line in lines if (document := _parsed(line)) is not None]
        if difference := self._difference(documents[0] if documents else {}):
            raise NotResumableError(f"{self._path}: {difference}; leave --resume out to begin again")
        return {row["name"]: row for row in documents[1:] if _is_row(row)}

    def _difference(self, kept: JsonObject) -> str:
        """Return in what the trials that were kept differ from those of these options; empty if in nothing."""
        if kept.keys() != self._identity.keys():
            return "does not begin with a line that this version reads"
        if kept["suite"] != self._identity["suite"]:
            return "was written by another version of the suite"
        options = [
            one_line(f"{name} {kept[name]} instead of {value}", 100)
            for name, value in self._identity.items()
            if kept[name] != value
        ]
        return f"has trials with {', '.join(options)}" if options else ""

    def begin(self, rows: dict[str, Row]) -> Self:
        """Replace the file by one with these rows."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        documents = [self._identity, *rows.values()]
        self._path.write_text("".join(map(_line, documents)), "utf-8")
        return self

    def keep(self, row: Row) -> None:
        """Append a row. A trial that broke down is not kept, because it may go well next time."""
        if not has_broken_down(row):
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(_line(row))

    def remove(self) -> None:
        """Remove the file: nothing is left to resume."""
        self._path.unlink(missing_ok=True)


def _line(document: JsonObject) -> str:
    return json.dumps(document, ensure_ascii=True, allow_nan=False) + "\n"


def _parsed(line: bytes) -> JsonObject | None:
    try:
        document = untrusted.parse_json(line)
    except strict_json.NotJSON:
        return None
    return document if isinstance(document, dict) else None


def _is_row(row: JsonObject) -> bool:
    """Whether a document has the members of a row of a trial that exists."""
    trial = all_trials().get(str(row.get("name")))
    return trial is not None and row.keys() == broke_down(trial, "").keys()
