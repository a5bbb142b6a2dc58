"""Faults of addresses: encoded slashes, and unknown addresses beneath the documented ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from conformance.reference.core import NO_OPERATION, Answer
from conformance.reference.patching import answer_instead, crash_when, json_of, page_of
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup

ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)
BENEATH = re.compile(r"/v1/containers/(?P<container>[^/]+)/backups/(?P<backup>[^/]+)/.+")


# ---------------------------------------------------------------- encoded slashes


@fault(breaks=("GET-6",))
def paths_are_decoded_before_routing(server: Behaviours) -> None:
    """The router sees the decoded path, as in Starlette and Go, so `{id}%2Flogs` is served as the logs."""
    server.route_path = unquote
    server.decode_id = str


@fault(breaks=("GET-6",))
def proxy_decodes_slashes(server: Behaviours) -> None:
    """A proxy decodes `%2F` before it forwards a request, as nginx does where `proxy_pass` has a path."""
    server.route_path = lambda path: ENCODED_SLASH.sub("/", path)


@fault(breaks=("GET-6",))
def encoded_slash_leads_to_logs(server: Behaviours) -> None:
    """`GET …/backups/{id}%2Flogs` is served as the logs; other encoded slashes are part of an id."""
    server.route_path = lambda path: re.sub("%2flogs$", "/logs", path, flags=re.IGNORECASE)


@fault(breaks=("GET-6",))
def encoded_slash_leads_to_the_list(server: Behaviours) -> None:
    """`GET /v1/containers/{id}%2Fbackups` is served as the list."""
    server.route_path = lambda path: re.sub("%2fbackups$", "/backups", path, flags=re.IGNORECASE)


@fault(breaks=("GET-6",))
def encoded_slash_leads_to_tasks(server: Behaviours) -> None:
    """`POST …/backups/{id}%2Ftasks` starts a restore."""
    server.route_path = lambda path: re.sub("%2ftasks$", "/tasks", path, flags=re.IGNORECASE)


@fault(breaks=("GET-6",))
def encoded_slash_at_the_end_is_dropped(server: Behaviours) -> None:
    """`GET …/backups/{id}%2F` is served as the backup."""
    server.route_path = lambda path: re.sub("%2f$", "", path, flags=re.IGNORECASE)


@fault(breaks=("GET-6",))
def encoded_slash_at_the_end_is_redirected(server: Behaviours) -> None:
    """`GET …/backups/{id}%2F` is redirected to the address without it."""
    answer_instead(
        server,
        lambda call: call.path.lower().endswith("%2f"),
        lambda call: Answer(307, {"location": call.path[:-3]}, b""),
    )


@fault(breaks=("GET-6",), also=("GET-5", "LOG-5", "AUTH-10"))
def encoded_slash_crosses_containers(server: Behaviours) -> None:
    """`GET /v1/containers/{other}%2Fbackups%2F{id}` shows a backup that is not in that container."""
    server.route_path = lambda path: ENCODED_SLASH.sub("/", path)
    find = server.find_backup

    def find_anywhere(call: Call, backup_id: str) -> Backup | None:
        boxes = [box for box in call.store.containers.values() if box.hub_id == call.hub_id]
        anywhere = next((box.backups[backup_id] for box in boxes if backup_id in box.backups), None)
        return find(call, backup_id) or (anywhere if ENCODED_SLASH.search(call.path) else None)

    server.find_backup = find_anywhere


def _crash_on_ids(server: Behaviours, test: Callable[[str], bool]) -> None:
    crash_when(server, "ids", lambda call: any(test(text) for text in call.ids.values()))


@fault(breaks=("GET-6",), also=("HTTP-3",))
def encoded_slash_breaks_down(server: Behaviours) -> None:
    """An id with an encoded slash is a 500."""
    _crash_on_ids(server, lambda text: "/" in text)


@fault(breaks=("GET-6",), also=("HTTP-3",))
def parent_folder_breaks_down(server: Behaviours) -> None:
    """An id with `../` is a 500, since it is used as a file name."""
    _crash_on_ids(server, lambda text: "../" in text)


@fault(breaks=("GET-6",), also=("HTTP-3",))
def quotes_in_ids_break_down(server: Behaviours) -> None:
    """An id with a quotation mark is a 500, since it is put into SQL."""
    _crash_on_ids(server, lambda text: "'" in text or '"' in text)


@fault(breaks=("GET-6",), also=("HTTP-3",))
def invalid_utf8_in_ids_breaks_down(server: Behaviours) -> None:
    """An id that is not UTF-8 when decoded is a 500."""
    _crash_on_ids(server, lambda text: "\ufffd" in text)


@fault(breaks=("GET-6",), also=("HTTP-3",))
def other_digits_break_down(server: Behaviours) -> None:
    """A non-ASCII digit in an id is a 500."""
    _crash_on_ids(server, lambda text: any(char.isdecimal() and not char.isascii() for char in text))


@fault(breaks=("GET-6",))
def ids_are_decoded_twice(server: Behaviours) -> None:
    """An id is decoded by the proxy and by the server: a doubly encoded one is accepted."""
    server.decode_id = lambda text: unquote(unquote(text))


@fault(breaks=("GET-6",))
def matrix_parameters_are_dropped(server: Behaviours) -> None:
    """An id is cut at the first semicolon, as Spring does with matrix parameters."""
    server.decode_id = lambda text: unquote(text).partition(";")[0]


# ---------------------------------------------------------------- unknown addresses beneath the documented ones


def is_beneath(call: Call) -> bool:
    """Match unknown addresses beneath a backup's."""
    return call.operation == NO_OPERATION and bool(BENEATH.fullmatch(call.path)) and not _is_served(call)


