"""The conformant behaviours, bound to some data."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from conformance.reference.core import Behaviours
from conformance.reference.data import archives, timestamps
from conformance.reference.operations import (
    access,
    deletions,
    handlers,
    includes,
    jobs,
    listing,
    lookup,
    request_bodies,
    restores,
)
from conformance.reference.rendering import documents, responses

if TYPE_CHECKING:
    from conformance.reference.core import Check, Handler
    from conformance.reference.data.store import Store

ENTRY = ("key", "hub", "scope", "capability", "ids")
BACKUP = "/v1/containers/{container}/backups/{backup}"
ROUTES = {
    "/v1/containers/{container}/backups": {"GET": "list"},
    BACKUP: {"GET": "get", "DELETE": "delete"},
    f"{BACKUP}/tasks": {"POST": "restore"},
    f"{BACKUP}/logs": {"GET": "logs"},
    "/v1/jobs/{job}": {"GET": "job"},
}
STEPS = {
    "list": [*ENTRY, "container"],
    "get": [*ENTRY, "container", "backup"],
    "logs": [*ENTRY, "container", "backup"],
    "restore": [*ENTRY, "container", "backup", "content type", "body", "request", "state", "admission"],
    "delete": [*ENTRY, "container", "backup", "state"],
    "job": [*ENTRY, "job"],
}
CHECKS: dict[str, Check] = {
    "key": access.check_key,
    "hub": access.check_hub,
    "scope": access.check_scope,
    "capability": access.check_capability,
    "ids": lookup.check_ids,
    "container": lookup.check_container,
    "backup": lookup.check_backup,
    "job": lookup.check_job,
    "content type": request_bodies.check_content_type,
    "body": request_bodies.check_body,
    "request": request_bodies.check_request,
    "state": restores.check_state,
    "admission": lambda _call: None,
}
HANDLERS: dict[str, Handler] = {
    "list": handlers.list_backups,
    "get": handlers.get_backup,
    "logs": handlers.list_logs,
    "restore": handlers.restore_backup,
    "delete": handlers.delete_backup,
    "job": handlers.get_job,
}


def behaviours(store: Store) -> Behaviours:
    """The behaviours of a conformant server over this data."""
    return Behaviours(
        store=store,
        routes={path: dict(operations) for path, operations in ROUTES.items()},
        route_path=lambda path: path,
        decode_id=unquote,
        steps={operation: list(names) for operation, names in STEPS.items()},
        checks=dict(CHECKS),
        handlers=dict(HANDLERS),
        respond=responses.respond,
        read_token=access.read_token,
        find_key=access.find_key,
        is_expired=access.is_expired,
        authenticate=access.authenticate,
        read_hub_id=access.read_hub_id,
        in_scope=access.in_scope,
        capabilities=dict(access.REQUIRED_CAPABILITY),
        has_capability=access.has_capability,
        denial=access.denial,
        parse_id=lookup.parse_id,
        find_container=lookup.find_container,
        find_backup=lookup.find_backup,
        find_instance=lookup.find_instance,
        find_job=lookup.find_job,
        visible=listing.visible,
        parse_sort=listing.parse_sort,
        order=listing.order,
        parse_page=listing.parse_page,
        page=listing.page,
        visible_logs=listing.visible_logs,
        wants_integrations=includes.wants_integrations,
        resolve=includes.resolve,
        include_key=includes.include_key,
        includes=includes.includes,
        is_json=request_bodies.is_json,
        decode=request_bodies.decode,
        known_actions={"restore"},
        validate=request_bodies.validate,
        clock=timestamps.now,
        new_job=jobs.new_job,
        start_job=jobs.start_job,
        run_job=jobs.run_job,
        pace=jobs.pace,
        advance=jobs.advance,
        finish_job=jobs.finish_job,
        work={"restore": restores.restore, "delete": deletions.delete},
        unpack=archives.unpack,
        swap=archives.swap,
        log_restore=restores.log_restore,
        mark_deleted=deletions.mark_deleted,
        write_time=timestamps.write,
        write_backup=documents.backup,
        write_integration=documents.integration,
        write_log=documents.log,
        write_descriptor=documents.descriptor,
        write_job=documents.whole_job,
        write_error=responses.write_error,
        success=responses.success,
        failure=responses.failure,
        refuse=lambda _call, refusal: refusal,
        envelope=responses.envelope,
        document=lambda _call, _status, document: document,
        encode=responses.encode,
        headers=responses.headers,
        finish=lambda _call, answer: answer,
        options=responses.options,
        unrouted=responses.unrouted,
        wrap_app=lambda app: app,
    )
