"""The transport under httpx's requests: pools of connections over a `Network`, TLS and proxies as the system has them.

httpx's own transport has a timeout for each read, none for a request as a whole, and nobody could cut it off; its
client keeps cookies and decompresses without a bound. So httpx's requests go through this one, without its client.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.http.deadlines import Network

IDLE_S = 5.0

# What httpcore logs has headers in it: keys, when a target echoes them.
logging.getLogger("httpcore").setLevel(logging.WARNING)


class Transport(httpx.BaseTransport):
    """Sends httpx's requests to one origin. Raises httpx's errors, each with httpcore's own as its cause."""

    def __init__(
        self, network: Network, origin: httpx.URL, *, verify: bool | Path, connections: int, keep: bool
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(origin.scheme, verify),
            proxy=_proxy(origin),
            max_connections=connections,
            max_keepalive_connections=connections if keep else 0,
            keepalive_expiry=IDLE_S,
            network_backend=network,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer's head; its body is read from its stream, which has to be closed.

        The extension `target` is asked for as it stands, which httpx would normalise; a proxy gets it in its URL.
        """
        to, how = request.url, dict(request.extensions)
        path = how.pop("target", to.raw_path)
        url = httpcore.URL(scheme=to.raw_scheme, host=to.raw_host, port=to.port, target=path)
        assert isinstance(request.stream, httpx.SyncByteStream)  # noqa: S101 - bodies are bytes, here and now
        encoded = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=how
        )
        with _errors_of_httpx():
            answer = self._pool.handle_request(encoded)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions, request=request
        )

    def close(self) -> None:
        """Gives the connections back."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The bytes of a body as they come."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _errors_of_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ProtocolError: httpx.ProtocolError,
    httpcore.ProxyError: httpx.ProxyError,
    OSError: httpx.NetworkError,
}


@contextlib.contextmanager
def _errors_of_httpx() -> Iterator[None]:
    try:
        yield
    except tuple(_ERRORS) as error:
        ours = next(mapped for kind, mapped in _ERRORS.items() if isinstance(error, kind))
        raise ours(str(error)) from error


def _tls(scheme: str, verify: bool | Path) -> ssl.SSLContext | None:
    """How certificates are looked at: as the system does, by a bundle, or not at all."""
    if scheme != "https":
        return None
    context = ssl.create_default_context(cafile=None if isinstance(verify, bool) else str(verify))
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proxy(origin: httpx.URL) -> httpcore.Proxy | None:
    """The environment's proxy for the target; never for this machine itself."""
    host = origin.host
    if host == "localhost" or _is_loopback(host) or proxy_bypass(host):
        return None
    found = getproxies().get(origin.scheme)
    if not found:
        return None
    proxy = urlsplit(found if "://" in found else f"http://{found}")
    auth = (unquote(proxy.username), unquote(proxy.password or "")) if proxy.username else None
    url = httpcore.URL(scheme=proxy.scheme, host=proxy.hostname or "", port=proxy.port, target="/")
    return httpcore.Proxy(url, auth=auth)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