def _is_served(call: Call) -> bool:
    """Whether the address is a documented one, of which only the method is not served."""
    return call.path.rpartition("/")[2] in {"logs", "tasks"} and call.path.count("/") == 6


def _serve_as(server: Behaviours, operation: str, pattern: str) -> None:
    """Serve unknown addresses that match as an operation."""
    respond = server.respond

    def fall_through(call: Call, allowed: str) -> Answer:
        match = BENEATH.fullmatch(call.path)
        if match and is_beneath(call) and call.method == "GET" and re.search(pattern, call.path):
            call.operation, call.ids = operation, match.groupdict()
        return respond(call, allowed)

    server.respond = fall_through


@fault(breaks=("ERR-5",), also=("HTTP-1",))
def unknown_addresses_are_plain_text(server: Behaviours) -> None:
    """An unknown address beneath a backup is a plain-text 404, as in Go."""
    answer_instead(server, is_beneath, lambda _: Answer(404, {"content-type": "text/plain"}, b"404 page not found\n"))


@fault(breaks=("ERR-5",), also=("HTTP-1",))
def unknown_addresses_cannot_get(server: Behaviours) -> None:
    """An unknown address beneath a backup is an HTML 404 that says `Cannot GET`, as in Express."""
    answer_instead(server, is_beneath, lambda call: page_of(404, f"<!DOCTYPE html><pre>Cannot {call.method}</pre>"))


@fault(breaks=("ERR-5",), also=("HTTP-1",))
def unknown_addresses_are_empty(server: Behaviours) -> None:
    """An unknown address beneath a backup is a 404 without a body, as in ASP.NET."""
    answer_instead(server, is_beneath, lambda _: Answer(404, {}, b""))


@fault(breaks=("ERR-5",), also=("HTTP-1",))
def unknown_addresses_have_a_detail(server: Behaviours) -> None:
    """An unknown address beneath a backup is a 404 with `detail` alone, as in FastAPI."""
    answer_instead(server, is_beneath, lambda _: json_of(404, {"detail": "Not Found"}))


@fault(breaks=("ERR-5",))
def unknown_addresses_are_unknown_backups(server: Behaviours) -> None:
    """An unknown address beneath a backup has the code of an unknown backup."""
    _refuse_beneath(server, "404.container.backup")


@fault(breaks=("ERR-5",))
def unknown_addresses_are_not_allowed(server: Behaviours) -> None:
    """An unknown address beneath a backup is a 405."""
    _refuse_beneath(server, "405.method-not-allowed")


@fault(breaks=("ERR-5",))
def unknown_addresses_are_malformed(server: Behaviours) -> None:
    """An unknown address beneath a backup is a 400."""
    _refuse_beneath(server, "400.invalid-syntax")


def _refuse_beneath(server: Behaviours, code: str) -> None:
    unrouted = server.unrouted
    server.unrouted = lambda call, allowed: RefusalError(code) if is_beneath(call) else unrouted(call, allowed)


@fault(breaks=("ERR-5",), also=("HTTP-1", "HTTP-2", "AUTH-10"))
def unknown_addresses_are_the_app(server: Behaviours) -> None:
    """An unknown address beneath a backup is the start page of a single-page application."""
    answer_instead(server, is_beneath, lambda _: page_of(200, "<!doctype html><title>Portal</title>"))


@fault(breaks=("HTTP-3",), also=("ERR-5",))
def unknown_addresses_break_down(server: Behaviours) -> None:
    """An unknown address beneath a backup is a 500."""
    _refuse_beneath(server, "500.unknown")


@fault(breaks=("HTTP-3",), also=("ERR-5",))
def unknown_addresses_beneath_logs_break_down(server: Behaviours) -> None:
    """`GET …/logs/unknown` is a 500."""
    unrouted = server.unrouted
    server.unrouted = lambda call, allowed: (
        RefusalError("500.unknown") if is_beneath(call) and "/logs/" in call.path else unrouted(call, allowed)
    )


@fault(breaks=("ERR-5",))
def unknown_addresses_show_the_backup(server: Behaviours) -> None:
    """Any address beneath a backup shows the backup: the route has a wildcard at its end."""
    _serve_as(server, "get", "")


@fault(breaks=("ERR-5",))
def unknown_addresses_beneath_logs_show_the_logs(server: Behaviours) -> None:
    """`GET …/logs/unknown` shows the logs."""
    _serve_as(server, "logs", "/logs/")


@fault(breaks=("ERR-5",), also=("AUTH-10",))  # any 2xx to another spelling of a refused address is its warning
def unknown_addresses_show_null(server: Behaviours) -> None:
    """An unknown address beneath a backup is a 200 with null as data."""
    answer_instead(server, is_beneath, lambda _: json_of(200, {"data": None}))
