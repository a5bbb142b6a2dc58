"""Waivers to start from: what a known deviation would look like in a waivers file."""

from __future__ import annotations

import json
from datetime import date, timedelta

from conformance.judging.outcomes import Outcome
from conformance.results.model import Results, Row, cases, is_strict, to_mend

_DAYS = 90  # long enough to mend something, short enough to be looked at again


def stubs(results: Results) -> str:
    """TOML for all new failures; empty where there is none. The reason is left for its author to give."""
    red = {Outcome.FAILED, Outcome.WARNED} if is_strict(results) else {Outcome.FAILED}
    expires = _expires(results["run"]["finished"])
    return "\n\n".join(
        _stub(clause["id"], check_id, expires) for clause in to_mend(results) for check_id in _named(clause, red)
    )


def _named(clause: Row, red: set[Outcome]) -> list[str | None]:
    """The checks to name: none where all of the clause's checks are red, for then the clause says it shorter."""
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


def _expires(finished: str) -> date:
    return date.fromisoformat(finished[:10]) + timedelta(days=_DAYS)
