"""Faults that only unusual input reveals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.reference.patching import crash_when
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call


@fault(breaks=("INC-6",), also=("HTTP-3",))
def include_twice_breaks_down(server: Behaviours) -> None:
    """A repeated include parameter is a 500."""
    crash_when(server, "key", lambda call: [name for name, _ in call.query_items].count("include") > 1)


@fault(breaks=("JOB-5",), also=("HTTP-3",))
def null_contents_break_down(server: Behaviours) -> None:
    """Contents that are null are a 500."""
    crash_when(server, "request", lambda call: isinstance(call.body, dict) and call.body.get("contents", call) is None)


@fault(breaks=("JOB-5",), also=("RST-9",))
def instance_may_be_a_number(server: Behaviours) -> None:
    """A number as instance id is an index into the container's instances."""
    validate = server.validate

    def coerced(call: Call, body: Any) -> tuple[str, str]:
        contents = body.get("contents") if isinstance(body, dict) else None
        value = contents.get("instance_id") if isinstance(contents, dict) else None
        if isinstance(value, int) and not isinstance(value, bool):
            instances = list(call.container.instances)
            body = {**body, "contents": {"instance_id": instances[value % len(instances)]}}
        return validate(call, body)

    server.validate = coerced


@fault(breaks=("GET-6",), also=("HTTP-3",))
def other_digits_break_down(server: Behaviours) -> None:
    """A non-ASCII digit in an id is a 500."""
    crash_when(server, "ids", lambda call: any(not text.isascii() and _has_digit(text) for text in call.ids.values()))


def _has_digit(text: str) -> bool:
    return any(char.isdecimal() and not char.isascii() for char in text)


@fault(breaks=("LIST-10",), also=("HTTP-3",))
def page_of_many_digits_breaks_down(server: Behaviours) -> None:
    """A page number of more than 18 digits is a 500."""
    crash_when(server, "key", lambda call: len(call.query.get("page[number]", "").lstrip("-")) > 18)
