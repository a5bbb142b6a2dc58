"""Every log that a run has seen: restores and refusals are judged by these, not by one reading of a list.

A reading may come from a replica that lags, so a log that was seen once counts from then on. New logs are counted by
the backup that they name. Where logs cannot be told apart, nothing is concluded from their number.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.http.exchange import Sender

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange

#: How many readings in a row must share no log with the one before, until ids count as made up for each reading.
MIN_DISJOINT = 2


@dataclass(frozen=True)
class LostLog:
    """A log that was shown once and is missing in a reading that began later."""

    backup: str
    log_id: str
    exchange: Exchange


@dataclass
class _Logs:
    """What was seen of the logs of one backup."""

    #: Each log as it was read last, and when the first reading that showed it had ended.
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    first_shown: dict[str, float] = field(default_factory=dict)
    last: frozenset[str] | None = None
    disjoint: int = 0
    readings: int = 0
    names_another: bool = False
    shares_ids: bool = False
    lost: list[LostLog] = field(default_factory=list)


class LogHistory:
    """The logs of every backup, as all readings of a run showed them. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logs: defaultdict[str, _Logs] = defaultdict(_Logs)

    def observe(self, exchange: Exchange) -> None:
        """Take in a reading of logs."""
        request = exchange.request
        if exchange.operation != "logs" or request.ownership not in ("own", "sibling"):
            return
        if request.sender is Sender.MEMBER and exchange.is_judgeable_success and isinstance(exchange.data, list):
            with self._lock:
                _take(self._logs[request.resources["backup"]], exchange)

    def seen(self, backup: str) -> list[dict[str, Any]]:
        """Return all logs of a backup that any reading showed, each as it was read last."""
        with self._lock:
            return list(self._logs[backup].seen.values())

    def readings(self) -> int:
        """How many readings of logs could show that a log was lost."""
        with self._lock:
            return sum(max(0, logs.readings - 1) for logs in self._logs.values())

    def lost(self) -> list[LostLog]:
        """Return the logs that were missing in a later reading of their backup."""
        with self._lock:
            return [lost for logs in self._logs.values() for lost in logs.lost if logs.disjoint < MIN_DISJOINT]

    def unreliable(self, backup: str) -> str | None:
        """Return why the number of this backup's logs says nothing; None where it does."""
        with self._lock:
            logs = self._logs[backup]
            if logs.disjoint >= MIN_DISJOINT:
                return "because HTTP-4 failed: logs have other ids with each reading"
            if logs.names_another:
                return "because LOG-2 failed: logs name another backup than the one asked for"
            return "because LOG-3 failed: logs share their ids" if logs.shares_ids else None


def _take(logs: _Logs, exchange: Exchange) -> None:
    backup, ids = exchange.request.resources["backup"], frozenset(exchange.ids)
    ended = exchange.started + (exchange.response.elapsed_s if exchange.response else 0.0)
    missing = [log_id for log_id, shown in logs.first_shown.items() if shown < exchange.started and log_id not in ids]
    if logs.last and ids and not logs.last & ids:
        logs.disjoint += 1
    is_capped = logs.last is not None and len(ids) >= len(logs.last) > 0 and bool(ids - logs.first_shown.keys())
    if missing and not is_capped:
        logs.lost += [LostLog(backup, log_id, exchange) for log_id in missing]
    logs.shares_ids |= any(count > 1 for count in Counter(exchange.ids).values()) or backup in ids
    for log in exchange.items:
        if log.get("backup_id", backup) != backup:
            logs.names_another = True
        elif isinstance(log.get("id"), str):
            logs.seen[log["id"]] = log
            logs.first_shown.setdefault(log["id"], ended)
    logs.last, logs.readings = ids, logs.readings + 1
