"""Faults of capabilities."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conformance.reference.core import Reply
from conformance.reference.data.store import MANAGE, VIEW, Log, new_id
from conformance.reference.operations.lookup import OID
from conformance.reference.patching import READS, execute_anyway, move, on_refusal, skip, wrap_check
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call, Check
    from conformance.reference.data.store import Job, Key

CODE = "403.permissions"


def _grant(server: Behaviours, test: Callable[[Call, Key], bool]) -> None:
    """Admit some callers that lack the capability."""
    holds = server.has_capability
    server.has_capability = lambda call, key, needed: holds(call, key, needed) or test(call, key)


def _demand(server: Behaviours, operation: str, more: str) -> None:
    """Require a second capability."""
    holds = server.has_capability
    server.has_capability = lambda call, key, needed: (
        holds(call, key, needed) and (call.operation != operation or more in key.capabilities)
    )


@fault(breaks=("CAP-1",), also=("CAP-10",))
def list_for_everyone(server: Behaviours) -> None:
    """The list requires no capability."""
    skip(server, "capability", "list")


@fault(breaks=("CAP-2",), also=("CAP-10",))
def get_for_everyone(server: Behaviours) -> None:
    """Get requires no capability."""
    skip(server, "capability", "get")


@fault(breaks=("CAP-3",), also=("CAP-10",))
def logs_for_everyone(server: Behaviours) -> None:
    """Logs require no capability."""
    skip(server, "capability", "logs")


@fault(breaks=("CAP-4",), also=("CAP-8", "CAP-10"))
def restore_for_everyone(server: Behaviours) -> None:
    """A restore requires no capability."""
    skip(server, "capability", "restore")


@fault(breaks=("CAP-1",))
def list_with_manage(server: Behaviours) -> None:
    """The manage capability also allows to list backups."""
    _grant(server, lambda call, key: call.operation == "list" and MANAGE in key.capabilities)


@fault(breaks=("CAP-2",))
def get_with_manage(server: Behaviours) -> None:
    """The manage capability also allows to get a backup."""
    _grant(server, lambda call, key: call.operation == "get" and MANAGE in key.capabilities)


@fault(breaks=("CAP-3",))
def logs_with_manage(server: Behaviours) -> None:
    """The manage capability also allows to read logs."""
    _grant(server, lambda call, key: call.operation == "logs" and MANAGE in key.capabilities)


@fault(breaks=("CAP-4",), also=("CAP-8",))
def restore_with_view(server: Behaviours) -> None:
    """The view capability also allows to restore a backup."""
    _grant(server, lambda call, key: call.operation == "restore" and VIEW in key.capabilities)


@fault(breaks=("CAP-1",), also=("CAP-7", "CAP-11"))
def denied_list_is_not_found(server: Behaviours) -> None:
    """A list without the capability is a 404."""
    _deny_differently(server, "list", "404.container")


@fault(breaks=("CAP-4",), also=("CAP-7", "CAP-11"))
def denied_restore_is_401(server: Behaviours) -> None:
    """A restore without the capability is a 401."""
    _deny_differently(server, "restore", "401.auth-invalid")


def _deny_differently(server: Behaviours, operation: str, code: str) -> None:
    denial = server.denial
    headers = {"WWW-Authenticate": "Bearer"} if code.startswith("401") else {}
    server.denial = lambda call, needed: (
        RefusalError(code, headers=headers) if call.operation == operation else denial(call, needed)
    )


@fault(breaks=("CAP-5",))
def list_needs_manage_too(server: Behaviours) -> None:
    """The list requires the manage capability too."""
    _demand(server, "list", MANAGE)


@fault(breaks=("CAP-5",))
def logs_need_manage_too(server: Behaviours) -> None:
    """Logs require the manage capability too."""
    _demand(server, "logs", MANAGE)


@fault(breaks=("CAP-5",))
def get_needs_manage_too(server: Behaviours) -> None:
    """Get requires the manage capability too."""
    _demand(server, "get", MANAGE)


@fault(breaks=("CAP-6",))
def restore_needs_view_too(server: Behaviours) -> None:
    """A restore requires the view capability too."""
    _demand(server, "restore", VIEW)


@fault(breaks=("CAP-7",))
def denial_is_a_mismatch(server: Behaviours) -> None:
    """A denial has the code 403.mismatch."""
    server.denial = lambda _call, needed: RefusalError("403.mismatch", capability=needed)


@fault(breaks=("CAP-7",), also=("CAP-11",))
def restore_denial_names_view(server: Behaviours) -> None:
    """The denial of a restore names the view capability."""
    denial = server.denial
    server.denial = lambda call, needed: denial(call, VIEW if call.operation == "restore" else needed)


@fault(breaks=("CAP-7",), also=("CAP-11",))
def denial_names_both(server: Behaviours) -> None:
    """A denial names both capabilities."""
    denial = server.denial
    server.denial = lambda call, _needed: denial(call, f"{VIEW},{MANAGE}")


def _after_denial(server: Behaviours, effect: Callable[[Call], object]) -> None:
    """Have an effect when a restore is denied."""

    def change(call: Call, refusal: RefusalError) -> None:
        if call.operation == "restore":
            effect(call)
        raise refusal

    on_refusal(server, "capability", change)


@fault(breaks=("CAP-8",), also=("JOB-10",))
def denied_restore_happens(server: Behaviours) -> None:
    """A restore is denied but runs anyway."""
    _after_denial(server, execute_anyway)


@fault(breaks=("CAP-8",), also=("JOB-10",))
def denied_restore_happens_later(server: Behaviours) -> None:
    """A restore is denied but runs a little later."""
    _after_denial(server, lambda call: asyncio.get_running_loop().call_later(0.1, execute_anyway, call))


@fault(breaks=("CAP-8",), also=("JOB-10",))
def denied_restore_is_logged(server: Behaviours) -> None:
    """A denied restore leaves a log with an error."""

    def leave_log(call: Call) -> None:
        backup = call.container.backups.get(call.ids["backup"]) if _find(call) else None
        if backup:
            moment = call.server.clock()
            error = {"message": "denied"}
            backup.logs.append(Log(new_id(), backup.instance_id, "restore", "", moment, moment, error))

    _after_denial(server, leave_log)


@fault(breaks=("CAP-8",), also=("JOB-10",))
def denied_restore_touches_the_backup(server: Behaviours) -> None:
    """A denied restore changes the backup's file id."""

    def touch(call: Call) -> None:
        backup = call.container.backups.get(call.ids["backup"]) if _find(call) else None
        if backup:
            backup.file_id = f"locked-{backup.file_id}"

    _after_denial(server, touch)


