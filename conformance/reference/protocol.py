"""uvicorn's HTTP protocol, with what the application cannot do itself.

What cannot be parsed as HTTP at all is refused in the error's shape. The transport is put into the scope, so that
whatever stands around the application can treat the connection itself.
"""

from __future__ import annotations

import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from conformance.reference.errors import TITLES

CODE = "400.invalid-syntax"


class Protocol(HttpToolsProtocol):
    """One connection."""

    def on_message_begin(self) -> None:
        """A request begins: let the application see the connection that it came over."""
        super().on_message_begin()
        self.scope["extensions"] = {"transport": {"transport": self.transport}}

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        error = {"status": 400, "code": CODE, "title": TITLES[CODE], "detail": msg}
        body = json.dumps({"error": error, "data": None}).encode()
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()
