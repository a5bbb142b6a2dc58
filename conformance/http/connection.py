"""Sends one request and brings one bounded answer back: no cookies, no redirects, no endless bodies.

Everything that the target controls is limited here: bytes after decompression, seconds in all (not per read), and
the encodings that we accept. What breaks a limit is described, not raised, so that it can be judged.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx

from conformance.http.deadlines import Network, in_words
from conformance.http.decoding import ACCEPT_ENCODING, EncodingError, decoded
from conformance.http.exchange import Exchange, Request, Response
from conformance.http.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.config.target import Target

#: of a body that is over the limit so much is kept, as evidence
KEPT_OF_TOO_LARGE = 64 * 1024
#: bodies that outgrow this are read a few at a time, so that many threads together need no more memory than those
LARGE = 2**20
LARGE_AT_ONCE = 2


class Wire:
    """The one HTTP transport of a worker, safe to use from many threads."""

    def __init__(self, target: Target, user_agent: str) -> None:
        self._limits = target.limits
        self._extra = target.headers
        base = httpx.URL(target.base_url)
        self._prefix = base.raw_path.rstrip(b"/")
        self._origin = base.copy_with(raw_path=b"/")
        self._common = [
            (b"User-Agent", user_agent.encode()),
            (b"Accept", b"application/json"),
            (b"Accept-Encoding", ACCEPT_ENCODING.encode()),
        ]
        self._network = Network()
        self._kept, self._fresh = self._transport(target, keep=True), self._transport(target, keep=False)
        #: an answer was lost on a connection that was kept
        self._breaks = False
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
        now. What must not be sent twice always goes that way, and where kept connections break so does each POST:
        one whose answer is lost takes a place in the restore budget.
        """
        alone = fresh or not request.repeatable or (request.method == "POST" and self._breaks)
        exchange = self._send(request, self._fresh if alone else self._kept)
        self._breaks |= exchange.response is None and not alone
        return exchange

    def _send(self, request: Request, transport: Transport) -> Exchange:
        encoded = self._encode(request)
        started, clock = time.time(), time.monotonic()
        try:
            with self._network.within(self._limits.timeout_s):
                response = transport.handle_request(encoded)
                try:
                    return self._answer(request, response, started, clock)
                finally:
                    response.close()
        except httpx.TimeoutException:
            failure = f"no answer within {self._limits.timeout_s:g} s"
        except httpx.TransportError as error:
            failure = in_words(error)
        return Exchange(request, None, failure=failure, started=started)

    # ------------------------------------------------------------ there

    def _transport(self, target: Target, *, keep: bool) -> Transport:
        connections = 2 * self._limits.concurrency + 8
        return Transport(self._network, self._origin, verify=target.verify_tls, connections=connections, keep=keep)

    def _encode(self, request: Request) -> httpx.Request:
        given = {name.lower() for name, _ in request.headers}
        headers = [item for item in self._common if item[0].decode().lower() not in given]
        headers += [(name.encode(), key.reveal().encode()) for name, key in self._extra.items()]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        if request.authorization is not None:
            headers.append((b"Authorization", request.authorization.encode()))
        if request.hub_id is not None:
            headers.append((b"X-Hub-Id", request.hub_id.encode()))
        timeout = self._limits.timeout_s  # the network counts for itself; this is for a place in the pool
        how = {
            "timeout": {"pool": timeout, "connect": timeout, "read": timeout, "write": timeout},
            "target": self._prefix + request.target.encode(),
        }
        return httpx.Request(request.method, self._origin, headers=headers, content=request.body, extensions=how)

    # ------------------------------------------------------------ and back

    def _answer(self, request: Request, response: httpx.Response, started: float, clock: float) -> Exchange:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        encoding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
        body = bytearray()
        try:
            problem = self._read(response, encoding, body, clock)
        except EncodingError as error:
            problem = str(error)
        except httpx.TransportError as error:
            # Half an answer is no answer: what it would have said nobody knows.
            late = isinstance(error, httpx.TimeoutException)
            why = f"not complete within {self._limits.timeout_s:g} s" if late else in_words(error)
            failure = f"{response.status_code}, but its body was cut off after {len(body)} bytes: {why}"
            return Exchange(request, None, failure=failure, started=started)
        elapsed = time.monotonic() - clock
        return Exchange(
            request, Response(response.status_code, headers, bytes(body), elapsed, problem), started=started
        )

    def _read(self, response: httpx.Response, encoding: str, body: bytearray, clock: float) -> str | None:
        """Reads the body; gives the problem that made it stop early, None for a whole body."""
        limit = int(self._limits.max_body_mb * 2**20)
        with ExitStack() as held:
            large = False
            for piece in decoded(_pieces(response), encoding):
                body += piece
                if len(body) > limit:
                    del body[KEPT_OF_TOO_LARGE:]
                    return f"a body of more than {self._limits.max_body_mb:g} MB (limits.max_body_mb)"
                if time.monotonic() - clock > self._limits.timeout_s:
                    raise httpx.ReadTimeout("the time is over")
                if len(body) > LARGE and not large:
                    large = True
                    if self._large.acquire(timeout=self._network.left()):
                        held.callback(self._large.release)
        return None


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """The body as it comes: httpx's own ways to read it decompress it, without a bound."""
    assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - our transport gives no other
    return iter(response.stream)
