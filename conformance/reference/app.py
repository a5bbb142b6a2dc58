"""The ASGI application: from a request to a call, through the steps of its operation, to an answer.

Addresses are matched as they were sent, percent-encoded: an encoded slash is part of an id, not a separator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import Route

from conformance.reference.bodies import LARGEST_BODY
from conformance.reference.call import NOTHING, Answer, Call
from conformance.reference.errors import RefusalError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from conformance.reference.behaviour import Behaviours


class Address:
    """What is served at one address: an operation for each method."""

    def __init__(self, server: Behaviours, operations: dict[str, str]) -> None:
        self._server = server
        self._operations = operations
        names = [*operations, *(["HEAD"] if "GET" in operations else []), *(["OPTIONS"] if operations else [])]
        self._allowed = ", ".join(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._server.world.counters.requests += 1
        call = self._call(scope)
        if call.method in {"POST", "PUT", "PATCH"}:
            await _read_body(call, receive)
        await _send(self._answer(call), send)

    def _call(self, scope: Scope) -> Call:
        method = scope["method"]
        query = scope["query_string"]
        return Call(
            server=self._server,
            method=method,
            path=scope["path"],
            operation=self._operations.get("GET" if method == "HEAD" else method, NOTHING),
            ids={name: unquote(value) for name, value in scope.get("path_params", {}).items()},
            query=dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {},
            headers=Headers(scope=scope),
        )

    def _answer(self, call: Call) -> Answer:
        server = call.server
        try:
            try:
                if call.operation == NOTHING:
                    return self._nothing(call)
                for name in server.steps[call.operation]:
                    server.checks[name](call)
                return server.success(call, server.actions[call.operation](call))
            except RefusalError as refusal:
                return server.failure(call, refusal)
        except Exception:  # whatever is wrong with us is a 500 in the error's shape
            return server.failure(call, RefusalError("500.unknown"))

    def _nothing(self, call: Call) -> Answer:
        if call.method == "OPTIONS" and self._allowed:
            return call.server.finish(call, call.server.options(call, self._allowed))
        raise call.server.unserved(call, self._allowed)


async def _read_body(call: Call, receive: Receive) -> None:
    """Read the body up to what we take; of a larger one the rest is left to the connection to discard."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= LARGEST_BODY:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        more = message.get("more_body", False)
    call.raw_body = b"".join(parts)
    call.body_too_large = size > LARGEST_BODY


async def _send(answer: Answer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if not answer.chunked and answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def application(server: Behaviours) -> ASGIApp:
    """The application that shows these behaviours."""
    starlette = Starlette(routes=[Route(path, Address(server, found)) for path, found in server.routes.items()])
    starlette.router.redirect_slashes = False
    starlette.router.default = Address(server, {})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = scope["raw_path"].decode("latin-1")
        await starlette(scope, receive, send)

    return server.wrap_app(app)