def _find(call: Call) -> bool:
    container = call.store.containers.get(call.ids["container"])
    if container:
        call.container = container
    return container is not None


@fault(breaks=("CAP-9",))
def denial_tells_what_exists(server: Behaviours) -> None:
    """A request without the capability gets a 404 for an unknown container or backup."""
    for operation in (*READS, "restore"):
        move(server, "container", before="capability", operations=(operation,))
        if operation != "list":
            move(server, "backup", before="capability", operations=(operation,))


@fault(breaks=("CAP-9",))
def body_before_capability(server: Behaviours) -> None:
    """The body is checked before the capability."""
    for step in ("content type", "body"):
        move(server, step, before="capability", operations=("restore",))


@fault(breaks=("CAP-9",))
def job_denial_tells_what_exists(server: Behaviours) -> None:
    """A request without the capability gets a 404 for an unknown job."""
    move(server, "job", before="capability", operations=("job",))


@fault(breaks=("CAP-10",), also=("CAP-1", "CAP-2", "CAP-3"))
def containers_view_is_enough(server: Behaviours) -> None:
    """The capability containers-view allows to read backups."""
    _grant(server, lambda call, key: call.operation in READS and "containers-view" in key.capabilities)


@fault(breaks=("CAP-10",), also=("CAP-4",))
def containers_manage_is_enough(server: Behaviours) -> None:
    """The capability containers-manage allows to restore backups."""
    _grant(server, lambda call, key: call.operation == "restore" and "containers-manage" in key.capabilities)


