"""The last reading of each backup by the plain get, so that what it proves need not be read once more."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

from conformance.http.exchange import Expected

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange, Request


class Readings:
    """Keeps the last plain get of each backup of the own container. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gets: dict[str, Exchange] = {}

    def observe(self, exchange: Exchange) -> None:
        """Keep a plain get that shows a backup; one that does not show it takes back what an earlier one showed."""
        if not _is_plain_get(exchange.request):
            return
        backup = exchange.request.resources["backup"]
        with self._lock:
            if exchange.is_judgeable_success and isinstance(exchange.data, dict):
                self._gets[backup] = exchange
            else:
                self._gets.pop(backup, None)

    def get(self, backup: str, within_s: float = math.inf) -> Exchange | None:
        """Return the last plain get of a backup, if it showed the backup and is at most `within_s` seconds old."""
        with self._lock:
            get = self._gets.get(backup)
        return get if get is not None and time.time() - get.started < within_s else None


def _is_plain_get(request: Request) -> bool:
    """Whether a get has no parameters or headers of its own and uses the full key."""
    if (request.operation, request.method, request.key, request.ownership) != ("get", "GET", "full", "own"):
        return False
    is_plain = not request.query and not request.headers and request.body is None and not request.without
    return is_plain and request.expected is Expected.DOCUMENTED
