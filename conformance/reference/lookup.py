"""From the ids of a request to the things that they name. Ids are exact: no folding, no trimming."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.reference.errors import RefusalError

if TYPE_CHECKING:
    from conformance.reference.call import Call
    from conformance.reference.world import Backup, Container, Instance, Job

OID = re.compile(r"[0-9a-f]{24}")


def parse_id(call: Call, kind: str) -> str:
    """The id of that kind in the request's address."""
    text = call.ids[kind]
    if not OID.fullmatch(text):
        raise RefusalError("400.invalid-syntax", f"The {kind} id must be 24 hex digits")
    return text


def find_container(call: Call, container_id: str) -> Container | None:
    """The container of that id in the caller's hub."""
    found = call.world.containers.get(container_id)
    return found if found is not None and found.hub_id == call.hub_id else None


def find_backup(call: Call, backup_id: str) -> Backup | None:
    """The backup of that id in the container."""
    return call.container.backups.get(backup_id)


def find_instance(call: Call, instance_id: str) -> Instance | None:
    """The instance of that id in the container."""
    return call.container.instances.get(instance_id)


def find_job(call: Call, job_id: str) -> Job | None:
    """The job of that id in the caller's hub."""
    found = call.world.jobs.get(job_id)
    return found if found is not None and found.container.hub_id == call.hub_id else None


def check_ids(call: Call) -> None:
    """Step: every id in the address has the form of one, whatever it names."""
    for kind in call.ids:
        call.server.parse_id(call, kind)


def check_container(call: Call) -> None:
    """Step: the container exists."""
    found = call.server.find_container(call, call.server.parse_id(call, "container"))
    if found is None:
        raise RefusalError("404.container")
    call.container = found


def check_backup(call: Call) -> None:
    """Step: the backup exists in that container."""
    found = call.server.find_backup(call, call.server.parse_id(call, "backup"))
    if found is None:
        raise RefusalError("404.container.backup")
    call.backup = found


def check_job(call: Call) -> None:
    """Step: the job exists."""
    found = call.server.find_job(call, call.server.parse_id(call, "job"))
    if found is None:
        raise RefusalError("404.job")
    call.job = found
