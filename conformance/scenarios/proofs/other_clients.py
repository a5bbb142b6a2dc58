"""RST-8, RST-9: whether another client restored to an instance meanwhile, and so may have written what it holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from conformance.contract.timestamps import Instant
from conformance.judging.expectations import CannotTellError, inconclusive
from conformance.judging.outcomes import Outcome
from conformance.scenarios.proofs.log_book import created
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.scenarios.side_effects import MAX_WATCH_S, MAX_WATCHED_BACKUPS, MIN_WATCH_S, WATCH_FACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore


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
        context.run.wait(context.fixtures.target.restore.poll_s)


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
