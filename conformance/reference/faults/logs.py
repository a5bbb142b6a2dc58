"""Faults of logs."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.core import Answer, Reply
from conformance.reference.patching import edit_answers, edited, on_refusal, recode
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Document, Job, Log
    from conformance.reference.refusals import RefusalError

LOGS = frozenset({"logs"})
#: clauses whose checks read logs
AFTER_RESTORES = ("RST-2", "RST-4", "RST-6", "RST-7")


@fault(breaks=("LOG-1",), also=AFTER_RESTORES)
def log_of_another_type(server: Behaviours) -> None:
    """The log of a backup has an unknown type."""
    server.write_log = edited(
        server.write_log, lambda document: document.update(type="snapshot") if document["type"] == "backup" else None
    )


@fault(breaks=("LOG-1",), also=AFTER_RESTORES)
def log_without_text(server: Behaviours) -> None:
    """An empty log has no `log` member."""
    server.write_log = edited(server.write_log, lambda document: None if document["log"] else document.pop("log"))


@fault(breaks=("LOG-1",), also=AFTER_RESTORES)
def stack_lines_as_text(server: Behaviours) -> None:
    """The line of a stack frame is a string."""

    def change(document: Document) -> None:
        for frame in (document.get("error") or {}).get("stack") or ():
            frame["line"] = str(frame["line"])

    server.write_log = edited(server.write_log, change)


@fault(breaks=("LOG-1",))
def logs_are_accepted(server: Behaviours) -> None:
    """Logs are a 202."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "logs" and answer.status == 200:
            answer.status = 202

    edit_answers(server, change)


@fault(breaks=("LOG-2",), also=AFTER_RESTORES)
def log_of_another_backup(server: Behaviours) -> None:
    """The first log of a backup names another backup."""
    write, other = server.write_log, server.store.fixtures.foreign_backup_id

    def mixed(call: Call, of: Backup, log: Log) -> Document:
        document = write(call, of, log)
        return document | {"backup_id": other} if log is of.logs[0] else document

    server.write_log = mixed


@fault(breaks=("LOG-2",), also=AFTER_RESTORES)
def log_of_another_hub(server: Behaviours) -> None:
    """Logs name another hub."""
    other = server.store.fixtures.other_hub_id
    server.write_log = edited(server.write_log, lambda document: document.update(hub_id=other))


@fault(breaks=("LOG-2",), also=AFTER_RESTORES)
def log_of_another_container(server: Behaviours) -> None:
    """A log with an error names another container."""
    other = server.store.fixtures.empty_container_id
    server.write_log = edited(
        server.write_log, lambda document: document.update(container_id=other) if "error" in document else None
    )


@fault(breaks=("LOG-3",), also=("RST-2", "RST-4", "RST-7"))
def logs_share_an_id(server: Behaviours) -> None:
    """Every log has the id of its backup."""
    server.write_log = edited(server.write_log, lambda document: document.update(id=document["backup_id"]))


@fault(breaks=("LOG-3",), also=AFTER_RESTORES)
def last_log_twice(server: Behaviours) -> None:
    """Where there are several logs, the first is repeated at the end."""
    visible = server.visible_logs
    server.visible_logs = lambda call: visible(call) + (visible(call)[:1] if len(visible(call)) > 1 else [])


@fault(breaks=("LOG-4",), also=("LOG-5",))
def unknown_backup_has_no_logs(server: Behaviours) -> None:
    """The logs of an unknown backup are an empty list."""
    logs = server.handlers["logs"]

    def lenient(call: Call, refusal: RefusalError) -> None:
        if call.operation != "logs":
            raise refusal

    on_refusal(server, "backup", lenient)
    server.handlers["logs"] = lambda call: logs(call) if hasattr(call, "backup") else Reply(200, [])


@fault(breaks=("LOG-4",), also=("LOG-5",))
def unknown_backups_logs_are_forbidden(server: Behaviours) -> None:
    """The logs of an unknown backup are a 403."""
    recode(server, "404.container.backup", "403.mismatch", LOGS)


