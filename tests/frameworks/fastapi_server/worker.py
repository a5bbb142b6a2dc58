"""Restores and deletions, done in the background."""

import asyncio
import hashlib
import logging
import shutil
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path

from . import faults
from .errors import ApiError
from .models import (
    ZERO,
    Backup,
    BackupLog,
    Creator,
    Events,
    Job,
    JobDescriptor,
    JobEvents,
    JobState,
    JobTask,
    Message,
    NewJob,
    TaskState,
)
from .store import Caller, Container, Store, new_id, now

LOGGER = logging.getLogger(__name__)


def new_job(caller: Caller, caption: str, wanted: dict[str, str]) -> Job:
    """A job of one task, queued now."""
    moment = now()
    events = JobEvents(queued=moment)
    task = JobTask(
        id=new_id(),
        caption=caption,
        header=caption,
        events=events.model_copy(),
        state=TaskState(current="pending", changed=moment),
        input=wanted,
    )
    return Job(
        id=new_id(),
        hub_id=caller.hub_id,
        queue="backups",
        caption=caption,
        events=events,
        schedule=ZERO,
        expires=moment + timedelta(days=7),
        tasks=[task],
        hash=hashlib.sha256(repr(sorted(wanted.items())).encode()).hexdigest(),
        creator=Creator(id=caller.id, type="api-key"),
        state=JobState(current="queued", changed=moment),
    )


def descriptor(action: str, job: Job) -> JobDescriptor:
    """What the one who asked is told about the job."""
    return JobDescriptor(action=action, job=NewJob(id=job.id, accepted=True, queue=job.queue, schedule=job.schedule))


def mark_started(job: Job) -> None:
    """The job runs, and so does its task."""
    moment = now()
    for part in (job, job.tasks[0]):
        part.events.started = moment
        part.state.current = "running"
        part.state.changed = moment


def mark_ended(job: Job, failure: str | None) -> None:
    """The job ends, well or with a message."""
    moment = now()
    for part in (job, job.tasks[0]):
        part.events.completed = moment
        part.state.current = "error" if failure else "completed"
        part.state.changed = moment
    if failure:
        job.state.error = Message(message=failure)
        job.tasks[0].error = Message(message=failure)


class Worker:
    """Runs the jobs. An instance takes one restore at a time; a second one is refused."""

    def __init__(self, store: Store, state: Path, seconds: float) -> None:
        self.store = store
        self.instances = state / "instances"
        self.archive = state / "backups"
        self.seconds = seconds
        self._running: set[asyncio.Task[None]] = set()

    def restore(self, caller: Caller, container: Container, backup: Backup, instance_id: str) -> JobDescriptor:
        """Accept a restore or say why not."""
        if instance_id not in container.instances:
            raise ApiError("404.instance", source="/contents/instance_id")
        if backup.state.current != "live":
            raise ApiError("403.invalid-state", "only a live backup can be restored")
        if self._busy("instance_id", instance_id):
            raise ApiError("409.duplicate-found", "the instance is being restored")
        job = new_job(caller, "Restore a backup", {"backup_id": backup.id, "instance_id": instance_id})
        self.store.jobs[job.id] = job
        work = self._restore(job, backup, instance_id)
        if not faults.on("never-awaited"):
            self._start(work)
        return descriptor("restore", job)

    def delete(self, caller: Caller, container: Container, backup: Backup) -> JobDescriptor:
        """Accept a deletion or say why not."""
        if backup.state.current != "live" or self._busy("backup_id", backup.id):
            raise ApiError("403.invalid-state", "only a live backup that is not being restored can be deleted")
        doomed = [backup]
        if faults.on("like-delete"):
            prefix = backup.target.file_id
            doomed = [each for each in self.store.backups_of(container) if each.target.file_id.startswith(prefix)]
        for each in doomed:
            each.state.current = "deleting"
            each.state.changed = each.events.deleted = now()
        job = new_job(caller, "Delete a backup", {"backup_id": backup.id})
        self.store.jobs[job.id] = job
        self._start(self._delete(job, doomed))
        return descriptor("delete", job)

    def _busy(self, role: str, wanted: str) -> bool:
        return any(
            job.tasks[0].input.get(role) == wanted and job.state.current in {"queued", "running"}
            for job in self.store.jobs.values()
        )

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        # The event loop itself holds tasks only weakly.
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _restore(self, job: Job, backup: Backup, instance_id: str) -> None:
        await asyncio.sleep(self.seconds / 4)
        mark_started(job)
        failure = None
        try:
            await asyncio.sleep(self.seconds)
            await asyncio.to_thread(self._copy, backup.id, instance_id)
            if faults.on("log-twice"):
                self._log(backup, instance_id, None)
        except OSError:
            LOGGER.exception("restore of %s failed", backup.id)
            if not faults.on("swallowed-error"):
                failure = "the backup's data cannot be read"
        finally:
            self._log(backup, instance_id, failure)
        mark_ended(job, failure)

    def _copy(self, backup_id: str, instance_id: str) -> None:
        """Put the data beside the instance's own first, so that a failure leaves the instance whole."""
        new, old = (self.instances / f".{instance_id}.{name}" for name in ("new", "old"))
        shutil.copytree(self.archive / backup_id, new)
        (self.instances / instance_id).rename(old)
        new.rename(self.instances / instance_id)
        shutil.rmtree(old)

    def _log(self, backup: Backup, instance_id: str, failure: str | None) -> None:
        moment = datetime.now() if faults.on("naive-log-times") else now()
        self.store.logs.append(
            BackupLog(
                id=new_id(),
                hub_id=backup.hub_id,
                container_id=backup.container_id,
                instance_id=instance_id,
                backup_id=backup.id,
                type="restore",
                log=f"restore {'failed' if failure else 'completed'}\n",
                error=BackupLog.Error(message=failure) if failure else None,
                events=Events(created=moment, updated=moment),
            )
        )

    async def _delete(self, job: Job, doomed: list[Backup]) -> None:
        mark_started(job)
        await asyncio.sleep(self.seconds)
        for backup in doomed:
            del self.store.backups[backup.id]
        mark_ended(job, None)
