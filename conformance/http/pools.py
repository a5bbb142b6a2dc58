"""Connections over our own network backend, with TLS and a proxy as the target file or the environment has them.

The connections are httpcore's, the layer below httpx. httpx itself has a timeout for each read and none for a request
as a whole, offers no way to abort a request from another thread, keeps cookies and decompresses without a bound.
"""

from __future__ import annotations

import logging
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance.config import urls
from conformance.http._compat import httpcore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.config.secrets import Key
    from conformance.config.target import Target
    from conformance.http.deadlines import Network

IDLE_S = 5.0

# The logs of httpcore include response headers, and so a key that the target echoes.
logging.getLogger(httpcore.__name__).setLevel(logging.WARNING)


class Pool:
    """Connections to the target, each with one request at a time. Safe to use from several threads.

    httpcore's own pool looks at each of its connections, with a system call, whenever a request begins or ends, and
    holds one lock meanwhile. Here a request takes the connection that was used last and looks at that one alone.
    There are never more connections than requests were in progress at once, which the client limits.
    """

    def __init__(self, target: Target, network: Network, *, keep: bool) -> None:
        """`keep`: connections are used again; otherwise each is closed after its request."""
        url = urls.parse(target.base_url)
        self._origin = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target="/").origin
        self._keep = keep
        #: knows how to connect, through which proxy; it holds no connection
        self._connector = httpcore.ConnectionPool(
            ssl_context=_ssl_context(target) if url.scheme == "https" else None,
            proxy=_proxy(target.proxy) if target.proxy is not None else None,
            keepalive_expiry=IDLE_S,
            network_backend=network,
        )
        self._lock = threading.Lock()
        #: the connections that wait for a request, the one used last at the end
        self._idle: list[httpcore.ConnectionInterface] = []
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[httpcore.ConnectionInterface]:
        """A connection for one request: one that waits, or a new one, which connects with its request."""
        connection = self._usable() or self._connector.create_connection(self._origin)
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close the connections that wait, and each other one after its request."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _usable(self) -> httpcore.ConnectionInterface | None:
        """The connection used last that the target has not closed, and that has not been idle for too long."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            connection.close()

    def _give_back(self, connection: httpcore.ConnectionInterface) -> None:
        with self._lock:
            if self._keep and not self._closed and connection.is_available():
                self._idle.append(connection)
                return
        connection.close()


def _ssl_context(target: Target) -> ssl.SSLContext:
    """Verify certificates by the system's authorities, by a bundle or not at all; present a client certificate."""
    verify = target.verify_tls
    context = ssl.create_default_context(cafile=None if isinstance(verify, bool) else str(verify))
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if target.client_cert is not None:
        context.load_cert_chain(target.client_cert.certificate, target.client_cert.key)
    return context


def _proxy(address: Key) -> httpcore.Proxy:
    proxy = urls.parse(address.reveal())
    origin = httpcore.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target="/")
    if proxy.username is None:
        return httpcore.Proxy(origin)
    return httpcore.Proxy(origin, auth=(proxy.username.encode(), (proxy.password or "").encode()))
