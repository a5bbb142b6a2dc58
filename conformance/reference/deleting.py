"""Deletions: the backup is marked at once and gone when its job ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.reference.behaviour import Behaviours
    from conformance.reference.call import Call
    from conformance.reference.world import Job


def mark(call: Call) -> None:
    """The backup is on its way out from now on."""
    call.backup.current = "deleting"
    call.backup.changed = call.backup.deleted = call.server.clock()


def delete(_server: Behaviours, job: Job) -> None:
    """The work of a deletion."""
    job.container.backups.pop(job.backup.id, None)
    job.backup.archive.unlink(missing_ok=True)
