"""What the restores of a run prove: which restore left a surplus log, which share a job, and which backups are good.

Another client may restore the same backup, so a log too many counts only if another restore leaves one too many again.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from conformance.contract.pointers import value_at
from conformance.http.exchange import Throttled
from conformance.judging.expectations import CannotTellError, NotTestableError, inconclusive
from conformance.judging.outcomes import Outcome
from conformance.scenarios import restore_requests
from conformance.scenarios.follower import Follower
from conformance.scenarios.proofs.other_clients import ANOTHER_CLIENT
from conformance.scenarios.restore import last_look
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.scenarios.side_effects import no_foreign_restores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore

#: How many seconds two runs that suspect the same at the same time are apart at most.
MAX_APART_S = 2.0
#: How many backups are looked for, and read at once.
WANTED = 2


def wrong_number_of_logs(context: CheckContext, restore: Restore, finding: Finding) -> Iterator[Finding]:
    """Report that a restore left no log, or too many, where the readings of logs can be believed."""
    if restore.new_logs:
        yield from surplus_of_logs(context, finding)
    else:
        problem = context.run.state.log_book.problem
        yield inconclusive(problem, finding.exchange) if problem else finding


def surplus_of_logs(context: CheckContext, surplus: Finding) -> Iterator[Finding]:
    """Report a log too many as a failure if a restore of another backup leaves one too many, else as inconclusive.

    That restore comes after a watch in which nobody else restored: another run may restore the same backups as this.
    """
    if problem := context.run.state.log_book.problem:
        yield inconclusive(problem, surplus.exchange)
        return
    try:
        alone = context.run_once("no other restores", _is_alone)
        again = alone and context.run_once("a log too many", _leaves_too_many)
    except CANNOT_GO_ON as reason:
        yield inconclusive(f"{ANOTHER_CLIENT}: {reason}", surplus.exchange)
        return
    seen = "a restore of another backup left one log" if alone else "more logs came while nothing was requested"
    yield surplus if again else inconclusive(f"{ANOTHER_CLIENT}: {seen}", surplus.exchange)


def _is_alone(context: CheckContext) -> bool:
    """Whether no more logs come while nothing is requested."""
    return no_foreign_restores(context, max(1, len(context.run.state.restores)))


def _leaves_too_many(context: CheckContext) -> bool:
    """Whether a restore of a backup that was not restored yet leaves more than one log, without another client.

    Backup and moment are random: another run that suspects the same at the same time would choose the same ones.
    """
    if restore_requests.restores_left(context) < 1:
        return _left_too_many(context.run.state.restores)
    free = _untouched(context)
    context.rng.shuffle(free)
    free.sort(key=context.run.state.requested)  # no backup whose refused requests are watched
    backup = next(_live(context, free), None)
    if backup is None:
        raise NotTestableError("there is no other backup to see it again with")
    context.run.wait(context.rng.uniform(0, MAX_APART_S))
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
    free = _untouched(context)
    if of_other_instances:
        fixtures = context.fixtures
        free = [backup for backup in free if fixtures.instance_of(backup) not in ("", fixtures.instance_id)]
    return list(islice(_live(context, free), WANTED))


def _untouched(context: CheckContext) -> list[str]:
    """The listed backups that nothing in this run restored or keeps for itself, those without any request first."""
    state, fixtures = context.run.state, context.fixtures
    own = {fixtures.backup_id, *fixtures.reserved_ids()}
    free = [backup for backup in fixtures.stable_ids() if backup not in own and not state.accepted(backup)]
    return sorted(free, key=lambda backup: (state.requested(backup), backup in fixtures.restored_ids()))


def _live(context: CheckContext, backups: Sequence[str]) -> Iterator[str]:
    """Yield the live ones of these backups, read as they are asked for."""
    for at in range(0, len(backups), WANTED):
        for get in context.send_all(map(context.build.get, backups[at : at + WANTED])):
            if value_at(get.data, "/state/current") == "live":
                yield get.request.resources["backup"]


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
    if not same or _one_after_the_other(restore, earlier):
        return False
    read = [job for job in (*restore.jobs, *earlier.jobs) if job.is_success]
    return any(value_at(job.data, "/limit_duplicates") is True for job in read)


def _one_after_the_other(*restores: Restore) -> bool:
    """Whether the later restore was requested after the end of the earlier one was seen."""
    first, second = sorted(restores, key=lambda restore: restore.requested_at)
    return first.ended and first.requested_at + first.took_s < second.requested_at


def is_good(context: CheckContext, backup: str) -> bool:
    """Whether a restore of this backup alone is known to complete: it did in this run, or the target file names it."""
    alone = [restore for restore in context.run.state.restores if restore.backup == backup and restore.followed_alone]
    if alone:
        return all(restore.went_well for restore in alone)
    return backup == context.fixtures.target.fixtures.backup_id


# ---------------------------------------------------------------- fixtures that are no such backups

NOT_FAILING = "fixtures.failing_backup_id: its restore completed; set it to a backup whose restore is known to fail"
NOT_GOOD = (
    "fixtures.backup_id: its restores end in error, and did so before this run; "
    "set it to a backup whose restore is known to succeed"
)
#: How many earlier failed restores show that a backup cannot be restored.
KNOWN_TO_FAIL = 2


def naming_failing_backup(context: CheckContext, restore: Restore, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings about a restore that should have failed; where it completed, a good backup explains them as well.

    They are inconclusive if state and log both say that it completed, unless the file is known to be right: earlier
    restores failed, more than one of them and all of them. One failure may have had another cause, such as a full
    volume. Where only a log can say it, the findings name the fixture.
    """
    logs = restore.own_logs
    completed = restore.went_well and bool(logs) and all(log.get("error") is None for log in logs)
    failures, successes = _earlier_restores(context, restore.backup)
    if not findings or not completed or (failures >= KNOWN_TO_FAIL and not successes):
        yield from findings
    elif restore.readable:
        yield inconclusive(NOT_FAILING, last_look(restore))
    else:
        yield from _with_hint(findings, "or fixtures.failing_backup_id is a backup whose restore completes")


