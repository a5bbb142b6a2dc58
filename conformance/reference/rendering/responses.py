"""Responses: from a request to the answer that is sent, in the envelope of a success or of an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from conformance.reference.core import NO_OPERATION, Answer
from conformance.reference.refusals import RefusalError

if TYPE_CHECKING:
    from conformance.reference.core import Call, Reply
    from conformance.reference.data.store import Document

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def respond(call: Call, allowed: str) -> Answer:
    """Process a request: the steps of its operation, then its handler; `allowed` are the methods of its address."""
    server = call.server
    try:
        try:
            if call.operation == NO_OPERATION:
                return _unserved(call, allowed)
            for name in server.steps[call.operation]:
                server.checks[name](call)
            return server.success(call, server.handlers[call.operation](call))
        except RefusalError as refusal:
            return server.failure(call, refusal)
    except Exception:  # any bug of ours is a 500 in the error envelope
        return server.failure(call, RefusalError("500.unknown"))


def _unserved(call: Call, allowed: str) -> Answer:
    if call.method == "OPTIONS" and allowed:
        return call.server.finish(call, call.server.options(call, allowed))
    raise call.server.unrouted(call, allowed)


def unrouted(_call: Call, allowed: str) -> RefusalError:
    """The refusal of a method that an address does not serve, or of an unknown address."""
    if not allowed:
        return RefusalError("404.uri")
    return RefusalError("405.method-not-allowed", headers={"Allow": allowed})


def write_error(_call: Call, refusal: RefusalError) -> Document:
    """The error envelope of a refusal; members without a value are left out."""
    error: Document = {"status": refusal.status, "code": refusal.code, "title": refusal.title}
    if refusal.detail is not None:
        error["detail"] = refusal.detail
    if refusal.source is not None:
        error["source"] = refusal.source
    if refusal.capability is not None:
        error["extra"] = {"capability": refusal.capability}
    return {"error": error, "data": None}


def envelope(_call: Call, reply: Reply) -> Document:
    """The body of a success."""
    if reply.includes is None:
        return {"data": reply.data}
    return {"data": reply.data, "includes": reply.includes}


def encode(_call: Call, _status: int, document: object) -> bytes:
    """The document as JSON."""
    return _ENCODER.encode(document).encode()


def headers(call: Call, _status: int) -> dict[str, str]:
    """The headers of every response with a body."""
    common = {"content-type": "application/json"}
    if "origin" in call.headers:
        common["access-control-allow-origin"] = "*"
    return common


def success(call: Call, reply: Reply) -> Answer:
    """The answer for a reply."""
    return _answer(call, reply.status, call.server.envelope(call, reply), {})


def failure(call: Call, refusal: RefusalError) -> Answer:
    """The answer for a refusal."""
    refusal = call.server.refuse(call, refusal)
    return _answer(call, refusal.status, call.server.write_error(call, refusal), refusal.headers)


def options(call: Call, allowed: str) -> Answer:
    """The answer to OPTIONS, including a browser's preflight request."""
    own = {"allow": allowed}
    if "origin" in call.headers:
        own |= {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": allowed,
            "access-control-allow-headers": "Authorization, Content-Type, X-Hub-Id",
        }
    return Answer(204, own, b"")


def _answer(call: Call, status: int, document: object, more_headers: dict[str, str]) -> Answer:
    server = call.server
    body = server.encode(call, status, server.document(call, status, document))
    return server.finish(call, Answer(status, server.headers(call, status) | more_headers, body))
