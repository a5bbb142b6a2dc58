"""Faults of undocumented methods, HEAD and OPTIONS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.core import NO_OPERATION, Answer, Reply
from conformance.reference.patching import crash_when, json_of
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call


@fault(breaks=("HTTP-5",))
def put_is_welcome(server: Behaviours) -> None:
    """A PUT to any documented path is a 200."""
    unrouted = server.unrouted

    def welcome(call: Call, allowed: str) -> RefusalError:
        return RefusalError("200.ok") if call.method == "PUT" and allowed else unrouted(call, allowed)

    server.unrouted = welcome
    envelope = server.write_error
    server.write_error = lambda call, refusal: {"data": {}} if refusal.status == 200 else envelope(call, refusal)


@fault(breaks=("HTTP-5",))
def whole_list_can_be_deleted(server: Behaviours) -> None:
    """DELETE on the list is accepted."""
    server.routes["/v1/containers/{container}/backups"]["DELETE"] = "delete all"
    server.steps["delete all"] = []
    server.handlers["delete all"] = lambda _call: Reply(202, {"action": "delete", "job": None})


@fault(breaks=("HTTP-5",))
def method_refusal_without_allow(server: Behaviours) -> None:
    """A 405 has no Allow header."""
    server.unrouted = lambda _call, allowed: RefusalError("405.method-not-allowed" if allowed else "404.uri")


@fault(breaks=("HTTP-3",))
def patch_breaks_down(server: Behaviours) -> None:
    """A PATCH is a 500."""
    unrouted = server.unrouted
    server.unrouted = lambda call, allowed: (
        RefusalError("500.unknown") if call.method == "PATCH" else unrouted(call, allowed)
    )


@fault(breaks=("HTTP-3",))
def head_breaks_down(server: Behaviours) -> None:
    """HEAD is a 500."""
    crash_when(server, "key", lambda call: call.method == "HEAD")


def _refused_otherwise(server: Behaviours, make: Callable[[Call, str], Answer | None]) -> None:
    """Answer undocumented methods on documented addresses differently; None keeps the refusal."""
    respond = server.respond

    def otherwise(call: Call, allowed: str) -> Answer:
        undocumented = call.operation == NO_OPERATION and bool(allowed) and call.method != "OPTIONS"
        answer = make(call, allowed) if undocumented else None
        return server.finish(call, answer) if answer else respond(call, allowed)

    server.respond = otherwise


@fault(breaks=("HTTP-5",))
def patch_is_accepted(server: Behaviours) -> None:
    """A PATCH is a 202."""
    _refused_otherwise(server, lambda call, _: json_of(202, {"data": {}}) if call.method == "PATCH" else None)


@fault(breaks=("HTTP-5",))
def post_to_the_list_creates(server: Behaviours) -> None:
    """A POST to the list is a 201."""
    _refused_otherwise(
        server,
        lambda call, _: (
            json_of(201, {"data": {}}) if call.method == "POST" and call.path.endswith("/backups") else None
        ),
    )


@fault(breaks=("HTTP-5",))
def logs_can_be_deleted(server: Behaviours) -> None:
    """A DELETE of logs is a 204."""
    _refused_otherwise(
        server,
        lambda call, _: Answer(204, {}, b"") if call.method == "DELETE" and call.path.endswith("/logs") else None,
    )


@fault(breaks=("HTTP-5",))
def tasks_can_be_put(server: Behaviours) -> None:
    """A PUT of tasks is a 200."""
    _refused_otherwise(
        server,
        lambda call, _: json_of(200, {"data": None}) if call.method == "PUT" and call.path.endswith("/tasks") else None,
    )


@fault(breaks=("HTTP-5",))
def allow_names_the_refused_method(server: Behaviours) -> None:
    """The Allow header of a 405 names the refused method."""
    server.unrouted = lambda call, allowed: (
        RefusalError("405.method-not-allowed", headers={"Allow": f"{allowed}, {call.method}"})
        if allowed
        else RefusalError("404.uri")
    )


@fault(breaks=("HTTP-5",), also=("HTTP-1",))
def method_refusal_in_plain_text(server: Behaviours) -> None:
    """A 405 is plain text, as in Starlette."""
    _refused_otherwise(
        server,
        lambda _, allowed: Answer(405, {"content-type": "text/plain", "allow": allowed}, b"Method Not Allowed"),
    )


@fault(breaks=("HTTP-5",))
def method_refusal_is_a_400(server: Behaviours) -> None:
    """An undocumented method is a 400."""
    server.unrouted = lambda _call, allowed: RefusalError("400.invalid-syntax" if allowed else "404.uri")


@fault(breaks=("HTTP-5",), also=("HTTP-9", "GET-6"))
def method_refusal_is_elsewhere(server: Behaviours) -> None:
    """An undocumented method is redirected."""
    _refused_otherwise(server, lambda _, __: Answer(302, {"location": "/v1/"}, b""))
