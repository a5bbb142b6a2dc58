"""HTTP-3: an input is blamed for lost responses only where chance cannot explain them.

The client runs against a simulated network on which any request fails with some probability, whatever it asks for, and
inputs with a fault fail always.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import hostile

from conformance.contract.operations import UNAVAILABLE
from conformance.execution.shared_state import SharedState
from conformance.http.availability.failure_rate import FailureRate, tries_needed, upper_bound
from conformance.http.client import Client, is_blamable
from conformance.http.clock import TargetGoneError
from conformance.http.exchange import Exchange, Expected, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FAULT = "/v1/fault"


class Network:
    """Answers each request with 200, or fails: at random, and always where the request is at fault."""

    def __init__(self, rate: float, seed: int) -> None:
        self.rate = rate
        #: What is in this path never fails at random.
        self.spared = ""
        self.sent = 0
        self._random = random.Random(seed)
        self._statuses = (None, *sorted(UNAVAILABLE))

    def send(self, request: Request, *, fresh: bool = False, timeout_s: float | None = None) -> Exchange:
        """Return the outcome of one attempt."""
        del fresh, timeout_s
        self.sent += 1
        spared = self.spared and self.spared in request.path
        if request.path.startswith(FAULT) or (not spared and self._random.random() < self.rate):
            status = self._random.choice(self._statuses)
            if status is None:
                return Exchange(request, None, failure="connection reset")
            return Exchange(request, Response(status, (), b"", 0.001))
        return Exchange(request, Response(200, (), b'{"data": []}', 0.001))

    def close(self) -> None:
        """No connection is open."""


class Watch:
    """A clock on which waiting takes no time."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.stopped = False

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds

    def raise_if_stopped(self) -> None:
        """Go on."""


def read(path: str) -> Request:
    return Request("get", "GET", path, authorization="Bearer a-key", hub_id="h")


Run = tuple[Client, Network, list[Exchange]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float, int], Run]:
    folder: Path = tmp_path_factory.mktemp("runs")
    target = hostile.target(folder, "http://127.0.0.1:9", more="[limits]\nconcurrency = 1\n")

    def begin(rate: float, seed: int) -> Run:
        network, observed = Network(rate, seed), list[Exchange]()
        state = SharedState(folder / f"state-{rate}-{seed}-{random.random()}")
        client = Client(target, state, observed.append, profile="full", waiting=Watch())  # type: ignore[arg-type]
        client._connections = network  # type: ignore[assignment]
        client.use_controls([partial(read, f"/control/{number}") for number in range(4)])
        return client, network, observed

    return begin


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(rate=st.integers(1, 90), seed=st.integers(0, 10**6))
def test_a_target_that_fails_at_random_is_never_accused(
    start: Callable[[float, int], Run], rate: int, seed: int
) -> None:
    client, _, observed = start(rate / 100, seed)
    try:
        for number in range(200):
            client.send(read(f"/v1/{number}"))
    except TargetGoneError:
        assert rate > 20  # so often that no control is answered for a while
    finally:
        client.close()
    assert [exchange.request.line for exchange in observed if exchange.unanswered] == []


@settings(max_examples=15, deadline=None)
@given(rate=st.integers(0, 20), seed=st.integers(0, 10**6))
def test_an_input_that_always_fails_is_caught_beside_random_failures(
    start: Callable[[float, int], Run], rate: int, seed: int
) -> None:
    client, _, observed = start(rate / 100, seed)
    try:
        assert client.send(read(FAULT)).unanswered
        for number in range(20):
            client.send(read(f"/v1/{number}"))
    finally:
        client.close()
    assert [exchange.request.path for exchange in observed if exchange.unanswered] == [FAULT]


