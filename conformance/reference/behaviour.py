"""The seams of the server.

The server is put together from the small behaviours below, and does nothing but call them: `Behaviours` holds one
callable for each decision it takes, with the right one as default. A fault or a legal variant is a function that
gets the behaviours before the server starts and replaces or wraps one of them:

    @fault(breaks=("LIST-5",))
    def last_page_loses_one(server: Behaviours) -> None:
        \"\"\"The last item of every page is dropped.\"\"\"
        page = server.page
        server.page = lambda call, items, number, size: page(call, items, number, size)[:-1]

Every seam of a request takes the `Call` first: it knows the operation, the caller, the hub and what was found so far.
Every seam of a job takes the behaviours and the `Job`. Writers return fresh documents, which may be changed in place.
`steps` names the checks of each operation in their order: remove or reorder names, or replace a check in `checks`.
`document` sees every document before it is encoded, `finish` every answer, `wrap_app` the whole ASGI application.
`editing` has the usual ways of changing things. Data can be changed too: `server.world` is built before the faults are
applied. The server never asks for a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.reference import (
    access,
    actions,
    answers,
    bodies,
    deleting,
    errors,
    including,
    jobs,
    listing,
    lookup,
    restoring,
    shapes,
    times,
)
from conformance.reference.call import Answer, Call, Reply
from conformance.reference.world import Backup, Container, Document, Instance, Integration, Job, Key, Log, World

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from starlette.types import ASGIApp

    from conformance.reference.errors import RefusalError

Check = Callable[[Call], None]
Action = Callable[[Call], Reply]
Work = Callable[["Behaviours", Job], None]

ENTRY = ["key", "hub", "scope", "capability", "ids"]


def _routes() -> dict[str, dict[str, str]]:
    backup = "/v1/containers/{container}/backups/{backup}"
    return {
        "/v1/containers/{container}/backups": {"GET": "list"},
        backup: {"GET": "get", "DELETE": "delete"},
        f"{backup}/tasks": {"POST": "restore"},
        f"{backup}/logs": {"GET": "logs"},
        "/v1/jobs/{job}": {"GET": "job"},
    }


def _steps() -> dict[str, list[str]]:
    return {
        "list": [*ENTRY, "container"],
        "get": [*ENTRY, "container", "backup"],
        "logs": [*ENTRY, "container", "backup"],
        "restore": [*ENTRY, "container", "backup", "content type", "body", "request", "state", "admission"],
        "delete": [*ENTRY, "container", "backup", "state"],
        "job": [*ENTRY, "job"],
    }


def _checks() -> dict[str, Check]:
    return {
        "key": access.check_key,
        "hub": access.check_hub,
        "scope": access.check_scope,
        "capability": access.check_capability,
        "ids": lookup.check_ids,
        "container": lookup.check_container,
        "backup": lookup.check_backup,
        "job": lookup.check_job,
        "content type": bodies.check_content_type,
        "body": bodies.check_body,
        "request": bodies.check_request,
        "state": restoring.check_state,
        "admission": lambda _call: None,
    }


def _actions() -> dict[str, Action]:
    return {
        "list": actions.list_backups,
        "get": actions.get_backup,
        "logs": actions.list_logs,
        "restore": actions.restore_backup,
        "delete": actions.delete_backup,
        "job": actions.get_job,
    }


def _work() -> dict[str, Work]:
    return {"restore": restoring.restore, "delete": deleting.delete}


@dataclass
class Behaviours:
    """Every decision of the server, each replaceable."""

    world: World

    # What is served, in which order it is checked, and what it does.
    routes: dict[str, dict[str, str]] = field(default_factory=_routes)
    steps: dict[str, list[str]] = field(default_factory=_steps)
    checks: dict[str, Check] = field(default_factory=_checks)
    actions: dict[str, Action] = field(default_factory=_actions)

    # Who asks, for which hub, and whether they may.
    token: Callable[[Call], str] = access.token
    find_key: Callable[[Call, str], Key | None] = access.find_key
    expired: Callable[[Call, Key], bool] = access.expired
    authenticate: Callable[[Call], Key] = access.authenticate
    hub: Callable[[Call], str] = access.hub
    in_scope: Callable[[Call, Key, str], bool] = access.in_scope
    capabilities: dict[str, str] = field(default_factory=lambda: dict(access.NEEDED))
    holds: Callable[[Call, Key, str], bool] = access.holds
    denial: Callable[[Call, str], RefusalError] = access.denial

    # From ids to things.
    parse_id: Callable[[Call, str], str] = lookup.parse_id
    find_container: Callable[[Call, str], Container | None] = lookup.find_container
    find_backup: Callable[[Call, str], Backup | None] = lookup.find_backup
    find_instance: Callable[[Call, str], Instance | None] = lookup.find_instance
    find_job: Callable[[Call, str], Job | None] = lookup.find_job

    # Lists, logs and includes.
    visible: Callable[[Call], list[Backup]] = listing.visible
    sort_wanted: Callable[[Call], list[tuple[str, bool]]] = listing.sort_wanted
    order: Callable[[Call, list[Backup], list[tuple[str, bool]]], list[Backup]] = listing.order
    page_wanted: Callable[[Call], tuple[int, int]] = listing.page_wanted
    page: Callable[[Call, list[Backup], int, int], list[Backup]] = listing.page
    visible_logs: Callable[[Call], list[Log]] = listing.visible_logs
    include_wanted: Callable[[Call], bool] = including.include_wanted
    resolve: Callable[[Call, list[Backup]], list[Integration]] = including.resolve
    include_key: Callable[[Call, Integration], str] = including.include_key
    includes: Callable[[Call, list[Backup]], dict[str, Any] | None] = including.includes

    # Request bodies.
    is_json: Callable[[Call, str], bool] = bodies.is_json
    decode: Callable[[Call, bytes], Any] = bodies.decode
    known_actions: set[str] = field(default_factory=lambda: {"restore"})
    validate: Callable[[Call, Any], tuple[str, str]] = bodies.validate

    # Jobs, restores and deletions.
    clock: Callable[[], datetime] = times.now
    new_job: Callable[[Call, str], Job] = jobs.new_job
    start: Callable[[Call, Job], None] = jobs.start
    run: Callable[[Behaviours, Job], Coroutine[Any, Any, None]] = jobs.run
    pace: Callable[[Behaviours, Job, str], Coroutine[Any, Any, None]] = jobs.pace
    advance: Callable[[Behaviours, Job, str], None] = jobs.advance
    finish_job: Callable[[Behaviours, Job], Coroutine[Any, Any, None]] = jobs.finish_job
    work: dict[str, Work] = field(default_factory=_work)
    unpack: Callable[[Path, Path], None] = restoring.unpack
    replace: Callable[[Path, Path], None] = restoring.replace
    log_restore: Callable[[Behaviours, Job, str | None], None] = restoring.log_restore
    mark_deleted: Callable[[Call], None] = deleting.mark

    # How things are written.
    write_time: Callable[[datetime | None], str] = times.write
    write_backup: Callable[[Call, Backup], Document] = shapes.backup
    write_integration: Callable[[Call, Integration], Document] = shapes.integration
    write_log: Callable[[Call, Backup, Log], Document] = shapes.log
    write_descriptor: Callable[[Call, Job], Document] = shapes.descriptor
    write_job: Callable[[Call, Job], Document] = shapes.whole_job
    write_error: Callable[[Call, RefusalError], Document] = errors.write

    # The answer as a whole.
    success: Callable[[Call, Reply], Answer] = answers.success
    failure: Callable[[Call, RefusalError], Answer] = answers.failure
    refuse: Callable[[Call, RefusalError], RefusalError] = errors.refuse
    envelope: Callable[[Call, Reply], Document] = answers.envelope
    document: Callable[[Call, int, Any], Any] = answers.document
    encode: Callable[[Call, int, Any], bytes] = answers.encode
    headers: Callable[[Call, int], dict[str, str]] = answers.headers
    finish: Callable[[Call, Answer], Answer] = answers.finish
    options: Callable[[Call, str], Answer] = answers.options
    unserved: Callable[[Call, str], RefusalError] = errors.unserved
    wrap_app: Callable[[ASGIApp], ASGIApp] = lambda app: app
