"""Legal differences in jobs: their pace, their logs, and concurrent restores."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from conformance.reference.core import Reply
from conformance.reference.data.archives import DamagedArchiveError
from conformance.reference.data.store import Log, new_id
from conformance.reference.patching import edited
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Job


async def _no_time(_server: Behaviours, _job: Job, _state: str) -> None:
    return


@variant("jobs may finish at once")
def instant_jobs(server: Behaviours) -> None:
    """A job ends before the response to its request is read."""
    server.pace = _no_time


@variant("jobs may take seconds")
def slow_jobs(server: Behaviours) -> None:
    """A job takes two seconds."""
    server.store.restore_seconds = 2.0


@variant("the log may appear after the job's end, within `restore.timeout_s`")
def late_logs(server: Behaviours) -> None:
    """The log appears half a second after the job completes."""
    log = server.log_restore

    def later(server: Behaviours, job: Job, problem: str | None) -> None:
        asyncio.get_running_loop().call_later(0.5, log, server, job, problem)

    server.log_restore = later


@variant("`queued` and `scheduled` may come in either order (RST-5)")
def jobs_are_scheduled_first(server: Behaviours) -> None:
    """A job is scheduled before it is queued."""
    advance, pace = server.advance, server.pace

    async def schedule(server: Behaviours, job: Job, state: str) -> None:
        if state == "new":
            advance(server, job, "scheduled")
            job.completed = None
        await pace(server, job, state)

    server.pace = schedule


@variant("states may be skipped (RST-5)")
def jobs_are_scheduled_last(server: Behaviours) -> None:
    """A job is scheduled after it was queued and is never seen running."""
    advance = server.advance

    def step(server: Behaviours, job: Job, state: str) -> None:
        advance(server, job, state)
        if state == "running":
            job.current = "scheduled"

    server.advance = step


def _busy(call: Call) -> bool:
    return any(
        job.kind == "restore" and job.completed is None and job.lane == call.instance.id
        for job in call.store.jobs.values()
    )


def _refuse_second(server: Behaviours, code: str) -> None:
    def check(call: Call) -> None:
        if _busy(call):
            raise RefusalError(code, headers={"Retry-After": "1"} if code.startswith("429") else {})

    server.checks["admission"] = check


@variant("concurrent restores may be refused with 409")
def second_restore_is_409(server: Behaviours) -> None:
    """A restore to an instance that is being restored is a 409."""
    _refuse_second(server, "409.duplicate-found")


@variant("concurrent restores may be refused with 403, 409, 422, 423 or 429 (RST-6)")
def second_restore_is_403(server: Behaviours) -> None:
    """A restore to an instance that is being restored is a 403."""
    _refuse_second(server, "403.invalid-state")


@variant("concurrent restores may be refused with 403, 409, 422, 423 or 429 (RST-6)")
def second_restore_is_422(server: Behaviours) -> None:
    """A restore to an instance that is being restored is a 422."""
    _refuse_second(server, "422.invalid-input")


@variant("concurrent restores may be refused with 403, 409, 422, 423 or 429 (RST-6)")
def second_restore_is_423(server: Behaviours) -> None:
    """A restore to an instance that is being restored is a 423."""
    _refuse_second(server, "423.locked")


@variant("a 429 to a concurrent restore is a refusal (RST-6)")
def second_restore_is_429(server: Behaviours) -> None:
    """A restore to an instance that is being restored is a 429."""
    _refuse_second(server, "429.rate-limiting")


@variant("a concurrent restore may be a 202 with `accepted: false` (RST-6)")
def second_restore_is_not_accepted(server: Behaviours) -> None:
    """A restore to an instance that is being restored is a 202 with `accepted: false`."""
    restore = server.handlers["restore"]

    def decline(call: Call) -> Reply:
        if not _busy(call):
            return restore(call)
        job = server.new_job(call, call.action)
        job.accepted = False
        return Reply(202, server.write_descriptor(call, job))

    server.handlers["restore"] = decline


@variant("concurrent restores may all be accepted, each with its own job and log (RST-6)")
def restores_run_side_by_side(server: Behaviours) -> None:
    """Restores to the same instance run concurrently."""
    pace = server.pace

    async def in_a_lane_of_its_own(server: Behaviours, job: Job, state: str) -> None:
        await pace(server, job, state)
        server.store.lanes.pop(job.lane, None)  # the next job creates a new lock

    server.pace = in_a_lane_of_its_own


@variant("a new job may be a 404 for up to 10 s after its 202")
def new_jobs_are_not_found(server: Behaviours) -> None:
    """A job is a 404 for a second after it was accepted."""
    find = server.find_job

    def hide(call: Call, job_id: str) -> Job | None:
        job = find(call, job_id)
        new = job and (server.clock() - job.created).total_seconds() < 1
        return None if new else job

    server.find_job = hide


@variant(
    "the jobs endpoint is optional",
    untested=("JBS-1", "JBS-2", "JBS-3", "JBS-5", "RST-5"),
)
def no_jobs_endpoint(server: Behaviours) -> None:
    """There is no jobs endpoint."""
    del server.routes["/v1/jobs/{job}"]


@variant("delete is optional", untested=("DEL-1", "DEL-2", "DEL-3", "DEL-4", "DEL-5"))
def no_deletion(server: Behaviours) -> None:
    """Backups cannot be deleted."""
    del server.routes["/v1/containers/{container}/backups/{backup}"]["DELETE"]


@variant("`updated`, `state.changed` and `state.error` may change with a restore (RST-3)")
def restores_touch_the_backup(server: Behaviours) -> None:
    """A restore changes the backup's update time, and a failed one sets its error."""
    log = server.log_restore

    def touch(server: Behaviours, job: Job, problem: str | None) -> None:
        log(server, job, problem)
        backup = job.backup
        backup.updated = backup.changed = server.clock()
        backup.error = {"message": problem, "time": server.clock()} if problem else None

    server.log_restore = touch


