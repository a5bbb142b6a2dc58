"""Exchanges as the client would have brought them, for tests of what judges them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.http.exchange import Exchange, Request, Response

if TYPE_CHECKING:
    from conformance.contract.operations import Operation

BACKUP = "/v1/containers/c1/backups/b1"
ADDRESS: dict[Operation, tuple[str, str]] = {
    "list": ("GET", "/v1/containers/c1/backups"),
    "get": ("GET", BACKUP),
    "logs": ("GET", f"{BACKUP}/logs"),
    "restore": ("POST", f"{BACKUP}/tasks"),
    "job": ("GET", "/v1/jobs/j1"),
    "delete": ("DELETE", BACKUP),
}


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
    method, path = ADDRESS[operation]
    asked = Request(operation, method, path, **request)
    content = json.dumps(body).encode() if raw is None else raw
    headers = (("content-type", "application/json"),) if raw is None else ()
    response = None if status is None else Response(status, headers, content, 0.01)
    return Exchange(asked, response, failure=None if response else "connection reset", unanswered=unanswered)
