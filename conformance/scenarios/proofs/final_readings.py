"""What several final reviews read: each reading is made once per review."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from conformance.judging.expectations import NotTestableError
from conformance.scenarios.proofs.late_effects import await_late_effects
from conformance.scenarios.restore import of_instance
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.scenarios.side_effects import restores_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore
    from conformance.scenarios.run_state import Snapshot

T = TypeVar("T")


class NothingToReviewError(NotTestableError):
    """The run did nothing that this review would judge: it leaves no record."""


def reviewed_once(context: CheckContext, name: str, scenario: Callable[[CheckContext], T]) -> T:
    """Run a scenario once per review: a run is reviewed before the bad keys and after everything."""
    return context.run_once(f"{name} of review {context.run.state.reviews}", scenario)


@dataclass(frozen=True)
class LogsLeft:
    """The logs of one backup that are new since the first restore of it, and the restores that ended."""

    restores: Sequence[Restore]
    exchange: Exchange
    #: Those that were not there before the first restore, whichever reading of the run showed them.
    new: list[JsonObject]

    @property
    def backup(self) -> str:
        """The backup."""
        return self.restores[0].backup

    @property
    def own(self) -> list[JsonObject]:
        """Those of the instance that was restored to."""
        return of_instance(self.new, self.restores[0].instance)

    @property
    def elsewhere(self) -> list[JsonObject]:
        """Those of restores to instances to which this run restored nothing."""
        return restores_elsewhere(self.new, {restore.instance for restore in self.restores})

    @property
    def shown(self) -> dict[str, JsonObject]:
        """The logs of the last reading by their ids."""
        return {str(log.get("id")): log for log in self.exchange.items}


def ended_restores(context: CheckContext) -> list[Restore]:
    """Return the accepted restores that ended. Raises NothingToReviewError if no restore did."""
    ended = [restore for restore in context.run.state.restores if restore.accepted and restore.ended]
    if not ended:
        raise NothingToReviewError("no restore to review")
    return ended


def gets_again(context: CheckContext, backups: Iterable[str]) -> dict[str, Exchange]:
    """Return what get shows of these backups now. What another review has restored meanwhile is read by itself."""
    gets = reviewed_once(context, "backups", backups_again)
    more = [backup for backup in backups if backup not in gets]
    return gets | dict(zip(more, context.send_all(map(context.build.get, more)), strict=True))


def backups_again(context: CheckContext) -> dict[str, Exchange]:
    """Get each backup again that the run restored, deleted, or was refused to delete."""
    await_late_effects(context)
    state = context.run.state
    restored = [restore.backup for restore in state.restores if restore.accepted and restore.ended]
    kept = [kept_backup.backup for kept_backup in state.kept_backups]
    backups = list(dict.fromkeys([*restored, *state.gone_backups, *kept]))
    return dict(zip(backups, context.send_all(map(context.build.get, backups)), strict=True))


def logs_left(context: CheckContext) -> list[LogsLeft]:
    """Read the logs of each backup that was restored."""
    by_backup: dict[str, list[Restore]] = {}
    for restore in ended_restores(context):
        by_backup.setdefault(restore.backup, []).append(restore)
    exchanges = context.send_all(map(context.build.logs, by_backup))
    return [
        _logs_left(context, restores, exchange)
        for restores, exchange in zip(by_backup.values(), exchanges, strict=True)
    ]


def _logs_left(context: CheckContext, restores: Sequence[Restore], exchange: Exchange) -> LogsLeft:
    """Return what was read of the logs of the one backup of these restores."""
    seen = context.run.state.log_book.seen(restores[0].backup, exchange.items)
    return LogsLeft(restores, exchange, [log for id_, log in seen.items() if id_ not in restores[0].logs_before])


@dataclass(frozen=True)
class Look:
    """A backup as it was read again, or the reason why that failed."""

    snapshot: Snapshot
    get: Exchange | None = None
    logs: Exchange | None = None
    lost: str = ""


def look_at_snapshots(context: CheckContext) -> list[Look]:
    """Read each backup once, for all of its snapshots."""
    await_late_effects(context)
    snapshots = context.run.state.take_snapshots()
    backups = list(dict.fromkeys(snapshot.backup for snapshot in snapshots))
    try:
        answers = context.send_all(
            read(backup) for backup in backups for read in (context.build.get, context.build.logs)
        )
    except CANNOT_GO_ON as reason:
        return [Look(snapshot, lost=str(reason)) for snapshot in snapshots]
    pairs = zip(backups, answers[::2], answers[1::2], strict=True)
    looks = {backup: partial(Look, get=get, logs=logs) for backup, get, logs in pairs}
    return [looks[snapshot.backup](snapshot) for snapshot in snapshots]


def last_jobs(context: CheckContext) -> list[tuple[Restore, Exchange]]:
    """Read the jobs of the restores that ended, as far as they can be read."""
    readable = [restore for restore in ended_restores(context) if restore.readable]
    if not readable:
        raise NothingToReviewError("no job to review")
    jobs = context.send_all(context.build.job(restore.job_id) for restore in readable)
    return list(zip(readable, jobs, strict=True))
