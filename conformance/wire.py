"""Sends one request and brings one bounded answer back: no cookies, no redirects, no endless bodies.

Everything that the target controls is limited here: bytes after decompression, seconds in all (not per read), and
the encodings that we accept. What breaks a limit is described, not raised, so that it can be judged.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from contextlib import ExitStack
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from conformance.encodings import ACCEPT_ENCODING, EncodingError, decoded
from conformance.exchange import Exchange, Request, Response
from conformance.network import Network, in_words

if TYPE_CHECKING:
    from pathlib import Path
    from urllib.parse import SplitResult

    from conformance.target import Target

#: of a body that is over the limit so much is kept, as evidence
KEPT_OF_TOO_LARGE = 64 * 1024
#: bodies that outgrow this are read a few at a time, so that many threads together need no more memory than those
LARGE = 2**20
LARGE_AT_ONCE = 2
IDLE_S = 5.0

# What httpcore logs has headers in it: keys, when a target echoes them.
logging.getLogger("httpcore").setLevel(logging.WARNING)


class Wire:
    """The one HTTP transport of a worker, safe to use from many threads."""

    def __init__(self, target: Target, user_agent: str) -> None:
        self._limits = target.limits
        self._extra = target.headers
        parts = urlsplit(target.base_url)
        self._prefix = parts.path.rstrip("/")
        self._origin = (parts.scheme, _host(parts), parts.port)
        self._common = [
            (b"Host", _netloc(parts)),
            (b"User-Agent", user_agent.encode()),
            (b"Accept", b"application/json"),
            (b"Accept-Encoding", ACCEPT_ENCODING.encode()),
        ]
        self._network = Network()
        tls, proxy = _tls(parts.scheme, target.verify_tls), _proxy(parts)
        self._kept = self._pool(tls, proxy, keep=True)
        self._fresh = self._pool(tls, proxy, keep=False)
        self._large = threading.BoundedSemaphore(LARGE_AT_ONCE)

    def close(self) -> None:
        """Gives the connections back."""
        self._kept.close()
        self._fresh.close()

    def cut_off(self) -> None:
        """Ends the requests that are under way, in all threads, without an answer."""
        self._network.cut_off()

    def send(self, request: Request, *, fresh: bool = False) -> Exchange:
        """One attempt. Never raises for anything the target or the network does (KeyUnavailableError of a header).

        `fresh`: over a connection of its own, which no earlier answer can have spoilt and no idle timeout closes just
        now. What must not be sent twice always goes that way.
        """
        pool = self._fresh if fresh or not request.repeatable else self._kept
        encoded = self._encode(request)
        started, clock = time.time(), time.monotonic()
        try:
            with self._network.within(self._limits.timeout_s):
                response = pool.handle_request(encoded)
                try:
                    return self._answer(request, response, started, clock)
                finally:
                    response.close()
        except httpcore.TimeoutException:
            failure = f"no answer within {self._limits.timeout_s:g} s"
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError) as error:
            failure = in_words(error)
        return Exchange(request, None, failure=failure, started=started)

    # ------------------------------------------------------------ there

    def _pool(self, tls: ssl.SSLContext | None, proxy: httpcore.Proxy | None, *, keep: bool) -> httpcore.ConnectionPool:
        most = 2 * self._limits.concurrency + 8
        return httpcore.ConnectionPool(
            ssl_context=tls,
            proxy=proxy,
            max_connections=most,
            max_keepalive_connections=most if keep else 0,
            keepalive_expiry=IDLE_S,
            network_backend=self._network,
        )

    def _encode(self, request: Request) -> httpcore.Request:
        given = {name.lower() for name, _ in request.headers}
        headers = [item for item in self._common if item[0].decode().lower() not in given]
        headers += [(name.encode(), key.reveal().encode()) for name, key in self._extra.items()]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        if request.authorization is not None:
            headers.append((b"Authorization", request.authorization.encode()))
        if request.hub_id is not None:
            headers.append((b"X-Hub-Id", request.hub_id.encode()))
        if request.body is not None or request.method in ("POST", "PUT", "PATCH"):
            headers.append((b"Content-Length", str(len(request.body or b"")).encode()))
        scheme, host, port = self._origin
        url = httpcore.URL(scheme=scheme, host=host, port=port, target=self._prefix + request.target)
        timeout = self._limits.timeout_s  # the network counts for itself; this is for a place in the pool
        how = {"timeout": {"pool": timeout, "connect": timeout, "read": timeout, "write": timeout}}
        return httpcore.Request(request.method, url, headers=headers, content=request.body, extensions=how)

    # ------------------------------------------------------------ and back

    def _answer(self, request: Request, response: httpcore.Response, started: float, clock: float) -> Exchange:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        encoding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
        body = bytearray()
        try:
            problem = self._read(response, encoding, body, clock)
        except EncodingError as error:
            problem = str(error)
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            # Half an answer is no answer: what it would have said nobody knows.
            late = isinstance(error, httpcore.TimeoutException)
            why = f"not complete within {self._limits.timeout_s:g} s" if late else in_words(error)
            failure = f"{response.status}, but its body was cut off after {len(body)} bytes: {why}"
            return Exchange(request, None, failure=failure, started=started)
        elapsed = time.monotonic() - clock
        return Exchange(request, Response(response.status, headers, bytes(body), elapsed, problem), started=started)

    def _read(self, response: httpcore.Response, encoding: str, body: bytearray, clock: float) -> str | None:
        """Reads the body; gives the problem that made it stop early, None for a whole body."""
        limit = int(self._limits.max_body_mb * 2**20)
        with ExitStack() as held:
            large = False
            for piece in decoded(response.iter_stream(), encoding):
                body += piece
                if len(body) > limit:
                    del body[KEPT_OF_TOO_LARGE:]
                    return f"a body of more than {self._limits.max_body_mb:g} MB (limits.max_body_mb)"
                if time.monotonic() - clock > self._limits.timeout_s:
                    raise httpcore.ReadTimeout("the time is over")
                if len(body) > LARGE and not large:
                    large = True
                    if self._large.acquire(timeout=self._network.left()):
                        held.callback(self._large.release)
        return None


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return host if host.isascii() else host.encode("idna").decode()


def _netloc(parts: SplitResult) -> bytes:
    host = _host(parts)
    host = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    return (host if parts.port in (None, default) else f"{host}:{parts.port}").encode()


def _tls(scheme: str, verify: bool | Path) -> ssl.SSLContext | None:
    """How certificates are looked at: as the system does, by a bundle, or not at all."""
    if scheme != "https":
        return None
    context = ssl.create_default_context(cafile=None if isinstance(verify, bool) else str(verify))
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proxy(parts: SplitResult) -> httpcore.Proxy | None:
    """The environment's proxy for the target; never for this machine itself."""
    host = parts.hostname or ""
    if host == "localhost" or _is_loopback(host) or proxy_bypass(host):
        return None
    found = getproxies().get(parts.scheme)
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
