"""Deletions: a backup is marked at once and removed by its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Job


def mark_deleted(call: Call) -> None:
    """Put the backup into the state `deleting`."""
    call.backup.current = "deleting"
    call.backup.changed = call.backup.deleted = call.server.clock()


def delete(_server: Behaviours, job: Job) -> None:
    """The work of a deletion job."""
    job.container.backups.pop(job.backup.id, None)
    job.backup.archive.unlink(missing_ok=True)
