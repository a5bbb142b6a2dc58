"""How each thing is written. Every writer makes a fresh document: whoever wraps it may change it."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.reference.call import Call
    from conformance.reference.world import Backup, Document, Integration, Job, Log

QUEUE = "containers-backups"
CAPTIONS = {"restore": "Restore a backup", "delete": "Delete a backup"}
KEPT = timedelta(days=7)
TASK_STATES = {"running": "running", "completed": "completed", "error": "error", "expired": "error"}


def backup(call: Call, one: Backup) -> Document:
    """A backup."""
    time = call.server.write_time
    state: Document = {"current": one.current, "changed": time(one.changed)}
    if one.error is not None:
        state["error"] = {**one.error, "time": time(one.error["time"])}
    return {
        "id": one.id,
        "hub_id": one.hub_id,
        "container_id": one.container_id,
        "instance_id": one.instance_id,
        "target": {
            "integration_id": one.integration,
            "path": one.path,
            "file_id": one.file_id,
            "size": one.size,
        },
        "state": state,
        "events": {"created": time(one.created), "updated": time(one.updated), "deleted": time(one.deleted)},
    }


def integration(_call: Call, one: Integration) -> Document:
    """An integration; its secrets are masked in the document already."""
    return deepcopy(one.document)


def log(call: Call, of: Backup, one: Log) -> Document:
    """A log."""
    time = call.server.write_time
    document = {
        "id": one.id,
        "container_id": of.container_id,
        "instance_id": one.instance_id,
        "backup_id": of.id,
        "hub_id": of.hub_id,
        "type": one.type,
        "log": one.text,
        "events": {"created": time(one.created), "updated": time(one.updated), "deleted": time(None)},
    }
    if one.error is not None:
        document["error"] = deepcopy(one.error)
    return document


def descriptor(call: Call, job: Job) -> Document:
    """What the acceptance of a job says about it."""
    time = call.server.write_time
    return {
        "action": job.kind,
        "job": {
            "id": job.id,
            "accepted": job.accepted,
            "queue": QUEUE,
            "schedule": time(job.created),
            "parallel": {"tasks": False, "sub_queue": job.lane},
            "tasks": [
                {
                    "caption": CAPTIONS[job.kind],
                    "header": f"containers.backups.{job.kind}",
                    "input": task_input(job),
                    "steps": [_step(call, None, None)],
                }
            ],
        },
    }


def task_input(job: Job) -> Document:
    """What a job's task is given."""
    given = {"container_id": job.container.id, "backup_id": job.backup.id}
    return {**given, "instance_id": job.instance.id} if job.instance else given


def whole_job(call: Call, job: Job) -> Document:
    """A job as it stands."""
    time = call.server.write_time
    events = {"queued": time(job.queued), "started": time(job.started), "completed": time(job.completed)}
    error = {"message": job.error} if job.error else None
    return {
        "id": job.id,
        "hub_id": job.container.hub_id,
        "queue": QUEUE,
        "caption": CAPTIONS[job.kind],
        "events": events,
        "schedule": time(job.created),
        "expires": time(job.created + KEPT),
        "tasks": [_task(call, job, events, error)],
        "hash": hashlib.sha256(job.id.encode()).hexdigest(),
        "limit_duplicates": False,
        "creator": {"id": job.creator_id, "type": "api-key"},
        "state": {"changed": time(job.changed), "current": job.current, "error": error},
    }


def _task(call: Call, job: Job, events: Document, error: Document | None) -> Document:
    state = {"changed": call.server.write_time(job.changed), "current": TASK_STATES.get(job.current, "pending")}
    return {
        "id": hashlib.sha256(f"task of {job.id}".encode()).hexdigest()[:24],
        "caption": CAPTIONS[job.kind],
        "header": f"containers.backups.{job.kind}",
        "events": dict(events),
        "steps": [_step(call, job.started, job.completed)],
        "state": {**state, "error": error},
        "input": task_input(job),
        "output": {"backup_id": job.backup.id} if job.current == "completed" else None,
        "error": error,
    }


def _step(call: Call, started: Any, completed: Any) -> Document:
    time = call.server.write_time
    return {
        "caption": "Work",
        "description": "The archive and the instance's folder",
        "started": time(started),
        "completed": time(completed),
    }
