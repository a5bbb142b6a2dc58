"""The documents of the API. Every writer returns a new document, which the caller may change."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from conformance.reference.core import Call
    from conformance.reference.data.store import Backup, Document, Integration, Job, Log

QUEUE = "containers-backups"
CAPTIONS = {"restore": "Restore a backup", "delete": "Delete a backup"}
RETENTION = timedelta(days=7)
TASK_STATES = {"running": "running", "completed": "completed", "error": "error", "expired": "error"}


def backup(call: Call, record: Backup) -> Document:
    """The document of a backup."""
    time = call.server.write_time
    state: Document = {"current": record.current, "changed": time(record.changed)}
    if record.error is not None:
        state["error"] = {**record.error, "time": time(record.error["time"])}
    return {
        "id": record.id,
        "hub_id": record.hub_id,
        "container_id": record.container_id,
        "instance_id": record.instance_id,
        "target": {
            "integration_id": record.integration,
            "path": record.path,
            "file_id": record.file_id,
            "size": record.size,
        },
        "state": state,
        "events": {"created": time(record.created), "updated": time(record.updated), "deleted": time(record.deleted)},
    }


def integration(_call: Call, record: Integration) -> Document:
    """The document of an integration, in which secrets are masked already."""
    return deepcopy(record.document)


def log(call: Call, backup: Backup, record: Log) -> Document:
    """The document of a log."""
    time = call.server.write_time
    document = {
        "id": record.id,
        "container_id": backup.container_id,
        "instance_id": record.instance_id,
        "backup_id": backup.id,
        "hub_id": backup.hub_id,
        "type": record.type,
        "log": record.text,
        "events": {"created": time(record.created), "updated": time(record.updated), "deleted": time(None)},
    }
    if record.error is not None:
        document["error"] = deepcopy(record.error)
    return document


def descriptor(call: Call, job: Job) -> Document:
    """The descriptor of an accepted job."""
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
    """The input of a job's task."""
    ids = {"container_id": job.container.id, "backup_id": job.backup.id}
    return {**ids, "instance_id": job.instance.id} if job.instance else ids


def whole_job(call: Call, job: Job) -> Document:
    """The document of a job."""
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
        "expires": time(job.created + RETENTION),
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


def _step(call: Call, started: datetime | None, completed: datetime | None) -> Document:
    time = call.server.write_time
    return {
        "caption": "Work",
        "description": "The archive and the instance's folder",
        "started": time(started),
        "completed": time(completed),
    }
