"""The final review: after all other checks, it reads again what the run restored, deleted, or was refused to change.

Each review is a registered check of one clause. Reads that several reviews share are scenarios of the review.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from conformance.config.threads import Background
from conformance.contract.operations import GONE_STATES, RESTORE_OR_DELETE_MAY_CHANGE
from conformance.contract.pointers import value_at
from conformance.judging.checks import final_review
from conformance.judging.expectations import (
    CannotTellError,
    expect_answer,
    expect_equivalent,
    expect_success,
    inconclusive,
    items_of,
    object_of,
    resting_on,
    violation,
)
from conformance.judging.job_lifecycle import moves_forward, parts_agree
from conformance.scenarios import deletion_scenarios
from conformance.scenarios.proofs.failed_restores import changes_of_failed
from conformance.scenarios.proofs.final_readings import (
    NothingToReviewError,
    backups_again,
    ended_restores,
    gets_again,
    last_jobs,
    logs_left,
    look_at_snapshots,
    reviewed_once,
)
from conformance.scenarios.proofs.late_effects import await_late_effects
from conformance.scenarios.proofs.neighbours import changes_of_neighbours, not_offered
from conformance.scenarios.proofs.refused_deletions import late_changes
from conformance.scenarios.proofs.restore_evidence import effect_of_refused, shared_job, surplus_of_logs
from conformance.scenarios.restore import message_of
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.scenarios.side_effects import (
    FORBID_EFFECTS,
    changes_since,
    confirmed,
    new_logs_elsewhere,
    no_foreign_restores,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.proofs.final_readings import LogsLeft
    from conformance.scenarios.run_state import Changes
#: Why nothing is concluded from a change of a backup.
BY_A_DELETION = "DEL-5 failed first: a deletion of this run changed other backups"
#: How many restores must each have left one log too many before the surplus is attributed to them.
MIN_SURPLUS = 3
CAPPED = "logs: the list of logs seems to be capped, since old logs leave it as new ones come"
#: How often, and how many seconds apart, a log that is missing is looked for: a replica may lag.
MAX_READINGS, BETWEEN_READINGS_S = 6, 0.4


# ---------------------------------------------------------------- effects of refused requests


def _foreign_logs_count(context: CheckContext) -> bool:
    """Whether new logs of instances that nobody named come from our requests: nobody else restores meanwhile."""
    looks = reviewed_once(context, "snapshots", look_at_snapshots)
    elsewhere = sum(len(new_logs_elsewhere(look.snapshot, look.logs)) for look in looks if look.logs is not None)
    return not elsewhere or no_foreign_restores(context, elsewhere)


def review_refused_restores(context: CheckContext) -> Iterator[Finding]:
    """Refused restores have no effect on the backup and its logs, seen now or right after them."""
    looks = reviewed_once(context, "snapshots", look_at_snapshots)
    own = [look for look in looks if look.snapshot.clause == context.check.clause]
    if not own:
        raise NothingToReviewError("no refused restore to review")
    foreign = reviewed_once(context, "foreign logs", _foreign_logs_count)
    for look in own:
        findings: list[Finding] = look.snapshot.effects
        if not findings and (look.get is None or look.logs is None):
            findings = [inconclusive(look.lost)]
        elif not findings and look.get is not None and look.logs is not None:
            findings = list(changes_since(context, look.snapshot, look.get, look.logs, foreign=foreign))
            changed = collateral(context)
            if look.snapshot.backup in changed or (findings and changed):
                findings = [inconclusive(BY_A_DELETION, look.get)]
        yield from confirmed(context, look.snapshot, findings, foreign=foreign)


for _clause in sorted(FORBID_EFFECTS):
    final_review(_clause, "restore")(review_refused_restores)


# ---------------------------------------------------------------- logs of restores


def _all_accepted(context: CheckContext, backup: str) -> bool:
    return all(restore.accepted for restore in context.run.state.restores if restore.backup == backup)


@final_review("RST-2", "restore")
def review_logs_of_restores(context: CheckContext) -> Iterator[Finding]:
    """Each backup has as many new logs as accepted restores, and none of them is gone again, or says otherwise."""
    reviewed = reviewed_once(context, "logs", logs_left)
    for left in reviewed:
        if _all_accepted(context, left.backup):
            yield from _differences(context, left)
            yield from _rewritten(context, left)
    yield from _surplus(context, [left for left in reviewed if left.exchange.is_judgeable_success])


@final_review("RST-6", "restore")
def review_logs_of_concurrent_restores(context: CheckContext) -> Iterator[Finding]:
    """The same for a backup some of whose concurrent restores were refused: a log too many is their effect."""
    reviewed = [left for left in reviewed_once(context, "logs", logs_left) if not _all_accepted(context, left.backup)]
    if not reviewed:
        raise NothingToReviewError("no concurrent restore was refused")
    for left in reviewed:
        yield from _differences(context, left)


def _differences(context: CheckContext, left: LogsLeft) -> Iterator[Finding]:
    try:
        items_of(left.exchange)
    except CannotTellError as reason:
        yield inconclusive(str(reason), left.exchange)
        return
    answers = [restore.answer for restore in left.restores]
    book, explained = context.run.state.log_book, context.run.state.logs_explained(left.backup)
    if len(left.own) > explained:
        wanted = f"{explained} new logs for {explained} accepted restores"
        surplus = violation(wanted, f"{len(left.own)} in the end", left.exchange, "/data")
        all_accepted = _all_accepted(context, left.backup)
        proved = surplus_of_logs(context, surplus) if all_accepted else effect_of_refused(context, surplus)
        yield from resting_on(proved, answers)
    if gone := _gone_for_good(context, left) if not book.problem else set():
        lost = violation("the logs of the restores still there", f"{len(gone)} of them gone", left.exchange, "/data")
        yield from resting_on([lost], answers)


def _rewritten(context: CheckContext, left: LogsLeft) -> Iterator[Finding]:
    """Expect that the log of a restore that went well has no error later on, and is still that of the restore.

    A log too many may be another client's, whose restore fails later than its log appears.
    """
    if len(left.own) != context.run.state.logs_explained(left.backup):
        return
    for restore in left.restores:
        for before in restore.own_logs if restore.went_well else ():
            now = left.shown.get(str(before.get("id")), before)
            if before.get("error") is None and now.get("error") is not None:
                yield violation("a log without error, as before", f"{message_of(now)}", left.exchange, "/data")
            for name in ("type", "instance_id", "backup_id"):
                if now.get(name) != before.get(name):
                    yield violation(f"{name} {before.get(name)}, as before", f"{now.get(name)}", left.exchange, "/data")


def _gone_for_good(context: CheckContext, left: LogsLeft) -> set[str]:
    """The ids of the restores' logs that no reading shows any more, unless the list is capped."""
    capped = {str(loss.log.get("id")) for loss in context.run.state.log_book.capped}
    gone = {str(log.get("id")) for restore in left.restores for log in restore.own_logs} - {*left.exchange.ids, *capped}
    for _ in range(MAX_READINGS):
        if not gone:
            break
        context.run.wait(BETWEEN_READINGS_S)
        gone -= set(context.logs(left.backup).ids)
    return gone


