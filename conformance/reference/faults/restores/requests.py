"""Faults of restore requests: the descriptor, and bodies that should be refused."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace as copy_of
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from conformance.reference.patching import (
    crash_when,
    edit_answers,
    edit_refusals,
    edited,
    on_refusal,
    recode,
)
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Answer, Behaviours, Call
    from conformance.reference.data.store import Backup, Document, Job


#: A text field of a multipart form: its name and its value.
FORM_FIELD = re.compile(r'name="([^"]+)"\r\n\r\n([^\r]*)')
#: clauses that need a restore that can be followed
FOLLOWED = ("RST-2", "RST-4", "RST-5", "RST-6", "RST-7", "RST-8")


RESTORE = frozenset({"restore"})


def _described(server: Behaviours, change: Callable[[Document], object]) -> None:
    server.write_descriptor = edited(server.write_descriptor, change, RESTORE)


@fault(breaks=("JOB-1",))
def restore_is_ok(server: Behaviours) -> None:
    """An accepted restore is a 200."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "restore" and answer.status == 202:
            answer.status = 200

    edit_answers(server, change)


@fault(breaks=("JOB-1",), also=("JOB-3", "CAP-6", "RST-1", *FOLLOWED))
def descriptor_without_job(server: Behaviours) -> None:
    """The descriptor of a restore has no job."""
    _described(server, lambda document: document.pop("job"))


@fault(breaks=("JOB-1",), also=("CAP-6",))
def descriptor_without_queue(server: Behaviours) -> None:
    """The job of a descriptor has no queue."""
    _described(server, lambda document: document["job"].pop("queue"))


@fault(breaks=("JOB-1",), also=("CAP-6",))
def parallel_as_flag(server: Behaviours) -> None:
    """The `parallel` member of a descriptor is a boolean."""
    _described(server, lambda document: document["job"].update(parallel=False))


@fault(breaks=("JOB-1",), also=("CAP-6", "JOB-10", "CAP-8", "RST-1", *FOLLOWED))
def never_accepted(server: Behaviours) -> None:
    """A restore is a 202 with `accepted: false` and never runs."""
    server.start_job = lambda _call, job: job.__setattr__("accepted", False)


@fault(breaks=("JOB-2",))
def action_in_capitals(server: Behaviours) -> None:
    """The descriptor repeats the action in upper case."""
    _described(server, lambda document: document.update(action="RESTORE"))


@fault(breaks=("JOB-2",))
def action_is_backup(server: Behaviours) -> None:
    """The descriptor's action is `backup`."""
    _described(server, lambda document: document.update(action="backup"))


@fault(breaks=("JOB-3",), also=("RST-5", "RST-6"))
def jobs_named_after_the_backup(server: Behaviours) -> None:
    """A job has the id of the backup that it restores."""
    make = server.new_job

    def named(call: Call, kind: str) -> Job:
        job = make(call, kind)
        job.id = job.backup.id if kind == "restore" else job.id
        return job

    server.new_job = named


@fault(breaks=("JOB-3",), also=("JBS-1", "CAP-6", "RST-1", *FOLLOWED))
def jobs_without_id(server: Behaviours) -> None:
    """The id of an accepted job is empty."""
    _described(server, lambda document: document["job"].update(id=""))


def _default_request(call: Call) -> None:
    call.body = {"action": "restore", "contents": {"instance_id": call.backup.instance_id}}


@fault(breaks=("JOB-4",), also=("RST-9",))
def no_json_is_a_default(server: Behaviours) -> None:
    """A body that is not JSON restores to the backup's own instance."""
    on_refusal(server, "body", lambda call, _refusal: _default_request(call))


def _take_fields(server: Behaviours, media_type: str, read: Callable[[str], dict[str, str]]) -> None:
    """Accept bodies of another media type, whose fields are named as PHP and Rails name members."""
    is_json, decode = server.is_json, server.decode
    server.is_json = lambda call, kind: kind.startswith(media_type) or is_json(call, kind)

    def decode_fields(call: Call, body: bytes) -> object:
        if not call.headers.get("content-type", "").startswith(media_type):
            return decode(call, body)
        fields = read(body.decode("utf-8", "replace"))
        return {"action": fields.get("action"), "contents": {"instance_id": fields.get("contents[instance_id]")}}

    server.decode = decode_fields


