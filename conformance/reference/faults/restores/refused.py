"""Faults of refused restores: they have an effect, or should have been refused."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.reference.data.store import Log, new_id
from conformance.reference.patching import execute_anyway, on_refusal
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call


def _refused_and_done(server: Behaviours, step: str, effect: Callable[[Call], None]) -> None:
    def change(call: Call, refusal: RefusalError) -> None:
        if call.operation == "restore":
            effect(call)
        raise refusal

    on_refusal(server, step, change)


def _restore_anyway(call: Call) -> None:
    call.action = "restore"
    call.instance = call.container.instances.get(call.backup.instance_id) or next(
        iter(call.container.instances.values())
    )
    call.server.handlers["restore"](call)


@fault(breaks=("JOB-10",))
def refused_types_restore(server: Behaviours) -> None:
    """A body of another type is refused but the restore runs anyway."""

    def restore(call: Call) -> None:
        with suppress(RefusalError):
            for step in ("body", "request"):
                call.server.checks[step](call)
            call.server.handlers["restore"](call)

    _refused_and_done(server, "content type", restore)


@fault(breaks=("JOB-10",), also=("RST-9", "HTTP-4"))
def refused_request_restores(server: Behaviours) -> None:
    """A refused request restores to the backup's own instance anyway."""
    _refused_and_done(server, "request", _restore_anyway)


@fault(breaks=("JOB-10",))
def refused_request_is_logged(server: Behaviours) -> None:
    """A refused request leaves a log."""

    def leave_log(call: Call) -> None:
        job = call.server.new_job(call, "refusal")
        job.instance = call.container.instances[call.backup.instance_id]
        call.server.log_restore(call.server, job, "refused")

    _refused_and_done(server, "request", leave_log)


@fault(breaks=("JOB-10",), also=("DEL-2", "DEL-4"))
def refused_request_touches_the_backup(server: Behaviours) -> None:
    """A refused request leaves the backup in state saving."""

    def lock(call: Call) -> None:
        call.backup.current = "saving"

    _refused_and_done(server, "request", lock)


@fault(breaks=("JOB-11",), also=("DEL-3",))
def unfinished_backups_restore(server: Behaviours) -> None:
    """A backup that is not live can be restored."""
    server.steps["restore"].remove("state")


@fault(breaks=("JOB-10",), also=("JOB-11",))
def refused_unfinished_backups_restore(server: Behaviours) -> None:
    """A restore of a backup that is not live is refused but runs anyway."""
    check = server.checks["state"]

    def refuse(call: Call) -> None:
        try:
            check(call)
        except RefusalError:
            if call.operation == "restore":
                call.server.handlers["restore"](call)
            raise

    server.checks["state"] = refuse


@fault(breaks=("JOB-10",), also=("RST-9",))
def restore_of_an_unknown_instance_happens(server: Behaviours) -> None:
    """A restore to an instance of another container is refused, but the backup's own instance is restored."""

    def change(call: Call, refusal: RefusalError) -> None:
        if refusal.code == "404.instance":
            _restore_anyway(call)
        raise refusal

    on_refusal(server, "request", change)


@fault(breaks=("JOB-11",))
def deleted_backups_restore(server: Behaviours) -> None:
    """A deleted backup can be restored."""
    check = server.checks["state"]

    def lenient(call: Call) -> None:
        if call.operation != "restore" or call.backup.current != "deleted":
            check(call)

    server.checks["state"] = lenient


@fault(breaks=("JOB-10",), also=("AUTH-1",))
def restore_without_key_is_logged(server: Behaviours) -> None:
    """A restore without a key is refused but leaves a log."""

    def leave_log(call: Call, refusal: RefusalError) -> None:
        container = call.store.containers.get(call.ids.get("container", ""))
        backup = container.backups.get(call.ids.get("backup", "")) if container else None
        if call.operation == "restore" and backup and "authorization" not in call.headers:
            moment, error = call.server.clock(), {"message": "no key"}
            backup.logs.append(Log(new_id(), backup.instance_id, "restore", "", moment, moment, error))
        raise refusal

    on_refusal(server, "key", leave_log)


@fault(breaks=("JOB-10",), also=("AUTH-1",))
def restore_without_key_happens(server: Behaviours) -> None:
    """A restore without a key is refused but runs anyway."""

    def run_anyway(call: Call, refusal: RefusalError) -> None:
        if call.operation == "restore" and "authorization" not in call.headers:
            execute_anyway(call)
        raise refusal

    on_refusal(server, "key", run_anyway)
