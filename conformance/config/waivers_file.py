"""The waivers file (TOML): known deviations of a target, each with a reason and an expiry date.

A waiver covers exactly the checks that it names, through the day on which it expires.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from conformance.config.toml_file import Document, FileProblemsError, Table, did_you_mean, kind, read_document
from conformance.contract.check_id import CheckId, CheckIdError, CheckKind

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.contract.catalogue import Catalogue, Clause
    from conformance.contract.json_types import JsonObject


class WaiverError(FileProblemsError):
    """A waivers file cannot be used; `problems` has every reason."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """One known deviation: of a clause, or only of one operation or one check of it."""

    clause: str
    reason: str
    expires: date
    operation: str | None = None
    check: CheckId | None = None
    ticket: str | None = None

    def in_force(self, today: date) -> bool:
        """Whether it still excuses anything; its last day is the day it expires."""
        return today <= self.expires

    def covers(self, check: CheckId, today: date) -> bool:
        """Whether it is in force and names this check."""
        return (
            self.in_force(today)
            and check.clause == self.clause
            and self.operation in (None, check.operation)
            and (self.check is None or self.check.includes(check))
        )

    def to_json(self) -> dict[str, object]:
        """The waiver as results.json has it, without its state."""
        check = None if self.check is None else str(self.check)
        optional = {"operation": self.operation, "check": check, "ticket": self.ticket}
        given = {name: value for name, value in optional.items() if value is not None}
        return {"clause": self.clause, "reason": self.reason, "expires": self.expires.isoformat(), **given}

    @classmethod
    def from_json(cls, row: JsonObject) -> Waiver:
        """The inverse of `to_json`."""
        check = CheckId.parse(row["check"]) if row.get("check") else None
        return cls(**{**row, "expires": date.fromisoformat(row["expires"]), "check": check})


def load_waivers(path: Path, catalogue: Catalogue) -> tuple[Waiver, ...]:
    """The waivers of a file. Raises WaiverError with everything that is wrong with it."""
    try:
        return _waivers(read_document(path), catalogue)
    except FileProblemsError as error:
        raise WaiverError(error.problems) from None


def _waivers(document: Document, catalogue: Catalogue) -> tuple[Waiver, ...]:
    document.known_tables(["waiver"])
    rows = document.data.get("waiver", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        document.report(
            ("waiver",), f"wanted [[waiver]] tables, got {kind(rows)}", "write [[waiver]] with two brackets"
        )
        rows = []
    waivers = [_read(document, index, row, catalogue) for index, row in enumerate(rows)]
    if document.problems:
        raise FileProblemsError(document.problems)
    return tuple(waiver for waiver in waivers if waiver is not None)


def _read(document: Document, index: int, row: dict[str, object], catalogue: Catalogue) -> Waiver | None:
    table = Table(document, ("waiver", index), row)
    clause, reason = table.string("clause", required=True), table.string("reason", required=True)
    expires, operation = _expires(table), table.string("operation")
    check_text, ticket = table.string("check"), table.string("ticket")
    check = None
    table.finish()
    if clause is not None and clause not in catalogue.clauses:
        hint = did_you_mean(clause, catalogue.clauses, "`backups-conformance clauses` lists them")
        table.report("clause", f"unknown clause {clause}", hint)
    elif clause is not None:
        check = _named_check(table, catalogue[clause], operation, check_text)
    if clause is None or reason is None or expires is None:
        return None
    return Waiver(clause, " ".join(reason.split()), expires, operation, check, ticket)


def _expires(table: Table) -> date | None:
    value = table.raw("expires")
    if value is None:
        table.report("expires", "is missing and required", "a waiver must end: write expires = 2026-12-31")
    elif isinstance(value, datetime):
        return value.date()
    elif isinstance(value, date):
        return value
    elif isinstance(value, str):
        with suppress(ValueError):
            return date.fromisoformat(value)
    if value is not None:
        table.report("expires", f"wanted a date, got {kind(value)}", "write expires = 2026-12-31")
    return None


def _named_check(table: Table, clause: Clause, operation: str | None, text: str | None) -> CheckId | None:
    """Return the named check. Reports an operation or a check of another clause: such a waiver would never apply."""
    if operation is not None and operation not in clause.operations:
        hint = did_you_mean(operation, clause.operations)
        table.report("operation", f"{clause.id} does not cover {operation}", hint)
    if text is None:
        return None
    known = [CheckId(clause.id, name, kind) for name in clause.operations for kind in CheckKind]
    known.append(CheckId(clause.id, kind=CheckKind.OBSERVED))
    try:
        check = CheckId.parse(text)
    except CheckIdError:
        check = None
    if check not in known:
        simple = [str(CheckId(clause.id, name)) for name in clause.operations]
        table.report("check", f"{clause.id} has no check {text}", did_you_mean(text, simple))
    elif operation is not None and check.operation not in (None, operation):
        table.report("check", f"is not one of operation {operation}", "leave operation out, the check says it")
    return check