@fault(breaks=("JOB-7",))
def forms_are_taken(server: Behaviours) -> None:
    """A form with the members of a request as fields is accepted."""
    _take_fields(server, "application/x-www-form-urlencoded", lambda body: dict(parse_qsl(body)))


@fault(breaks=("JOB-7",))
def multipart_forms_are_taken(server: Behaviours) -> None:
    """A multipart form with the members of a request as fields is accepted."""
    _take_fields(server, "multipart/form-data", lambda body: dict(FORM_FIELD.findall(body)))


@fault(breaks=("JOB-5",))
def query_fills_the_body(server: Behaviours) -> None:
    """Members that a body lacks are taken from the query, as Rails and Laravel merge both."""
    validate = server.validate

    def merged(call: Call, body: object) -> tuple[str, str]:
        if isinstance(body, dict) and "action" in call.query:
            body = {"action": call.query["action"], **body}
        if isinstance(body, dict) and "contents[instance_id]" in call.query:
            body = {"contents": {"instance_id": call.query["contents[instance_id]"]}, **body}
        return validate(call, body)

    server.validate = merged


@fault(breaks=("JOB-4",))
def array_of_one_is_taken(server: Behaviours) -> None:
    """A body that is an array with one request is accepted."""
    decode = server.decode

    def unwrap(call: Call, body: bytes) -> object:
        value = decode(call, body)
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    server.decode = unwrap


@fault(breaks=("JOB-4",), also=("RST-9",))
def null_is_a_default(server: Behaviours) -> None:
    """A body that is null restores to the backup's own instance."""

    def change(call: Call, refusal: RefusalError) -> None:
        if call.body is not None:
            raise refusal
        _default_request(call)
        call.server.checks["request"](call)

    on_refusal(server, "request", change)


def _lenient_member(server: Behaviours, change: Callable[[Call, Document], object]) -> None:
    """Complete or correct a request body before it is validated."""
    validate = server.validate

    def mend(call: Call, body: object) -> tuple[str, str]:
        if isinstance(body, dict):
            with suppress(AttributeError, KeyError, TypeError):
                change(call, body)
        return validate(call, body)

    server.validate = mend


@fault(breaks=("JOB-5",))
def action_may_be_missing(server: Behaviours) -> None:
    """A request without an action is a restore."""
    _lenient_member(server, lambda _call, body: body.setdefault("action", "restore"))


@fault(breaks=("JOB-5",))
def contents_may_be_missing(server: Behaviours) -> None:
    """A request without contents restores to the backup's own instance."""
    _lenient_member(server, lambda call, body: body.setdefault("contents", {"instance_id": call.backup.instance_id}))


@fault(breaks=("JOB-5",))
def instance_may_be_null(server: Behaviours) -> None:
    """A null instance id restores to the backup's own instance."""

    def change(call: Call, body: Document) -> None:
        if "instance_id" in body["contents"] and body["contents"]["instance_id"] is None:
            body["contents"]["instance_id"] = call.backup.instance_id

    _lenient_member(server, change)


@fault(breaks=("JOB-5",))
def instance_may_be_missing(server: Behaviours) -> None:
    """A missing instance id restores to the backup's own instance."""
    _lenient_member(server, lambda call, body: body["contents"].setdefault("instance_id", call.backup.instance_id))


@fault(breaks=("JOB-5",))
def instance_may_be_a_list(server: Behaviours) -> None:
    """An array with one instance id is accepted."""

    def change(_call: Call, body: Document) -> None:
        value = body["contents"].get("instance_id")
        if isinstance(value, list) and len(value) == 1:
            body["contents"]["instance_id"] = value[0]

    _lenient_member(server, change)


@fault(breaks=("JOB-5",), also=("HTTP-3",))
def contents_of_another_type_break_down(server: Behaviours) -> None:
    """Contents that are not an object are a 500."""
    crash_when(
        server,
        "request",
        lambda call: isinstance(call.body, dict) and not isinstance(call.body.get("contents", {}), dict),
    )


@fault(breaks=("JOB-6",))
def any_action_restores(server: Behaviours) -> None:
    """Any action is a restore."""

    def change(_call: Call, body: Document) -> None:
        if isinstance(body.get("action"), str):
            body["action"] = "restore"

    _lenient_member(server, change)


