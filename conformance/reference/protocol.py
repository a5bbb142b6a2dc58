"""uvicorn's HTTP protocol with two additions.

Input that is not HTTP is refused with an error envelope, and the scope gives access to the transport, so that a wrapper
of the application can act on the connection itself.
"""

from __future__ import annotations

import json

from conformance import _compat
from conformance.reference.refusals import TITLES

CODE = "400.invalid-syntax"


class Protocol(_compat.http_protocol()):  # type: ignore[misc] # a class that is checked at run time
    """The protocol of one connection."""

    def on_message_begin(self) -> None:
        """Put the connection's transport into the scope of a new request."""
        super().on_message_begin()
        self.scope["extensions"] = {"transport": {"transport": self.transport}}

    def send_400_response(self, msg: str) -> None:
        """Refuse input that is not HTTP."""
        error = {"status": 400, "code": CODE, "title": TITLES[CODE], "detail": msg}
        body = json.dumps({"error": error, "data": None}).encode()
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()