@pytest.mark.parametrize("seed", range(8))
def test_writes_that_fail_at_random_are_not_blamed_though_every_read_is_answered(
    start: Callable[[float, int], Run], seed: int
) -> None:
    client, network, observed = start(0.5, seed)
    network.spared = "/control/"
    for was_answered in (False, True):  # one input was lost, and answered at another try
        client.liveness.count_write(1, answered=was_answered)
    for number in range(150):
        client.send(write(number))
    client.close()
    assert [exchange.request.body for exchange in observed if exchange.unanswered] == []


def test_a_write_that_always_fails_is_caught_where_all_others_are_answered(
    start: Callable[[float, int], Run],
) -> None:
    client, _, observed = start(0.0, 1)
    for number in range(20):
        client.send(write(number))
    assert client.send(write(0, FAULT)).unanswered
    client.close()
    assert [exchange.request.path for exchange in observed if exchange.unanswered] == [FAULT]


def test_a_sound_target_needs_few_tries(start: Callable[[float, int], Run]) -> None:
    client, network, _ = start(0.0, 1)
    exchange = client.send(read(FAULT))
    assert exchange.seen is not None
    assert 4 <= exchange.seen[1] <= 7  # the first, and at most six tries between controls
    assert network.sent < 100
    client.close()


def test_an_input_that_was_answered_once_is_not_blamed(start: Callable[[float, int], Run]) -> None:
    client, network, _ = start(0.0, 1)
    client.send(read("/v1/x"))
    network.rate = 1.0
    network.spared = "/control/"
    assert not client.send(read("/v1/x")).unanswered
    assert client.send(read("/v1/y")).unanswered
    client.close()


def write(number: int, path: str = "/v1/x") -> Request:
    return Request("get", "PUT", path, body=b"%d" % number, expected=Expected.REFUSAL)


def restore(size: int) -> Request:
    return Request("restore", "POST", "/v1/x", body=b"x" * size, expected=Expected.REFUSAL)


NEVER_BLAMED = {
    "a GET with a body": Request("get", "GET", "/v1/x", body=b"{}"),
    "a chunked GET": Request("get", "GET", "/v1/x", headers=(("Transfer-Encoding", "chunked"),)),
    "a long address": Request("get", "GET", "/v1/" + "x" * 8000),
    "long headers": Request("get", "GET", "/v1/x", headers=(("Cookie", "x" * 8000),)),
    "a long key": Request("get", "GET", "/v1/x", authorization="Bearer " + "x" * 8000),
    "a large body": restore(2**20 + 1),
}


@pytest.mark.parametrize("what", NEVER_BLAMED)
def test_what_is_unusually_large_is_never_blamed(what: str) -> None:
    assert not is_blamable(NEVER_BLAMED[what])


@pytest.mark.parametrize("request_", [read("/v1/x"), restore(2**20), Request("get", "GET", "/v1/" + "x" * 7900)])
def test_any_other_input_may_be_blamed(request_: Request) -> None:
    assert is_blamable(request_)


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize(
    ("failed", "count", "bound"), [(0, 10, 0.3690), (0, 100, 0.0450), (1, 10, 0.5044), (5, 100, 0.1262), (3, 3, 1.0)]
)
def test_the_upper_bound_is_that_of_clopper_and_pearson(failed: int, count: int, bound: float) -> None:
    assert upper_bound(failed, count) == pytest.approx(bound, abs=5e-4)


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_the_number_of_tries_is_the_smallest_that_is_safe(rate: float, inputs: int) -> None:
    needed = tries_needed(rate, inputs)
    if needed is None:
        assert rate**12 * inputs >= 1e-6 * (1 - 1e-9)
        return
    assert 3 <= needed <= 12
    assert rate**needed * inputs < 1e-6 * (1 + 1e-9)
    assert needed == 3 or rate ** (needed - 1) * inputs >= 1e-6 * (1 - 1e-9)


def test_a_kind_of_control_that_is_never_answered_says_nothing_about_the_target() -> None:
    rate = FailureRate()
    for _ in range(100):
        rate.count(1, answered=True)
        rate.count(2, answered=False)
    assert rate.counted == (0, 100)
