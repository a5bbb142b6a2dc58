"""Timestamps as the platform writes them: RFC 3339, with the zero time for an unset value."""

from __future__ import annotations

from datetime import UTC, datetime

ZERO = "0001-01-01T00:00:00Z"


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def write(moment: datetime | None) -> str:
    """A time in RFC 3339; an unset one is the zero time, as Go sends it."""
    if moment is None:
        return ZERO
    text = moment.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text
