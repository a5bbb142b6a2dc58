"""Lookup of containers, backups, instances and jobs. Ids are compared exactly, without folding or trimming."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.reference.refusals import RefusalError

if TYPE_CHECKING:
    from conformance.reference.core import Call
    from conformance.reference.data.store import Backup, Container, Instance, Job

OID = re.compile(r"[0-9a-f]{24}")


def parse_id(call: Call, kind: str) -> str:
    """The id of that kind in the request's path."""
    text = call.ids[kind]
    if not OID.fullmatch(text):
        raise RefusalError("400.invalid-syntax", f"The {kind} id must be 24 hex digits")
    return text


def find_container(call: Call, container_id: str) -> Container | None:
    """The container with that id in the hub of the request."""
    container = call.store.containers.get(container_id)
    return container if container is not None and container.hub_id == call.hub_id else None


def find_backup(call: Call, backup_id: str) -> Backup | None:
    """The backup with that id in the container."""
    return call.container.backups.get(backup_id)


def find_instance(call: Call, instance_id: str) -> Instance | None:
    """The instance with that id in the container."""
    return call.container.instances.get(instance_id)


def find_job(call: Call, job_id: str) -> Job | None:
    """The job with that id in the hub of the request."""
    job = call.store.jobs.get(job_id)
    return job if job is not None and job.container.hub_id == call.hub_id else None


def check_ids(call: Call) -> None:
    """Step: every id in the path is well-formed."""
    for kind in call.ids:
        call.server.parse_id(call, kind)


def check_container(call: Call) -> None:
    """Step: the container exists."""
    container = call.server.find_container(call, call.server.parse_id(call, "container"))
    if container is None:
        raise RefusalError("404.container")
    call.container = container


def check_backup(call: Call) -> None:
    """Step: the backup exists in that container."""
    backup = call.server.find_backup(call, call.server.parse_id(call, "backup"))
    if backup is None:
        raise RefusalError("404.container.backup")
    call.backup = backup


def check_job(call: Call) -> None:
    """Step: the job exists."""
    job = call.server.find_job(call, call.server.parse_id(call, "job"))
    if job is None:
        raise RefusalError("404.job")
    call.job = job
