"""Restores: the archive of a backup becomes the data of an instance, and a log records the result."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from conformance.reference.data.store import Log, new_id
from conformance.reference.refusals import RefusalError

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Job


def check_state(call: Call) -> None:
    """Step: only a live backup can be restored or deleted."""
    if call.backup.current != "live":
        raise RefusalError("403.invalid-state", "The backup is not live")


def restore(server: Behaviours, job: Job) -> None:
    """Unpack beside the instance's data and swap only on success: a failure leaves the data as it was."""
    if job.instance is None:
        raise ValueError("a restore needs an instance")
    fresh = job.instance.folder.with_name(f"{job.instance.id}.{job.id}")
    fresh.mkdir()
    try:
        server.unpack(job.backup.archive, fresh)
        server.swap(job.instance.folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def log_restore(server: Behaviours, job: Job, problem: str | None) -> None:
    """Write the log of a restore."""
    if job.instance is None:
        return
    text = "restore started\narchive unpacked\nrestore completed\n" if problem is None else "restore started\n"
    error = None if problem is None else {"message": problem, "message_internal": "unpack failed", "stack": None}
    moment = server.clock()
    job.backup.logs.append(Log(new_id(), job.instance.id, "restore", text, moment, moment, error))
