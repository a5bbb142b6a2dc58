"""Sockets with one deadline for a whole request, and a way to abort all of them from another thread.

An HTTP library's timeouts count from one read to the next: a target that sends a byte now and then never exceeds
them. Here every read, write and handshake gets what is left of the request's own time.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakSet

from conformance.http._compat import httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from httpcore import SOCKET_OPTION

#: with less time than this a read would only find out that the time is over
MIN_READ_S = 0.001
#: how much of a request is kept to be sent in one piece, in bytes
MAX_KEPT = 65_536


class Network(httpcore.NetworkBackend):
    """Opens connections whose every operation keeps to the deadline of the thread that uses them."""

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._streams: WeakSet[_Stream] = WeakSet()
        self._aborted = False

    def begin(self, seconds: float) -> None:
        """Limit everything that this thread does on the network from now on to `seconds` in all."""
        self._thread.deadline = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left to this thread's request; never quite 0, which would mean a socket that does not block."""
        return max(float(self._thread.deadline) - time.monotonic(), 0.0001)

    def abort(self) -> None:
        """End the requests in progress, in all threads, and let no new one begin."""
        with self._lock:
            self._aborted = True
            streams = list(self._streams)
        for stream in streams:
            stream.abort()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection, registered among those that can be aborted."""
        del timeout
        stream = self._plain.connect_tcp(host, port, self.remaining(), local_address, socket_options)
        return self.register(stream)

    def register(self, stream: httpcore.NetworkStream) -> _Stream:
        """Wrap the stream, so that it keeps to the deadline and can be aborted."""
        registered = _Stream(self, stream)
        with self._lock:
            self._streams.add(registered)
            aborted = self._aborted
        if aborted:
            registered.abort()
        return registered


class _Stream(httpcore.NetworkStream):
    """A connection of a `Network`.

    httpcore writes the head of a request, and then its body. Here both are sent in one piece, when the response is
    read: what lies between may forward the second part only after the first has arrived.
    """

    def __init__(self, network: Network, stream: httpcore.NetworkStream) -> None:
        self._network = network
        self._stream = stream
        self._kept: list[bytes] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        if self._kept:
            with contextlib.suppress(httpcore.WriteError):  # the target may have answered before it read everything
                self._send()
        remaining = self._network.remaining()
        if remaining < MIN_READ_S:
            raise httpcore.ReadTimeout("the request timed out")
        return self._stream.read(max_bytes, remaining)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        self._kept.append(buffer)
        if sum(map(len, self._kept)) > MAX_KEPT:
            self._send()

    def _send(self) -> None:
        kept, self._kept = b"".join(self._kept), []
        self._stream.write(kept, self._network.remaining())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        del timeout
        return self._network.register(self._stream.start_tls(ssl_context, server_hostname, self._network.remaining()))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)

    def abort(self) -> None:
        """Wake the threads that read or write here. A TLS socket is shut down through the plain socket below it."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._stream.get_extra_info("socket"), socket.SHUT_RDWR)
