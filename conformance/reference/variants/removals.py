"""Legal differences in how backups come, move and go: retention, backups made by restores, targets without deletion."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.data.store import Log, new_id
from conformance.reference.patching import after_restore, before_reads
from conformance.reference.registry import variant
from conformance.reference.variants.jobs import no_deletion

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Job
    from conformance.reference.refusals import RefusalError

#: How often retention removes a backup, in seconds, slowly and in haste, and how many it removes.
BETWEEN_REMOVALS_S, HASTE_S, MAX_REMOVED = 4.0, 1.0, 8
RETENTION = "lists may change while they are read, and clauses about a backup that is gone may be inconclusive"


@variant(
    "delete is optional, and an unknown backup may be refused before the method is",
    untested=("DEL-1", "DEL-2", "DEL-3", "DEL-4", "DEL-5"),
)
def methods_are_looked_at_last(server: Behaviours) -> None:
    """There is no deletion, and a method that is not served is only refused where the backup exists."""
    no_deletion.apply(server)
    unrouted = server.unrouted

    def late(call: Call, allowed: str) -> RefusalError:
        if allowed and "backup" in call.ids:
            for name in ("key", "hub", "scope", "container", "backup"):
                server.checks[name](call)
        return unrouted(call, allowed)

    server.unrouted = late


def _with_retention(server: Behaviours, remove: Callable[[Backup], None], every_s: float = BETWEEN_REMOVALS_S) -> None:
    """List the oldest backup first, and remove the oldest live one without a role every few seconds."""
    fixtures, main = server.store.fixtures, server.store.main
    named = {fixtures.backup_id, fixtures.failing_backup_id, *fixtures.deletable_backup_ids}
    visible, begun, removed = server.visible, list[float](), list[str]()

    def move_on() -> None:
        begun.extend([] if begun else [time.monotonic()])
        while len(removed) < min(MAX_REMOVED, (time.monotonic() - begun[0]) / every_s):
            oldest = next(item for item in main.backups.values() if item.current == "live" and item.id not in named)
            removed.append(oldest.id)
            remove(oldest)

    server.visible = lambda call: visible(call)[::-1]
    before_reads(server, move_on)


@variant(RETENTION, expected="inconclusive")
def old_backups_are_removed(server: Behaviours) -> None:
    """Retention removes the oldest backups while the run goes on."""
    _with_retention(server, lambda backup: server.store.main.backups.__delitem__(backup.id))


@variant(RETENTION, expected="inconclusive")
def old_backups_are_marked_as_deleted(server: Behaviours) -> None:
    """Retention puts the oldest backups into state deleted while the run goes on."""
    _with_retention(server, lambda backup: _mark_as_deleted(server, backup))


@variant(RETENTION, expected="inconclusive")
def old_backups_are_marked_in_haste(server: Behaviours) -> None:
    """Retention puts the oldest backups into state deleted as the run begins, one each second."""
    _with_retention(server, lambda backup: _mark_as_deleted(server, backup), HASTE_S)


def _mark_as_deleted(server: Behaviours, backup: Backup) -> None:
    backup.current = "deleted"
    backup.changed = backup.updated = backup.deleted = server.clock()


@variant("lists may change while they are read")
def restores_make_backups_first(server: Behaviours) -> None:
    """Each restore leaves a new backup of what the instance held before, which has a log of its own."""

    def keep(job: Job) -> None:
        if job.instance is None:
            return
        moment, instance = server.clock(), job.instance.id
        new = replace(job.backup, id=new_id(), instance_id=instance, created=moment, changed=moment, updated=None)
        new.logs = [Log(new_id(), instance, "backup", "made before a restore", moment, moment)]
        job.container.backups[new.id] = new

    after_restore(server, keep)


@variant("live backups may change by themselves", expected="inconclusive")
def backups_are_rebalanced(server: Behaviours) -> None:
    """Each second the files of a third of all backups are moved, but of none that was restored: their paths change."""
    begun, rounds, store = time.monotonic(), count(1), server.store
    latest, fixtures = next(rounds), store.fixtures
    named = {fixtures.backup_id, fixtures.failing_backup_id, fixtures.not_live_backup_id}
    named |= {*fixtures.deletable_backup_ids}

    def rebalance() -> None:
        nonlocal latest
        while time.monotonic() - begun > latest:
            kept = named | {job.backup.id for job in store.jobs.values()}
            backups = [backup for backup in store.main.backups.values() if backup.id not in kept]
            for backup in backups[latest % 3 :: 3]:
                backup.path = f"/volumes/{latest}/{backup.id}"
            latest = next(rounds)

    before_reads(server, rebalance)
