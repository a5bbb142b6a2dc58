"""Sends one request and reads one bounded response: no cookies, no redirects, no endless bodies.

Everything that the target controls is limited here: bytes after decompression, seconds for the whole request (not per
read), and the content encodings that we accept. What breaks a limit is described, not raised, so that it can be judged.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from typing import TYPE_CHECKING

from conformance.config import urls
from conformance.config.machine import MachineError, exhausted
from conformance.contract.strict_json import has_more_values
from conformance.http._compat import httpcore
from conformance.http.bodies import HEAD, BodyStore, BodyWriter, in_turn
from conformance.http.deadlines import Network
from conformance.http.decoding import ACCEPT_ENCODING, EncodingError, decoded
from conformance.http.exchange import Exchange, Headers, Request, Response
from conformance.http.pools import Pool

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.config.target import Limits, Target
    from conformance.http.correlation import Correlation

#: methods whose requests say that they have no body
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    OSError,
)


class Connections:
    """The connections of one worker to the target, safe to use from many threads."""

    def __init__(self, target: Target, user_agent: str, folder: Path | None = None) -> None:
        """`folder`: where long bodies are kept; None for the system's place for temporary files."""
        self._limits = target.limits
        self._max_bytes = int(target.limits.max_body_mb * 2**20)
        self._gateway_headers = target.headers
        url = urls.parse(target.base_url)
        self._origin = (url.scheme.encode(), url.host.encode(), url.port)
        self._prefix = url.path.rstrip("/").encode()
        self._common = {
            "host": (b"Host", url.netloc.encode()),
            "user-agent": (b"User-Agent", user_agent.encode()),
            "accept": (b"Accept", b"application/json"),
            "accept-encoding": (b"Accept-Encoding", ACCEPT_ENCODING.encode()),
        }
        self._network = Network()
        self._kept = Pool(target, self._network, keep=True)
        self._fresh = Pool(target, self._network, keep=False)
        #: Makes headers for the logs of gateways, if the target file wants them.
        self.correlation: Correlation | None = None
        #: a response was lost on a connection that was kept
        self._kept_break = False
        self._bodies = BodyStore(folder)

    def close(self) -> None:
        """Close the connections, and remove the files of long bodies."""
        self._kept.close()
        self._fresh.close()
        self._bodies.close()

    def abort(self) -> None:
        """End the requests in progress, in all threads, without a response."""
        self._network.abort()

    def send(self, request: Request, *, fresh: bool = False, timeout_s: float | None = None) -> Exchange:
        """One attempt. Never raises for anything the target or the network does.

        `fresh`: over a connection of its own, which no earlier response can have spoilt and no idle timeout closes
        just now. What must not be sent twice always goes that way, and where kept connections break so does each POST:
        one whose response is lost takes a place in the restore budget. `timeout_s`: `limits.timeout_s` unless given.

        Raises KeyUnavailableError where the command that prints a header's value fails, and MachineError where a
        resource of this machine is used up.
        """
        alone = fresh or not request.repeatable or (request.method == "POST" and self._kept_break)
        exchange = self._exchange(
            request, self._fresh if alone else self._kept, self._limits.timeout_s if timeout_s is None else timeout_s
        )
        self._kept_break |= exchange.response is None and not alone
        return exchange

    def _exchange(self, request: Request, pool: Pool, timeout_s: float) -> Exchange:
        encoded = self._encode(request)
        started, clock = time.time(), time.monotonic()
        try:
            self._network.begin(timeout_s)
            with pool.connection() as connection:
                response = connection.handle_request(encoded)
                try:
                    return self._received(request, response, started, clock)
                finally:
                    with contextlib.suppress(*_FAILURES):
                        response.close()
        except httpcore.TimeoutException:
            failure = f"no answer within {timeout_s:g} s"
        except _FAILURES as error:
            if shortage := exhausted(error):
                raise MachineError(shortage) from None
            failure = _describe(error)
        return Exchange(request, None, failure=failure, started=started)

    def _encode(self, request: Request) -> httpcore.Request:
        given = {name.lower() for name, _ in request.headers} | {*request.without}
        headers = [header for name, header in self._common.items() if name not in given]
        headers += [(name.encode(), key.reveal().encode()) for name, key in self._gateway_headers.items()]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in request.headers]
        if self.correlation is not None:
            headers += self.correlation.headers(request)
        if request.authorization is not None:
            headers.append((b"Authorization", request.authorization.encode()))
        if request.hub_id is not None:
            headers.append((b"X-Hub-Id", request.hub_id.encode()))
        body = b"" if request.body is None and request.method in _WITH_LENGTH else request.body
        if body is not None and given.isdisjoint({"content-length", "transfer-encoding"}):
            headers.append((b"Content-Length", str(len(body)).encode()))
        scheme, host, port = self._origin
        return httpcore.Request(
            request.method,
            httpcore.URL(scheme=scheme, host=host, port=port, target=self._prefix + request.target.encode()),
            headers=headers,
            content=body,
        )

    def _received(self, request: Request, response: httpcore.Response, started: float, clock: float) -> Exchange:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        writer = BodyWriter(self._bodies)
        problem: str | None = None
        try:
            self._read(response, headers, writer, clock)
        except EncodingError as error:
            problem = str(error)
        except _FAILURES as error:
            writer.discard()
            # Half a response does not count: what it would have said is unknown.
            late = isinstance(error, httpcore.TimeoutException)
            reason = f"not complete within {self._limits.timeout_s:g} s" if late else _describe(error)
            failure = f"{response.status}, but its body was cut off after {writer.length} bytes: {reason}"
            return Exchange(request, None, failure=failure, started=started)
        elapsed = time.monotonic() - clock
        exceeded = too_large(writer, self._limits)
        if exceeded is None:
            received = Response(response.status, headers, writer.finish(), elapsed, problem)
        else:
            head = writer.head(HEAD)
            writer.discard()
            received = Response(response.status, headers, head, elapsed, exceeded, too_large=True)
        return Exchange(request, received, started=started)

    def _read(self, response: httpcore.Response, headers: Headers, writer: BodyWriter, clock: float) -> None:
        """Read the body, or as much of it as shows that it is too long."""
        encodings = ",".join(value for name, value in headers if name.lower() == "content-encoding")
        limit = self._max_bytes
        for piece in decoded(response.iter_stream(), encodings):
            writer.write(piece)
            if writer.length > limit:
                return
            if time.monotonic() - clock > self._limits.timeout_s:
                raise httpcore.ReadTimeout("the request timed out")


