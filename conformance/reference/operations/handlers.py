"""The handlers: what each operation does once its steps have passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.core import Reply

if TYPE_CHECKING:
    from conformance.reference.core import Call


def list_backups(call: Call) -> Reply:
    """One page of the container's backups."""
    server = call.server
    sort = server.parse_sort(call)
    number, size = server.parse_page(call)
    backups = server.page(call, server.order(call, server.visible(call), sort), number, size)
    return Reply(200, [server.write_backup(call, backup) for backup in backups], server.includes(call, backups))


def get_backup(call: Call) -> Reply:
    """One backup."""
    return Reply(200, call.server.write_backup(call, call.backup), call.server.includes(call, [call.backup]))


def list_logs(call: Call) -> Reply:
    """The logs of a backup."""
    server = call.server
    return Reply(200, [server.write_log(call, call.backup, log) for log in server.visible_logs(call)])


def restore_backup(call: Call) -> Reply:
    """Accept a restore."""
    server = call.server
    job = server.new_job(call, call.action)
    server.start_job(call, job)
    return Reply(202, server.write_descriptor(call, job))


def delete_backup(call: Call) -> Reply:
    """Accept a deletion."""
    server = call.server
    job = server.new_job(call, "delete")
    server.mark_deleted(call)
    server.start_job(call, job)
    return Reply(202, server.write_descriptor(call, job))


def get_job(call: Call) -> Reply:
    """The current state of a job."""
    return Reply(200, call.server.write_job(call, call.job))