def naming_backup(context: CheckContext, restore: Restore, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings about a restore of the main backup that ended in error; a wrong backup explains some of them too.

    It may if all restores of the main backup fail, and one of another backup completes. The findings then name the
    fixture, and are inconclusive if the logs of before this run show failed restores of the backup, and no other.
    """
    if not findings or not _fails_alone(context, restore.backup):
        yield from findings
        return
    failures, successes = _earlier_restores(context, restore.backup)
    if failures and not successes:
        yield inconclusive(NOT_GOOD, last_look(restore))
    else:
        yield from _with_hint(findings, "or fixtures.backup_id is a backup that cannot be restored")


def _with_hint(findings: Sequence[Finding], hint: str) -> Iterator[Finding]:
    for finding in findings:
        failed = finding.outcome is Outcome.FAILED
        yield replace(finding, got=f"{finding.got}; {hint}") if failed else finding


def _fails_alone(context: CheckContext, backup: str) -> bool:
    """Whether every restore of a backup that ended did so in error, and a restore of another backup completed."""
    ended = [restore for restore in context.run.state.restores if restore.accepted and restore.ended]
    own = [restore for restore in ended if restore.backup == backup]
    others = any(restore.went_well for restore in ended if restore.backup != backup)
    return others and not any(restore.went_well for restore in own)


def _earlier_restores(context: CheckContext, backup: str) -> tuple[int, int]:
    """Return how many restores of a backup failed and how many completed before the first one of this run, by logs."""
    state = context.run.state
    first = next((restore for restore in state.restores if restore.backup == backup), None)
    logs = state.log_book.seen(backup)
    earlier = [logs[log_id] for log_id in first.logs_before if log_id in logs] if first else []
    failed = [log.get("error") is not None for log in earlier if log.get("type") == "restore"]
    return sum(failed), len(failed) - sum(failed)