def too_large(body: BodyWriter, limits: Limits) -> str | None:
    """A description of the limit that a body exceeds; its values are counted before any of them is built."""
    if body.length > int(limits.max_body_mb * 2**20):
        return f"a body of more than {limits.max_body_mb:g} MB (limits.max_body_mb)"
    if body.length > limits.max_values and _has_more_values(body, limits.max_values):
        return f"more than {limits.max_values} JSON values (limits.max_values)"
    return None


def _has_more_values(body: BodyWriter, limit: int) -> bool:
    with in_turn(body.length):
        return has_more_values(body.content(), limit)


def _describe(error: Exception) -> str:
    """Why no response arrived, in our own words: the text of an error may quote what the target sent."""
    inner = error.args[0] if error.args else None  # the pool raises without a cause, but the first error is inside
    cause = error.__cause__ or (inner if isinstance(inner, Exception) else error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the TLS certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {(cause.reason or 'unknown reason').lower().replace('_', ' ')}"
    if isinstance(error, httpcore.ConnectError) and not isinstance(cause, ConnectionRefusedError):
        return f"no connection: {(getattr(cause, 'strerror', None) or 'unknown reason').lower()}"
    if isinstance(error, httpcore.RemoteProtocolError):
        return next((words for start, words in _PROTOCOL.items() if str(error).startswith(start)), "not HTTP/1.1")
    return _KINDS.get(type(error), "connection reset")


_KINDS: dict[type[Exception], str] = {
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
