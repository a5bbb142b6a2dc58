"""The application: the operations of the contract, each behind the capability that it needs."""

import json
import operator
import re
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NoReturn
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, Field, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from . import faults
from .auth import InHub, JobsViewer, Manager, Viewer, get_store, may_manage
from .errors import ApiError, add_handlers
from .models import (
    Backup,
    BackupAnswer,
    BackupsAnswer,
    DescriptorAnswer,
    Includes,
    Integration,
    JobAnswer,
    JobRequest,
    LogsAnswer,
)
from .store import Store
from .worker import Worker

MAX_PAGE = 50
MAX_BODY = 4 * 1024 * 1024

BACKUPS = "/v1/containers/{container_id}/backups"
BACKUP = BACKUPS + "/{backup_id}"

SORTS: dict[str, Callable[[Backup], Any]] = {
    "id": operator.attrgetter("id"),
    "created": operator.attrgetter("events.created"),
    "updated": operator.attrgetter("events.updated"),
    "size": operator.attrgetter("target.size"),
}


class IncludeQuery(BaseModel):
    """What get can be asked for."""

    include: list[str] = []


class ListQuery(IncludeQuery):
    """What list can be asked for. A page larger than the largest is refused."""

    sort: list[str] = []
    number: int = Field(1, alias="page[number]", ge=1)
    size: int = Field(10, alias="page[size]", ge=1, le=MAX_PAGE)


def words(values: list[str]) -> list[str]:
    """A list in either of its forms: repeated, or with commas."""
    return [word for value in values for word in value.split(",") if word]


async def get_worker(request: Request) -> Worker:
    """The worker that the application was built with."""
    worker: Worker = request.app.state.worker
    return worker


Stored = Annotated[Store, Depends(get_store)]
Working = Annotated[Worker, Depends(get_worker)]


def in_order(backups: list[Backup], sort: list[str]) -> list[Backup]:
    """Sorted by several members, the first of them the most important."""
    for word in reversed(sort):
        key = SORTS.get(word.removeprefix("-"))
        if key is None:
            raise ApiError("422.invalid-argument", f"sort: one of {', '.join(SORTS)}, or with a leading minus")
        backups = sorted(backups, key=key, reverse=word.startswith("-"))
    return backups


def cut(backups: list[Backup], query: ListQuery) -> list[Backup]:
    """One page."""
    start = (query.number - 1) * query.size
    if faults.on("sorted-unpaged") and words(query.sort):
        return backups
    if faults.on("islice-500"):
        return list(islice(backups, start, start + query.size))
    return backups[start : start + query.size]


def collect(store: Store, backups: Iterable[Backup], found: dict[str, Integration]) -> dict[str, Integration]:
    """The integrations that these backups refer to."""
    for backup in backups:
        integration = store.integrations[backup.target.integration_id]
        found[integration.id] = integration
    return found


_found: dict[str, Integration] = {}


def includes(store: Store, backups: Iterable[Backup], query: IncludeQuery) -> Includes | None:
    """What was asked to be included; a word that we do not know is ignored."""
    if "integrations" not in words(query.include):
        return None
    return Includes(integrations=collect(store, backups, _found if faults.on("shared-includes") else {}))


def read_id(backup_id: str) -> str:
    """Ids are compared as they are: one that is malformed is simply not found."""
    if faults.on("object-id-500"):
        return bytes.fromhex(backup_id).hex()
    return backup_id


async def list_backups(
    container_id: str, caller: Viewer, store: Stored, query: Annotated[ListQuery, Query()]
) -> BackupsAnswer:
    """A page of the container's backups."""
    backups = store.backups_of(store.container(caller.hub_id, container_id))
    page = cut(in_order(backups, words(query.sort)), query)
    return BackupsAnswer(data=page, includes=includes(store, page, query))


async def get_backup(
    container_id: str, backup_id: str, caller: Viewer, store: Stored, query: Annotated[IncludeQuery, Query()]
) -> BackupAnswer:
    """One backup."""
    backup = store.backup(store.container(caller.hub_id, container_id), read_id(backup_id))
    return BackupAnswer(data=backup, includes=includes(store, [backup], query))


async def get_logs(container_id: str, backup_id: str, caller: Viewer, store: Stored) -> LogsAnswer:
    """A backup's logs."""
    if faults.on("logs-without-hub") and container_id in store.containers:
        container = store.containers[container_id]
    else:
        container = store.container(caller.hub_id, container_id)
    return LogsAnswer(data=store.logs_of(store.backup(container, read_id(backup_id))))


async def get_job(job_id: str, caller: JobsViewer, store: Stored) -> JobAnswer:
    """One job."""
    return JobAnswer(data=store.job(caller.hub_id, job_id))


