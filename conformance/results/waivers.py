"""Waivers applied to a run's records, and waiver stubs for its new failures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from conformance.judging.outcomes import Outcome
from conformance.results.queries import cases, failing, is_strict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.config.waivers_file import Waiver
    from conformance.judging.outcomes import CheckRecord
    from conformance.results.model import ClauseRow, Results, WaiverRow

#: states of a waiver that must be removed or renewed
OUTDATED = ("stale", "expired")
WAIVABLE = frozenset({Outcome.FAILED, Outcome.WARNED})
STUB_FILE = "waivers.stub.toml"
#: how long the waiver of a stub lasts: long enough for a fix, short enough to be reviewed
STUB_DAYS = 90


def apply(
    waivers: Sequence[Waiver], records: Iterable[CheckRecord], today: date
) -> tuple[list[CheckRecord], list[WaiverRow]]:
    """Return the records with everything waived that a waiver names, and a row for each waiver with its state.

    `used`: it waived something. `stale`: the checks that it names ran and need no waiver. `expired`: its last day is
    over. `untested`: none of the checks that it names has an outcome.
    """
    records = list(records)
    states = [_state(waiver, records, today) for waiver in waivers]
    applied = [_apply_first(waivers, record, today) for record in records]
    return applied, [_row(waiver, state) for waiver, state in zip(waivers, states, strict=True)]


def _row(waiver: Waiver, state: str) -> WaiverRow:
    row: WaiverRow = {
        "clause": waiver.clause,
        "reason": waiver.reason,
        "expires": waiver.expires.isoformat(),
        "state": state,
    }
    if waiver.operation is not None:
        row["operation"] = waiver.operation
    if waiver.check is not None:
        row["check"] = str(waiver.check)
    if waiver.ticket is not None:
        row["ticket"] = waiver.ticket
    return row


def _state(waiver: Waiver, records: Iterable[CheckRecord], today: date) -> str:
    if not waiver.in_force(today):
        return "expired"
    outcomes = {record.outcome for record in records if waiver.covers(record.id, today)}
    if outcomes & WAIVABLE:
        return "used"
    # A check that ended in error may still need the waiver.
    is_stale = outcomes - {Outcome.NOT_TESTED} and Outcome.ERROR not in outcomes
    return "stale" if is_stale else "untested"


def _apply_first(waivers: Iterable[Waiver], record: CheckRecord, today: date) -> CheckRecord:
    if record.outcome not in WAIVABLE:
        return record
    for waiver in waivers:
        if waiver.covers(record.id, today):
            reason = f"waived until {waiver.expires.isoformat()}: {waiver.reason}; was: {record.reason}"
            return replace(record, outcome=Outcome.WAIVED, reason=reason)
    return record


def has_outdated(results: Results) -> bool:
    """Whether the run is strict and a waiver of it is stale or expired, for which the exit code is another one."""
    return is_strict(results) and any(waiver["state"] in OUTDATED for waiver in results["waivers"])


def stubs(results: Results) -> str:
    """Return a waivers file (TOML) that waives every new failure; empty if there is none.

    Each reason is empty, so that the file is refused until an author fills it in.
    """
    red = {Outcome.FAILED, Outcome.WARNED} if is_strict(results) else {Outcome.FAILED}
    expires = date.fromisoformat(results["run"]["finished"][:10]) + timedelta(days=STUB_DAYS)
    return "\n\n".join(
        _stub(clause["id"], check_id, expires) for clause in failing(results) for check_id in _named(clause, red)
    )


def _named(clause: ClauseRow, red: set[Outcome]) -> list[str | None]:
    """The checks to name; None, for the clause as a whole, where all its checks are red."""
    lines = [case for case in cases(clause) if case.check is not None]
    failing = [case.id for case in lines if case.outcome in red]
    if not failing or len(failing) == len(lines):
        return [None]
    return list(failing)


def _stub(clause_id: str, check_id: str | None, expires: date) -> str:
    lines = ["[[waiver]]", f"clause = {json.dumps(clause_id)}"]
    if check_id is not None:
        lines.append(f"check = {json.dumps(check_id)}")
    return "\n".join([*lines, 'reason = ""', f"expires = {expires.isoformat()}"])
