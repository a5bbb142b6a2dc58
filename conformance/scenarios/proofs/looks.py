"""Looks at a backup after refused requests, each of which is the look before the next requests as well."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange

#: How long a look after refused requests is also the look before the next ones, in seconds.
LOOK_LASTS_S = 5.0


@dataclass(frozen=True)
class _Look:
    """A backup and its logs as they were read, how many restores of it had been requested, and when (monotonic)."""

    clause: str
    get: Exchange
    logs: Exchange
    requested: int
    at: float


class Looks:
    """Keeps the last look at each backup. Safe to use from many threads.

    `clause` is the one that an effect of the requests would break; `requested` is how many restores of the backup were
    requested so far.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}

    def keep(self, clause: str, backup: str, get: Exchange, logs: Exchange, *, requested: int) -> None:
        """Keep a look at a backup and its logs."""
        with self._lock:
            self._looks[backup] = _Look(clause, get, logs, requested, time.monotonic())

    def last(self, clause: str, backup: str, *, requested: int) -> tuple[Exchange, Exchange] | None:
        """Return the last look at a backup, unless it is old or a restore of the backup was requested since."""
        with self._lock:
            look = self._looks.get(backup)
        if look is None or (look.clause, look.requested) != (clause, requested):
            return None
        return (look.get, look.logs) if time.monotonic() - look.at < LOOK_LASTS_S else None
