"""How the server writes to a connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from conformance.reference.protocol import GatheringTransport

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}"


class Connection:
    """A transport that keeps its system calls."""

    def __init__(self) -> None:
        self.calls: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        """Keep the data."""
        self.calls.append(data)

    def close(self) -> None:
        """Keep that it was closed."""
        self.calls.append("close")

    def abort(self) -> None:
        """Keep that it was reset."""
        self.calls.append("abort")


async def turn_of_the_loop() -> None:
    """Let the event loop call what waits to be called."""
    await asyncio.sleep(0)


def calls_of(act: Callable[[GatheringTransport], object], *, turns: int = 1) -> list[bytes | str]:
    """The system calls that an action causes."""
    connection = Connection()

    async def main() -> None:
        act(GatheringTransport(cast("asyncio.Transport", connection)))
        for _ in range(turns):
            await turn_of_the_loop()

    asyncio.run(main())
    return connection.calls


def write_response(transport: GatheringTransport) -> None:
    """Write a head and a body, as uvicorn does."""
    transport.write(HEAD)
    transport.write(BODY)


def test_the_head_and_the_body_of_a_response_are_sent_together() -> None:
    assert calls_of(write_response) == [HEAD + BODY]


@pytest.mark.parametrize("end", ["close", "abort"])
def test_what_was_written_is_sent_before_the_connection_ends(end: str) -> None:
    def act(transport: GatheringTransport) -> None:
        write_response(transport)
        getattr(transport, end)()

    assert calls_of(act, turns=0) == [HEAD + BODY, end]
    assert calls_of(act) == [HEAD + BODY, end], "nothing is sent again in the next turn"


def test_a_complete_response_need_not_wait_for_the_next_turn() -> None:
    def act(transport: GatheringTransport) -> None:
        write_response(transport)
        transport.flush()

    assert calls_of(act, turns=0) == [HEAD + BODY]
    assert calls_of(act) == [HEAD + BODY]


def test_what_is_written_in_another_turn_is_sent_apart() -> None:
    connection = Connection()

    async def main() -> None:
        transport = GatheringTransport(cast("asyncio.Transport", connection))
        for part in (HEAD, BODY):
            transport.write(part)
            await turn_of_the_loop()

    asyncio.run(main())
    assert connection.calls == [HEAD, BODY]
