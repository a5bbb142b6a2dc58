"""Legal differences of queues, and of what is known of a deleted backup."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from conformance.reference.core import Reply
from conformance.reference.patching import busy, on_refusal
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from datetime import datetime

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Document, Job


def _running(call: Call) -> list[Job]:
    return [job for job in call.store.jobs.values() if job.kind == "restore" and job.completed is None]


@variant("concurrent restores may be refused with 409")
def one_restore_in_a_container(server: Behaviours) -> None:
    """A restore in a container in which another runs is a 409, whatever its instance."""

    def check(call: Call) -> None:
        if any(job.container is call.container for job in _running(call)):
            raise RefusalError("409.duplicate-found")

    server.checks["admission"] = check


@variant("only an accepted job needs an id of its own (JOB-3)")
def declined_restore_has_no_id(server: Behaviours) -> None:
    """A restore that is declined with `accepted: false` has an empty job id."""
    restore = server.handlers["restore"]

    def decline(call: Call) -> Reply:
        if not busy(call):
            return restore(call)
        job = server.new_job(call, call.action)
        job.accepted, job.id = False, ""
        return Reply(202, server.write_descriptor(call, job))

    server.handlers["restore"] = decline


@variant("the tasks of a Job are an array, which may be empty")
def ended_jobs_are_trimmed(server: Behaviours) -> None:
    """The tasks of a job are removed half a second after its end."""
    write = server.write_job

    def trimmed(call: Call, job: Job) -> Document:
        document = write(call, job)
        if job.completed and server.clock() - job.completed > timedelta(seconds=0.5):
            document["tasks"] = []
        return document

    server.write_job = trimmed


@variant("the contract does not speak of a deleted backup's logs")
def logs_outlive_their_backup(server: Behaviours) -> None:
    """The logs of a deleted backup stay readable."""
    gone: dict[str, Backup] = {}
    delete, find = server.handlers["delete"], server.find_backup

    def keep(call: Call) -> Reply:
        gone[call.backup.id] = call.backup
        return delete(call)

    def look(call: Call, backup_id: str) -> Backup | None:
        kept = gone.get(backup_id) if call.operation == "logs" else None
        return kept if kept and kept.container_id == call.container.id else find(call, backup_id)

    server.handlers["delete"], server.find_backup = keep, look


@variant("the contract does not speak of a second deletion")
def deletions_can_be_repeated(server: Behaviours) -> None:
    """A deletion of a deleted backup is accepted again, and its job changes nothing."""
    gone: dict[str, Backup] = {}
    delete, find = server.handlers["delete"], server.find_backup

    def keep(call: Call) -> Reply:
        if call.backup.id not in gone:
            gone[call.backup.id] = call.backup
            return delete(call)
        return Reply(202, server.write_descriptor(call, server.new_job(call, "delete")))

    def look(call: Call, backup_id: str) -> Backup | None:
        kept = gone.get(backup_id) if call.operation == "delete" else None
        return kept if kept and kept.container_id == call.container.id else find(call, backup_id)

    def check(call: Call, refusal: RefusalError) -> None:
        if call.operation != "delete" or call.backup.id not in gone:
            raise refusal

    server.handlers["delete"], server.find_backup = keep, look
    on_refusal(server, "state", check)


@variant("a deleted backup may be shown for as long as `restore.timeout_s` (DEL-3)")
def sorted_lists_lag(server: Behaviours) -> None:
    """A sorted list is from an index that shows deletions a second late."""
    gone: dict[str, tuple[Backup, datetime]] = {}
    delete, visible = server.handlers["delete"], server.visible

    def keep(call: Call) -> Reply:
        gone[call.backup.id] = replace(call.backup), server.clock()
        return delete(call)

    def from_index(call: Call) -> list[Backup]:
        backups = visible(call)
        if "sort" not in call.query:
            return backups
        late = [backup for backup, when in gone.values() if server.clock() - when < timedelta(seconds=1)]
        mine = {backup.id: backup for backup in late if backup.container_id == call.container.id}
        return [backup for backup in backups if backup.id not in mine] + [*mine.values()]

    server.handlers["delete"], server.visible = keep, from_index
