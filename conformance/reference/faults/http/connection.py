"""Faults below HTTP: lost, truncated and malformed responses, as proxies, buffers and crashes produce them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from conformance.reference.patching import edit_answers, listed_with_integrations, to
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from conformance.reference.core import Answer, Behaviours, Call
    from conformance.reference.patching import When


RAW = "x-raw"


REASONS = {200: "OK", 202: "Accepted", 404: "Not Found"}


class Connection(Protocol):
    """The part of a transport that these faults use."""

    def write(self, data: bytes) -> None:
        """Send data."""

    def close(self) -> None:
        """Close the connection after the data that is still to be sent."""

    def abort(self) -> None:
        """Reset the connection."""

    def is_closing(self) -> bool:
        """Whether the connection is closed or being closed."""


class Raw:
    """A response to write by hand, and the connection to write it to."""

    def __init__(self, start: Message, connection: Connection) -> None:
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"] if name.decode() != RAW}
        self.connection = connection
        self.body = b""

    def head(self, **other: str) -> bytes:
        """The status line and the headers; `content_length="7"` overrides a header."""
        headers = self.headers | {name.replace("_", "-"): value for name, value in other.items()}
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        line = f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Said')}\r\n"
        return (line + "".join(lines)).encode("latin-1") + b"\r\n"


def by_hand(server: Behaviours, when: When, write: Callable[[Raw], Awaitable[None]]) -> None:
    """Let `write` send some responses on the connection, which is closed afterwards."""
    edit_answers(server, lambda call, answer: answer.headers.update({RAW: "1"}) if when(call, answer) else None)
    inner = server.wrap_app

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def writing(scope: Scope, receive: Receive, send: Send) -> None:
            raw: list[Raw] = []

            async def send_or_write(message: Message) -> None:
                if any(name == RAW.encode() for name, _ in message.get("headers", ())):
                    raw.append(Raw(message, scope["extensions"]["transport"]["transport"]))
                elif raw:
                    raw[0].body = message["body"]
                    await write(raw[0])
                    raw[0].connection.close()
                    await asyncio.sleep(0)  # let the connection notice
                else:
                    await send(message)

            await wrapped(scope, receive, send_or_write)

        return writing

    server.wrap_app = wrap


@fault(breaks=("HTTP-3",), also=("INC-6", "LIST-10"))
def long_bodies_are_cut_off(server: Behaviours) -> None:
    """The connection closes in the middle of a list with includes."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body[: len(raw.body) // 2])

    by_hand(server, listed_with_integrations, write)


@fault(breaks=("HTTP-3",), also=("INC-6", "LIST-10"))
def long_bodies_are_reset(server: Behaviours) -> None:
    """The connection is reset in the middle of a list with includes."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body[: len(raw.body) // 2])
        raw.connection.abort()

    by_hand(server, listed_with_integrations, write)


@fault(breaks=("HTTP-3",))
def refusals_close_without_a_word(server: Behaviours) -> None:
    """The connection closes without a response to get of an unknown backup."""

    async def write(raw: Raw) -> None:
        raw.connection.close()

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-3",))
def refusals_are_only_headers(server: Behaviours) -> None:
    """The response to logs of an unknown backup ends after the headers."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head())

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",))
def length_is_too_large(server: Behaviours) -> None:
    """The Content-Length of a 404 of get exceeds the body by ten bytes."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head(content_length=str(len(raw.body) + 10)) + raw.body)

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-1",))
def length_is_too_small(server: Behaviours) -> None:
    """The Content-Length of a list counts characters, not bytes, which truncates a list with includes."""

    async def write(raw: Raw) -> None:
        length = min(len(raw.body.decode()), len(raw.body) - 1)
        raw.connection.write(raw.head(content_length=str(length)) + raw.body)

    by_hand(server, listed_with_integrations, write)


@fault(breaks=("HTTP-3",))
def length_is_no_number(server: Behaviours) -> None:
    """The Content-Length of a 404 of logs is not a number."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head(content_length="1k") + raw.body)

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",))
def chunks_have_no_end(server: Behaviours) -> None:
    """A chunked 404 of logs lacks its last chunk."""

    async def write(raw: Raw) -> None:
        raw.headers.pop("content-length", None)
        chunk = b"%x\r\n%b\r\n" % (len(raw.body), raw.body)
        raw.connection.write(raw.head(transfer_encoding="chunked") + chunk)

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",))
def chunks_have_no_sizes(server: Behaviours) -> None:
    """A 404 of get is declared as chunked but is not."""

    async def write(raw: Raw) -> None:
        raw.headers.pop("content-length", None)
        raw.connection.write(raw.head(transfer_encoding="chunked") + raw.body)

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-3",))
def answers_without_http(server: Behaviours) -> None:
    """The response to get of an unknown backup has no status line and no headers."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.body)

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-3",))
def odd_lists_drip(server: Behaviours) -> None:
    """A list with a non-ASCII query parameter arrives one byte at a time, slower than any timeout."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head())
        for byte in raw.body:
            if raw.connection.is_closing():
                return
            raw.connection.write(bytes((byte,)))
            await asyncio.sleep(0.25)

    by_hand(server, lambda call, _: call.operation == "list" and "€" in call.query, write)


