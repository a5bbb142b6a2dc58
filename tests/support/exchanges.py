"""Exchanges as the client would have brought them, for tests of what judges them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.http.exchange import Exchange, Request, Response

if TYPE_CHECKING:
    from conformance.contract.operations import Operation


def answer(
    status: int | None = 200,
    body: object = None,
    *,
    operation: Operation = "get",
    unanswered: bool = False,
    raw: bytes | None = None,
    **request: Any,
) -> Exchange:
    """An answer of this status with this body in JSON; None: no answer came."""
    asked = Request(operation, "GET", "/v1/x", **request)
    content = json.dumps(body).encode() if raw is None else raw
    response = None if status is None else Response(status, (), content, 0.01)
    return Exchange(asked, response, failure=None if response else "connection reset", unanswered=unanswered)
