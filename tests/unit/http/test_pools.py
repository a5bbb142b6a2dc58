"""The pool of connections: which one carries a request, and when one is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpcore
import pytest
from support import hostile
from support.hostile import whole
from support.waiting import PATIENCE_S, wait_until

from conformance.http.deadlines import Network
from conformance.http.pools import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conformance.config.target import Target


@pytest.fixture
def server() -> Iterator[hostile.Hostile]:
    with hostile.serve(hostile.empty) as server:
        yield server


@pytest.fixture
def target(server: hostile.Hostile, tmp_path: Path) -> Target:
    return hostile.target(tmp_path, server.base_url)


@pytest.fixture
def get(server: hostile.Hostile) -> Callable[[httpcore.ConnectionInterface], int]:
    """Sends a request over a connection, and returns the status."""

    def get(connection: httpcore.ConnectionInterface) -> int:
        response = connection.handle_request(httpcore.Request("GET", f"{server.base_url}/x", headers={"Host": "x"}))
        response.read()
        response.close()
        return response.status

    return get


@pytest.fixture
def network() -> Network:
    network = Network()
    network.begin(PATIENCE_S)
    return network


def test_the_connection_that_was_used_last_is_used_next(
    server: hostile.Hostile, target: Target, network: Network, get: Callable[..., int]
) -> None:
    pool = Pool(target, network, keep=True)
    with pool.connection() as first, pool.connection() as second:
        assert get(first) == get(second) == 200
    with pool.connection() as third, pool.connection() as fourth, pool.connection() as fifth:
        assert (third, fourth) == (first, second)
        assert get(third) == get(fourth) == get(fifth) == 200
    assert server.connections == 3


def test_a_connection_that_the_target_has_closed_carries_no_request(
    server: hostile.Hostile, target: Target, network: Network, get: Callable[..., int]
) -> None:
    server.answer = lambda _: iter([whole(200, b"{}")])  # it keeps the connection, as far as the response says
    pool = Pool(target, network, keep=True)
    with pool.connection() as closed:
        assert get(closed) == 200
    wait_until(closed.has_expired)
    with pool.connection() as connection:
        assert connection is not closed
        assert get(connection) == 200
    assert closed.is_closed()


def test_a_connection_whose_request_failed_is_not_kept(
    server: hostile.Hostile, target: Target, network: Network, get: Callable[..., int]
) -> None:
    server.answer = hostile.nothing
    pool = Pool(target, network, keep=True)
    with pytest.raises(httpcore.RemoteProtocolError), pool.connection() as failed:
        get(failed)
    server.answer = hostile.empty
    with pool.connection() as connection:
        assert connection is not failed
        assert get(connection) == 200


@pytest.mark.parametrize("keep", [True, False])
def test_connections_are_closed_with_the_pool_or_after_their_request(
    keep: bool, target: Target, network: Network, get: Callable[..., int]
) -> None:
    pool = Pool(target, network, keep=keep)
    with pool.connection() as active:
        with pool.connection() as waiting:
            assert get(active) == get(waiting) == 200
        assert waiting.is_closed() is not keep
        pool.close()
        assert waiting.is_closed()
        assert not active.is_closed()
    assert active.is_closed()
