"""uvicorn's HTTP protocol with three additions.

Input that is not HTTP is refused with an error envelope. The scope gives access to the transport, so that a wrapper of
the application can act on the connection itself. The head and the body of a response are sent together.
"""

from __future__ import annotations

import asyncio
import json

from conformance import _compat
from conformance.reference.refusals import TITLES

CODE = "400.invalid-syntax"


class GatheringTransport:
    """A transport that sends what is written within one turn of the event loop in one system call.

    uvicorn writes the head of a response and its body one after the other. Sent apart, they cost the server two
    system calls and wake up the client twice.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data at the end of this turn of the event loop at the latest."""
        if not self._unsent:
            self._loop.call_soon(self.flush)
        self._unsent.append(data)

    def flush(self) -> None:
        """Send what was written."""
        if self._unsent:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()

    def close(self) -> None:
        """Close the connection after the data that is still to be sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Reset the connection; what was written before has been sent."""
        self.flush()
        self._transport.abort()


class Protocol(_compat.http_protocol()):  # type: ignore[misc] # a class that is checked at run time
    """The protocol of one connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin a connection."""
        super().connection_made(GatheringTransport(transport))

    def on_response_complete(self) -> None:
        """Send a response at once when it is complete."""
        self.transport.flush()
        super().on_response_complete()

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
