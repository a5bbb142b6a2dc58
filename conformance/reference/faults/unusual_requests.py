"""Faults on unusual request headers and bodies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from conformance.reference.patching import crash_when, drop_when
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call

INHERITED = re.compile(rb'"(__proto__|constructor|toString|hasOwnProperty)"\s*:')
MEDIA_RANGE = re.compile(r"\s*(\*/\*|[\w.+-]+/(\*|[\w.+-]+))\s*(;\s*[\w-]+=[^;,]*)*")
ACCEPTS_JSON = re.compile(r"\*/\*|application/(\*|json|.*\+json)")


def _crash(server: Behaviours, test: Callable[[Call], object]) -> None:
    crash_when(server, "key", lambda call: bool(test(call)))


def _crash_on_body(server: Behaviours, test: Callable[[bytes], object]) -> None:
    crash_when(server, "body", lambda call: bool(test(call.raw_body)))


# ---------------------------------------------------------------- headers of any request


@fault(breaks=("HTTP-3",))
def no_user_agent_breaks_down(server: Behaviours) -> None:
    """A request without a User-Agent is a 500."""
    _crash(server, lambda call: "user-agent" not in call.headers)


@fault(breaks=("HTTP-3",))
def empty_user_agent_breaks_down(server: Behaviours) -> None:
    """A request with an empty User-Agent is a 500."""
    _crash(server, lambda call: call.headers.get("user-agent") == "")


@fault(breaks=("HTTP-3",))
def no_user_agent_resets(server: Behaviours) -> None:
    """A request without a User-Agent resets the connection."""
    drop_when(server, lambda call: not call.headers.get("user-agent"))


@fault(breaks=("HTTP-3",))
def no_accept_breaks_down(server: Behaviours) -> None:
    """A request without an Accept header is a 500."""
    _crash(server, lambda call: "accept" not in call.headers)


@fault(breaks=("HTTP-3",))
def malformed_accept_breaks_down(server: Behaviours) -> None:
    """An Accept header that is not a list of media ranges is a 500."""
    _crash(
        server,
        lambda call: not all(MEDIA_RANGE.fullmatch(part) for part in call.headers.get("accept", "*/*").split(",")),
    )


@fault(breaks=("HTTP-3",))
def other_accept_breaks_down(server: Behaviours) -> None:
    """An Accept header that excludes JSON is a 500, not a 406: no renderer is found."""
    _crash(server, lambda call: not ACCEPTS_JSON.search(call.headers.get("accept", "*/*")))


@fault(breaks=("HTTP-3",))
def if_none_match_breaks_down(server: Behaviours) -> None:
    """A request with If-None-Match is a 500."""
    _crash(server, lambda call: "if-none-match" in call.headers)


@fault(breaks=("HTTP-3",))
def ranges_without_a_first_byte_break_down(server: Behaviours) -> None:
    """A Range that counts from the end (`bytes=-1`) is a 500."""
    _crash(server, lambda call: call.headers.get("range", "").startswith("bytes=-"))


@fault(breaks=("HTTP-3",))
def malformed_ranges_break_down(server: Behaviours) -> None:
    """A Range that is not one of bytes is a 500."""
    _crash(server, lambda call: not re.fullmatch(r"bytes=\d*-\d*", call.headers.get("range", "bytes=0-")))


@fault(breaks=("HTTP-3",))
def body_of_a_read_breaks_down(server: Behaviours) -> None:
    """A GET with a body is a 500."""
    _crash(server, lambda call: call.method == "GET" and _announces_a_body(call))


def _announces_a_body(call: Call) -> bool:
    return call.headers.get("content-length", "0") != "0" or "transfer-encoding" in call.headers


@fault(breaks=("HTTP-3",))
def expectations_break_down(server: Behaviours) -> None:
    """A request with an Expect header is a 500, not a 417."""
    _crash(server, lambda call: "expect" in call.headers)


@fault(breaks=("HTTP-3",))
def expectations_reset(server: Behaviours) -> None:
    """A request with an Expect header resets the connection."""
    drop_when(server, lambda call: "expect" in call.headers)


# ---------------------------------------------------------------- headers of a request with a body


@fault(breaks=("HTTP-3",))
def encoded_bodies_break_down(server: Behaviours) -> None:
    """A request body with a Content-Encoding is a 500, not a 415."""
    _crash(server, lambda call: call.method == "POST" and "content-encoding" in call.headers)


@fault(breaks=("HTTP-3",))
def unknown_content_encodings_break_down(server: Behaviours) -> None:
    """A request body with a Content-Encoding other than gzip is a 500, not a 415."""
    known = {"identity", "gzip", "deflate"}
    _crash(server, lambda call: call.headers.get("content-encoding", "identity").lower() not in known)


@fault(breaks=("HTTP-3",))
def chunked_requests_break_down(server: Behaviours) -> None:
    """A chunked request body is a 500, since it has no Content-Length."""
    _crash(server, lambda call: "transfer-encoding" in call.headers and call.method == "POST")


@fault(breaks=("JOB-4",), also=("HTTP-3",))
def empty_bodies_break_down(server: Behaviours) -> None:
    """A restore with an empty body is a 500."""
    _crash_on_body(server, lambda body: not body)


# ---------------------------------------------------------------- members and strings of a body


@fault(breaks=("HTTP-3",), also=("JOB-5", "JOB-6", "JOB-8"))
def inherited_members_break_down(server: Behaviours) -> None:
    """A body with a member named `__proto__` or `constructor` is a 500."""
    _crash_on_body(server, INHERITED.search)


@fault(breaks=("JOB-6",), also=("HTTP-3",))
def inherited_actions_break_down(server: Behaviours) -> None:
    """An action with a name that every JavaScript object inherits is a 500."""
    _crash_on_body(server, re.compile(rb'"action"\s*:\s*"(constructor|__proto__|toString|hasOwnProperty)"').search)


@fault(breaks=("HTTP-3",), also=("JOB-5", "JOB-6", "JOB-8"))
def markers_in_bodies_break_down(server: Behaviours) -> None:
    """A format or template marker such as `%s` or `${x}` in a body is a 500."""
    _crash_on_body(server, re.compile(rb"%[sdnx]|\$\{").search)


@fault(breaks=("JOB-8",), also=("HTTP-3",))
def quotes_in_instances_break_down(server: Behaviours) -> None:
    """An instance id with a quotation mark is a 500, since it is put into SQL."""
    _crash_on_body(server, re.compile(rb"\"instance_id\"\s*:\s*\"[^\"]*('|\\\\\")").search)


@fault(breaks=("JOB-8",), also=("HTTP-3",))
def paths_in_instances_break_down(server: Behaviours) -> None:
    """An instance id with `../` is a 500, since it is used as a file name."""
    _crash_on_body(server, re.compile(rb'"instance_id"\s*:\s*"[^"]*\.\.(/|\\\\)').search)


@fault(breaks=("HTTP-3",), also=("JOB-5", "JOB-6", "JOB-8"))
def integers_beyond_64_bits_break_down(server: Behaviours) -> None:
    """An integer beyond 64 bits in a body is a 500."""
    _crash_on_body(server, re.compile(rb"[:\[,\s][0-9]{20}").search)


@fault(breaks=("HTTP-3",))
def integers_of_many_digits_break_down(server: Behaviours) -> None:
    """An integer of more than 4,300 digits in a body is a 500: Python's int() does not read it."""
    _crash_on_body(server, re.compile(rb"[0-9]{4301}").search)