async def delete_backup(
    container_id: str, backup_id: str, caller: Manager, store: Stored, worker: Working
) -> DescriptorAnswer:
    """Start the deletion of a backup."""
    container = store.container(caller.hub_id, container_id)
    return DescriptorAnswer(data=worker.delete(caller, container, store.backup(container, backup_id)))


async def read_body(request: Request) -> bytes:
    """The whole body, unless it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413)
    return bytes(body)


def refuse_constant(name: str) -> NoReturn:
    """NaN and its like, which Python's parser takes and JSON does not know."""
    raise ValueError(name)


async def parse_body(request: Request) -> JobRequest:
    """The body as a JobRequest, or the error that the framework itself raises for a bad body."""
    body = await read_body(request)
    try:
        document = json.loads(body.decode(), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error"}]) from None
    try:
        return JobRequest.model_validate(document)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False, include_input=faults.on("echo-surrogate-500"))
        raise RequestValidationError([{**error, "loc": ("body", *error["loc"])} for error in errors]) from None


async def json_only(
    content_type: Annotated[str | None, Header()] = None, content_encoding: Annotated[str, Header()] = ""
) -> None:
    """A body is JSON, as it is; one that does not say what it is may be."""
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if not re.fullmatch(r"application/([\w.-]+\+)?json", media_type) or content_encoding not in {"", "identity"}:
        raise ApiError("415.invalid-content-type", "application/json is wanted")


async def job_request(
    request: Request, caller: Manager, content_type: Annotated[None, Depends(json_only)]
) -> JobRequest:
    """The body, read only after the key was found good enough."""
    return await parse_body(request)


async def restore(
    container_id: str,
    backup_id: str,
    caller: Manager,
    wanted: Annotated[JobRequest, Depends(job_request)],
    worker: Working,
) -> DescriptorAnswer:
    """Start a restore."""
    container = worker.store.container(caller.hub_id, container_id)
    backup = worker.store.backup(container, read_id(backup_id))
    return DescriptorAnswer(data=worker.restore(caller, container, backup, wanted.contents.instance_id))


async def restore_by_parameter(
    container_id: str, backup_id: str, caller: Manager, wanted: JobRequest, worker: Working
) -> DescriptorAnswer:
    """The fault body-before-auth: the shorter way to write it."""
    return await restore(container_id, backup_id, caller, wanted, worker)


async def restore_then_check(
    container_id: str, backup_id: str, caller: InHub, request: Request, worker: Working
) -> DescriptorAnswer:
    """The fault task-before-check: the capability is looked at when the task is already on its way."""
    await json_only(request.headers.get("content-type"), request.headers.get("content-encoding", ""))
    answer = await restore(container_id, backup_id, caller, await parse_body(request), worker)
    await may_manage(caller)
    return answer


def add_restore(app: FastAPI) -> None:
    """Restore, in the way that it is written."""
    endpoint: Callable[..., Any] = restore
    before = []
    if faults.on("body-before-auth"):
        endpoint = restore_by_parameter
        before = [Depends(json_only)]
    elif faults.on("task-before-check"):
        endpoint = restore_then_check
    app.add_api_route(BACKUP + "/tasks", endpoint, methods=["POST"], status_code=202, dependencies=before)


def add_routes(app: FastAPI) -> None:
    """All addresses."""
    exclude_none = not faults.on("none-as-null")
    slash = "/" if faults.on("redirect-slashes") else ""
    app.add_api_route(BACKUPS + slash, list_backups, response_model_exclude_none=exclude_none)
    app.add_api_route(BACKUP, get_backup, response_model_exclude_none=exclude_none)
    app.add_api_route(BACKUP, delete_backup, methods=["DELETE"], status_code=202)
    add_restore(app)
    app.add_api_route(BACKUP + "/logs", get_logs)
    app.add_api_route("/v1/jobs/{job_id}", get_job)


class EncodedSlashes:
    """Decodes the path segment by segment, so that %2F within an id does not come to separate segments.

    The router would also take a line feed at the end of the path for the end of the path.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            segments = scope["raw_path"].decode("latin-1").split("/")
            decoded = [unquote(segment).replace("/", "%2F").replace("\n", "%0A") for segment in segments]
            scope["path"] = "/".join(decoded)
        await self.app(scope, receive, send)


def build_app(store: Store, state: Path, seconds: float) -> FastAPI:
    """The application over a store, with its data in a folder."""
    app = FastAPI(openapi_url=None, redirect_slashes=faults.on("redirect-slashes"))
    app.state.store = store
    app.state.worker = Worker(store, state, seconds)
    add_routes(app)
    add_handlers(app)
    if not faults.on("encoded-slash"):
        app.add_middleware(EncodedSlashes)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    return app
