"""From a reply or a refusal to the bytes of an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.reference.call import Answer

if TYPE_CHECKING:
    from conformance.reference.call import Call, Reply
    from conformance.reference.errors import RefusalError

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def envelope(_call: Call, reply: Reply) -> dict[str, Any]:
    """The body of a success."""
    if reply.includes is None:
        return {"data": reply.data}
    return {"data": reply.data, "includes": reply.includes}


def document(_call: Call, _status: int, whole: Any) -> Any:
    """The last word on the document of a success or a refusal."""
    return whole


def encode(_call: Call, _status: int, whole: Any) -> bytes:
    """The document as JSON."""
    return _ENCODER.encode(whole).encode()


def headers(call: Call, _status: int) -> dict[str, str]:
    """The headers of every answer with a body."""
    found = {"content-type": "application/json"}
    if "origin" in call.headers:
        found["access-control-allow-origin"] = "*"
    return found


def finish(_call: Call, answer: Answer) -> Answer:
    """The last word on an answer."""
    return answer


def success(call: Call, reply: Reply) -> Answer:
    """The answer that a reply becomes."""
    return _answer(call, reply.status, call.server.envelope(call, reply), {})


def failure(call: Call, refusal: RefusalError) -> Answer:
    """The answer that a refusal becomes."""
    refusal = call.server.refuse(call, refusal)
    return _answer(call, refusal.status, call.server.write_error(call, refusal), refusal.headers)


def options(call: Call, allowed: str) -> Answer:
    """The answer to OPTIONS, a browser's preflight as well."""
    found = {"allow": allowed}
    if "origin" in call.headers:
        found |= {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": allowed,
            "access-control-allow-headers": "Authorization, Content-Type, X-Hub-Id",
        }
    return Answer(204, found, b"")


def _answer(call: Call, status: int, whole: Any, more: dict[str, str]) -> Answer:
    server = call.server
    body = server.encode(call, status, server.document(call, status, whole))
    return server.finish(call, Answer(status, server.headers(call, status) | more, body))
