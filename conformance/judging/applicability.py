"""Decides which clauses do not apply to a target: jobs and delete are optional parts of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract import catalogue
from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.config.target import Target
    from conformance.judging.outcomes import CheckRecord


def exempt_clauses(target: Target, profile: str, records: Sequence[CheckRecord]) -> dict[str, str]:
    """Return the clauses that do not apply, each with the reason.

    The target file decides about clauses of an optional operation alone, even where nothing of them was tested. For
    other clauses the checks that ran decide: all of them found that the clause does not apply.
    """
    reasons = {
        clause.id: reason
        for clause in catalogue.load()
        for operation in clause.operations
        if len(clause.operations) == 1 and (reason := _exemption(target, profile, operation))
    }
    for clause in catalogue.load():
        own = [record for record in records if record.clause == clause.id]
        if any(record.outcome is not Outcome.NOT_TESTED for record in own):
            reasons.pop(clause.id, None)
        elif own and not any(record.applies for record in own):
            reasons[clause.id] = own[0].reason
    return reasons


def _exemption(target: Target, profile: str, operation: str) -> str:
    """Why this run cannot expect the target to have an operation; empty if it can."""
    claim = {"delete": target.claims.delete, "job": target.claims.jobs}.get(operation)
    if claim is False:
        return f"does not apply: {operation} is optional, and the target file disclaims it in [claims]"
    if operation == "delete" and claim is None:
        if not target.fixtures.deletable_backup_ids:
            return "does not apply: delete is optional, and fixtures.deletable_backup_ids offers no backup for it"
        if profile == "read":
            return "does not apply: delete is optional, and a read run sends no DELETE"
    return ""
