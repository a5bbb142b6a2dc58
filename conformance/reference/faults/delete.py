"""Faults of deletions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.core import Answer, Reply
from conformance.reference.data.store import VIEW
from conformance.reference.patching import edit_answers, edited, execute_anyway, on_refusal, recode, skip
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Job, Key

DELETE = frozenset({"delete"})


def _refused_and_done(server: Behaviours, step: str) -> None:
    def change(call: Call, refusal: RefusalError) -> None:
        if call.operation == "delete":
            execute_anyway(call)
        raise refusal

    on_refusal(server, step, change)


@fault(breaks=("DEL-1",))
def deletion_is_ok(server: Behaviours) -> None:
    """An accepted deletion is a 200."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "delete" and answer.status == 202:
            answer.status = 200

    edit_answers(server, change)


@fault(breaks=("DEL-1",))
def deletion_without_action(server: Behaviours) -> None:
    """The descriptor of a deletion has no action."""
    server.write_descriptor = edited(server.write_descriptor, lambda document: document.pop("action"), DELETE)


@fault(breaks=("DEL-2",), also=("CAP-10",))
def deletion_for_everyone(server: Behaviours) -> None:
    """A deletion requires no capability."""
    skip(server, "capability", "delete")


@fault(breaks=("DEL-2",))
def deletion_with_view(server: Behaviours) -> None:
    """The view capability also allows to delete backups."""
    holds = server.has_capability
    server.has_capability = lambda call, key, needed: (
        holds(call, key, needed) or (call.operation == "delete" and VIEW in key.capabilities)
    )


@fault(breaks=("DEL-2",))
def denied_deletion_happens(server: Behaviours) -> None:
    """A deletion is denied but happens anyway."""
    _refused_and_done(server, "capability")


@fault(breaks=("DEL-3",))
def nothing_is_deleted(server: Behaviours) -> None:
    """A deletion is accepted but has no effect."""
    server.mark_deleted = lambda _call: None
    server.work["delete"] = lambda _server, _job: None


@fault(breaks=("DEL-3",))
def deleted_is_still_listed(server: Behaviours) -> None:
    """A deleted backup stays in the list unchanged."""
    visible, actions = server.visible, dict(server.handlers)
    gone: list[Backup] = []

    def delete(call: Call) -> Reply:
        gone.append(replace(call.backup))
        return actions["delete"](call)

    def with_gone(call: Call) -> list[Backup]:
        ids = {one.id for one in gone}
        return [backup for backup in visible(call) if backup.id not in ids] + [
            one for one in gone if one.container_id == call.container.id
        ]

    server.handlers["delete"] = delete
    server.visible = with_gone


@fault(breaks=("DEL-3",), also=("JOB-11",))
def deleting_can_be_restored(server: Behaviours) -> None:
    """A deleted backup stays in state deleting and can still be restored."""

    def keep(_call: Call, refusal: RefusalError) -> None:
        if _call.backup.current != "deleting":
            raise refusal

    server.work["delete"] = lambda _server, _job: None
    on_refusal(server, "state", keep)


@fault(breaks=("DEL-4",), also=("DEL-2",))
def deletion_without_key(server: Behaviours) -> None:
    """A deletion requires no key."""
    authenticate = server.authenticate

    def lenient(call: Call) -> Key:
        if call.operation == "delete" and "authorization" not in call.headers:
            return call.store.keys[call.store.token("full")]
        return authenticate(call)

    server.authenticate = lenient


@fault(breaks=("DEL-4",))
def unknown_is_deleted_already(server: Behaviours) -> None:
    """A deletion of an unknown backup is accepted."""
    delete = server.handlers["delete"]

    def lenient(call: Call, refusal: RefusalError) -> None:
        if call.operation != "delete":
            raise refusal

    on_refusal(server, "backup", lenient)
    skip(server, "state", "delete")

    def accept(call: Call) -> Reply:
        if hasattr(call, "backup"):
            return delete(call)
        call.backup = next(iter(call.store.main.backups.values()))
        return Reply(202, server.write_descriptor(call, server.new_job(call, "delete")))

    server.handlers["delete"] = accept


@fault(breaks=("DEL-4",))
def deletion_through_any_container(server: Behaviours) -> None:
    """A backup can be deleted through any container of the hub."""
    find = server.find_backup

    def find_anywhere(call: Call, backup_id: str) -> Backup | None:
        backup = find(call, backup_id)
        if backup is None and call.operation == "delete":
            containers = [container for container in call.store.containers.values() if container.hub_id == call.hub_id]
            return next(
                (container.backups[backup_id] for container in containers if backup_id in container.backups), None
            )
        return backup

    server.find_backup = find_anywhere


@fault(breaks=("DEL-4",))
def refused_foreign_deletion_happens(server: Behaviours) -> None:
    """A deletion with a key of another hub is refused but happens anyway."""
    _refused_and_done(server, "scope")


@fault(breaks=("DEL-4",))
def unknown_deletion_is_forbidden(server: Behaviours) -> None:
    """A deletion of an unknown backup is a 403."""
    recode(server, "404.container.backup", "403.mismatch", DELETE)


@fault(breaks=("CAP-11",))
def deletion_denial_names_nothing(server: Behaviours) -> None:
    """The denial of a deletion does not name the missing capability."""
    denial = server.denial
    server.denial = lambda call, needed: (
        RefusalError("403.permissions") if call.operation == "delete" else denial(call, needed)
    )


@fault(breaks=("DEL-3",))
def deleted_backup_comes_back(server: Behaviours) -> None:
    """A deleted backup reappears unchanged a little later."""
    work = server.work["delete"]

    def bring_back(server: Behaviours, job: Job) -> None:
        backup = replace(job.backup, current="live", deleted=None)
        work(server, job)
        asyncio.get_running_loop().call_later(0.3, job.container.backups.__setitem__, backup.id, backup)

    server.work["delete"] = bring_back


@fault(breaks=("DEL-2",))
def denied_deletion_happens_later(server: Behaviours) -> None:
    """A deletion is denied but happens a little later."""

    def later(call: Call, refusal: RefusalError) -> None:
        if call.operation == "delete":
            asyncio.get_running_loop().call_later(0.2, execute_anyway, call)
        raise refusal

    on_refusal(server, "capability", later)
