"""What each operation does once its steps have let it through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.call import Reply

if TYPE_CHECKING:
    from conformance.reference.call import Call


def list_backups(call: Call) -> Reply:
    """One page of the container's backups."""
    server = call.server
    wanted = server.sort_wanted(call)
    number, size = server.page_wanted(call)
    items = server.page(call, server.order(call, server.visible(call), wanted), number, size)
    return Reply(200, [server.write_backup(call, one) for one in items], server.includes(call, items))


def get_backup(call: Call) -> Reply:
    """One backup."""
    return Reply(200, call.server.write_backup(call, call.backup), call.server.includes(call, [call.backup]))


def list_logs(call: Call) -> Reply:
    """The logs of a backup."""
    server = call.server
    return Reply(200, [server.write_log(call, call.backup, one) for one in server.visible_logs(call)])


def restore_backup(call: Call) -> Reply:
    """Accept a restore."""
    server = call.server
    job = server.new_job(call, call.action)
    server.start(call, job)
    return Reply(202, server.write_descriptor(call, job))


def delete_backup(call: Call) -> Reply:
    """Accept a deletion."""
    server = call.server
    job = server.new_job(call, "delete")
    server.mark_deleted(call)
    server.start(call, job)
    return Reply(202, server.write_descriptor(call, job))


def get_job(call: Call) -> Reply:
    """A job as it stands."""
    return Reply(200, call.server.write_job(call, call.job))
