"""Times as RFC 3339 writes them, compared as instants (GET-3, HTTP-4, BKP-1, RST-5)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
_DAY = 86_400
_GREGORIAN_CYCLE_YEARS, _GREGORIAN_CYCLE_DAYS = 400, 146_097
_CACHED_LENGTH = 64  # a target may send a fraction of a million digits: such texts are not kept


class Instant(NamedTuple):
    """A point in time; tuples of this kind order as the instants do, whatever offset they were written with.

    `second` counts whole seconds since 0001-01-01T00:00:00Z, `leap` is 1 within a leap second (which `second` counts as
    the one before it), `fraction` holds the digits after the point without trailing zeros: text compares exactly.
    """

    second: int
    leap: int = 0
    fraction: str = ""

    @property
    def unset(self) -> bool:
        """True for the zero time, which means "not set" in every comparison."""
        return self == _ZERO


_ZERO = Instant(0)


def in_utc(moment: datetime) -> str:
    """Format a time as our own files have it: in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> Instant | None:
    """The instant that `text` names, or None if it is not an RFC 3339 date-time. Years 0000 to 9999."""
    return _cached(text) if len(text) <= _CACHED_LENGTH else _parse(text)


def _parse(text: str) -> Instant | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups()
    days = _days(int(year), int(month), int(day))
    if days is None:
        return None
    minutes = int(hour) * 60 + int(minute)
    if sign is not None:
        offset = int(offset_hour) * 60 + int(offset_minute)
        minutes -= offset if sign == "+" else -offset
    leap = second == "60"
    if leap and minutes % 1440 != 1439:  # a leap second ends a day of UTC
        return None
    seconds = days * _DAY + minutes * 60 + (59 if leap else int(second))
    return Instant(seconds, int(leap), (fraction or "").rstrip("0"))


def lacks_offset(text: str) -> bool:
    """Whether the text would be an RFC 3339 date-time if it had an offset: a local time of an unknown zone."""
    return parse_time(text) is None and parse_time(f"{text}Z") is not None


_cached = lru_cache(maxsize=16_384)(_parse)


def is_retry_after(text: str) -> bool:
    """Whether a Retry-After header is a number of seconds or an HTTP date (HTTP-8)."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text.strip()):
        return True
    try:
        parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return False
    return True


def _days(year: int, month: int, day: int) -> int | None:
    """Days since 0001-01-01, or None if there is no such day. Year 0000 is read off year 0400, one cycle later."""
    try:
        if year == 0:
            return date(_GREGORIAN_CYCLE_YEARS, month, day).toordinal() - _GREGORIAN_CYCLE_DAYS - 1
        return date(year, month, day).toordinal() - 1
    except ValueError:
        return None
