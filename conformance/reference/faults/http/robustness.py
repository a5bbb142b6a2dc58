"""Faults on unusual requests: crashes, resets and unavailability."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.reference.patching import crash_when, drop_when
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call


#: an escaped surrogate without its other half
LONE_SURROGATE = re.compile(
    rb"\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}", re.IGNORECASE
)


@fault(breaks=("HTTP-3",), also=("JOB-4",))
def deep_body_breaks_down(server: Behaviours) -> None:
    """A deeply nested body is a 500."""
    crash_when(server, "body", lambda call: call.raw_body.count(b"[") > 200 or call.raw_body.count(b"{") > 200)


@fault(breaks=("HTTP-3",), also=("JOB-6", "JOB-8"))
def lone_surrogate_breaks_down(server: Behaviours) -> None:
    """A lone surrogate in a string of the body is a 500."""
    crash_when(server, "body", lambda call: LONE_SURROGATE.search(call.raw_body) is not None)


@fault(breaks=("HTTP-3",), also=("GET-6",))
def long_id_breaks_down(server: Behaviours) -> None:
    """An id of more than 255 characters is a 500."""
    crash_when(server, "ids", lambda call: any(len(text) > 255 for text in call.ids.values()))


@fault(breaks=("HTTP-3",), also=("GET-6",))
def nul_resets(server: Behaviours) -> None:
    """An id with a NUL resets the connection."""
    drop_when(server, lambda call: any("\0" in text for text in call.ids.values()))


@fault(breaks=("HTTP-3",), also=("JOB-4",))
def array_body_resets(server: Behaviours) -> None:
    """A body that is an array resets the connection."""
    drop_when(server, lambda call: isinstance(call.body, list))


@fault(breaks=("HTTP-3",), also=("LIST-10",))
def bad_sort_unavailable(server: Behaviours) -> None:
    """An unknown sort is always a 503."""

    def change(_call: Call, refusal: RefusalError) -> RefusalError:
        bad = refusal.detail == "Lists cannot be sorted by that"
        return RefusalError("503.not-ready") if bad else refusal

    server.refuse = change


@fault(breaks=("HTTP-3",), also=("AUTH-9",))
def odd_hub_breaks_down(server: Behaviours) -> None:
    """A malformed hub id is a 500."""
    crash_when(server, "hub", lambda call: not re.fullmatch(r"[0-9a-f]{0,30}", call.headers.get("x-hub-id", "")))


@fault(breaks=("HTTP-3",), also=("LIST-10", "INC-6"))
def half_a_percent_sign_breaks_down(server: Behaviours) -> None:
    """A malformed percent-encoding in a query is a 500."""
    crash_when(server, "key", lambda call: any("%" in value for value in call.query.values()))


@fault(breaks=("HTTP-3",), also=("JOB-8",))
def huge_number_breaks_down(server: Behaviours) -> None:
    """A number in the body beyond the range of a double is a 500."""
    crash_when(server, "body", lambda call: re.search(rb"[0-9]{350}|1e400", call.raw_body) is not None)


@fault(breaks=("HTTP-3",), also=("JOB-5", "JOB-6", "JOB-8"))
def nul_in_text_breaks_down(server: Behaviours) -> None:
    """A NUL in a string of the body is a 500, as some databases cause it."""
    crash_when(server, "request", lambda call: b"\\u0000" in call.raw_body and isinstance(call.body, dict))
