"""Faults of restores at the same time, and of reads while a restore runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.patching import busy
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Document, Job, Log


def _admission(server: Behaviours, check: Callable[[Call], None]) -> None:
    server.checks["admission"] = lambda call: check(call) if busy(call) else None


@fault(breaks=("RST-6",))
def second_restore_is_lost(server: Behaviours) -> None:
    """A restore that is accepted while another runs is never executed."""
    start = server.start_job

    def start_first(call: Call, job: Job) -> None:
        if job.kind == "restore" and busy(call):
            call.store.jobs[job.id] = job
            job.current, job.completed = "completed", call.server.clock()
        else:
            start(call, job)

    server.start_job = start_first


@fault(breaks=("RST-6",), also=("JOB-3",))
def second_restore_joins_the_first(server: Behaviours) -> None:
    """A restore that is requested while another runs gets the job of that one."""
    make, start = server.new_job, server.start_job

    def join(call: Call, kind: str) -> Job:
        if kind == "restore" and busy(call):
            return next(
                job for job in call.store.jobs.values() if job.completed is None and job.lane == call.instance.id
            )
        return make(call, kind)

    server.new_job = join
    server.start_job = lambda call, job: None if job.id in call.store.jobs else start(call, job)


@fault(breaks=("RST-6",))
def second_restore_is_refused_and_done(server: Behaviours) -> None:
    """A restore that is requested while another runs is a 409 but runs anyway."""

    def refuse(call: Call) -> None:
        call.server.handlers["restore"](call)
        raise RefusalError("409.duplicate-found")

    _admission(server, refuse)


@fault(breaks=("RST-6",))
def second_restore_is_bad_syntax(server: Behaviours) -> None:
    """A restore that is requested while another runs is a 400."""

    def refuse(_call: Call) -> None:
        raise RefusalError("400.invalid-syntax")

    _admission(server, refuse)


@fault(breaks=("RST-6",), also=("HTTP-3",))
def second_restore_breaks_down(server: Behaviours) -> None:
    """A restore that is requested while another runs is a 500."""

    def refuse(_call: Call) -> None:
        raise RefusalError("500.unknown")

    _admission(server, refuse)


def _is_restoring(backup: Backup, server: Behaviours) -> bool:
    return any(job.backup is backup and job.current == "running" for job in server.store.jobs.values())


@fault(breaks=("RST-7",), also=("HTTP-4", "LIST-5"))
def busy_backup_is_not_listed(server: Behaviours) -> None:
    """The list leaves out a backup while it is restored."""
    visible = server.visible
    server.visible = lambda call: [backup for backup in visible(call) if not _is_restoring(backup, server)]


@fault(breaks=("RST-7",))
def busy_backup_is_not_found(server: Behaviours) -> None:
    """Get of a backup is a 404 while it is restored."""
    find = server.find_backup

    def hide(call: Call, backup_id: str) -> Backup | None:
        backup = find(call, backup_id)
        return None if backup and call.operation == "get" and _is_restoring(backup, server) else backup

    server.find_backup = hide


@fault(breaks=("RST-7",), also=("LOG-1", "LOG-6"))
def busy_logs_are_forbidden(server: Behaviours) -> None:
    """The logs of a backup are a 403 while it is restored."""
    visible = server.visible_logs

    def refuse(call: Call) -> list[Log]:
        if _is_restoring(call.backup, server):
            raise RefusalError("403.not-ready")
        return visible(call)

    server.visible_logs = refuse


@fault(breaks=("LIST-1", "GET-1"), also=("RST-7", "HTTP-4"))
def busy_backup_is_restoring(server: Behaviours) -> None:
    """A backup has the unknown state `restoring` while it is restored."""
    write = server.write_backup

    def restoring_state(call: Call, backup: Backup) -> Document:
        document = write(call, backup)
        if _is_restoring(backup, server):
            document["state"]["current"] = "restoring"
        return document

    server.write_backup = restoring_state


@fault(breaks=("RST-6",), also=("RST-2",))
def second_restore_of_another_backup_is_lost(server: Behaviours) -> None:
    """A restore that is accepted while one of another backup runs on the instance is never executed."""
    start = server.start_job

    def start_first(call: Call, job: Job) -> None:
        running = [other for other in call.store.jobs.values() if other.completed is None and other.lane == job.lane]
        if job.kind == "restore" and any(other.backup is not job.backup for other in running):
            call.store.jobs[job.id] = job
            job.current, job.completed = "completed", call.server.clock()
        else:
            start(call, job)

    server.start_job = start_first


def _when_two_run(server: Behaviours, change: Callable[[Job, list[Job]], object]) -> None:
    """Run restores without a lock, and do something when one starts its work while others are running."""
    work, pace = server.work["restore"], server.pace
    running: list[Job] = []

    async def without_lock(server: Behaviours, job: Job, state: str) -> None:
        if state == "running":
            running.append(job)
            server.store.lanes.pop(job.lane, None)
        await pace(server, job, state)

    def work_beside(server: Behaviours, job: Job) -> None:
        others = [other for other in running if other is not job and other.lane == job.lane]
        running.remove(job)
        change(job, others)
        work(server, job)

    server.pace = without_lock
    server.work["restore"] = work_beside


@fault(breaks=("RST-6",), also=("RST-2",))
def concurrent_restores_fail(server: Behaviours) -> None:
    """Restores to one instance are not serialized: one that finds another running ends in error."""

    def fail(_job: Job, others: list[Job]) -> None:
        if others:
            raise OSError("the volume is busy")

    _when_two_run(server, fail)


@fault(breaks=("RST-6",), also=("RST-2",))
def concurrent_restores_all_fail(server: Behaviours) -> None:
    """Concurrent restores to one instance all end in error, as in a deadlock."""
    together: set[str] = set()

    def fail(job: Job, others: list[Job]) -> None:
        together.update(other.id for other in others)
        if others or job.id in together:
            raise OSError("deadlock detected")

    _when_two_run(server, fail)


@fault(breaks=("RST-6",), also=("RST-2", "RST-8"))
def next_restore_cancels_the_running(server: Behaviours) -> None:
    """A restore that is requested while another runs makes that one end in error."""
    start, work = server.start_job, server.work["restore"]
    cancelled: set[str] = set()

    def cancel(call: Call, job: Job) -> None:
        if job.kind == "restore":
            cancelled.update(
                other.id for other in call.store.jobs.values() if other.completed is None and other.lane == job.lane
            )
        start(call, job)

    def give_up(server: Behaviours, job: Job) -> None:
        if job.id in cancelled:
            raise InterruptedError("cancelled by a newer restore")
        work(server, job)

    server.start_job, server.work["restore"] = cancel, give_up


@fault(breaks=("RST-6",), also=("RST-1", "RST-2"))
def waiting_restores_expire(server: Behaviours) -> None:
    """A restore that has to wait for another expires, without a log."""
    run, busy_lanes = server.run_job, set[str]()

    async def once(server: Behaviours, job: Job) -> None:
        if job.lane in busy_lanes:
            server.advance(server, job, "expired")
            return
        busy_lanes.add(job.lane)
        try:
            await run(server, job)
        finally:
            busy_lanes.discard(job.lane)

    server.run_job = once


@fault(breaks=("RST-6",), also=("RST-2",))
def concurrent_restores_share_a_log(server: Behaviours) -> None:
    """Concurrent restores to one instance leave one log."""
    log = server.log_restore

    def once(server: Behaviours, job: Job, problem: str | None) -> None:
        beside = [other for other in server.store.jobs.values() if other.lane == job.lane and other is not job]
        if not any(other.completed is None for other in beside):
            log(server, job, problem)

    server.log_restore = once


@fault(breaks=("RST-6",), also=("RST-8", "RST-2"))
def queue_keeps_only_the_last(server: Behaviours) -> None:
    """Of the restores that wait for an instance only the last is executed; the others are completed unexecuted."""
    work, waiting = server.work["restore"], dict[str, str]()
    start = server.start_job

    def remember(call: Call, job: Job) -> None:
        waiting[job.lane] = job.id
        start(call, job)

    def only_last(server: Behaviours, job: Job) -> None:
        if waiting.get(job.lane) == job.id:
            work(server, job)

    log = server.log_restore

    def log_last(server: Behaviours, job: Job, problem: str | None) -> None:
        if waiting.get(job.lane) == job.id:
            log(server, job, problem)

    server.start_job, server.work["restore"], server.log_restore = remember, only_last, log_last


@fault(breaks=("LIST-1", "GET-1"), also=("RST-3", "RST-4", "RST-7"))
def restored_backup_is_restored(server: Behaviours) -> None:
    """A backup has the unknown state `restored` after its first restore."""
    write = server.write_backup

    def restored_state(call: Call, backup: Backup) -> Document:
        document = write(call, backup)
        if any(job.backup is backup and job.completed for job in call.store.jobs.values()):
            document["state"]["current"] = "restored"
        return document

    server.write_backup = restored_state
