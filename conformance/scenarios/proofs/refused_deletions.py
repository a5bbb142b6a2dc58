"""DEL-2, DEL-4: what deletions that must be refused change, and whether another run can have done it.

Two runs with one target file delete the same offered backups. So what changed is a failure only if the same requests
change another offered backup too; where none is left, another run has used them up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.operations import GONE_STATES, RESTORE_OR_DELETE_MAY_CHANGE
from conformance.contract.pointers import value_at
from conformance.judging.expectations import (
    CannotTellError,
    expect_equivalent,
    inconclusive,
    object_of,
    resting_on,
    violation,
)
from conformance.judging.outcomes import Outcome
from conformance.scenarios import paging
from conformance.scenarios.deletion_scenarios import offered_backups
from conformance.scenarios.run_state import KeptBackup
from conformance.scenarios.side_effects import (
    CHANGES_WITH_EACH_READING,
    MAX_CANDIDATES,
    changes_by_itself,
    requests_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

ANOTHER_RUN = "another run may have deleted it"


def send_deletions_expecting_refusal(
    context: CheckContext, backup: str, requests: Sequence[Request]
) -> tuple[list[Exchange], list[Finding]]:
    """Send deletions that must be refused; return the answers, and what changed about the backup in get and list."""
    kept, changes = _send(context, backup, requests)
    if _blames(changes) and not any(answer.is_success for answer in kept.answers):
        kept.doubt = _doubt(context, backup, requests)
    if kept.doubt:
        changes = [inconclusive(kept.doubt, finding.exchange) for finding in changes]
    return kept.answers, changes


def _send(context: CheckContext, backup: str, requests: Sequence[Request]) -> tuple[KeptBackup, list[Finding]]:
    before = object_of(context.get(backup))
    kept = KeptBackup(context.check.clause, backup, before)
    context.run.state.add_kept_backup(kept)
    listed_before = backup in paging.read_settled_list(context).ids
    answers = kept.answers
    for request in requests:
        answers.append(context.send(request))
        if answers[-1].is_success:  # it is gone now: what comes after it would be refused for that
            break
    after = context.get(backup)
    if after.status == 404:
        return kept, [*resting_on([violation("the backup still there", "404", after)], answers)]
    if not after.is_success:
        return kept, [_unreadable(after)]
    changes = list(expect_equivalent("backup", before, after.data, after))
    if changes and changes_by_itself(context, after):
        return kept, [inconclusive(CHANGES_WITH_EACH_READING, after)]
    if not changes and listed_before:
        changes = [*_missing_in_list(context, after)]
    return kept, [*resting_on(changes, answers)]


def _missing_in_list(context: CheckContext, get: Exchange) -> Iterator[Finding]:
    """Report that the list does not show the backup of a get."""
    try:
        listing = paging.read_settled_list(context)
    except CannotTellError as reason:
        yield inconclusive(str(reason), get)
        return
    if get.request.resources["backup"] not in listing.ids:
        yield violation("the backup still listed", "not listed", get)


def _doubt(context: CheckContext, backup: str, requests: Sequence[Request]) -> str:
    """Why a change cannot be blamed on the refused deletions; empty if they change another offered backup as well."""
    used = {*context.run.state.deleted_backups, backup}
    free = [each for each in reversed(offered_backups(context)) if each not in used]  # the first are to be deleted
    if not free:  # this run used the others up, and no sign of another run is left
        return ""
    another = next((each for each in free[:MAX_CANDIDATES] if _state(context.get(each)) == "live"), None)
    if another is None:
        return f"{ANOTHER_RUN}: no other offered backup is left to see it again with"
    others = [kept for kept in context.run.state.kept_backups if kept.backup == another]
    _, changes = _send(context, another, requests_of(requests, backup, another))
    for kept in others if _blames(changes) else ():
        kept.doubt = f"{context.check.clause} failed first: a refused deletion had an effect"
    return "" if _blames(changes) else f"{ANOTHER_RUN}: the same requests for another offered backup had no effect"


def _blames(findings: Sequence[Finding]) -> bool:
    return any(finding.outcome is Outcome.FAILED for finding in findings)


def _state(get: Exchange) -> object:
    return value_at(get.data, "/state/current")


def late_changes(context: CheckContext, kept: KeptBackup, get: Exchange) -> Iterator[Finding]:
    """Yield what changed about a backup since its deletion was refused, as the final review reads it."""
    if kept.doubt:
        yield inconclusive(kept.doubt, get)
    elif get.status == 404:
        doubt = context.run_once("offered backups of other runs", _others_deleted)
        missing = violation("the backup still there", "404", get)
        yield from resting_on([inconclusive(doubt, get) if doubt else missing], kept.answers)
    elif get.is_success:
        changes = list(expect_equivalent("backup", kept.before, get.data, get, RESTORE_OR_DELETE_MAY_CHANGE))
        if changes and changes_by_itself(context, get):
            changes = [inconclusive(CHANGES_WITH_EACH_READING, get)]
        yield from resting_on(changes, kept.answers)
    else:
        yield _unreadable(get)


def _unreadable(get: Exchange) -> Finding:
    return inconclusive(f"{get.request.line}: {get.status or get.failure}", get)


def _others_deleted(context: CheckContext) -> str:
    """Why another run may have deleted an offered backup: one is gone that no request of this run named."""
    state = context.run.state
    named = {*state.deleted_backups, *(kept.backup for kept in state.kept_backups)}
    for backup in [each for each in offered_backups(context) if each not in named][:MAX_CANDIDATES]:
        get = context.get(backup)
        if get.status == 404 or _state(get) in GONE_STATES:
            return f"{ANOTHER_RUN}: {backup} is gone as well, which this run named in no deletion"
    return ""
