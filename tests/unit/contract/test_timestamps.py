"""Times are instants: read exactly or not at all, and ordered across offsets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.contract.timestamps import Instant, parse_time

moments = st.datetimes(
    datetime(2, 1, 1),
    datetime(9998, 12, 31),
    timezones=st.builds(
        timezone,
        st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes)),
    ),
)


def instant(text: str) -> Instant:
    instant = parse_time(text)
    assert instant is not None
    return instant


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000+00:00",
        "0001-01-01t00:00:00.0000000000z",
        "0001-01-01T02:00:00+02:00",
        "0000-12-31T23:30:00-00:30",
    ],
)
def test_the_zero_time_is_unset_in_every_spelling(text: str) -> None:
    assert instant(text).unset


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00.0000000001Z", "0001-01-01T00:00:01Z", "0000-12-31T23:59:60Z"])
def test_what_is_beside_the_zero_time_is_set(text: str) -> None:
    assert not instant(text).unset


def test_instants_are_ordered_in_every_notation() -> None:
    ordered = [
        "0000-01-01T00:00:00+23:59",
        "0000-01-01T00:00:00Z",
        "0000-02-29T12:00:00Z",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "2016-12-31T23:59:59.999999999999999999999Z",
        "2016-12-31T23:59:60Z",
        "2017-01-01T00:59:60.25+01:00",
        "2016-12-31T23:59:60.3Z",
        "2017-01-01T00:00:00Z",
        "2017-01-01T00:00:00.1Z",
        "2017-01-01T00:00:00.10000000000000000000000000001Z",
        "2017-01-01T00:00:00.45Z",
        "2017-01-01T00:00:00.5Z",
        "2017-01-01T00:00:00-00:01",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
    ]
    instants = [instant(text) for text in ordered]
    assert sorted(instants) == instants
    assert len(set(instants)) == len(instants)


def test_trailing_zeros_of_a_fraction_change_nothing() -> None:
    assert instant("2025-01-01T00:00:00.50Z") == instant("2025-01-01T00:00:00.5z")
    assert hash(instant("2025-01-01T00:00:00.000Z")) == hash(instant("2025-01-01T01:00:00+01:00"))


@given(moments, moments)
def test_order_is_that_of_datetime(left: datetime, right: datetime) -> None:
    assert (instant(left.isoformat()) < instant(right.isoformat())) == (left < right)
    assert (instant(left.isoformat()) == instant(right.isoformat())) == (left == right)


@given(moments)
def test_the_offset_does_not_matter(moment: datetime) -> None:
    assert instant(moment.isoformat()) == instant(moment.astimezone(UTC).isoformat())


@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z?"))
def test_any_text_is_a_time_or_none(text: str) -> None:
    instant = parse_time(text)
    assert instant is None or "T" in text.upper()


def test_a_fraction_of_a_million_digits_is_read() -> None:
    assert instant(f"2025-01-01T00:00:00.{'0' * 1_000_000}Z") == instant("2025-01-01T00:00:00Z")
