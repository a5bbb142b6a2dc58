"""Sends one request and brings one bounded answer back: no cookies, no redirects, no endless bodies.

Everything that the target controls is limited here: bytes after decompression, seconds in all (not per read), and
the encodings that we accept. What breaks a limit is described, not raised, so that it can be judged.
"""

from __future__ import annotations

import ssl
import time
import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from conformance.exchange import Exchange, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from conformance.target import Target

ACCEPT_ENCODING = "gzip, deflate"


class Wire:
    """The one HTTP transport of a worker, safe to use from many threads."""

    def __init__(self, target: Target, user_agent: str) -> None:
        self._limits = target.limits
        self._base = httpx.URL(target.base_url)
        self._prefix = urlsplit(target.base_url).path.rstrip("/")
        self._common = [
            (b"host", self._base.netloc),
            (b"user-agent", user_agent.encode()),
            (b"accept", b"application/json"),
            (b"accept-encoding", ACCEPT_ENCODING.encode()),
            *((name.encode(), key.reveal().encode()) for name, key in target.headers.items()),
        ]
        self._transport = httpx.HTTPTransport(
            verify=_tls(target.verify_tls),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
            proxy=_proxy(self._base),
        )

    def close(self) -> None:
        """Gives the connections back."""
        self._transport.close()

    def send(self, request: Request) -> Exchange:
        """One attempt. Never raises for anything the target or the network does."""
        started = time.time()
        clock = time.monotonic()
        try:
            response = self._transport.handle_request(self._encode(request))
            try:
                return Exchange(request, self._read(response, clock), started=started)
            finally:
                response.close()
        except httpx.TimeoutException:
            failure = f"no answer within {self._limits.timeout_s:g} s"
        except (httpx.TransportError, OSError) as error:
            failure = _in_words(error)
        return Exchange(request, None, failure=failure, started=started)

    def _encode(self, request: Request) -> httpx.Request:
        given = {name.lower() for name, _ in request.headers}
        headers = [item for item in self._common if item[0].decode() not in given]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        if request.authorization is not None:
            headers.append((b"authorization", request.authorization.encode()))
        if request.hub_id is not None:
            headers.append((b"x-hub-id", request.hub_id.encode()))
        target = (self._prefix + request.target).encode("ascii")
        timeout = self._limits.timeout_s
        return httpx.Request(
            request.method,
            self._base,
            headers=headers,
            content=request.body,
            extensions={
                "target": target,
                "timeout": {"connect": timeout, "read": timeout, "write": timeout, "pool": 6 * timeout},
            },
        )

    def _read(self, response: httpx.Response, clock: float) -> Response:
        headers = tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers.raw)
        limit = int(self._limits.max_body_mb * 2**20)
        body = bytearray()
        problem = None
        try:
            assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - a sync transport's stream
            for piece in _decoded(response.stream, response.headers.get("content-encoding", ""), limit):
                body += piece
                if len(body) > limit:
                    del body[limit:]
                    problem = f"a body of more than {self._limits.max_body_mb:g} MB (limits.max_body_mb)"
                    break
                if time.monotonic() - clock > self._limits.timeout_s:
                    problem = f"a body that was not complete within {self._limits.timeout_s:g} s"
                    break
        except _EncodingError as error:
            problem = str(error)
        except (httpx.TransportError, OSError) as error:
            problem = f"a body cut off after {len(body)} bytes: {_in_words(error)}"
        elapsed = time.monotonic() - clock
        return Response(response.status_code, headers, bytes(body), elapsed, problem)


class _EncodingError(ValueError):
    """The body is not in the encoding that its header names."""


def _decoded(chunks: Iterable[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """The body decompressed in pieces of bounded size, so that a bomb costs no more than the limit."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        yield from chunks
        return
    if name not in ("gzip", "x-gzip", "deflate"):
        raise _EncodingError(f"content-encoding {name[:40]!r}, which was not offered ({ACCEPT_ENCODING})")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16 if "gzip" in name else zlib.MAX_WBITS)
    piece = max(1, min(limit, 2**18))
    try:
        for chunk in chunks:
            data = chunk
            while data:
                yield inflate.decompress(data, piece)
                data = inflate.unconsumed_tail
    except zlib.error as error:
        raise _EncodingError(f"a body that is not {name} as its content-encoding says ({error})") from None
    if not inflate.eof:
        raise _EncodingError(f"a {name} body that ends too early")


def _tls(verify: bool | Path) -> ssl.SSLContext | bool:
    return verify if isinstance(verify, bool) else ssl.create_default_context(cafile=str(verify))


def _proxy(base: httpx.URL) -> str | None:
    """The environment's proxy for the target; never for this machine itself."""
    if base.host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(base.host):
        return None
    return getproxies().get(base.scheme)


def _in_words(error: Exception) -> str:
    """A transport error without addresses or internals: what happened, in a few words."""
    words = {
        httpx.ConnectError: "connection refused or not possible",
        httpx.ReadError: "connection reset",
        httpx.WriteError: "connection reset while sending",
        httpx.RemoteProtocolError: "connection closed or not HTTP",
        httpx.ReadTimeout: "no more bytes in time",
    }
    known = next((text for kind, text in words.items() if isinstance(error, kind)), type(error).__name__)
    return f"{known} ({str(error)[:120]})" if str(error) else known
