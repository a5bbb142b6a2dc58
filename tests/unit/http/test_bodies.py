"""What is kept of responses: no more than their judges need."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import pytest

from conformance.contract.strict_json import NotJSON
from conformance.http.bodies import MAX_BYTES, RecentValues
from conformance.http.exchange import Exchange, Request, Response


@pytest.mark.parametrize("content", [b" ", b"[1,", b'{"a": \xff}', b"[NaN]", b"[" * 300])
def test_why_a_body_is_not_json_keeps_nothing_of_the_body(content: bytes) -> None:
    exchange = Exchange(Request("list", "GET", "/"), Response(200, (), content * 1000, 0.1))
    reason = exchange.parsed
    assert isinstance(reason, NotJSON)
    # Both would refer to frames and errors that hold the whole body, until the garbage collector finds them.
    assert reason.__traceback__ is None
    assert reason.__context__ is None


@dataclass(eq=False)
class Owner:
    """What a value belongs to; `size` is the length of its body."""

    size: int


def test_values_are_kept_until_newer_ones_need_the_room() -> None:
    made: list[Owner] = []

    def make(owner: Owner) -> list[int]:
        made.append(owner)
        return [owner.size]

    values: RecentValues[Owner, list[int]] = RecentValues(lambda owner: owner.size, make)
    first, second, huge = Owner(10), Owner(MAX_BYTES // 2), Owner(2 * MAX_BYTES)
    assert values.get(first) is values.get(first)
    assert values.get(second) is values.get(second)
    assert made == [first, second]
    assert values.get(huge) is values.get(huge)
    assert values.get(first) == [10]
    assert made == [first, second, huge, first]


def test_a_value_is_not_kept_longer_than_its_owner() -> None:
    values: RecentValues[Owner, list[int]] = RecentValues(lambda owner: owner.size, lambda owner: [owner.size])
    for size in range(200):  # new owners get the identities of those that are gone
        assert values.get(Owner(size)) == [size]
    gc.collect()
    last = Owner(7)
    assert values.get(last) == [7]
    assert list(values._kept) == [id(last)]
