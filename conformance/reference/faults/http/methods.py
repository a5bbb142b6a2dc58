"""Faults of undocumented methods, HEAD and OPTIONS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.core import Reply
from conformance.reference.patching import crash_when
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
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


@fault(breaks=("HTTP-5", "HTTP-3"))
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
