"""Whether somebody else restored to an instance meanwhile, or changed backups, and so had what looks like an effect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from conformance.contract import equivalence
from conformance.contract.pointers import value_at
from conformance.contract.timestamps import Instant
from conformance.judging.expectations import CannotTellError, inconclusive
from conformance.judging.outcomes import Outcome
from conformance.scenarios import paging
from conformance.scenarios.proofs.log_book import created, names
from conformance.scenarios.restore import log_ids
from conformance.scenarios.run_state import CANNOT_GO_ON

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore
    from conformance.scenarios.run_state import Snapshot

#: How long to watch for what other clients do, in seconds and relative to their pace in the run so far, how often, and
#: on how many backups.
MIN_WATCH_S, MAX_WATCH_S, WATCH_FACTOR, WATCH_POLL_S = 3.0, 15.0, 3, 0.5
MAX_WATCHED_BACKUPS = 64
#: The scenario that reads the logs of backups for which this run requested no restore.
UNTOUCHED = "logs of untouched backups"
ANOTHER_CLIENT = "another client may be restoring this backup"


# ---------------------------------------------------------------- RST-8, RST-9: restores to an instance


def unless_restored_by_others(context: CheckContext, instance: str, finding: Finding) -> Finding:
    """Return a failure about the data of an instance as inconclusive if another client restored to it meanwhile."""
    if finding.outcome is not Outcome.FAILED:
        return finding
    name = f"other clients' restores to {instance}"
    try:
        doubt = context.run_once(name, lambda own: _restored_by_others(own, instance))
    except CANNOT_GO_ON as reason:
        doubt = f"whether another client restored to {instance} could not be determined: {reason}"
    return inconclusive(doubt, finding.exchange) if doubt else finding


def _restored_by_others(context: CheckContext, instance: str) -> str:
    """Watch the logs of all backups for such a restore: one that still runs may write its log only at its end."""
    restores = context.run.state.restores
    since = _beginning(restores)
    if since is None or context.run.state.log_book.problem:
        return ""
    watch_s = WATCH_FACTOR * max(restore.took_s for restore in restores)
    deadline = time.monotonic() + max(MIN_WATCH_S, min(MAX_WATCH_S, watch_s))
    while True:
        if backup := _restored_backup(context, instance, since):
            return (
                f"the backup {backup} was restored to {instance} meanwhile, by another client or by a refused request"
            )
        if time.monotonic() > deadline:
            return ""
        context.run.wait(max(WATCH_POLL_S, context.fixtures.target.restore.poll_s))


def _beginning(restores: Sequence[Restore]) -> Instant | None:
    """When the first restore of the run was requested, by the target's clock; None if this run's restores left no logs.

    A restore may create its log when it begins or when it ends.
    """
    firsts = [min(map(created, restore.own_logs)).second - restore.took_s for restore in restores if restore.own_logs]
    return Instant(int(min(firsts))) if firsts and min(firsts) > 0 else None


def _restored_backup(context: CheckContext, instance: str, since: Instant) -> str | None:
    """A backup with a log of a restore to the instance, and more logs of restores than this run requested of it."""
    state = context.run.state
    listed = [str(backup["id"]) for backup in context.fixtures.backups[:MAX_WATCHED_BACKUPS]]
    watched = list(dict.fromkeys([*(restore.backup for restore in state.restores), *listed]))
    answers = context.send_all([context.build.logs(backup) for backup in watched])
    if not any(answer.is_success for answer in answers):
        raise CannotTellError("no logs can be read")
    for backup in watched:
        recent = [log for log in state.log_book.seen(backup).values() if _is_restore_since(log, since)]
        if len(recent) > state.accepted(backup) and any(log.get("instance_id") == instance for log in recent):
            return backup
    return None


def _is_restore_since(log: JsonObject, since: Instant) -> bool:
    return log.get("type") != "backup" and created(log) >= since


# ---------------------------------------------------------------- effects of refused restores


def logs_of_untouched(context: CheckContext) -> dict[str, list[JsonObject]]:
    """Return the logs of the backups for which this run requested no restore."""
    state = context.run.state
    listed = [str(backup["id"]) for backup in context.fixtures.backups]
    untouched = [backup for backup in listed if not state.requested(backup)][:MAX_WATCHED_BACKUPS]
    answers = context.send_all(map(context.build.logs, untouched))
    return {
        backup: [log for log in logs.items if names(log, backup)]
        for backup, logs in zip(untouched, answers, strict=True)
        if logs.is_success
    }


def effects_of_others(context: CheckContext, snapshot: Snapshot, *, foreign: bool) -> str:
    """Why something else may have had the effects: backups that this run leaves alone are restored or change as well.

    Empty if none does. Only restores to the instances of the snapshot count, unless `foreign`. The first call waits a
    while for them; later ones count those since then as well.
    """
    before = context.run_once(UNTOUCHED, logs_of_untouched)
    if changed := context.run_once("watch of untouched backups", _changed_meanwhile):
        return f"backups change by themselves: {changed} did, of which this run requested no restore"
    for backup, logs in logs_of_untouched(context).items():
        known = log_ids(before.get(backup, logs))
        new = [log for log in logs if str(log.get("id")) not in known and log.get("type") != "backup"]
        if any(foreign or str(log.get("instance_id")) in snapshot.instances for log in new):
            return f"{ANOTHER_CLIENT}: it restored {backup}, of which this run requested no restore"
    return ""


def _changed_meanwhile(context: CheckContext) -> str:
    """Wait a while, and return a live backup that changed though this run requested no restore of it; else nothing."""
    before = _live_items(context)
    context.run.wait(MIN_WATCH_S)
    return _changed(before, context, (backup for backup in before if not context.run.state.requested(backup)))


def changed_alone(context: CheckContext, apart: Collection[str], took_s: float) -> str:
    """Watch all live backups but those apart while nothing is sent, and return one that changes or goes; else nothing.

    Retention and tiers take one backup after the other, and mostly those of which the run has requested restores as
    well. What earlier requests of the run have set going comes first: it is given the time that an effect took.
    """
    context.run.wait(took_s)
    before, state = _live_items(context), context.run.state
    watched = [
        backup
        for backup in before
        if backup not in apart and backup not in state.deleted_backups and not state.accepted(backup)
    ]
    for _ in range(round(MAX_WATCH_S / WATCH_POLL_S)):
        context.run.wait(WATCH_POLL_S)
        if changed := _changed(before, context, watched):
            return changed
    return ""


def _changed(before: dict[str, JsonObject], context: CheckContext, watched: Iterable[str]) -> str:
    """One of the live backups that is not as before, or not live any more; nothing where the list cannot be read."""
    now = _live_items(context)
    changed = [
        backup
        for backup in watched
        if now and (backup not in now or equivalence.differences("backup", before[backup], now[backup]))
    ]
    return min(changed, default="")


def _live_items(context: CheckContext) -> dict[str, JsonObject]:
    """The live backups of the list by their ids; none if the list cannot be read, which is another clause's matter."""
    try:
        pages = paging.read_list(context).pages
    except CannotTellError:
        return {}
    items = [item for page in pages for item in page.items if value_at(item, "/state/current") == "live"]
    return {str(item.get("id")): item for item in items}