def _surplus(context: CheckContext, reviewed: Sequence[LogsLeft]) -> Iterator[Finding]:
    """The violation that each of our restores left a second log, which names another instance.

    Other clients restore as well, but neither in step with the suite nor only during its run.
    """
    well = [left for left in reviewed if all(restore.went_well for restore in left.restores)]
    count = sum(len(left.elsewhere) for left in well)
    in_step = all(len(left.elsewhere) == context.run.state.logs_explained(left.backup) for left in well)
    if count >= MIN_SURPLUS and in_step and no_foreign_restores(context, count):
        got = "one more each time, of another instance"
        yield violation("one log for each accepted restore", got, well[0].exchange, "/data")


@final_review("LOG-6", "logs")
def review_logs_that_were_shown(context: CheckContext) -> Iterator[Finding]:
    """Every log that some reading of the run showed is shown by all later ones, of a backup that is still there."""
    book = context.run.state.log_book
    if book.capped:
        context.run.judges.notes.add(CAPPED)
    losses = {loss.backup: loss for loss in book.losses}
    if not losses:
        raise NothingToReviewError("every log is shown again")
    gets = context.send_all(context.build.get(backup) for backup in losses)
    for loss, get in zip(losses.values(), gets, strict=True):
        if get.is_success and value_at(get.data, "/state/current") not in GONE_STATES:
            wanted = f"the log {loss.log.get('id')}, which an earlier response showed"
            yield violation(wanted, "a response without it", loss.reading, "/data")


