"""Faults of deletions beside the deleted backup: its logs and jobs, other queries, and deletions that were refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.reference.patching import on_refusal
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call, Reply
    from conformance.reference.data.store import Backup, Document, Job
    from conformance.reference.refusals import RefusalError


@fault(breaks=("DEL-2",), also=("LOG-6",))
def denied_deletion_takes_the_logs(server: Behaviours) -> None:
    """A denied deletion removes the backup's logs, which is done before the capability is checked."""

    def clear(call: Call, refusal: RefusalError) -> None:
        if call.operation == "delete":
            backup = call.store.main.backups.get(call.ids["backup"])
            if backup:
                backup.logs.clear()
        raise refusal

    on_refusal(server, "capability", clear)


@fault(breaks=("DEL-4",), also=("CAP-5", "DEL-5"))
def unknown_deletion_takes_the_oldest(server: Behaviours) -> None:
    """A deletion of an unknown backup is a 404 but removes the container's oldest live one: the filter is empty."""

    def take(call: Call, refusal: RefusalError) -> None:
        if call.operation == "delete":
            live = [backup for backup in call.container.backups.values() if backup.current == "live"]
            if live:
                call.container.backups.pop(live[0].id)
        raise refusal

    on_refusal(server, "backup", take)


@fault(breaks=("DEL-4",))
def refused_deletion_through_another_container_happens(server: Behaviours) -> None:
    """A deletion through another container is a 404 but happens anyway."""

    def take(call: Call, refusal: RefusalError) -> None:
        if call.operation == "delete":
            for container in call.store.containers.values():
                container.backups.pop(call.ids["backup"], None)
        raise refusal

    on_refusal(server, "backup", take)


def _after_deletion(server: Behaviours, change: Callable[[Behaviours, Job], object]) -> None:
    work = server.work["delete"]

    def more(server: Behaviours, job: Job) -> None:
        work(server, job)
        change(server, job)

    server.work["delete"] = more


@fault(breaks=("LOG-6",), also=("RST-2",))
def deletion_takes_the_logs_of_the_container(server: Behaviours) -> None:
    """A deletion removes the logs of all backups of the container."""

    def clear(_server: Behaviours, job: Job) -> None:
        for backup in job.container.backups.values():
            backup.logs.clear()

    _after_deletion(server, clear)


@fault(breaks=("JBS-1",))
def deletion_takes_the_jobs(server: Behaviours) -> None:
    """A deletion removes all ended jobs of the container, those of other backups as well."""

    def clear(server: Behaviours, _job: Job) -> None:
        server.store.jobs = {key: job for key, job in server.store.jobs.items() if not job.completed}

    _after_deletion(server, clear)


@fault(breaks=("INC-3",), also=("INC-4",))
def deletion_takes_the_integration(server: Behaviours) -> None:
    """A deletion removes the integration of the backup, which others use."""

    def clear(server: Behaviours, job: Job) -> None:
        server.store.integrations[:] = [
            one for one in server.store.integrations if job.backup.integration not in (one.id, one.identifier)
        ]

    _after_deletion(server, clear)


def _keep_deleted(server: Behaviours, shown: Callable[[Call], bool]) -> None:
    """Deleted backups stay as they were where a request is answered by a query that lacks the condition."""
    gone: dict[str, Backup] = {}
    delete, find, visible = server.handlers["delete"], server.find_backup, server.visible

    def keep(call: Call) -> Reply:
        gone[call.backup.id] = replace(call.backup)
        return delete(call)

    def look(call: Call, backup_id: str) -> Backup | None:
        if call.operation == "get" and shown(call) and backup_id in gone:
            return gone[backup_id]
        return find(call, backup_id)

    def all_of_them(call: Call) -> list[Backup]:
        backups = visible(call)
        if not shown(call):
            return backups
        mine = [backup for backup in gone.values() if backup.container_id == call.container.id]
        return [backup for backup in backups if backup.id not in gone] + mine

    server.handlers["delete"], server.find_backup, server.visible = keep, look, all_of_them


@fault(breaks=("DEL-3",))
def deleted_is_listed_where_sorted(server: Behaviours) -> None:
    """A deleted backup stays in sorted lists unchanged: that query lacks the condition of soft deletion."""
    _keep_deleted(server, lambda call: call.operation == "list" and "sort" in call.query)


@fault(breaks=("DEL-3",))
def deleted_is_listed_with_includes(server: Behaviours) -> None:
    """A deleted backup stays in lists with includes unchanged: that query lacks the condition of soft deletion."""
    _keep_deleted(server, lambda call: call.operation == "list" and "include" in call.query)


@fault(breaks=("DEL-3",))
def deleted_is_found_with_includes(server: Behaviours) -> None:
    """Get of a deleted backup with includes shows it unchanged: that query lacks the condition of soft deletion."""
    _keep_deleted(server, lambda call: call.operation == "get" and "include" in call.query)


@fault(breaks=("HTTP-3",))
def jobs_of_deleted_backups_break_down(server: Behaviours) -> None:
    """A job of a deleted backup is a 500."""
    write = server.write_job

    def strict(call: Call, job: Job) -> Document:
        if job.backup.id not in job.container.backups:
            raise RuntimeError("no backup")
        return write(call, job)

    server.write_job = strict


def _break_down_once_deleted(server: Behaviours, operation: str) -> None:
    """Let an operation crash where it names a backup that was deleted."""
    gone = set[str]()
    _after_deletion(server, lambda _, job: gone.add(job.backup.id))

    def crash(call: Call, refusal: RefusalError) -> None:
        if call.operation == operation and call.ids["backup"] in gone:
            raise RuntimeError("no backup")
        raise refusal

    on_refusal(server, "backup", crash)


@fault(breaks=("HTTP-3",))
def logs_of_deleted_backups_break_down(server: Behaviours) -> None:
    """Logs of a deleted backup are a 500."""
    _break_down_once_deleted(server, "logs")


@fault(breaks=("HTTP-3",))
def second_deletion_breaks_down(server: Behaviours) -> None:
    """A deletion of a deleted backup is a 500."""
    _break_down_once_deleted(server, "delete")
