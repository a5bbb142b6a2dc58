"""What the server knows: hubs with their keys, containers, backups, logs and jobs, all in memory."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from .errors import ApiError
from .models import Backup, BackupLog, Integration, Job

ZONE = timezone(timedelta(hours=2))
"""The server stands in Helsinki in winter; an offset is as good as Z."""


def now() -> datetime:
    """The time, with its offset and its fraction."""
    return datetime.now(ZONE)


def new_id() -> str:
    """24 hex digits."""
    return secrets.token_hex(12)


@dataclass(frozen=True)
class Caller:
    """Who holds a key, in which hub, and what the key may do."""

    id: str
    hub_id: str
    capabilities: frozenset[str]
    expires: datetime | None = None


@dataclass(frozen=True)
class Container:
    id: str
    hub_id: str
    instances: tuple[str, ...]


@dataclass
class Store:
    keys: dict[str, Caller] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    backups: dict[str, Backup] = field(default_factory=dict)
    logs: list[BackupLog] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)

    def container(self, hub_id: str, container_id: str) -> Container:
        """A container of this hub."""
        container = self.containers.get(container_id)
        if container is None or container.hub_id != hub_id:
            raise ApiError("404.container")
        return container

    def backups_of(self, container: Container) -> list[Backup]:
        """The container's backups, the newest first."""
        mine = [backup for backup in self.backups.values() if backup.container_id == container.id]
        return sorted(mine, key=lambda backup: (backup.events.created, backup.id), reverse=True)

    def backup(self, container: Container, backup_id: str) -> Backup:
        """A backup of this container."""
        backup = self.backups.get(backup_id)
        if backup is None or backup.container_id != container.id:
            raise ApiError("404.container.backup")
        return backup

    def logs_of(self, backup: Backup) -> list[BackupLog]:
        """The backup's logs, the oldest first."""
        return [log for log in self.logs if log.backup_id == backup.id]

    def job(self, hub_id: str, job_id: str) -> Job:
        """A job of this hub."""
        job = self.jobs.get(job_id)
        if job is None or job.hub_id != hub_id:
            raise ApiError("404.job")
        return job
