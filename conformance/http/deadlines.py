"""Sockets with one deadline for a whole request, and a way to cut all of them off from another thread.

An HTTP library's timeouts count from one read to the next: a target that sends a byte now and then would never run
into them. Here every read, write and handshake gets what is left of the request's own time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import httpcore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Network(httpcore.NetworkBackend):
    """Opens connections whose every operation keeps to the deadline of the thread that uses them."""

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()
        self._own = threading.local()
        self._lock = threading.Lock()
        self._streams: WeakSet[_Stream] = WeakSet()
        self._cut = False

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All that this thread does on the network in here is over in so many seconds."""
        self._own.deadline = time.monotonic() + seconds
        yield

    def left(self) -> float:
        """Seconds that this thread's request has left; never quite 0, for that would mean not to wait at all."""
        return max(float(self._own.deadline) - time.monotonic(), 0.0001)

    def cut_off(self) -> None:
        """Ends whatever is under way, in all threads, and lets nothing new begin."""
        with self._lock:
            self._cut = True
            streams = list(self._streams)
        for stream in streams:
            stream.cut_off()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection, kept among those that can be cut off."""
        del timeout
        stream = self._plain.connect_tcp(host, port, self.left(), local_address, socket_options)
        return self.watched(stream)

    def watched(self, stream: httpcore.NetworkStream) -> _Stream:
        """The stream as one that keeps to the deadline and can be cut off."""
        ours = _Stream(self, stream)
        with self._lock:
            self._streams.add(ours)
            cut = self._cut
        if cut:
            ours.cut_off()
        return ours


class _Stream(httpcore.NetworkStream):
    """A connection of a `Network`."""

    def __init__(self, network: Network, stream: httpcore.NetworkStream) -> None:
        self._network = network
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        left = self._network.left()
        if left < 0.001:
            raise httpcore.ReadTimeout("the time is over")
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        self._stream.write(buffer, self._network.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        del timeout
        return self._network.watched(self._stream.start_tls(ssl_context, server_hostname, self._network.left()))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def cut_off(self) -> None:
        """Wakes whoever reads or writes here. A TLS socket is shut as the plain one below it, without its manners."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._stream.get_extra_info("socket"), socket.SHUT_RDWR)


def in_words(error: Exception) -> str:
    """A transport error in a few words of our own: an error's text may quote what the target sent."""
    error = error.__cause__ if isinstance(error.__cause__, Exception) else error  # what httpcore said of it
    inner = error.args[0] if error.args else None  # the pool raises without a cause, but what it was stands inside
    cause = error.__cause__ or (inner if isinstance(inner, Exception) else error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the TLS certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {(cause.reason or 'unknown reason').lower().replace('_', ' ')}"
    if isinstance(error, httpcore.ConnectError) and not isinstance(cause, ConnectionRefusedError):
        return f"no connection: {(getattr(cause, 'strerror', None) or 'unknown reason').lower()}"
    if isinstance(error, httpcore.RemoteProtocolError):
        return next((words for start, words in _PROTOCOL.items() if str(error).startswith(start)), "not HTTP/1.1")
    return _TRANSPORT.get(type(error), "connection reset")


_TRANSPORT: dict[type[Exception], str] = {
    httpcore.ConnectError: "connection refused",
    httpcore.WriteError: "connection reset while sending",
    httpcore.LocalProtocolError: "not to be sent as HTTP",
    httpcore.ProxyError: "the proxy refused",
}
_PROTOCOL = {
    "Server disconnected": "connection closed without an answer",
    "peer closed connection": "connection closed",
    "Receive buffer too long": "headers of more than 100 kB",
}
