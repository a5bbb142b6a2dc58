"""Faults of the results of restores: the log, the backup afterwards, and failures."""

from __future__ import annotations

import asyncio
from dataclasses import replace as copy_of
from typing import TYPE_CHECKING

from conformance.reference.data.store import new_id
from conformance.reference.patching import (
    after_restore,
    on_restore_log,
)
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours
    from conformance.reference.data.store import Backup, Job, Log


@fault(breaks=("RST-2",), also=("RST-6",))
def no_log(server: Behaviours) -> None:
    """A successful restore leaves no log."""
    on_restore_log(server, lambda job, _log: job.backup.logs.pop())


@fault(breaks=("RST-2",), also=("RST-6",))
def two_logs(server: Behaviours) -> None:
    """A restore leaves two logs."""
    on_restore_log(server, lambda job, log: job.backup.logs.append(copy_of(log, id=new_id())))


@fault(breaks=("RST-2",), also=("RST-6",))
def restore_logged_as_backup(server: Behaviours) -> None:
    """The log of a restore has type backup."""
    on_restore_log(server, lambda _job, log: log.__setattr__("type", "backup"))


@fault(breaks=("RST-2",))
def good_restore_logged_with_error(server: Behaviours) -> None:
    """The log of a successful restore has an error."""
    on_restore_log(server, lambda _job, log: log.__setattr__("error", {"message": "no error"}))


@fault(breaks=("RST-2",), also=("RST-6",))
def logged_for_the_instance_of_the_backup(server: Behaviours) -> None:
    """The log of a restore names another instance than the restored one."""

    def change(job: Job, log: Log) -> None:
        log.instance_id = next(instance for instance in job.container.instances if instance != log.instance_id)

    on_restore_log(server, change)


@fault(breaks=("RST-2",), needs_probe=True)
def logged_for_the_source_instance(server: Behaviours) -> None:
    """The log of a restore names the instance that the backup was made of, not the restored one."""
    on_restore_log(server, lambda job, log: log.__setattr__("instance_id", job.backup.instance_id))


@fault(breaks=("RST-2",), also=("HTTP-4", "LOG-6", "RST-6"))
def log_vanishes(server: Behaviours) -> None:
    """The log of a restore disappears after a second."""

    def change(job: Job, log: Log) -> None:
        asyncio.get_running_loop().call_later(1, lambda: job.backup.logs.remove(log))

    on_restore_log(server, change)


@fault(breaks=("RST-3",), also=("BKP-1",))
def restored_backup_is_new(server: Behaviours) -> None:
    """A restore changes the backup's creation time."""
    after_restore(server, lambda job: job.backup.__setattr__("created", job.started))


@fault(breaks=("RST-3",))
def restored_backup_moves(server: Behaviours) -> None:
    """A restore changes the backup's path."""
    after_restore(server, lambda job: job.backup.__setattr__("path", "/restored"))


@fault(breaks=("RST-3",), also=("JOB-1",))
def restored_backup_stays_busy(server: Behaviours) -> None:
    """A restored backup stays in state saving."""
    after_restore(server, lambda job: job.backup.__setattr__("current", "saving"))


@fault(breaks=("RST-3",))
def restored_backup_changes_instance(server: Behaviours) -> None:
    """A restore changes the backup's instance."""

    def change(job: Job) -> None:
        job.backup.instance_id = list(job.container.instances)[-1]

    after_restore(server, change)


@fault(breaks=("RST-4",))
def failure_logged_without_error(server: Behaviours) -> None:
    """The log of a failed restore has no error."""
    on_restore_log(server, lambda _job, log: log.__setattr__("error", None), failed=True)


@fault(breaks=("RST-4",))
def failure_logged_without_message(server: Behaviours) -> None:
    """The error in the log of a failed restore has an empty message."""
    on_restore_log(server, lambda _job, log: log.__setattr__("error", {"message": ""}), failed=True)


@fault(breaks=("RST-4",))
def failure_leaves_no_log(server: Behaviours) -> None:
    """A failed restore leaves no log."""
    on_restore_log(server, lambda job, _log: job.backup.logs.pop(), failed=True)


@fault(breaks=("RST-4",))
def failed_jobs_complete(server: Behaviours) -> None:
    """The job of a failed restore is completed."""
    advance = server.advance

    def complete(server: Behaviours, job: Job, state: str) -> None:
        job.error = None
        advance(server, job, "completed" if state == "error" else state)

    server.advance = complete


@fault(breaks=("RST-4",))
def failure_marks_the_backup(server: Behaviours) -> None:
    """A failed restore leaves the backup in state deleted."""
    on_restore_log(server, lambda job, _log: job.backup.__setattr__("current", "deleted"), failed=True)


@fault(breaks=("RST-3",), also=("AUTH-5", "AUTH-6", "AUTH-9", "CAP-8", "JOB-10"))
def restored_backup_moves_later(server: Behaviours) -> None:
    """Two seconds after a restore the backup's path changes."""

    def move(backup: Backup) -> None:
        backup.path = "/restored"

    after_restore(server, lambda job: asyncio.get_running_loop().call_later(2, move, job.backup))


@fault(breaks=("RST-2",), also=("RST-6",))
def a_log_for_each_instance(server: Behaviours) -> None:
    """A restore leaves a second log for another instance."""

    def more(job: Job, log: Log) -> None:
        other = next(instance for instance in job.container.instances if instance != log.instance_id)
        job.backup.logs.append(copy_of(log, id=new_id(), instance_id=other))

    on_restore_log(server, more)