@fault(breaks=("JOB-5",), also=("HTTP-3",))
def null_contents_break_down(server: Behaviours) -> None:
    """Contents that are null are a 500."""
    crash_when(server, "request", lambda call: isinstance(call.body, dict) and call.body.get("contents", call) is None)


@fault(breaks=("JOB-5",), also=("RST-9",))
def instance_may_be_a_number(server: Behaviours) -> None:
    """A number as instance id is an index into the container's instances."""
    validate = server.validate

    def coerced(call: Call, body: object) -> tuple[str, str]:
        contents = body.get("contents") if isinstance(body, dict) else None
        value = contents.get("instance_id") if isinstance(contents, dict) else None
        if isinstance(body, dict) and isinstance(value, int) and not isinstance(value, bool):
            instances = list(call.container.instances)
            body = {**body, "contents": {"instance_id": instances[value % len(instances)]}}
        return validate(call, body)

    server.validate = coerced


# ---------------------------------------------------------------- headers that a client or a proxy adds


def _crash_on_header(server: Behaviours, name: str, test: Callable[[str], object]) -> None:
    _crash(server, lambda call: name in call.headers and test(call.headers[name]))


@fault(breaks=("HTTP-3",))
def malformed_cookies_break_down(server: Behaviours) -> None:
    """A Cookie with a part that has no equals sign is a 500."""
    _crash_on_header(server, "cookie", lambda value: any("=" not in part for part in value.split(";")))


@fault(breaks=("HTTP-3",))
def odd_request_ids_break_down(server: Behaviours) -> None:
    """An X-Request-Id that is not a UUID is a 500."""
    _crash_on_header(server, "x-request-id", lambda value: value.count("-") != 4)


@fault(breaks=("HTTP-3",))
def malformed_weights_break_down(server: Behaviours) -> None:
    """An Accept-Encoding with a weight that is not a number is a 500."""
    _crash_on_header(server, "accept-encoding", re.compile(r"q=[^01]").search)


@fault(breaks=("HTTP-3",))
def malformed_forwarding_breaks_down(server: Behaviours) -> None:
    """A malformed Forwarded header is a 500: the client's address is read from it."""
    _crash_on_header(server, "forwarded", lambda value: ";;" in value)
