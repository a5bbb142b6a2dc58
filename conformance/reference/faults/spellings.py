"""Faults of access by another spelling of the address: what guards an address and what routes it disagree on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from conformance.reference.core import NO_OPERATION, Answer
from conformance.reference.patching import answer_instead, bypass, page_of
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call

#: the addresses that a gateway guards, as they are sent
GUARDED = re.compile(r"/v1/(containers/[^/%]+/backups(/[^/%]+(/logs|/tasks)?)?|jobs/[^/%]+)")


def slips_past(call: Call) -> bool:
    """Match requests whose address the gateway does not recognize."""
    return GUARDED.fullmatch(call.path) is None


def merge_slashes(path: str) -> str:
    """The path with doubled slashes merged."""
    return re.sub("/{2,}", "/", path)


def drop_last_slash(path: str) -> str:
    """The path without a trailing slash."""
    return path.removesuffix("/")


# ---------------------------------------------------------------- percent-encoded characters


@fault(breaks=("AUTH-10",))
def encoded_addresses_need_no_key(server: Behaviours) -> None:
    """The gateway guards the address as it was sent, the router decodes it: an encoded character opens it."""
    bypass(server, slips_past)


@fault(breaks=("AUTH-10",))
def encoded_addresses_need_no_capability(server: Behaviours) -> None:
    """The capability is checked by the address as it was sent: an encoded character avoids the check."""
    bypass(server, slips_past, ("capability",))


@fault(breaks=("AUTH-10",))
def encoded_addresses_are_open_to_any_hub(server: Behaviours) -> None:
    """The hub is checked by the address as it was sent: an encoded character opens it to another hub's key."""
    bypass(server, slips_past, ("hub", "scope"))


@fault(breaks=("AUTH-10",))
def encoded_restores_need_no_key(server: Behaviours) -> None:
    """A restore is accepted without a key where its address has an encoded character."""
    bypass(server, lambda call: call.operation == "restore" and slips_past(call))


@fault(breaks=("AUTH-10",))
def encoded_restores_need_no_capability(server: Behaviours) -> None:
    """A restore requires no capability where its address has an encoded character."""
    bypass(server, lambda call: call.operation == "restore" and slips_past(call), ("capability",))


@fault(breaks=("AUTH-10",))
def encoded_jobs_need_no_key(server: Behaviours) -> None:
    """A job is shown without a key where its address has an encoded character."""
    bypass(server, lambda call: call.operation == "job" and slips_past(call))


# ---------------------------------------------------------------- slashes


@fault(breaks=("AUTH-10",))
def trailing_slash_needs_no_key(server: Behaviours) -> None:
    """The router drops a trailing slash, the gateway does not: with one, no key is needed."""
    server.route_path = drop_last_slash
    bypass(server, lambda call: call.path.endswith("/"))


@fault(breaks=("AUTH-10",))
def trailing_slash_needs_no_capability(server: Behaviours) -> None:
    """With a trailing slash, an address requires no capability."""
    server.route_path = drop_last_slash
    bypass(server, lambda call: call.path.endswith("/"), ("capability",))


@fault(breaks=("AUTH-10",))
def list_with_a_trailing_slash_needs_no_key(server: Behaviours) -> None:
    """Only the list is guarded without its trailing slash."""
    server.route_path = drop_last_slash
    bypass(server, lambda call: call.operation == "list" and call.path.endswith("/"))


@fault(breaks=("AUTH-10",))
def doubled_slash_needs_no_key(server: Behaviours) -> None:
    """The router merges doubled slashes, the gateway does not: with one, no key is needed."""
    server.route_path = merge_slashes
    bypass(server, lambda call: "//" in call.path)


@fault(breaks=("AUTH-10",))
def doubled_slash_is_open_to_any_hub(server: Behaviours) -> None:
    """With a doubled slash, an address is open to another hub's key."""
    server.route_path = merge_slashes
    bypass(server, lambda call: "//" in call.path, ("hub", "scope"))


@fault(breaks=("AUTH-10",))
def logs_with_a_doubled_slash_need_no_capability(server: Behaviours) -> None:
    """Logs require no capability where their address has a doubled slash."""
    server.route_path = merge_slashes
    bypass(server, lambda call: call.operation == "logs" and "//" in call.path, ("capability",))


@fault(breaks=("AUTH-10",), also=("GET-6",))
def encoded_slash_needs_no_key(server: Behaviours) -> None:
    """The router decodes `%2F`, the gateway does not: `{id}%2Flogs` needs no key."""
    server.route_path = unquote
    server.decode_id = str
    bypass(server, lambda call: "%2f" in call.path.lower())


@fault(breaks=("AUTH-10",), also=("GET-6",))
def encoded_slash_needs_no_capability(server: Behaviours) -> None:
    """The router decodes `%2F`, the capability check does not: `{id}%2Flogs` requires none."""
    server.route_path = unquote
    server.decode_id = str
    bypass(server, lambda call: "%2f" in call.path.lower(), ("capability",))


@fault(breaks=("AUTH-10",), also=("GET-6",))
def restores_by_an_encoded_slash_need_no_capability(server: Behaviours) -> None:
    """`POST …/backups/{id}%2Ftasks` starts a restore for a key without the capability."""
    server.route_path = lambda path: re.sub("%2ftasks$", "/tasks", path, flags=re.IGNORECASE)
    bypass(server, lambda call: call.operation == "restore" and "%2f" in call.path.lower(), ("capability",))


@fault(breaks=("AUTH-10",), also=("HTTP-1",))
def spellings_show_a_page(server: Behaviours) -> None:
    """Without a key, an address with a trailing slash is a 200 with a login page."""
    answer_instead(
        server,
        lambda call: call.path.endswith("/") and "authorization" not in call.headers,
        lambda _: page_of(200, "<!doctype html><title>Sign in</title>"),
    )


# ---------------------------------------------------------------- HEAD


@fault(breaks=("AUTH-10",))
def head_needs_no_key(server: Behaviours) -> None:
    """HEAD is routed as GET but not authenticated."""
    bypass(server, lambda call: call.method == "HEAD")


@fault(breaks=("AUTH-10",))
def head_needs_no_capability(server: Behaviours) -> None:
    """HEAD is routed as GET but requires no capability."""
    bypass(server, lambda call: call.method == "HEAD", ("capability",))


@fault(breaks=("AUTH-10",))
def head_is_open_to_any_hub(server: Behaviours) -> None:
    """HEAD is open to another hub's key."""
    bypass(server, lambda call: call.method == "HEAD", ("hub", "scope"))


@fault(breaks=("AUTH-10",))
def head_of_jobs_needs_no_key(server: Behaviours) -> None:
    """HEAD of a job needs no key."""
    bypass(server, lambda call: call.method == "HEAD" and call.operation == "job")


@fault(breaks=("AUTH-10",))
def head_is_always_ok(server: Behaviours) -> None:
    """HEAD of any documented address is a 200, whatever the key and the id."""
    answer_instead(
        server,
        lambda call: call.method == "HEAD" and call.operation != NO_OPERATION,
        lambda _: Answer(200, {"content-type": "application/json"}, b""),
    )