@fault(breaks=("CAP-11",))
def denial_names_nothing(server: Behaviours) -> None:
    """A denial does not name the missing capability."""
    server.denial = lambda _call, _needed: RefusalError(CODE)


@fault(breaks=("CAP-11",))
def logs_denial_names_nothing(server: Behaviours) -> None:
    """A denial of logs does not name the missing capability."""
    denial = server.denial
    server.denial = lambda call, needed: RefusalError(CODE) if call.operation == "logs" else denial(call, needed)


@fault(breaks=("CAP-2",), also=("CAP-10",))
def included_get_for_everyone(server: Behaviours) -> None:
    """Get with includes requires no capability."""
    _grant(server, lambda call, _key: call.operation == "get" and "include" in call.query)


@fault(breaks=("CAP-1",), also=("CAP-9", "CAP-10"))
def second_container_for_everyone(server: Behaviours) -> None:
    """The list requires the capability for one container only."""
    first = server.store.fixtures.container_id
    _grant(server, lambda call, _key: call.operation == "list" and call.ids["container"] != first)


@fault(breaks=("CAP-7",))
def denial_code_with_more(server: Behaviours) -> None:
    """A denial names the capability with a leading space."""
    server.denial = lambda _call, needed: RefusalError("403.permissions", capability=f" {needed}")


@fault(breaks=("CAP-8",), also=("JOB-10",))
def denied_restore_marks_the_time(server: Behaviours) -> None:
    """A denied restore changes the backup's update time."""

    def touch(call: Call) -> None:
        backup = call.container.backups.get(call.ids["backup"]) if _find(call) else None
        if backup:
            backup.updated = call.server.clock()

    _after_denial(server, touch)


@fault(breaks=("CAP-6",))
def manage_alone_is_not_accepted(server: Behaviours) -> None:
    """A restore with a key that has manage but not view is a 202 with `accepted: false`."""
    restore = server.handlers["restore"]

    def decline(call: Call) -> Reply:
        if call.caller is None or VIEW in call.caller.capabilities:
            return restore(call)
        job = server.new_job(call, call.action)
        job.accepted = False
        return Reply(202, server.write_descriptor(call, job))

    server.handlers["restore"] = decline


@fault(breaks=("CAP-6",))
def manage_alone_fails_later(server: Behaviours) -> None:
    """The job of a restore with a key that has manage but not view fails."""
    work = server.work["restore"]
    blind = {key.id for key in server.store.keys.values() if VIEW not in key.capabilities}

    def look_first(server: Behaviours, job: Job) -> None:
        if job.creator_id in blind:
            raise PermissionError("the backup cannot be seen")
        work(server, job)

    server.work["restore"] = look_first


@fault(breaks=("CAP-9",))
def containers_are_looked_up_before_the_key(server: Behaviours) -> None:
    """An unknown container is a 404 without a key: the route looks it up before authentication."""

    def look_up(call: Call, check: Check) -> None:
        container = call.ids.get("container", "")
        if OID.fullmatch(container) and container not in call.store.containers:
            raise RefusalError("404.container")
        check(call)

    wrap_check(server, "key", look_up)


@fault(breaks=("CAP-9",), also=("JOB-7",))
def bodies_are_parsed_before_the_key(server: Behaviours) -> None:
    """A restore whose body is not JSON is a 400 without a key: the body parser comes first."""

    def parse(call: Call, check: Check) -> None:
        if call.operation == "restore":
            call.server.decode(call, call.raw_body)
        check(call)

    wrap_check(server, "key", parse)
