"""The contract's shapes, as pydantic models."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field, field_serializer

from . import faults

ZERO = datetime(1, 1, 1, tzinfo=UTC)
"""A time that is not set, as the platform writes it."""


class Events(BaseModel):
    created: datetime
    updated: datetime = ZERO
    deleted: datetime = ZERO


class StateError(BaseModel):
    message: str
    time: datetime


class BackupTarget(BaseModel):
    integration_id: str
    path: str
    file_id: str
    size: int

    @field_serializer("size")
    def _size(self, size: int) -> int | str:
        return str(size) if faults.on("decimal-size") else size


class BackupState(BaseModel):
    current: Literal["saving", "live", "deleting", "deleted"]
    changed: datetime
    error: StateError | None = None


class Backup(BaseModel):
    id: str
    hub_id: str
    container_id: str
    instance_id: str
    target: BackupTarget
    state: BackupState
    events: Events


class Creator(BaseModel):
    id: str
    type: Literal["account", "environment", "platform", "platform-pipeline", "employee", "api-key", "visitor"]


class IntegrationAuth(BaseModel):
    region: str | None = None
    namespace: str | None = None
    key_id: str | None = None
    secret: str | None = None


class IntegrationState(BaseModel):
    current: Literal["new", "verifying", "live", "deleting", "deleted"]
    changed: datetime


class Integration(BaseModel):
    id: str
    identifier: str
    name: str
    vendor: str
    creator: Creator
    hub_id: str
    auth: IntegrationAuth | None = None
    extra: dict[str, str] | None = None
    state: IntegrationState
    events: Events


class Includes(BaseModel):
    integrations: dict[str, Integration]


class BackupLog(BaseModel):
    class Error(BaseModel):
        message: str

    id: str
    hub_id: str
    container_id: str
    instance_id: str
    backup_id: str
    type: Literal["restore", "backup"]
    log: str
    error: Error | None = None
    events: Events


class RestoreContents(BaseModel):
    instance_id: str = Field(min_length=1)


class JobRequest(BaseModel):
    action: Literal["restore"]
    contents: RestoreContents


class Message(BaseModel):
    message: str


class JobEvents(BaseModel):
    queued: datetime
    started: datetime = ZERO
    completed: datetime = ZERO


class JobState(BaseModel):
    current: Literal["new", "queued", "scheduled", "running", "completed", "error", "expired"]
    changed: datetime
    error: Message | None = None


class TaskState(BaseModel):
    current: Literal["pending", "running", "completed", "error"]
    changed: datetime


class JobTask(BaseModel):
    id: str
    caption: str
    header: str
    events: JobEvents
    steps: None = None
    state: TaskState
    input: dict[str, str]
    output: dict[str, str] | None = None
    error: Message | None = None


class Job(BaseModel):
    id: str
    hub_id: str
    queue: str
    caption: str
    events: JobEvents
    schedule: datetime
    expires: datetime
    tasks: list[JobTask]
    hash: str
    limit_duplicates: bool = False
    creator: Creator
    state: JobState


class Parallel(BaseModel):
    tasks: bool = False


class NewJob(BaseModel):
    id: str
    accepted: bool
    queue: str
    schedule: datetime
    parallel: Parallel = Parallel()
    tasks: None = None


class JobDescriptor(BaseModel):
    action: str
    job: NewJob


class BackupsAnswer(BaseModel):
    data: list[Backup]
    includes: Includes | None = None


class BackupAnswer(BaseModel):
    data: Backup
    includes: Includes | None = None


class LogsAnswer(BaseModel):
    data: list[BackupLog]


class JobAnswer(BaseModel):
    data: Job


class DescriptorAnswer(BaseModel):
    data: JobDescriptor