# ---------------------------------------------------------------- jobs


@final_review("JBS-1", "job")
def review_that_jobs_stay(context: CheckContext) -> Iterator[Finding]:
    """A job that was seen once can be read to the end of the run."""
    for _, job in reviewed_once(context, "jobs", last_jobs):
        yield from expect_success(job)


@final_review("RST-5", "restore")
def review_how_jobs_moved(context: CheckContext) -> Iterator[Finding]:
    """All states that were seen of a job, up to the last one, only move forward."""
    for restore, job in reviewed_once(context, "jobs", last_jobs):
        moves = list(moves_forward([seen for seen in (*restore.jobs, job) if seen.is_success]))
        other_cause = shared_job(context, restore) if moves else ""
        yield from [inconclusive(other_cause, job)] if other_cause else moves


@final_review("JBS-5", "job")
def review_what_jobs_say(context: CheckContext) -> Iterator[Finding]:
    """The parts of a completed job agree: it has no error, and no task that failed."""
    for _, job in reviewed_once(context, "jobs", last_jobs):
        if job.is_success:
            yield from parts_agree(job)


# ---------------------------------------------------------------- backups


@final_review("RST-3", "restore")
def review_restored_backups(context: CheckContext) -> Iterator[Finding]:
    """A backup whose restores went well is as it was before the first of them. It may have been deleted since."""
    ended = ended_restores(context)
    first = {restore.backup: restore for restore in reversed(ended) if restore.went_well and restore.before}
    if not first:
        raise NothingToReviewError("no restored backup to review")
    gets = gets_again(context, first)
    for backup, restore in first.items():
        get = gets[backup]
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
        if changes and collateral(context):
            yield inconclusive(BY_A_DELETION, get)
        else:
            yield from resting_on(changes, (restore.answer, restore.before))


@final_review("RST-4", "restore")
def review_failed_restores(context: CheckContext) -> Iterator[Finding]:
    """A failed restore still says so in its log, and its backup is as it was before."""
    failed = {restore.backup: restore for restore in ended_restores(context) if restore.failed}
    if not failed:
        raise NothingToReviewError("no failed restore to review")
    for left in reviewed_once(context, "logs", logs_left):
        restore = failed.get(left.backup)
        for before in restore.own_logs if restore else ():
            now = left.shown.get(str(before.get("id")), before)
            if message_of(before) and not message_of(now):
                yield violation("a log with an error message, as before", "none", left.exchange, "/data")
    gets = gets_again(context, failed)
    for backup, restore in failed.items():
        changes = list(changes_of_failed(context, restore, gets[backup]))
        yield from [inconclusive(BY_A_DELETION, gets[backup])] if changes and collateral(context) else changes


# ---------------------------------------------------------------- deletions


@final_review("DEL-3", "delete")
def review_deleted_backups(context: CheckContext) -> Iterator[Finding]:
    """A deleted backup has not come back."""
    for get in _gets(context, context.run.state.gone_backups):
        yield from expect_answer(get)
        if get.is_success and value_at(get.data, "/state/current") not in GONE_STATES:
            yield violation("404, deleting or deleted for good", "a backup as before", get)
    for backup, page in deletion_scenarios.listed_again(context).items():
        yield violation(f"the deleted backup {backup} no longer listed", "a backup as before", page, "/data")


