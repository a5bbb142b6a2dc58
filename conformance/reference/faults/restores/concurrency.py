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
    """A restore that is accepted while another runs never happens."""
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
    """A restore that is asked for while another runs is given the job of that one."""
    make, start = server.new_job, server.start_job

    def join(call: Call, kind: str) -> Job:
        if kind == "restore" and busy(call):
            return next(
                one for one in call.store.jobs.values() if one.completed is None and one.lane == call.instance.id
            )
        return make(call, kind)

    server.new_job = join
    server.start_job = lambda call, job: None if job.id in call.store.jobs else start(call, job)


@fault(breaks=("RST-6",))
def second_restore_is_refused_and_done(server: Behaviours) -> None:
    """A restore that is asked for while another runs is a 409, and happens."""

    def refuse(call: Call) -> None:
        call.server.handlers["restore"](call)
        raise RefusalError("409.duplicate-found")

    _admission(server, refuse)


@fault(breaks=("RST-6",))
def second_restore_is_bad_syntax(server: Behaviours) -> None:
    """A restore that is asked for while another runs is a 400."""

    def refuse(_call: Call) -> None:
        raise RefusalError("400.invalid-syntax")

    _admission(server, refuse)


@fault(breaks=("RST-6",), also=("HTTP-3",))
def second_restore_breaks_down(server: Behaviours) -> None:
    """A restore that is asked for while another runs is a 500."""

    def refuse(_call: Call) -> None:
        raise RefusalError("500.unknown")

    _admission(server, refuse)


def _is_restoring(backup: Backup, server: Behaviours) -> bool:
    return any(one.backup is backup and one.current == "running" for one in server.store.jobs.values())


@fault(breaks=("RST-7",))
def busy_backup_is_not_listed(server: Behaviours) -> None:
    """A backup that is being restored is not in the list."""
    visible = server.visible
    server.visible = lambda call: [one for one in visible(call) if not _is_restoring(one, server)]


@fault(breaks=("RST-7",))
def busy_backup_is_not_found(server: Behaviours) -> None:
    """A backup that is being restored is a 404 in get."""
    find = server.find_backup

    def hide(call: Call, backup_id: str) -> Backup | None:
        found = find(call, backup_id)
        return None if found and call.operation == "get" and _is_restoring(found, server) else found

    server.find_backup = hide


@fault(breaks=("RST-7",), also=("LOG-1",))
def busy_logs_are_forbidden(server: Behaviours) -> None:
    """The logs of a backup that is being restored are not ready."""
    visible = server.visible_logs

    def refuse(call: Call) -> list[Log]:
        if _is_restoring(call.backup, server):
            raise RefusalError("403.not-ready")
        return visible(call)

    server.visible_logs = refuse


@fault(breaks=("RST-7",), also=("LIST-1", "GET-1"))
def busy_backup_is_restoring(server: Behaviours) -> None:
    """A backup that is being restored is in a state that does not exist."""
    write = server.write_backup

    def restoring_state(call: Call, one: Backup) -> Document:
        document = write(call, one)
        if _is_restoring(one, server):
            document["state"]["current"] = "restoring"
        return document

    server.write_backup = restoring_state


@fault(breaks=("RST-6",), also=("RST-2",))
def second_restore_of_another_backup_is_lost(server: Behaviours) -> None:
    """A restore that is accepted while one of another backup runs on the instance never happens."""
    start = server.start_job

    def start_first(call: Call, job: Job) -> None:
        running = [one for one in call.store.jobs.values() if one.completed is None and one.lane == job.lane]
        if job.kind == "restore" and any(one.backup is not job.backup for one in running):
            call.store.jobs[job.id] = job
            job.current, job.completed = "completed", call.server.clock()
        else:
            start(call, job)

    server.start_job = start_first
