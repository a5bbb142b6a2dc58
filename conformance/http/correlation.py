"""Headers by which a request is found in the logs of gateways: `[request] correlation = true`."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.http.exchange import Request

#: The header with the ID of the check that sent a request.
CHECK = "X-Conformance-Check"


class Correlation:
    """Makes the headers of one worker's requests: a trace ID for the whole run, from its seed, and a span for each.

    The format is that of W3C Trace Context.
    """

    def __init__(self, seed: int, worker: int = 0) -> None:
        self._seed = f"{seed}:{worker}"
        self.trace_id = hashlib.sha256(f"trace {seed}".encode()).hexdigest()[:32]
        self._numbers = count(1)

    def headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        """Return the headers of a request, those left out that it brings itself."""
        given = {name.lower() for name, _ in request.headers} | {*request.without}
        span = hashlib.sha256(f"{self._seed}:{next(self._numbers)}".encode()).hexdigest()[:16]
        made = {"traceparent": f"00-{self.trace_id}-{span}-01", CHECK: request.check or "preflight"}
        return [(name.encode(), value.encode()) for name, value in made.items() if name.lower() not in given]
