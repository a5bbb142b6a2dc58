"""What several final reviews read: each reading is made once per review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from conformance.judging.expectations import NotTestableError
from conformance.scenarios.restore import of_instance
from conformance.scenarios.side_effects import restores_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore

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


def logs_left(context: CheckContext) -> list[LogsLeft]:
    """Read the logs of each backup that was restored."""
    ended = ended_restores(context)
    return [
        _logs_of(context, [restore for restore in ended if restore.backup == backup])
        for backup in dict.fromkeys(restore.backup for restore in ended)
    ]


def _logs_of(context: CheckContext, restores: Sequence[Restore]) -> LogsLeft:
    """Read the logs of the one backup of these restores."""
    exchange = context.logs(restores[0].backup)
    seen = context.run.state.log_book.seen(restores[0].backup, exchange.items)
    return LogsLeft(restores, exchange, [log for id_, log in seen.items() if id_ not in restores[0].logs_before])
