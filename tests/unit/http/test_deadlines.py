"""What the connections write, and when."""

from __future__ import annotations

import httpcore
import pytest

from conformance.http.deadlines import MAX_KEPT, Network


class Peer(httpcore.NetworkStream):
    """Keeps each piece that it is sent, and answers once; `is_closed`: it no longer takes any."""

    def __init__(self, *, is_closed: bool = False) -> None:
        self.pieces: list[bytes] = []
        self._is_closed = is_closed

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return b"an answer"[:max_bytes]

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        if self._is_closed:
            raise httpcore.WriteError("broken pipe")
        self.pieces.append(buffer)


def exchange(peer: Peer, *pieces: bytes) -> bytes:
    network = Network()
    stream = network.register(peer)
    network.begin(60)
    for piece in pieces:
        stream.write(piece)
    return stream.read(100)


def test_head_and_body_go_out_in_one_piece() -> None:
    peer = Peer()
    assert exchange(peer, b"POST / HTTP/1.1\r\n\r\n", b"{}", b"") == b"an answer"
    assert peer.pieces == [b"POST / HTTP/1.1\r\n\r\n{}"]


def test_no_more_than_the_bound_is_kept() -> None:
    peer = Peer()
    exchange(peer, b"head", *[b"x" * MAX_KEPT] * 3, b"end")
    assert max(map(len, peer.pieces)) <= 2 * MAX_KEPT
    assert b"".join(peer.pieces) == b"head" + b"x" * MAX_KEPT * 3 + b"end"


def test_an_answer_is_read_although_the_target_took_no_request() -> None:
    assert exchange(Peer(is_closed=True), b"head", b"body") == b"an answer"


def test_a_long_body_that_cannot_be_sent_is_an_error_at_once() -> None:
    with pytest.raises(httpcore.WriteError):
        exchange(Peer(is_closed=True), b"x" * (MAX_KEPT + 1))