@final_review("DEL-5", "delete")
def review_neighbours_of_deletions(context: CheckContext) -> Iterator[Finding]:
    """The backups beside a deleted one are still there, and as they were."""
    changes = reviewed_once(context, "neighbours", _later_changes)
    findings = not_offered(context, changes)
    if findings and not changes.others_moved:
        yield from findings
    elif changes.of_steady:
        yield inconclusive("another client may be working on the container: its backups changed by themselves")
    elif changes.doubt:
        yield inconclusive(changes.doubt)


def collateral(context: CheckContext) -> set[str]:
    """The backups that changed with a deletion of another one, at once or later."""
    try:
        later = reviewed_once(context, "neighbours", _later_changes)
    except CANNOT_GO_ON:
        return set()
    return {*context.run.state.changed_neighbours, *later.of_steady}


def _later_changes(context: CheckContext) -> Changes:
    """What has changed about the neighbours of the first deletion, but for what had changed right after one.

    A change of a backup whose deletion was refused is attributed to that deletion.
    """
    deletions = context.run.state.neighbours
    if not deletions:
        raise NothingToReviewError("no deletion to review")
    changes = changes_of_neighbours(context, deletions[0][0])
    state = context.run.state
    known = {*state.changed_neighbours, *(kept.backup for kept in state.kept_backups)}
    later = {backup: finding for backup, finding in changes.of_steady.items() if backup not in known}
    return replace(changes, of_steady=later)


@final_review("DEL-2", "delete")
@final_review("DEL-4", "delete")
def review_kept_backups(context: CheckContext) -> Iterator[Finding]:
    """A backup whose deletion was refused is still there, and as it was."""
    kept = [kept_backup for kept_backup in context.run.state.kept_backups if kept_backup.clause == context.check.clause]
    gets = _gets(context, [kept_backup.backup for kept_backup in kept])
    changed = collateral(context)
    by_deletions = changed if context.run.state.takes_others_along(changed) else set()
    for kept_backup, get in zip(kept, gets, strict=True):
        if kept_backup.backup in by_deletions:
            yield inconclusive(BY_A_DELETION, get)
        else:
            yield from late_changes(context, kept_backup, get)


def _gets(context: CheckContext, backups: Sequence[str]) -> list[Exchange]:
    if not backups:
        raise NothingToReviewError("no deletion to review")
    gets = gets_again(context, backups)
    return [gets[backup] for backup in backups]


#: What several reviews read, and the clauses whose reviews read it.
READINGS: tuple[tuple[str, Callable[[CheckContext], object], frozenset[str]], ...] = (
    ("snapshots", look_at_snapshots, FORBID_EFFECTS),
    ("logs", logs_left, frozenset({"RST-2", "RST-4", "RST-6"})),
    ("jobs", last_jobs, frozenset({"JBS-1", "JBS-5", "RST-5"})),
    ("backups", backups_again, frozenset({"RST-3", "RST-4", "DEL-2", "DEL-3", "DEL-4"})),
    ("neighbours", _later_changes, frozenset({"DEL-5", "RST-3", "RST-4"}) | FORBID_EFFECTS),
)


def read_ahead(context: CheckContext, clauses: Collection[str]) -> None:
    """Read side by side what the reviews of these clauses read, which are then judged one after the other.

    An error is raised again for each review that needs the reading.
    """
    with suppress(*CANNOT_GO_ON):
        await_late_effects(context)
    threads: Background[object] = Background("review", len(READINGS), first=True)
    readings = [
        threads.submit(partial(reviewed_once, context, name, scenario))
        for name, scenario, needing in READINGS
        if not needing.isdisjoint(clauses)
    ]
    for reading in readings:
        reading.exception()
    threads.close()