@fault(breaks=("HTTP-3",))
def odd_gets_hang(server: Behaviours) -> None:
    """A get with a non-ASCII query parameter is never answered."""

    async def write(raw: Raw) -> None:
        while not raw.connection.is_closing():
            await asyncio.sleep(0.05)

    by_hand(server, lambda call, _: call.operation == "get" and "€" in call.query, write)


@fault(breaks=("HTTP-3",), also=("INC-6",))
def unknown_includes_hang(server: Behaviours) -> None:
    """A read with an unknown include is never answered."""

    async def write(raw: Raw) -> None:
        while not raw.connection.is_closing():
            await asyncio.sleep(0.05)

    by_hand(server, lambda call, _: bool(set(call.query_list("include")) - {"integrations", ""}), write)


@fault(breaks=("HTTP-3",))
def bad_bodies_close_the_connection(server: Behaviours) -> None:
    """A body that is not JSON resets the connection, as a crashing worker does."""

    async def write(raw: Raw) -> None:
        raw.connection.abort()

    by_hand(server, lambda call, answer: call.operation == "restore" and answer.status == 400, write)


@fault(breaks=("HTTP-3",))
def only_an_interim_answer(server: Behaviours) -> None:
    """The response to logs of an unknown backup is only a 103."""

    async def write(raw: Raw) -> None:
        raw.connection.write(b"HTTP/1.1 103 Early Hints\r\nlink: </v1>; rel=preconnect\r\n\r\n")

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",), also=("INC-6",))
def other_protocols(server: Behaviours) -> None:
    """Get with includes is answered with 101 Switching Protocols."""

    async def write(raw: Raw) -> None:
        raw.connection.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")

    by_hand(server, lambda call, answer: to("get")(call, answer) and "include" in call.query, write)


@fault(breaks=("HTTP-3", "GET-6"), also=("HTTP-1",))
def ids_are_reflected_into_a_header(server: Behaviours) -> None:
    """An error repeats the requested id in a header, including control characters."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body)

    edit_answers(
        server,
        lambda call, answer: (
            answer.headers.update({"x-asked-for": call.ids.get("backup", "")}) if call.operation == "get" else None
        ),
    )
    by_hand(server, lambda call, _: call.operation == "get" and not call.ids["backup"].isprintable(), write)


@fault(breaks=("HTTP-1",), also=("HTTP-3", "INC-6"))
def includes_split_the_answer(server: Behaviours) -> None:
    """An unknown include is repeated in a header, including line breaks: response splitting."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body)

    def wanted(call: Call, _: Answer) -> bool:
        return "\n" in call.query.get("include", "")

    edit_answers(
        server,
        lambda call, answer: answer.headers.update({"x-include": call.query["include"]}) if wanted(call, answer) else 0,
    )
    by_hand(server, wanted, write)


@fault(breaks=("HTTP-1",))
def two_content_types(server: Behaviours) -> None:
    """A 404 of logs has two Content-Type headers."""

    async def write(raw: Raw) -> None:
        first = b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n"
        raw.connection.write(first + raw.head().partition(b"\r\n")[2] + raw.body)

    by_hand(server, to("logs", 404), write)
