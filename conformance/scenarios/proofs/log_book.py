"""All logs that the reads of a run ever showed, and the clauses about logs that these reads broke.

Logs are counted by what was ever shown: a reading of a replica that lags takes nothing away. Where the readings break
a clause about logs themselves, no effect can be concluded from them: `LogBook.problem` names that clause.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.contract.json_types import JsonObject
from conformance.contract.pointers import value_at
from conformance.contract.timestamps import Instant, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.http.exchange import Exchange

Log = JsonObject


@dataclass(frozen=True)
class Loss:
    """A log that an earlier reading showed and this one does not."""

    backup: str
    log: Log
    reading: Exchange

    def is_cap(self, longest: int) -> bool:
        """Whether the list may be full instead: no list is longer, and this one shows only logs that are not older."""
        lost = created(self.log)
        return len(self.reading.items) >= longest and all(created(log) >= lost for log in self.reading.items)


@dataclass
class _Book:
    """The logs of one backup, and when the reading that first showed each of them had ended (a time in seconds)."""

    logs: dict[str, Log] = field(default_factory=dict)
    shown_at: dict[str, float] = field(default_factory=dict)
    losses: dict[str, Loss] = field(default_factory=dict)


class LogBook:
    """Keeps the logs that were ever shown of each backup. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._books: dict[str, _Book] = {}
        self._problems: dict[str, str] = {}
        self._longest = 0

    def observe(self, exchange: Exchange) -> None:
        """Take in a reading of logs; anything else is ignored."""
        request = exchange.request
        if exchange.operation != "logs" or request.ownership != "own" or not exchange.is_judgeable_success:
            return
        if not isinstance(exchange.data, list):
            return
        backup = request.resources["backup"]
        shown = {str(log["id"]): log for log in exchange.items if isinstance(log.get("id"), str)}
        with self._lock:
            self._longest = max(self._longest, len(exchange.items))
            self._note_problems(backup, exchange)
            self._take(backup, shown, exchange)

    def seen(self, backup: str, reading: Iterable[Log] = ()) -> dict[str, Log]:
        """Return the logs of a backup that were ever shown and do not name another one, by ID, as shown last.

        `reading` is a reading of now, which counts as well.
        """
        with self._lock:
            book = self._books.get(backup)
            logs = dict(book.logs) if book else {}
        return logs | {str(log.get("id")): log for log in reading if names(log, backup)}

    @property
    def problem(self) -> str:
        """Why logs say nothing about effects: the first clause about logs that the readings broke. Empty if none."""
        with self._lock:
            return next((self._problems[clause] for clause in sorted(self._problems)), "")

    @property
    def losses(self) -> list[Loss]:
        """The logs that were shown and later not shown, unless their list may be capped."""
        return [loss for loss in self._all_losses() if not loss.is_cap(self._longest)]

    @property
    def capped(self) -> list[Loss]:
        """The logs that a cap explains."""
        return [loss for loss in self._all_losses() if loss.is_cap(self._longest)]

    # ------------------------------------------------------------ parts

    def _all_losses(self) -> list[Loss]:
        with self._lock:
            return [loss for book in self._books.values() for loss in book.losses.values()]

    def _note_problems(self, backup: str, exchange: Exchange) -> None:
        line = exchange.request.line
        if any(not names(log, backup) for log in exchange.items):
            self._problems.setdefault("LOG-2", f"LOG-2 failed first: {line} shows logs of another backup")
        if len(set(exchange.ids)) < len(exchange.ids) or backup in exchange.ids:
            self._problems.setdefault("LOG-3", f"LOG-3 failed first: the ids of logs are not unique on {line}")

    def _take(self, backup: str, shown: dict[str, Log], exchange: Exchange) -> None:
        book = self._books.setdefault(backup, _Book())
        elapsed_s = exchange.response.elapsed_s if exchange.response else 0.0
        fresh = [log for log_id, log in shown.items() if log_id not in book.logs]
        lost = {
            id_: log for id_, log in book.logs.items() if id_ not in shown and book.shown_at[id_] < exchange.started
        }
        renamed = {id_ for id_, log in lost.items() if any(_same_but_for_id(log, other) for other in fresh)}
        if renamed:
            where = exchange.request.line
            self._problems.setdefault("HTTP-4", f"HTTP-4 failed first: a log has another id each time on {where}")
        for log_id in lost.keys() - renamed:
            book.losses.setdefault(log_id, Loss(backup, lost[log_id], exchange))
        for log_id, log in shown.items():
            if names(log, backup):
                book.shown_at.setdefault(log_id, exchange.started + elapsed_s)
                book.logs[log_id] = log


def names(log: Log, backup: str) -> bool:
    """Whether a log is the backup's: it does not name another one."""
    named = log.get("backup_id")
    return not isinstance(named, str) or named == backup


def _same_but_for_id(first: Log, second: Log) -> bool:
    return {**first, "id": None} == {**second, "id": None}


def created(log: Log) -> Instant:
    """Return when a log was created; the zero time where it does not say."""
    text = value_at(log, "/events/created")
    time = parse_time(text) if isinstance(text, str) else None
    return Instant(0) if time is None else time
