"""The ASGI application: it routes a request to its operation and sends the answer.

Paths are matched as they were sent, percent-encoded: an encoded slash is part of an id, not a separator.
"""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.routing import Route, Router

from conformance.reference.core import NO_OPERATION, Answer, Call
from conformance.reference.operations.request_bodies import MAX_BODY

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.core import Behaviours


class Endpoint:
    """One path template and the operations that it serves, by method; none for an unknown address."""

    def __init__(self, server: Behaviours, operations: dict[str, str]) -> None:
        self._server = server
        self._operations = operations
        methods = [*operations, *(["HEAD"] if "GET" in operations else []), *(["OPTIONS"] if operations else [])]
        self._allowed = ", ".join(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, as an ASGI application."""
        self._server.store.counters.requests += 1
        call = self._call(scope)
        if call.method in {"POST", "PUT", "PATCH"}:
            await _read_body(call, receive)
        await _send(self._server, self._server.respond(call, self._allowed), send)

    def _call(self, scope: Scope) -> Call:
        method = scope["method"]
        return Call(
            server=self._server,
            method=method,
            path=scope["raw_path"].decode("latin-1"),
            operation=self._operations.get("GET" if method == "HEAD" else method, NO_OPERATION),
            ids={name: self._server.decode_id(value) for name, value in scope.get("path_params", {}).items()},
            query_items=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            headers=Headers(scope=scope),
        )


async def _read_body(call: Call, receive: Receive) -> None:
    """Read the body up to the limit; the connection discards the rest of a larger one."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= MAX_BODY:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        more = message.get("more_body", False)
    call.raw_body = b"".join(parts)
    call.body_too_large = size > MAX_BODY


async def _send(server: Behaviours, answer: Answer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if not answer.chunked and answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    headers.append((b"date", format_datetime(server.clock(), usegmt=True).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def application(server: Behaviours) -> ASGIApp:
    """The application that has these behaviours."""
    routes = [Route(path, Endpoint(server, operations)) for path, operations in server.routes.items()]
    router = Router(routes, redirect_slashes=False, default=Endpoint(server, {}))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = server.route_path(scope["raw_path"].decode("latin-1"))
        await router(scope, receive, send)

    return server.wrap_app(app)
