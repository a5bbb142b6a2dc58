"""A reference server that counts the requests which reach it, as they were written."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance.reference import launch
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.core import Behaviours


@contextmanager
def counting_server(*faults: str) -> Iterator[tuple[launch.Running, Counter[str]]]:
    """Serve, and count `METHOD target hub` of each request."""
    lines: Counter[str] = Counter()

    @variant("none: it only counts")
    def recorded(server: Behaviours) -> None:
        """Every request is counted."""

        def wrap(app: ASGIApp) -> ASGIApp:
            async def recording(scope: Scope, receive: Receive, send: Send) -> None:
                target = scope["raw_path"] + b"?" + scope["query_string"]
                hub = dict(scope["headers"]).get(b"x-hub-id", b"none")
                lines[f"{scope['method']} {target.decode('latin-1')} {hub.decode('latin-1')}"] += 1
                await app(scope, receive, send)

            return recording

        server.wrap_app = wrap

    with launch.serve_in_thread(faults, variants=[recorded], restore_seconds=0.02) as server:
        yield server, lines
