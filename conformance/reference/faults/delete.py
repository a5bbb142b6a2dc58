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
    from collections.abc import Callable

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


def _accepted_deletion_as(server: Behaviours, status: int, body: bytes) -> None:
    """Answer accepted deletions with this status and body."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "delete" and answer.status == 202:
            answer.status, answer.body = status, body

    edit_answers(server, change)


@fault(breaks=("DEL-1",))
def deletion_requires_a_reason(server: Behaviours) -> None:
    """A deletion of a live backup is refused with 422 unless the query says why."""
    delete = server.handlers["delete"]

    def refuse(call: Call) -> Reply:
        if "reason" not in call.query:
            raise RefusalError("422.invalid-input")
        return delete(call)

    server.handlers["delete"] = refuse


@fault(breaks=("DEL-1",), also=("HTTP-1",))
def deletion_has_no_content(server: Behaviours) -> None:
    """An accepted deletion is a 204, as Spring Data REST, Rails and Django REST framework answer it."""
    _accepted_deletion_as(server, 204, b"")


@fault(breaks=("HTTP-1",))
def deletion_is_accepted_without_a_body(server: Behaviours) -> None:
    """An accepted deletion is a 202 with an empty body, as ASP.NET's `Accepted()` answers it."""
    _accepted_deletion_as(server, 202, b"")


@fault(breaks=("HTTP-2",))
def deletion_has_null_data(server: Behaviours) -> None:
    """The data of an accepted deletion is null."""
    _accepted_deletion_as(server, 202, b'{"data":null}')


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


@fault(breaks=("DEL-3",))
def deleted_backup_is_listed_again(server: Behaviours) -> None:
    """A deleted backup reappears in the list a little later, where get no longer finds it."""
    work, visible = server.work["delete"], server.visible
    back: list[Backup] = []

    def bring_back(server: Behaviours, job: Job) -> None:
        backup = replace(job.backup, current="live", deleted=None)
        work(server, job)
        asyncio.get_running_loop().call_later(0.3, back.append, backup)

    server.work["delete"] = bring_back
    server.visible = lambda call: [
        *visible(call),
        *(backup for backup in back if backup.container_id == call.container.id),
    ]


@fault(breaks=("DEL-2",), also=("DEL-4", "DEL-5"))
def denied_deletion_happens_later(server: Behaviours) -> None:
    """A deletion is denied but happens a little later."""

    def later(call: Call, refusal: RefusalError) -> None:
        if call.operation == "delete":
            asyncio.get_running_loop().call_later(0.2, execute_anyway, call)
        raise refusal

    on_refusal(server, "capability", later)


def _after_deletion(server: Behaviours, change: Callable[[Job, list[Backup]], object]) -> None:
    """Do something to the other live backups of the container after each deletion."""
    work = server.work["delete"]

    def more(server: Behaviours, job: Job) -> None:
        work(server, job)
        others = [backup for backup in job.container.backups.values() if backup.current == "live"]
        change(job, sorted(others, key=lambda backup: backup.created))

    server.work["delete"] = more


def _newer(job: Job, backups: list[Backup]) -> list[Backup]:
    return [backup for backup in backups if backup.created > job.backup.created]


def _remove(backups: list[Backup], job: Job) -> None:
    for backup in backups:
        job.container.backups.pop(backup.id, None)


@fault(breaks=("DEL-5",))
def deletion_takes_the_next(server: Behaviours) -> None:
    """A deletion also removes the next newer backup: an index shifts while items are removed."""
    _after_deletion(
        server,
        lambda job, others: _remove(_newer(job, others)[:1], job),
    )


@fault(breaks=("DEL-5",))
def deletion_takes_the_previous(server: Behaviours) -> None:
    """A deletion also removes the next older backup, as part of the same chain of increments."""
    _after_deletion(
        server,
        lambda job, others: _remove([backup for backup in others if backup.created < job.backup.created][-1:], job),
    )


@fault(breaks=("DEL-5",))
def deletion_takes_the_oldest(server: Behaviours) -> None:
    """A deletion also removes the oldest live backup, since it starts the clean-up."""
    _after_deletion(server, lambda job, others: _remove(others[:1], job))


