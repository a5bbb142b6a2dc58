"""DEL-2, DEL-4: what deletions that must be refused change, and whether another run can have done it.

Two runs with one target file delete the same offered backups. So what changed is a failure only if the same requests
change another offered backup too; where none is left, another run has used them up. What changed about the backups
beside it is a failure if the same requests, and nothing else, change some of them again.
"""

from __future__ import annotations

import time
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
from conformance.scenarios.proofs.neighbours import RESTLESS, compare_neighbours, look_at_neighbours
from conformance.scenarios.request_builder import requests_of
from conformance.scenarios.run_state import KeptBackup
from conformance.scenarios.side_effects import (
    CHANGES_WITH_EACH_READING,
    MAX_CANDIDATES,
    changes_by_itself,
    send_until_accepted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.run_state import Changes, Neighbours

ANOTHER_RUN = "another run may have deleted it"
ANOTHER_CLIENT = "another client may be working on the container: the same requests changed no other backup again"
#: How often logs that are missing are read again: a replica may lag.
MAX_READINGS = 3
RESTORED = "only backups that this run had restored were gone"
#: How often the same deletions are sent again, each time followed by a wait without any: in seconds, and relative to
#: the time that the deletions took. Retention removes backups at other times as well.
ROUNDS, CONTROL_FACTOR, MIN_CONTROL_S = 3, 2.0, 1.0


def send_deletions_expecting_refusal(
    context: CheckContext, backup: str, requests: Sequence[Request]
) -> tuple[list[Exchange], list[Finding]]:
    """Send deletions that must be refused; return the answers, and what changed.

    Get, list and logs show whether the backup changed, and the list whether others did. A request may name another
    backup.
    """
    before, kept, changes = _send(context, backup, requests)
    if not any(answer.is_success for answer in kept.answers):
        if _blames(changes):
            with context.run.refusals.none():  # restores that must be refused go beside
                kept.doubt = _doubt(context, backup, requests)
        elif not changes and not context.run.is_quick:
            changes = _changes_of_others(context, before, requests)
    if kept.doubt:
        changes = [inconclusive(kept.doubt, finding.exchange) for finding in changes]
    return kept.answers, changes


def _send(
    context: CheckContext, backup: str, requests: Sequence[Request]
) -> tuple[Neighbours, KeptBackup, list[Finding]]:
    """Send the deletions; return the list before them, the backup that must stay, and how it changed."""
    reads = [context.build.get(backup), context.build.logs(backup)]
    before, (get, logs) = context.at_once(
        lambda context: look_at_neighbours(context, backup), lambda context: context.send_all(reads)
    )
    kept = KeptBackup(context.check.clause, backup, object_of(get))
    context.run.state.add_kept_backup(kept)
    answers = kept.answers
    answers += send_until_accepted(context, requests)  # what comes after a deletion would be refused since it is gone
    (after, logs_after), in_list = context.at_once(
        lambda context: context.send_all(reads), lambda context: _missing_in_list(context, before)
    )
    if after.status == 404:
        return before, kept, [*resting_on([violation("the backup still there", "404", after)], answers)]
    if not after.is_success:
        return before, kept, [_unreadable(after)]
    changes = list(expect_equivalent("backup", kept.before, after.data, after))
    if changes and changes_by_itself(context, after):
        return before, kept, [inconclusive(CHANGES_WITH_EACH_READING, after)]
    changes = changes or in_list or [*_lost_logs(context, logs, logs_after)]
    return before, kept, [*resting_on(changes, answers)]


def _lost_logs(context: CheckContext, before: Exchange, after: Exchange) -> Iterator[Finding]:
    """Report the logs of a backup that no reading shows any more, `after` the first of them."""
    lost = shown = set(before.ids)
    for number in range(MAX_READINGS):
        logs = context.send(before.request) if number else after
        if not logs.is_judgeable_success or not (lost := lost.difference(logs.ids)):
            return
        if number and shown.difference(logs.ids):
            yield inconclusive(CHANGES_WITH_EACH_READING, logs)
            return
        shown = set(logs.ids)
        context.run.wait(context.fixtures.target.restore.poll_s)
    yield violation("the logs of the backup still there", f"{len(lost)} of them gone", logs, "/data")


def _changes_of_others(context: CheckContext, before: Neighbours, requests: Sequence[Request]) -> list[Finding]:
    """Return what changed about other backups, if the same requests change some of them each time, and time does not.

    A backup that this run restored and that is gone proves nothing by itself, but the next one may: what happened to
    it is left to the final review of restores, as is what happened to a backup that another check may not delete.
    """
    changes = compare_neighbours(context, before)
    if changes.doubt:
        return [inconclusive(changes.doubt)]
    for kept in context.run.state.kept_backups:
        changes.of_steady.pop(kept.backup, None)
    if not changes.shows_collateral:
        return []
    shown = {**changes.of_steady}
    try:
        with context.run.refusals.none():
            return _shown_again(context, before.deleted, requests, shown)
    except CannotTellError as reason:
        return [inconclusive(str(reason))]


def _shown_again(
    context: CheckContext, backup: str, requests: Sequence[Request], shown: dict[str, Finding]
) -> list[Finding]:
    """Send the same requests again and again, and nothing in between; `shown` is what changed the first time."""
    for _ in range(ROUNDS):
        began = time.monotonic()
        changes = _change_again(context, backup, requests)
        shown |= changes.of_steady
        if not changes.shows_collateral:
            return [inconclusive(ANOTHER_CLIENT)] if shown else []
        if doubt := _change_alone(context, backup, CONTROL_FACTOR * (time.monotonic() - began)):
            return [inconclusive(doubt)]
    return [*shown.values()] or [inconclusive(RESTORED)]


def _change_again(context: CheckContext, backup: str, requests: Sequence[Request]) -> Changes:
    """Return what changes about other backups when the same requests are sent again."""
    before = look_at_neighbours(context, backup)
    for request in requests:
        context.send(request)
    return compare_neighbours(context, before)


def _change_alone(context: CheckContext, backup: str, seconds: float) -> str:
    """Why changes cannot be blamed on requests: backups change while none is sent. Empty otherwise."""
    before = look_at_neighbours(context, backup)
    context.run.wait(max(MIN_CONTROL_S, seconds))
    changes = compare_neighbours(context, before)
    return RESTLESS if changes.shows_collateral or changes.others_moved else changes.doubt


def _missing_in_list(context: CheckContext, before: Neighbours) -> list[Finding]:
    """Report that the list does not show the backup, which it showed before."""
    if before.deleted not in before.listed:
        return []
    try:
        listing = paging.read_settled_list(context)
    except CannotTellError as reason:
        return [inconclusive(str(reason))]
    missing = violation("the backup still listed", "not listed", listing.last, "/data")
    return [] if before.deleted in listing.ids else [missing]


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
    _, _, changes = _send(context, another, requests_of(requests, backup, another))
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