@variant("a deleted backup is a 404, or in state `deleting` or `deleted` (DEL-3)")
def deleted_backups_stay(server: Behaviours) -> None:
    """A deleted backup stays in state deleted."""

    def keep(server: Behaviours, job: Job) -> None:
        job.backup.current, job.backup.changed = "deleted", server.clock()

    server.work["delete"] = keep


@variant("a deleted backup is a 404, or in state `deleting` or `deleted` (DEL-3)")
def deletion_takes_effect_late(server: Behaviours) -> None:
    """A backup stays live until its deletion job has ended."""
    server.mark_deleted = lambda _call: None


@variant("a descriptor's `job` is required on a restore only")
def deletion_names_no_job(server: Behaviours) -> None:
    """The descriptor of a deletion has no job."""
    server.write_descriptor = edited(
        server.write_descriptor, lambda document: document.pop("job"), frozenset({"delete"})
    )


@variant("the log may appear before the job's end")
def logs_begin_with_the_job(server: Behaviours) -> None:
    """The log appears when the job starts; its error is added a little after the job ends."""
    advance, log_restore = server.advance, server.log_restore
    logs: dict[str, Log] = {}

    def begin(server: Behaviours, job: Job, state: str) -> None:
        advance(server, job, state)
        if job.kind == "restore" and state == "running":
            log_restore(server, job, None)
            logs[job.id] = job.backup.logs[-1]

    def finish(server: Behaviours, job: Job, problem: str | None) -> None:
        def put_down() -> None:
            log = logs[job.id]
            log.error, log.updated = {"message": problem} if problem else None, server.clock()

        asyncio.get_running_loop().call_later(0.3, put_down)

    server.advance, server.log_restore = begin, finish


@variant("JOB-11 is a SHOULD", warns=("JOB-11",))
def unfinished_backups_are_restored(server: Behaviours) -> None:
    """A backup in state saving can be restored, one restore at a time."""
    check = server.checks["state"]

    def lenient(call: Call) -> None:
        if call.operation != "restore" or call.backup.current != "saving":
            check(call)

    server.checks["state"] = lenient
    server.store.restore_seconds = max(server.store.restore_seconds, 0.6)
    _refuse_second(server, "409.duplicate-found")


@variant("concurrent restores may be refused with 409")
def instances_rest_after_a_restore(server: Behaviours) -> None:
    """For 0.7 s after a restore, another one to the same instance is a 409."""

    def resting(call: Call) -> bool:
        ended = [job.completed for job in call.store.jobs.values() if job.lane == call.instance.id and job.completed]
        return any(server.clock() - one < timedelta(seconds=0.7) for one in ended)

    def check(call: Call) -> None:
        if _busy(call) or resting(call):
            raise RefusalError("409.duplicate-found")

    server.checks["admission"] = check


def _now_and_then(server: Behaviours, seconds: float, happen: Callable[[int], None]) -> None:
    """Let another client act periodically, starting with the first request."""
    inner, begun = server.wrap_app, list[float]()

    def go_on(number: int) -> None:
        happen(number)
        asyncio.get_running_loop().call_later(seconds, go_on, number + 1)

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def passing(scope: Scope, receive: Receive, send: Send) -> None:
            if not begun:
                begun.append(asyncio.get_running_loop().time())
                go_on(0)
            await wrapped(scope, receive, send)

        return passing

    server.wrap_app = wrap


