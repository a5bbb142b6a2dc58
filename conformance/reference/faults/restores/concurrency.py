"""Faults of restores at the same time, and of reads while a restore runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.patching import (
    busy,
)
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


@fault(breaks=("RST-7",))
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


@fault(breaks=("RST-7",), also=("LOG-1",))
def busy_logs_are_forbidden(server: Behaviours) -> None:
    """The logs of a backup are a 403 while it is restored."""
    visible = server.visible_logs

    def refuse(call: Call) -> list[Log]:
        if _is_restoring(call.backup, server):
            raise RefusalError("403.not-ready")
        return visible(call)

    server.visible_logs = refuse


@fault(breaks=("RST-7",), also=("LIST-1", "GET-1"))
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