@fault(breaks=("JOB-6",))
def any_action_restores_with_more(server: Behaviours) -> None:
    """Any action is a restore where the contents have an unknown member."""

    def change(_call: Call, body: Document) -> None:
        contents = body.get("contents")
        if isinstance(body.get("action"), str) and isinstance(contents, dict) and len(contents) > 1:
            body["action"] = "restore"

    _lenient_member(server, change)


@fault(breaks=("JOB-6",))
def actions_without_case(server: Behaviours) -> None:
    """The action is compared case-insensitively and trimmed."""
    _lenient_member(server, lambda _call, body: body.update(action=body["action"].strip().lower()))


@fault(breaks=("JOB-7",))
def any_content_type_is_taken(server: Behaviours) -> None:
    """A JSON body is accepted with any Content-Type."""
    server.is_json = lambda _call, _type: True


@fault(breaks=("JOB-7",))
def plain_text_is_taken(server: Behaviours) -> None:
    """A JSON body is accepted as text/plain."""
    is_json = server.is_json
    server.is_json = lambda call, kind: kind.startswith("text/plain") or is_json(call, kind)


@fault(breaks=("JOB-7",))
def other_types_are_bad_syntax(server: Behaviours) -> None:
    """A body of another type is a 400."""
    recode(server, "415.invalid-content-type", "400.invalid-syntax")


def _finds_instance(server: Behaviours, find_other: Callable[[Call, str], str | None]) -> None:
    """Replace the requested instance."""
    validate = server.validate

    def guess(call: Call, body: object) -> tuple[str, str]:
        action, instance_id = validate(call, body)
        return action, find_other(call, instance_id) or instance_id

    server.validate = guess


@fault(breaks=("JOB-8",))
def unknown_instance_is_the_first(server: Behaviours) -> None:
    """An unknown instance is replaced by the backup's own."""

    def find(call: Call, instance_id: str) -> str | None:
        known = any(instance_id in container.instances for container in call.store.containers.values())
        return None if known or not instance_id else call.backup.instance_id

    _finds_instance(server, find)


@fault(breaks=("JOB-8",))
def empty_instance_is_the_first(server: Behaviours) -> None:
    """An empty instance id is replaced by the backup's own."""
    _finds_instance(server, lambda call, instance_id: None if instance_id else call.backup.instance_id)


@fault(breaks=("JOB-8",))
def instances_of_other_containers(server: Behaviours) -> None:
    """A backup can be restored to an instance of another container."""
    find = server.find_instance
    server.find_instance = lambda call, instance_id: (
        find(call, instance_id)
        or next(
            (
                container.instances[instance_id]
                for container in call.store.containers.values()
                if container.hub_id == call.hub_id and instance_id in container.instances
            ),
            None,
        )
    )


@fault(breaks=("JOB-8",), also=("HTTP-3",))
def unknown_instance_breaks_down(server: Behaviours) -> None:
    """A restore to an unknown instance is a 500."""
    edit_refusals(
        server,
        lambda _call, refusal: RefusalError("500.unknown") if refusal.code == "404.instance" else None,
    )


@fault(breaks=("JOB-9",))
def restores_through_any_container(server: Behaviours) -> None:
    """A backup can be restored through any container of the hub, to an instance of that container."""
    find = server.find_backup

    def find_anywhere(call: Call, backup_id: str) -> Backup | None:
        backup = find(call, backup_id)
        if backup is None and call.operation == "restore":
            containers = [container for container in call.store.containers.values() if container.hub_id == call.hub_id]
            return next(
                (container.backups[backup_id] for container in containers if backup_id in container.backups), None
            )
        return backup

    server.find_backup = find_anywhere


@fault(breaks=("JOB-9",))
def unknown_backup_cannot_be_processed(server: Behaviours) -> None:
    """A restore of an unknown backup is a 422."""
    recode(server, "404.container.backup", "422.invalid-argument", RESTORE)


@fault(breaks=("JOB-9",), also=("DEL-3",))
def unknown_backup_is_accepted(server: Behaviours) -> None:
    """A restore of an unknown backup is accepted and fails later."""
    ghost = "f" * 24

    def lenient(call: Call, refusal: RefusalError) -> None:
        known = any(call.ids["backup"] in container.backups for container in call.store.containers.values())
        if call.operation != "restore" or known:
            raise refusal
        some = next(iter(call.store.main.backups.values()))
        call.backup = copy_of(some, id=ghost, archive=some.archive.with_name(ghost), current="live", logs=[])

    on_refusal(server, "backup", lenient)
