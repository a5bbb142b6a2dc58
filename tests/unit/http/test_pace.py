"""The pace of requests_per_second = "auto": an announced limit is kept, a 429 or 503 slows down, service speeds up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.http.availability.pace import MIN_RATE, AutoPace, announced_rate
from conformance.http.exchange import Exchange, Request, Response


def exchange_of(status: int, headers: dict[str, str] | None = None) -> Exchange:
    """Return a response with these headers, and its request."""
    return Exchange(Request("get", "GET", "/v1/x"), Response(status, tuple((headers or {}).items()), b"", 0.01))


ANNOUNCED = [
    ({"RateLimit-Policy": '"default";q=100;w=60'}, 100 / 60),
    ({"RateLimit-Policy": "10;w=1"}, 10.0),
    ({"RateLimit-Limit": "100, 100;w=50"}, 2.0),
    ({"X-RateLimit-Limit-Minute": "600"}, 10.0),
    ({"X-RateLimit-Limit": "5000"}, None),
    ({"RateLimit-Policy": "10;w=0"}, None),
    ({"RateLimit-Policy": "many"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "rate"), ANNOUNCED)
def test_announced_limits_are_read(headers: dict[str, str], rate: float | None) -> None:
    response = exchange_of(200, headers=headers).response
    assert response is not None
    assert announced_rate(response) == rate


class Watch:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_nothing_is_slowed_down_before_the_target_asks() -> None:
    pace = AutoPace(Watch())
    assert [pace.next_slot() for _ in range(100)] == [0.0] * 100


def test_an_announced_limit_is_kept() -> None:
    watch = Watch()
    pace = AutoPace(watch)
    pace.observe(exchange_of(200, headers={"RateLimit-Policy": "10;w=1"}))
    waits = [pace.next_slot() for _ in range(21)]
    assert waits[-1] == pytest.approx(2.0)
    for _ in range(1000):
        pace.observe(exchange_of(200))
    assert pace.rate == 10.0


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_halves_the_throughput_once(status: int) -> None:
    watch = Watch()
    pace = AutoPace(watch)
    for _ in range(100):
        pace.next_slot()
        watch.seconds += 0.05
    for _ in range(8):
        pace.observe(exchange_of(status))
    assert pace.rate == pytest.approx(10, rel=0.1)
    pace.observe(exchange_of(200))
    assert (pace.rate or 0) > 10 * 0.95


@given(st.lists(st.sampled_from([200, 404, 429, 503]), max_size=200))
def test_the_pace_never_stops(statuses: list[int]) -> None:
    watch = Watch()
    pace = AutoPace(watch)
    for status in statuses:
        watch.seconds += pace.next_slot() + 1.0
        pace.observe(exchange_of(status))
        assert pace.rate is None or pace.rate >= MIN_RATE
