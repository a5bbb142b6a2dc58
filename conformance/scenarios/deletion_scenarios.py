"""Deletes a backup that the target file offers for deletion, for the checks of delete."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from conformance.contract.operations import GONE_STATES, GRANTS, lacks
from conformance.contract.pointers import value_at
from conformance.http.exchange import Expected, is_addressable
from conformance.judging.expectations import CannotTellError, NotApplicableError, NotTestableError
from conformance.scenarios import paging
from conformance.scenarios.proofs.neighbours import (
    SAMPLE,
    SMALL_SAMPLE,
    changes_of_neighbours,
    look_at_neighbours,
    missing_neighbours,
    readable_neighbours,
)
from conformance.scenarios.restore_requests import BUSY_STATUSES
from conformance.scenarios.run_state import Changes, Neighbours

if TYPE_CHECKING:
    from collections.abc import Collection

    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions

NO_DELETE = "does not apply: the target has no delete"
#: How many of the offered backups the checks of delete use up, or might.
DELETIONS_OF_CHECKS = 3
#: How many offered backups are read in search of enough that are live.
MAX_READ = 20

#: How long a backup may stay in state `deleting` before the run goes on, and how often it is read, in seconds.
END_PATIENCE_S = 5.0
END_POLL_S = 0.2

#: How often, and how many seconds apart, the list is read for a deleted backup that it shows again.
MAX_READINGS, BETWEEN_READINGS_S = 6, 0.4


class DeletionRefusedError(CannotTellError):
    """The target refused to delete a live backup that the target file offers: nothing else about it can be judged."""

    def __init__(self, answer: Exchange) -> None:
        super().__init__(f"DEL-1 failed first on {answer.request.line}: {answer.status}")
        self.answer = answer


@dataclass
class Deletion:
    """A deletion of an offered backup, and where the backup was last seen until it was gone or the time was over."""

    backup: str
    answer: Exchange
    get: Exchange
    listing: Exchange
    #: Until when the backup may still be shown, in monotonic seconds.
    deadline: float = 0.0
    gone_in_get: bool = False
    gone_in_list: bool = False
    #: What had changed about the neighbours once the deletion was over.
    changes: Changes = field(default_factory=Changes)

    @property
    def gone(self) -> bool:
        """Whether get and list both show that the backup is deleted."""
        return self.gone_in_get and self.gone_in_list


def deletable_backup(context: CheckContext, index: int) -> str:
    """Return a live backup that the target file offers to delete. Raises NotTestableError where there is none."""
    there = offered_backups_to_delete(context)
    used = {*context.run.state.deleted_backups, *context.run.state.changed_neighbours}
    left = [backup for backup in there if backup not in used]
    backup = (left or there)[index % len(left or there)]
    if reason := _why_not_deletable(context, backup):
        raise NotTestableError(reason)
    return backup


def offered_backups_to_delete(context: CheckContext) -> list[str]:
    """Return `offered_backups`. Raises NotTestableError also where the target has no delete."""
    offered = context.fixtures.target.fixtures.deletable_backup_ids
    if not offered:
        raise NotTestableError("set fixtures.deletable_backup_ids")
    if not context.run_once("deletion served", _serves_deletion):
        if not context.fixtures.target.claims.delete:
            raise NotApplicableError(NO_DELETE)
        raise CannotTellError("DEL-1 failed first: the target has no delete, though claims.delete = true")
    return offered_backups(context)


def offered_backups(context: CheckContext) -> list[str]:
    """Return the offered backups that were live before the first deletion of this run."""
    return context.run_once("offered backups", _those_there)


def _those_there(context: CheckContext) -> list[str]:
    """Return the offered backups that are live before the first deletion: an earlier run may have deleted some.

    Raises NotTestableError where none is.
    """
    offered = context.fixtures.target.fixtures.deletable_backup_ids
    there: list[str] = []
    reasons: list[str] = []
    gets = context.send_all(map(context.build.get, offered[:MAX_READ]))
    for backup, get in zip(offered, gets, strict=False):
        reason = _why_not_live(backup, get)
        (reasons if reason else there).append(reason or backup)
    if not there:
        raise NotTestableError(reasons[0])
    return there


def _why_not_deletable(context: CheckContext, backup: str) -> str:
    """Why an offered backup cannot be deleted, with what to set; empty if it is live."""
    return _why_not_live(backup, context.get(backup))


def _why_not_live(backup: str, get: Exchange) -> str:
    if get.status == 404:
        return f"set fixtures.deletable_backup_ids to backups that exist ({backup} does not)"
    if (state := value_at(get.data, "/state/current")) != "live":
        return f"set fixtures.deletable_backup_ids to live backups ({backup} is {state})"
    return ""


def lacks_claimed_deletion(context: CheckContext) -> bool:
    """Whether the target file claims deletion and offers backups for it, and the target does not serve it."""
    offered = context.fixtures.target.fixtures.deletable_backup_ids
    claimed = context.fixtures.target.claims.delete and offered
    return bool(claimed) and not context.run_once("deletion served", _serves_deletion)


def _serves_deletion(context: CheckContext) -> bool:
    """Whether DELETE is served at all: it is optional, and otherwise answered as any undocumented method is."""
    unknown = context.build.unknown_id()
    undocumented: OperationOptions = {"backup": unknown, "ownership": "missing", "expected": Expected.UNDOCUMENTED}
    deletion = context.send(context.build.for_operation("delete", undocumented))
    if _is_undocumented(deletion):
        return False
    others = context.send_all(
        [
            context.build.for_operation("get", undocumented, method="PUT"),
            context.build.get(unknown, ownership="missing"),
        ]
    )
    as_put, as_get = ((other.status, other.code) == (deletion.status, deletion.code) for other in others)
    if as_put and as_get:  # the target looks for the backup before it looks at the method
        return not _is_undocumented_where_denied(context)
    return as_get or not as_put


def _is_undocumented(deletion: Exchange) -> bool:
    """Whether a DELETE is answered as a method that is not served."""
    return deletion.status in (405, 501) or deletion.code == "404.uri"


def _is_undocumented_where_denied(context: CheckContext) -> bool:
    """Whether a DELETE of an offered backup is answered so to a key that may not delete it."""
    states = context.key_proofs.states
    denied = [name for name in GRANTS if lacks(name, "delete") and states.get(name) == "accepted"]
    offered = context.fixtures.target.fixtures.deletable_backup_ids
    requests = [context.build.delete(offered[-1], key=key, expected=Expected.REFUSAL) for key in denied[:1]]
    answers = context.send_all(replace(request, denied=None) for request in requests)  # DEL-2 is not what is asked here
    return any(_is_undocumented(answer) for answer in answers)


def deleted(context: CheckContext, index: int = 0, *, neighbours: int = SAMPLE) -> Deletion:
    """Delete an offered backup, and look for it until it is gone from get and list.

    `neighbours`: how many of its neighbours are read individually before and after.
    Raises DeletionRefusedError where the deletion is not accepted.
    """
    backup = deletable_backup(context, index)
    before = look_at_neighbours(context, backup)
    readable = readable_neighbours(context, before, neighbours)
    context.run.state.add_deletion(backup)
    answer = context.delete(backup)
    context.record_step(f"deletion of {backup}", answer, "accepted" if answer.is_success else "not accepted")
    if _is_undocumented(answer) and not context.fixtures.target.claims.delete:
        raise NotApplicableError(NO_DELETE)
    if not answer.is_success:
        raise DeletionRefusedError(answer)
    deadline = time.monotonic() + context.fixtures.target.restore.timeout_s
    while True:
        deletion = _look_for(context, backup, answer)
        deletion.deadline = deadline
        if deletion.gone:
            context.run.state.add_gone(backup)
        if deletion.gone or time.monotonic() > deadline:
            context.record_step("searched for it", deletion.get, "gone" if deletion.gone else "still there")
            deletion.changes = _changes_at_end(context, deletion, before, readable)
            context.run.state.add_neighbours(before, deletion.changes)
            return deletion
        context.run.wait(context.fixtures.target.restore.poll_s)


def why_not_blamed(context: CheckContext, refusal: Exchange) -> str:
    """Why a refused deletion of an offered backup is no fault of the target's; empty where it is one.

    The backup may be busy, or another run with the same target file may have deleted it.
    """
    if refusal.status in BUSY_STATUSES:
        return f"{refusal.request.line}: {refusal.status}, the backup may be busy"
    return _why_not_deletable(context, refusal.request.resources["backup"])


def _changes_at_end(
    context: CheckContext, deletion: Deletion, before: Neighbours, readable: Collection[str]
) -> Changes:
    """What changed about the neighbours until the deletion was over, as far as its end can be awaited."""
    patience = time.monotonic() + END_PATIENCE_S
    get = deletion.get
    while value_at(get.data, "/state/current") == "deleting" and time.monotonic() < patience:
        context.run.wait(min(context.fixtures.target.restore.poll_s, END_POLL_S))
        get = context.get(deletion.backup)
    changes, missing = context.at_once(
        lambda context: changes_of_neighbours(context, before),
        lambda context: missing_neighbours(context, before, readable),
    )
    changes.of_steady = {**missing, **changes.of_steady}
    return changes


def deleted_again(context: CheckContext) -> Deletion:
    """Delete another offered backup, to see whether what the first deletion did comes again."""
    offered = context.fixtures.target.fixtures.deletable_backup_ids
    if not set(offered).difference(context.run.state.deleted_backups):
        raise NotTestableError("set fixtures.deletable_backup_ids to more than one backup")
    return deleted(context)


def deleted_behind_others(context: CheckContext) -> Deletion:
    """Delete one more offered backup where the other checks leave one. Raises NotTestableError where they do not."""
    if len(offered_backups_to_delete(context)) <= DELETIONS_OF_CHECKS:
        raise NotTestableError(f"set fixtures.deletable_backup_ids to more than {DELETIONS_OF_CHECKS} live backups")
    return deleted(context, neighbours=SMALL_SAMPLE)


def _look_for(context: CheckContext, backup: str, answer: Exchange) -> Deletion:
    get, listing = context.at_once(lambda context: context.get(backup), paging.read_list)
    shown_in = [page for page in listing.pages if backup in page.ids]
    states = [value_at(item, "/state/current") for page in shown_in for item in page.items if item.get("id") == backup]
    return Deletion(
        backup,
        answer,
        get,
        shown_in[0] if shown_in else listing.pages[0],
        gone_in_get=get.status == 404 or value_at(get.data, "/state/current") in GONE_STATES,
        gone_in_list=all(state in GONE_STATES for state in states),
    )


def shown_otherwise(context: CheckContext, deletion: Deletion) -> list[Exchange]:
    """Return the reads that show a deleted backup as before though the plain ones do not, when the time is over.

    Sorted lists and integrations often come from queries or caches of their own.
    """
    build, size = context.build, context.fixtures.largest_page
    requests = [
        build.list(size=size, sort="-id"),
        build.list(size=size, include="integrations"),
        build.get(deletion.backup, include="integrations"),
    ]
    while True:
        showing = [read for read in context.send_all(requests) if _shows(read, deletion.backup)]
        if not showing or time.monotonic() > deletion.deadline:
            return showing
        requests = [read.request for read in showing]
        context.run.wait(context.fixtures.target.restore.poll_s)


def _shows(read: Exchange, backup: str) -> bool:
    """Whether a get or a list shows the backup in a state in which it is not deleted."""
    items = read.items if read.operation == "list" else [read.data]
    return read.is_success and any(
        value_at(item, "/id") == backup and value_at(item, "/state/current") not in GONE_STATES for item in items
    )


def ask_for_what_is_gone(context: CheckContext, deletion: Deletion) -> list[Exchange]:
    """Read the logs of a deleted backup and the job of its deletion, and delete it again.

    The contract leaves the answers open, but they are answers: code that expects the backup may break down.
    """
    requests = [
        context.build.logs(deletion.backup),
        context.build.delete(deletion.backup, expected=Expected.UNDOCUMENTED),
    ]
    job = value_at(deletion.answer.data, "/job/id")
    if context.key_proofs.jobs and isinstance(job, str) and is_addressable(job):
        requests.append(context.build.job(job))
    return context.send_all(requests)


def listed_again(context: CheckContext) -> dict[str, Exchange]:
    """Return the deleted backups that every reading of the list shows as before, each with a page that does.

    One page as large as the target accepts is read, which holds most lists. A single reading may be of a replica that
    lags.
    """
    listed: dict[str, Exchange] = {}
    for reading in range(MAX_READINGS):
        if reading:
            context.run.wait(BETWEEN_READINGS_S)
        page = context.list(size=context.fixtures.largest_page)
        now = {
            backup: page
            for item in page.items
            if isinstance(backup := item.get("id"), str) and value_at(item, "/state/current") not in GONE_STATES
        }
        suspects = listed if reading else context.run.state.gone_backups
        listed = {backup: now[backup] for backup in suspects if backup in now}
        if not listed:
            break
    return listed