@fault(breaks=("LOG-5",))
def logs_through_any_container(server: Behaviours) -> None:
    """Logs are found through any container of the hub."""
    find = server.find_backup

    def find_anywhere(call: Call, backup_id: str) -> Backup | None:
        backup = find(call, backup_id)
        if backup is None and call.operation == "logs":
            containers = [container for container in call.store.containers.values() if container.hub_id == call.hub_id]
            return next(
                (container.backups[backup_id] for container in containers if backup_id in container.backups), None
            )
        return backup

    server.find_backup = find_anywhere


@fault(breaks=("HTTP-2",), also=("LOG-1", *AFTER_RESTORES))
def no_logs_are_null(server: Behaviours) -> None:
    """An empty list of logs is null."""
    logs = server.handlers["logs"]

    def as_go_does(call: Call) -> Reply:
        reply = logs(call)
        reply.data = reply.data or None
        return reply

    server.handlers["logs"] = as_go_does


@fault(breaks=("LOG-5",))
def logs_without_looking_at_the_container(server: Behaviours) -> None:
    """Logs are found through any container id, even an unknown one."""

    def lenient(call: Call, refusal: RefusalError) -> None:
        containers = [container for container in call.store.containers.values() if container.hub_id == call.hub_id]
        container_of_backup = next(
            (container for container in containers if call.ids.get("backup") in container.backups), None
        )
        if call.operation != "logs" or container_of_backup is None:
            raise refusal
        call.container = container_of_backup

    on_refusal(server, "container", lenient)


@fault(breaks=("LOG-2",), also=("RST-7",))
def logs_of_the_container(server: Behaviours) -> None:
    """The logs of a backup are those of all backups of its container."""
    _show(server, lambda call: list(call.container.backups.values()))


@fault(breaks=("LOG-2",), also=("RST-7",))
def logs_of_the_instance(server: Behaviours) -> None:
    """The logs of a backup are those of all backups of its instance."""
    _show(
        server,
        lambda call: [
            backup for backup in call.container.backups.values() if backup.instance_id == call.backup.instance_id
        ],
    )


def _show(server: Behaviours, backups: Callable[[Call], list[Backup]]) -> None:
    """Show the logs of several backups, each with its own ids."""
    write = server.write_log

    def visible(call: Call) -> list[Log]:
        return [log for backup in backups(call) for log in backup.logs]

    def written(call: Call, shown: Backup, log: Log) -> Document:
        owner = next((backup for backup in call.container.backups.values() if log in backup.logs), shown)
        return write(call, owner, log)

    server.visible_logs, server.write_log = visible, written


@fault(breaks=("LOG-6",), also=("HTTP-4", "RST-2"))
def replica_lags(server: Behaviours) -> None:
    """Every third reading is served by a replica that lacks the logs of the last two seconds."""
    visible, turn = server.visible_logs, count(1)

    def lagging(call: Call) -> list[Log]:
        oldest = server.clock() - timedelta(seconds=2 if next(turn) % 3 == 0 else 0)
        return [log for log in visible(call) if log.created <= oldest]

    server.visible_logs = lagging


@fault(breaks=("LOG-6",), also=("HTTP-4", "RST-2", "RST-4", "RST-6"))
def replica_misses_restores(server: Behaviours) -> None:
    """Every fourth reading is served by a replica that has no logs of restores."""
    visible, turn = server.visible_logs, count(1)
    server.visible_logs = lambda call: [log for log in visible(call) if log.type != "restore" or next(turn) % 4]


@fault(breaks=("LOG-6",), also=("HTTP-4",))
def logs_appear_and_disappear_once(server: Behaviours) -> None:
    """A log is missing in the second reading after its first."""
    visible, readings = server.visible_logs, defaultdict[str, int](int)

    def flicker(call: Call) -> list[Log]:
        logs = visible(call)
        for log in logs:
            readings[log.id] += 1
        return [log for log in logs if readings[log.id] != 2]

    server.visible_logs = flicker


@fault(breaks=("LOG-6",), also=("HTTP-4", "RST-2", "RST-6"))
def new_log_replaces_the_old(server: Behaviours) -> None:
    """A new log of a restore replaces the older ones of the same backup."""
    log_restore = server.log_restore

    def replace(server: Behaviours, job: Job, problem: str | None) -> None:
        job.backup.logs[:] = [log for log in job.backup.logs if log.type != "restore"]
        log_restore(server, job, problem)

    server.log_restore = replace
