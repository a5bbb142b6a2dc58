"""What the restores of a run prove: which restore left a surplus log, which share a job, and which backups are good.

Another client may restore the same backup, so a log too many counts only if another restore leaves one too many again.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from conformance.contract.pointers import value_at
from conformance.http.exchange import Throttled
from conformance.judging.expectations import CannotTellError, NotTestableError, inconclusive
from conformance.scenarios import restore_requests
from conformance.scenarios.follower import Follower
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.scenarios.side_effects import ANOTHER_CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore


def wrong_number_of_logs(context: CheckContext, restore: Restore, finding: Finding) -> Iterator[Finding]:
    """Report that a restore left no log, or too many, where the readings of logs can be believed."""
    if restore.new_logs:
        yield from surplus_of_logs(context, finding)
    else:
        problem = context.run.state.log_book.problem
        yield inconclusive(problem, finding.exchange) if problem else finding


def surplus_of_logs(context: CheckContext, surplus: Finding) -> Iterator[Finding]:
    """Report a log too many as a failure if a restore of another backup leaves one too many, else as inconclusive."""
    if problem := context.run.state.log_book.problem:
        yield inconclusive(problem, surplus.exchange)
        return
    try:
        again = context.run_once("a log too many", _leaves_too_many)
    except CANNOT_GO_ON as reason:
        yield inconclusive(f"{ANOTHER_CLIENT}: {reason}", surplus.exchange)
        return
    doubt = f"{ANOTHER_CLIENT}: a restore of another backup left one log"
    yield surplus if again else inconclusive(doubt, surplus.exchange)


def _leaves_too_many(context: CheckContext) -> bool:
    """Whether a restore of a backup that was not restored yet leaves more than one log, without another client."""
    if restore_requests.restores_left(context) < 1:
        return _left_too_many(context.run.state.restores)
    backup = untouched_backup(context)
    if backup is None:
        raise NotTestableError("there is no other backup to see it again with")
    restore = restore_requests.request_restore(context, backup)
    if not restore.accepted:
        raise CannotTellError(f"a restore of another backup was answered {restore.answer.status}")
    Follower(context).follow(restore)
    return len(restore.own_logs) > 1


def _left_too_many(restores: Sequence[Restore]) -> bool:
    """Whether restores of two backups left more than one log each while they were followed."""
    if sum(restore.followed_alone and len(restore.own_logs) > 1 for restore in restores) < 2:
        raise NotTestableError("raise restore.max_restores to see it again with another backup")
    return True


def effect_of_refused(context: CheckContext, surplus: Finding) -> Iterator[Finding]:
    """Report a log too many of restores at once, some of which were refused, if it is seen again with other backups."""
    if problem := context.run.state.log_book.problem:
        yield inconclusive(problem, surplus.exchange)
        return
    try:
        again = context.run_once("refused at once again", _refused_and_done)
    except CANNOT_GO_ON as reason:
        yield inconclusive(f"{ANOTHER_CLIENT}: {reason}", surplus.exchange)
        return
    yield surplus if again else inconclusive(ANOTHER_CLIENT, surplus.exchange)


def _refused_and_done(context: CheckContext) -> bool:
    """Whether one of two restores of untouched backups at once is refused, and leaves a log all the same."""
    backups = untouched_backups(context)[:2]
    if restore_requests.restores_left(context) < len(backups) or len(backups) < 2:
        raise NotTestableError("raise restore.max_restores to see it again with other backups")
    restores = restore_requests.request_concurrently(context, backups, throttled=Throttled.ACCEPT)
    for restore in restores:
        restore.at_once = True
    context.run.state.add_restores(restores)
    follower = Follower(context)
    if accepted := [restore for restore in restores if restore.accepted]:
        follower.follow_all(accepted)
    refused = [restore for restore in restores if not restore.accepted]
    return any(follower.leaves_log(restore) for restore in refused)


def untouched_backup(context: CheckContext, *, of_other_instances: bool = False) -> str | None:
    """Return a live backup that no restore of this run was accepted of, one without any request first."""
    return next(iter(untouched_backups(context, of_other_instances=of_other_instances)), None)


def untouched_backups(context: CheckContext, *, of_other_instances: bool = False) -> list[str]:
    """Return two such backups, as far as there are any."""
    state, fixtures = context.run.state, context.fixtures
    own = {fixtures.backup_id, *fixtures.reserved_ids()}
    free = [backup for backup in fixtures.stable_ids() if backup not in own and not state.accepted(backup)]
    if of_other_instances:
        free = [backup for backup in free if fixtures.instance_of(backup) not in ("", fixtures.instance_id)]
    free.sort(key=lambda backup: (state.requested(backup), backup in fixtures.restored_ids()))
    return list(islice((backup for backup in free if _is_live(context, backup)), 2))


def _is_live(context: CheckContext, backup: str) -> bool:
    return bool(value_at(context.get(backup).data, "/state/current") == "live")


def wrong_alone(context: CheckContext) -> str:
    """Why the number of logs of concurrent restores shows nothing: a restore alone leaves none, or too many."""
    alone = [restore for restore in context.run.state.restores if restore.followed_alone]
    wrong = next((restore for restore in alone if len(restore.own_logs) != 1), None)
    return f"RST-2 failed first: a restore alone left {len(wrong.own_logs)} logs" if wrong else ""


def shared_job(context: CheckContext, restore: Restore) -> str:
    """Why the states of a restore's job show nothing: another restore has a job of the same id. Empty if none has."""
    ids = [other.job_id for other in context.run.state.restores if other.accepted]
    shared = restore.job_id is not None and ids.count(restore.job_id) > 1
    return f"JOB-3 failed first: several restores have the job {restore.job_id}" if shared else ""


def own_jobs(context: CheckContext, restores: Sequence[Restore]) -> list[Restore]:
    """Return the restores that count: of identical ones that share a job with `limit_duplicates` the first alone."""
    kept: list[Restore] = []
    for restore in restores:
        if restore.job_id and any(_is_duplicate(restore, earlier) for earlier in kept):
            context.run.judges.notes.add("restores: identical requests at once share a job (limit_duplicates)")
        else:
            kept.append(restore)
    return kept


def _is_duplicate(restore: Restore, earlier: Restore) -> bool:
    same = (restore.backup, restore.instance, restore.job_id) == (earlier.backup, earlier.instance, earlier.job_id)
    read = [job for job in (*restore.jobs, *earlier.jobs) if job.is_success]
    return same and any(value_at(job.data, "/limit_duplicates") is True for job in read)


def is_good(context: CheckContext, backup: str) -> bool:
    """Whether a restore of this backup alone is known to complete: it did in this run, or the target file names it."""
    alone = [restore for restore in context.run.state.restores if restore.backup == backup and restore.followed_alone]
    if alone:
        return all(restore.went_well for restore in alone)
    return backup == context.fixtures.target.fixtures.backup_id