@variant("other clients may restore the same backups to other instances")
def others_restore(server: Behaviours) -> None:
    """Twice a second, another client restores a backup to the third instance."""

    def restore(number: int) -> None:
        main, fixtures, moment = server.store.main, server.store.fixtures, server.clock()
        theirs = next(
            instance
            for instance in main.instances
            if instance not in (fixtures.instance_id, fixtures.second_instance_id)
        )
        backups = [backup for backup in main.backups.values() if backup.current == "live"]
        backup = main.backups[fixtures.backup_id] if number % 2 else backups[number // 2 % len(backups)]
        backup.logs.append(Log(new_id(), theirs, "restore", "restored by others", moment, moment))

    _now_and_then(server, 0.5, restore)


@variant("a restore may fail if it says so (RST-4)")
def most_backups_are_damaged(server: Behaviours) -> None:
    """Only the archive of the main backup is readable."""
    unpack, whole = server.unpack, server.store.backup(server.store.fixtures.backup_id).archive

    def strict(archive: Path, folder: Path) -> None:
        if archive != whole:
            raise DamagedArchiveError("the archive is damaged")
        unpack(archive, folder)

    server.unpack = strict


@variant("`instance_id` is a string")
def instances_have_names(server: Behaviours) -> None:
    """Instance ids are names such as web-1, and an unknown one is a 404."""
    main, fixtures = server.store.main, server.store.fixtures
    names = dict(zip(list(main.instances), ("web-1", "web-2", "web-10"), strict=True))
    for old, new in names.items():
        instance = main.instances.pop(old)
        instance.folder = instance.folder.rename(instance.folder.with_name(new))
        instance.id, main.instances[new] = new, instance
    for backup in main.backups.values():
        backup.instance_id = names[backup.instance_id]
        for log in backup.logs:
            log.instance_id = names[log.instance_id]
    fixtures.instance_id, fixtures.second_instance_id = names[fixtures.instance_id], names[fixtures.second_instance_id]

    def check(call: Call) -> None:
        call.action, instance_id = server.validate(call, call.body)
        instance = server.find_instance(call, instance_id)
        if instance is None:
            raise RefusalError("404.instance", source="/contents/instance_id")
        call.instance = instance

    server.checks["request"] = check


@variant("the number of backups is not specified")
def few_backups(server: Behaviours) -> None:
    """The container has only the backups that the target file names."""
    fixtures, main = server.store.fixtures, server.store.main
    named = {
        fixtures.backup_id,
        fixtures.failing_backup_id,
        fixtures.not_live_backup_id,
        *fixtures.deletable_backup_ids,
    }
    main.backups = {name: backup for name, backup in main.backups.items() if name in named}


@variant("identical requests may share a job whose `limit_duplicates` is true (RST-6)")
def identical_restores_share_a_job(server: Behaviours) -> None:
    """A restore of the same backup to the same instance gets the job that is in progress."""
    make, start = server.new_job, server.start_job
    server.write_job = edited(server.write_job, lambda document: document.update(limit_duplicates=True))

    def join(call: Call, kind: str) -> Job:
        same = (
            job
            for job in call.store.jobs.values()
            if kind == "restore" and job.completed is None and job.backup is call.backup
        )
        return next((job for job in same if job.instance is call.instance), None) or make(call, kind)

    server.new_job = join
    server.start_job = lambda call, job: None if job.id in call.store.jobs else start(call, job)


@variant("a refusal of a restore to another instance than the backup's own is a note (RST-9)")
def backups_return_to_their_instance_only(server: Behaviours) -> None:
    """A restore to another instance than the one that the backup was made of is a 422."""
    for backup in server.store.main.backups.values():
        if backup.id in _named_backups(server):
            backup.instance_id = server.store.fixtures.instance_id

    def check(call: Call) -> None:
        if call.instance.id != call.backup.instance_id:
            raise RefusalError("422.invalid-argument", "The backup is of another instance")

    server.checks["admission"] = check


def _named_backups(server: Behaviours) -> set[str]:
    fixtures = server.store.fixtures
    return {fixtures.backup_id, fixtures.failing_backup_id, *fixtures.deletable_backup_ids}


@variant("all backups may be of one instance (RST-9)")
def backups_of_one_instance(server: Behaviours) -> None:
    """All backups are of the instance that the target file names."""
    for backup in server.store.main.backups.values():
        backup.instance_id = server.store.fixtures.instance_id


@variant("a list of logs may be capped, which is a note")
def logs_are_capped(server: Behaviours) -> None:
    """Only the 25 newest logs of a backup are shown."""
    visible = server.visible_logs
    server.visible_logs = lambda call: visible(call)[-25:]
