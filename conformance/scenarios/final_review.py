"""The final review: another look at what the run restored, deleted or was refused, after all other checks.

Each review is a registered check of one clause. The looks that several of them share are scenarios of the review.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.contract.operations import GONE_STATES, RESTORE_OR_DELETE_MAY_CHANGE
from conformance.contract.pointers import value_at
from conformance.judging.checks import final_review
from conformance.judging.expectations import (
    CannotTellError,
    NotTestableError,
    expect_answer,
    expect_equivalent,
    expect_success,
    inconclusive,
    items_of,
    object_of,
    violation,
)
from conformance.judging.job_lifecycle import moves_forward
from conformance.scenarios import paging
from conformance.scenarios.neighbours import Changes, changes_of_neighbours
from conformance.scenarios.restore import message_of, of_instance
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.scenarios.side_effects import (
    changes_since,
    new_logs_elsewhere,
    no_foreign_restores,
    restores_elsewhere,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore
    from conformance.scenarios.run_state import Snapshot

T = TypeVar("T")

#: Why nothing is concluded from a change of a backup.
BY_A_DELETION = "because DEL-5 failed: a deletion of this run changed other backups"
#: How many restores must each have left one log too many before the surplus is put down to them.
MIN_SURPLUS = 3


class NothingToReviewError(NotTestableError):
    """The run did nothing that this review would look at again: it leaves no record."""


def reviewed_once(context: CheckContext, name: str, scenario: Callable[[CheckContext], T]) -> T:
    """Run a scenario once per review: a run is reviewed before the bad keys and after everything."""
    return context.run_once(f"{name} of review {context.run.state.reviews}", scenario)


# ---------------------------------------------------------------- effects of refused requests


@dataclass(frozen=True)
class Look:
    """A backup that was looked at again, or the reason why that failed."""

    snapshot: Snapshot
    get: Exchange | None = None
    logs: Exchange | None = None
    lost: str = ""


def _look_at_snapshots(context: CheckContext) -> list[Look]:
    return [_look_at(context, snapshot) for snapshot in context.run.state.take_snapshots()]


def _look_at(context: CheckContext, snapshot: Snapshot) -> Look:
    try:
        get, logs = context.send_all([context.build.get(snapshot.backup), context.build.logs(snapshot.backup)])
    except CANNOT_GO_ON as reason:
        return Look(snapshot, lost=str(reason))
    return Look(snapshot, get, logs)


def _foreign_logs_count(context: CheckContext) -> bool:
    """Whether new logs of instances that nobody named come from our requests: nobody else restores meanwhile."""
    looks = reviewed_once(context, "snapshots", _look_at_snapshots)
    elsewhere = sum(len(new_logs_elsewhere(look.snapshot, look.logs)) for look in looks if look.logs is not None)
    return not elsewhere or no_foreign_restores(context, elsewhere)


@final_review("AUTH-5", "restore")
@final_review("AUTH-6", "restore")
@final_review("AUTH-9", "restore")
@final_review("CAP-8", "restore")
@final_review("JOB-10", "restore")
def review_refused_restores(context: CheckContext) -> Iterator[Finding]:
    """Refused restores have no effect on the backup and its logs, seen now or right after them."""
    looks = reviewed_once(context, "snapshots", _look_at_snapshots)
    own = [look for look in looks if look.snapshot.clause == context.check.clause]
    if not own:
        raise NothingToReviewError("no refused restore to look at again")
    foreign = reviewed_once(context, "foreign logs", _foreign_logs_count)
    for look in own:
        if look.get is None or look.logs is None:
            yield from look.snapshot.effects or [inconclusive(look.lost)]
        elif look.snapshot.backup in collateral(context):
            yield from look.snapshot.effects or [inconclusive(BY_A_DELETION, look.get)]
        else:
            later = changes_since(context, look.snapshot, look.get, look.logs, foreign=foreign)
            yield from look.snapshot.effects or list(later)


# ---------------------------------------------------------------- logs of restores


@dataclass(frozen=True)
class LogsLeft:
    """The logs of one backup that are new since the first restore of it, and the restores that ended."""

    restores: Sequence[Restore]
    exchange: Exchange

    @property
    def backup(self) -> str:
        """The backup."""
        return self.restores[0].backup

    @property
    def new(self) -> list[dict[str, Any]]:
        """The logs that were not there before."""
        return [log for log in self.exchange.items if log.get("id") not in self.restores[0].logs_before]

    @property
    def own(self) -> list[dict[str, Any]]:
        """Those of the instance that was restored to."""
        return of_instance(self.new, self.restores[0].instance)

    @property
    def elsewhere(self) -> list[dict[str, Any]]:
        """Those of restores to instances to which this run restored nothing."""
        return restores_elsewhere(self.new, {restore.instance for restore in self.restores})


def _ended(context: CheckContext) -> list[Restore]:
    ended = [restore for restore in context.run.state.restores if restore.accepted and restore.ended]
    if not ended:
        raise NothingToReviewError("no restore to look at again")
    return ended


def _logs_left(context: CheckContext) -> list[LogsLeft]:
    ended = _ended(context)
    return [
        LogsLeft([restore for restore in ended if restore.backup == backup], context.logs(backup))
        for backup in dict.fromkeys(restore.backup for restore in ended)
    ]


def _all_accepted(context: CheckContext, backup: str) -> bool:
    return all(restore.accepted for restore in context.run.state.restores if restore.backup == backup)


@final_review("RST-2", "restore")
def review_logs_of_restores(context: CheckContext) -> Iterator[Finding]:
    """Each backup has as many new logs as accepted restores, and none of them is gone again."""
    found = reviewed_once(context, "logs", _logs_left)
    for left in found:
        if _all_accepted(context, left.backup):
            yield from _differences(context, left)
    yield from _surplus(context, [left for left in found if left.exchange.is_judgeable_success])


@final_review("RST-6", "restore")
def review_logs_of_concurrent_restores(context: CheckContext) -> Iterator[Finding]:
    """The same for a backup some of whose concurrent restores were refused: a log too many is their effect."""
    found = [left for left in reviewed_once(context, "logs", _logs_left) if not _all_accepted(context, left.backup)]
    if not found:
        raise NothingToReviewError("no concurrent restore was refused")
    for left in found:
        yield from _differences(context, left)


def _differences(context: CheckContext, left: LogsLeft) -> Iterator[Finding]:
    try:
        items_of(left.exchange)
    except CannotTellError as reason:
        yield inconclusive(str(reason), left.exchange)
        return
    explained = context.run.state.logs_explained(left.backup)
    if len(left.own) > explained:
        wanted = f"{explained} new logs for {explained} accepted restores"
        yield violation(wanted, f"{len(left.own)} in the end", left.exchange, "/data")
    there = {log.get("id") for log in left.exchange.items}
    gone = {log.get("id") for restore in left.restores for log in restore.own_logs} - there
    if gone:
        yield violation("the logs of the restores still there", f"{len(gone)} of them gone", left.exchange, "/data")


def _surplus(context: CheckContext, found: Sequence[LogsLeft]) -> Iterator[Finding]:
    """A log of another instance beside each of ours. Other clients restore as well, but neither in step with us, nor
    only as long as we do.
    """
    well = [left for left in found if all(restore.went_well for restore in left.restores)]
    count = sum(len(left.elsewhere) for left in well)
    in_step = all(len(left.elsewhere) == context.run.state.logs_explained(left.backup) for left in well)
    if count >= MIN_SURPLUS and in_step and no_foreign_restores(context, count):
        got = "one more each time, of another instance"
        yield violation("one log for each accepted restore", got, well[0].exchange, "/data")


@final_review("LOG-6", "logs")
def review_that_logs_stay(context: CheckContext) -> Iterator[Finding]:
    """A log that was shown once is in every later reading, as long as its backup is not deleted."""
    history, deleted = context.run.state.logs, {*context.run.state.deleted_backups}
    if not history.readings():
        raise NothingToReviewError("no logs were read twice")
    lost = [log for log in history.lost() if log.backup not in deleted]
    for log in lost:
        yield violation("every log that was shown before", f"the log {log.log_id} is missing", log.exchange, "/data")
    if not lost:
        yield from expect_answer(context.logs())


# ---------------------------------------------------------------- jobs


def _last_jobs(context: CheckContext) -> list[tuple[Restore, Exchange]]:
    readable = [restore for restore in _ended(context) if restore.readable]
    if not readable:
        raise NothingToReviewError("no job to look at again")
    jobs = context.send_all(context.build.job(restore.job_id) for restore in readable)
    return list(zip(readable, jobs, strict=True))


@final_review("JBS-1", "job")
def review_that_jobs_stay(context: CheckContext) -> Iterator[Finding]:
    """A job that was seen once can be read to the end of the run."""
    for _, job in reviewed_once(context, "jobs", _last_jobs):
        yield from expect_success(job)


@final_review("RST-5", "restore")
def review_how_jobs_moved(context: CheckContext) -> Iterator[Finding]:
    """All states that were seen of a job, up to the last one, only move forward."""
    for restore, job in reviewed_once(context, "jobs", _last_jobs):
        yield from moves_forward([seen for seen in (*restore.jobs, job) if seen.is_success])


@final_review("JBS-5", "job")
def review_what_jobs_say(context: CheckContext) -> Iterator[Finding]:
    """The parts of a completed job agree: it has no error, and no task that failed."""
    for _, job in reviewed_once(context, "jobs", _last_jobs):
        if job.is_success and value_at(job.data, "/state/current") == "completed":
            yield from _expect_no_errors(job)


def _expect_no_errors(job: Exchange) -> Iterator[Finding]:
    tasks = value_at(job.data, "/tasks")
    places = ["", *(f"/tasks/{index}" for index in range(len(tasks) if isinstance(tasks, list) else 0))]
    for place in places:
        if place and value_at(job.data, f"{place}/state/current") == "error":
            yield violation("no failed task in a completed job", "state error", job, f"/data{place}/state/current")
        for member in (f"{place}/error", f"{place}/state/error"):
            if message_of({"error": value_at(job.data, member)}):
                yield violation("no error in a completed job", "a message", job, f"/data{member}")


# ---------------------------------------------------------------- backups


@final_review("RST-3", "restore")
def review_restored_backups(context: CheckContext) -> Iterator[Finding]:
    """A backup whose restores went well is as it was before the first of them. It may have been deleted since."""
    first = {restore.backup: restore for restore in reversed(_ended(context)) if restore.went_well and restore.before}
    if not first:
        raise NothingToReviewError("no restored backup to look at again")
    gets = context.send_all(context.build.get(backup) for backup in first)
    for restore, get in zip(first.values(), gets, strict=True):
        if get.status == 404:
            continue  # deleted since
        try:
            before, now = object_of(restore.before) if restore.before else {}, object_of(get)
        except CannotTellError as reason:
            yield inconclusive(str(reason), get)
            continue
        deleted = value_at(now, "/state/current") in GONE_STATES
        ignored = (*RESTORE_OR_DELETE_MAY_CHANGE, *(["/state/current"] if deleted else []))
        if {before.get("id"), now.get("id")} != {restore.backup}:
            continue
        changes = list(expect_equivalent("backup", before, now, get, ignored))
        yield from [inconclusive(BY_A_DELETION, get)] if changes and collateral(context) else changes


# ---------------------------------------------------------------- deletions


@final_review("DEL-3", "delete")
def review_deleted_backups(context: CheckContext) -> Iterator[Finding]:
    """A deleted backup has not come back."""
    for get in context.send_all(_requests(context, context.run.state.gone_backups)):
        yield from expect_answer(get)
        if get.is_success and value_at(get.data, "/state/current") not in GONE_STATES:
            yield violation("404, deleting or deleted for good", "a backup as before", get)


@final_review("DEL-5", "delete")
def review_neighbours_of_deletions(context: CheckContext) -> Iterator[Finding]:
    """The backups beside a deleted one are still there, and as they were."""
    changes = reviewed_once(context, "neighbours", _later_changes)
    if changes.of_steady and changes.others_moved:
        yield inconclusive("another client may be working on the container: its backups changed by themselves")
    else:
        yield from changes.of_steady.values()


def collateral(context: CheckContext) -> set[str]:
    """The backups that changed with a deletion of another one, at once or later."""
    try:
        later = reviewed_once(context, "neighbours", _later_changes)
    except CANNOT_GO_ON:
        return set()
    return {*context.run.state.changed_neighbours, *later.of_steady}


def _later_changes(context: CheckContext) -> Changes:
    """What has changed about the neighbours of the first deletion, but for what had changed right after one.

    A change of a backup whose deletion was refused is put down to that.
    """
    deletions = context.run.state.neighbours
    if not deletions:
        raise NothingToReviewError("no deletion to look at again")
    changes = changes_of_neighbours(context, deletions[0][0], paging.read_list(context))
    state = context.run.state
    known = {*state.changed_neighbours, *(kept.backup for kept in state.kept_backups)}
    later = {backup: found for backup, found in changes.of_steady.items() if backup not in known}
    return Changes(later, changes.others_moved)


@final_review("DEL-2", "delete")
@final_review("DEL-4", "delete")
def review_kept_backups(context: CheckContext) -> Iterator[Finding]:
    """A backup whose deletion was refused is still there, and as it was."""
    kept = [one for one in context.run.state.kept_backups if one.clause == context.check.clause]
    gets = context.send_all(_requests(context, [one.backup for one in kept]))
    for one, get in zip(kept, gets, strict=True):
        if one.backup in collateral(context):
            yield inconclusive(BY_A_DELETION, get)
        elif get.status == 404:
            yield violation("the backup still there", "404", get)
        elif get.is_success:
            yield from expect_equivalent("backup", one.before, get.data, get, RESTORE_OR_DELETE_MAY_CHANGE)
        else:
            yield inconclusive(f"{get.request.line}: {get.status or get.failure}", get)


def _requests(context: CheckContext, backups: Sequence[str]) -> list[Request]:
    if not backups:
        raise NothingToReviewError("no deletion to look at again")
    return [context.build.get(backup) for backup in backups]