@fault(breaks=("DEL-5",), also=("DEL-2", "DEL-4"))
def deletion_takes_the_folder(server: Behaviours) -> None:
    """A deletion also removes the backups with the same path."""
    _after_deletion(
        server, lambda job, others: _remove([backup for backup in others if backup.path == job.backup.path], job)
    )


@fault(breaks=("DEL-5",))
def deletion_by_prefix(server: Behaviours) -> None:
    """A deletion removes all backups whose ids begin with the same digit, as a LIKE without an anchor does."""
    _after_deletion(
        server, lambda job, others: _remove([backup for backup in others if backup.id[0] == job.backup.id[0]], job)
    )


@fault(breaks=("DEL-5",))
def deletion_takes_a_neighbour_later(server: Behaviours) -> None:
    """The oldest live backup disappears a little after a deletion."""
    _after_deletion(server, lambda job, others: asyncio.get_running_loop().call_later(0.3, _remove, others[:1], job))


@fault(breaks=("DEL-5",))
def deletion_marks_another(server: Behaviours) -> None:
    """A deletion leaves the next newer backup in state deleting."""

    def mark(job: Job, others: list[Backup]) -> None:
        for backup in _newer(job, others)[:1]:
            backup.current = "deleting"

    _after_deletion(server, mark)


@fault(breaks=("DEL-5",))
def deletion_changes_the_size_of_another(server: Behaviours) -> None:
    """A deletion adds the size of its backup to the next newer one."""

    def add(job: Job, others: list[Backup]) -> None:
        for backup in _newer(job, others)[:1]:
            backup.size += job.backup.size

    _after_deletion(server, add)


@fault(breaks=("DEL-5",))
def deletion_moves_the_others(server: Behaviours) -> None:
    """A deletion changes the path of every other backup."""

    def move(_job: Job, others: list[Backup]) -> None:
        for backup in others:
            backup.path = f"{backup.path}/compacted"

    _after_deletion(server, move)


@fault(breaks=("DEL-4",))
def deletion_in_the_hub_of_the_key(server: Behaviours) -> None:
    """A deletion is served for the key's own hub, whatever the hub id."""
    hub = server.read_hub_id
    server.read_hub_id = lambda call: (
        call.caller.hub_id if hub(call) and call.caller and call.operation == "delete" else hub(call)
    )


@fault(breaks=("DEL-4",))
def deletion_needs_no_hub(server: Behaviours) -> None:
    """A deletion without a hub id is served for the key's own hub."""
    hub = server.read_hub_id
    server.read_hub_id = lambda call: (
        call.caller.hub_id
        if call.caller and call.operation == "delete" and not call.headers.get("x-hub-id")
        else hub(call)
    )


@fault(breaks=("DEL-4",))
def deletion_with_a_key_of_any_hub(server: Behaviours) -> None:
    """A key of another hub can delete backups of this hub."""
    in_scope = server.in_scope
    server.in_scope = lambda call, key, hub_id: call.operation == "delete" or in_scope(call, key, hub_id)


@fault(breaks=("DEL-4",))
def refused_deletion_without_hub_happens(server: Behaviours) -> None:
    """A deletion without a hub id is refused but happens anyway."""
    _refused_and_done(server, "hub")


@fault(breaks=("DEL-4",))
def refused_deletion_without_key_happens(server: Behaviours) -> None:
    """A deletion without a key is refused but happens anyway."""
    _refused_and_done(server, "key")


@fault(breaks=("DEL-4",), also=("HTTP-1", "HTTP-2"))
def deletion_of_nothing_has_no_content(server: Behaviours) -> None:
    """A deletion of an unknown backup is a 204."""
    failure = server.failure

    def idempotent(call: Call, refusal: RefusalError) -> Answer:
        if call.operation == "delete" and refusal.code == "404.container.backup":
            return server.finish(call, Answer(204, {}, b""))
        return failure(call, refusal)

    server.failure = idempotent
