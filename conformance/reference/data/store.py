"""The types of the data behind the server: keys, containers with instances and backups, logs and jobs."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

#: a JSON object that is being written. Any: faults put values of any type into it
Document = dict[str, Any]

VIEW = "containers-backups-view"
MANAGE = "containers-backups-manage"
JOBS_VIEW = "apionly-jobs-view"


def new_id() -> str:
    """A new id: 24 hex digits."""
    return secrets.token_hex(12)


@dataclass(frozen=True)
class Key:
    """An API key. Its repr does not show the token."""

    id: str
    name: str
    token: str = field(repr=False)
    hub_id: str
    capabilities: frozenset[str]
    expires: datetime | None = None


@dataclass
class Instance:
    """An instance of a container; its data is a folder on disk."""

    id: str
    container_id: str
    folder: Path


@dataclass
class Log:
    """A log entry of a backup or of one of its restores."""

    id: str
    instance_id: str
    type: str
    text: str
    created: datetime
    updated: datetime | None = None
    error: Document | None = None


@dataclass
class Backup:
    """A backup; its data is an archive on disk."""

    id: str
    hub_id: str
    container_id: str
    instance_id: str
    integration: str
    path: str
    file_id: str
    size: int
    archive: Path
    created: datetime
    current: str = "live"
    changed: datetime | None = None
    updated: datetime | None = None
    deleted: datetime | None = None
    error: Document | None = None
    logs: list[Log] = field(default_factory=list)


@dataclass
class Container:
    """A container of a hub."""

    id: str
    hub_id: str
    instances: dict[str, Instance] = field(default_factory=dict)
    backups: dict[str, Backup] = field(default_factory=dict)


@dataclass
class Integration:
    """A storage integration. Its document is the API's, with secrets masked."""

    id: str
    identifier: str
    hub_id: str
    document: Document


@dataclass
class Job:
    """A job that restores or deletes a backup."""

    kind: str
    container: Container
    backup: Backup
    instance: Instance | None
    creator_id: str
    created: datetime
    id: str = field(default_factory=new_id)
    accepted: bool = True
    current: str = "new"
    changed: datetime | None = None
    queued: datetime | None = None
    started: datetime | None = None
    completed: datetime | None = None
    error: str | None = None

    @property
    def lane(self) -> str:
        """The queue of the job: jobs of one lane run one at a time."""
        return self.instance.id if self.instance else self.backup.id


@dataclass
class Counters:
    """Counts for tests, which the API does not show."""

    requests: int = 0
    accepted_restores: int = 0
    running: int = 0
    max_running: int = 0


@dataclass
class Fixtures:
    """The ids and the digest that the target file names."""

    hub_id: str
    other_hub_id: str
    container_id: str
    empty_container_id: str
    other_container_id: str
    backup_id: str
    instance_id: str
    second_instance_id: str
    foreign_backup_id: str
    foreign_instance_id: str
    failing_backup_id: str
    not_live_backup_id: str
    deletable_backup_ids: list[str]
    expected_digest: str


@dataclass
class Store:
    """All data of the server."""

    root: Path
    restore_seconds: float
    fixtures: Fixtures
    keys: dict[str, Key]
    containers: dict[str, Container]
    integrations: list[Integration]
    jobs: dict[str, Job] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    lanes: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    def token(self, name: str) -> str:
        """The token of the key with that name."""
        return next(key.token for key in self.keys.values() if key.name == name)

    @property
    def main(self) -> Container:
        """The container that the target file names."""
        return self.containers[self.fixtures.container_id]

    def backup(self, backup_id: str) -> Backup:
        """The backup with that id, in any container."""
        return next(box.backups[backup_id] for box in self.containers.values() if backup_id in box.backups)
