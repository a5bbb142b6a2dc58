"""Faults of bodies: their type, their encoding, their envelope and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.patching import edit_answers, edit_errors, edited, wrap_check
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Answer, Behaviours, Call, Check, Reply


@fault(breaks=("HTTP-1",), also=("ERR-1", "ERR-5"))
def not_found_in_html(server: Behaviours) -> None:
    """A 404 is an HTML page."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.status == 404:
            answer.headers["content-type"] = "text/html; charset=utf-8"
            answer.body = b"<html><body><h1>404 Not Found</h1></body></html>"

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def lists_as_plain_text(server: Behaviours) -> None:
    """A list is JSON declared as text/plain."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "list":
            answer.headers["content-type"] = "text/plain; charset=utf-8"

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def errors_without_content_type(server: Behaviours) -> None:
    """Errors have no Content-Type."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.status >= 400:
            answer.headers.pop("content-type", None)

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def not_utf8(server: Behaviours) -> None:
    """Bodies are encoded in Windows-1252."""
    encode = server.encode
    server.encode = lambda call, status, whole: encode(call, status, whole).decode().encode("cp1252", "replace")


@fault(breaks=("HTTP-1",))
def two_documents(server: Behaviours) -> None:
    """Get returns two JSON documents in one body."""
    encode = server.encode

    def encode_twice(call: Call, status: int, whole: object) -> bytes:
        return encode(call, status, whole) + (b"\n{}" if call.operation == "get" else b"")

    server.encode = encode_twice


@fault(breaks=("HTTP-1",))
def byte_order_mark(server: Behaviours) -> None:
    """The body of logs begins with a byte order mark."""
    encode = server.encode

    def encode_marked(call: Call, status: int, whole: object) -> bytes:
        return (b"\xef\xbb\xbf" if call.operation == "logs" else b"") + encode(call, status, whole)

    server.encode = encode_marked


@fault(breaks=("HTTP-1",))
def not_a_number(server: Behaviours) -> None:
    """An unknown size is written as NaN, which is not JSON."""

    def change(document: dict[str, dict[str, object]]) -> None:
        if not document["target"]["size"]:
            document["target"]["size"] = float("nan")

    server.write_backup = edited(server.write_backup, change)


@fault(breaks=("HTTP-2",), also=("LIST-1",))
def list_without_envelope(server: Behaviours) -> None:
    """A list is a bare array."""
    document = server.document
    server.document = lambda call, status, whole: document(
        call, status, whole["data"] if call.operation == "list" and status == 200 else whole
    )


@fault(breaks=("HTTP-2",), also=("LIST-1",))
def list_as_object(server: Behaviours) -> None:
    """The list's data is an object with the backups under their ids."""
    listed = server.handlers["list"]

    def keyed(call: Call) -> Reply:
        reply = listed(call)
        reply.data = {item["id"]: item for item in reply.data}
        return reply

    server.handlers["list"] = keyed


@fault(breaks=("HTTP-2",), also=("GET-1",))
def get_as_array(server: Behaviours) -> None:
    """Get returns an array with one backup."""
    get = server.handlers["get"]

    def wrapped(call: Call) -> Reply:
        reply = get(call)
        reply.data = [reply.data]
        return reply

    server.handlers["get"] = wrapped


@fault(breaks=("HTTP-2",))
def error_beside_data(server: Behaviours) -> None:
    """A success of logs has an `error` member too."""
    envelope = server.envelope
    server.envelope = lambda call, reply: (
        envelope(call, reply)
        | ({"error": {"status": 200, "code": "200.ok", "title": "OK"}} if call.operation == "logs" else {})
    )


@fault(breaks=("HTTP-7",))
def member_twice(server: Behaviours) -> None:
    """A backup has the member `path` twice."""
    encode = server.encode
    server.encode = lambda call, status, whole: encode(call, status, whole).replace(b'"path":', b'"path":"","path":')


@fault(breaks=("HTTP-7",))
def error_title_twice(server: Behaviours) -> None:
    """An error has the member `title` twice."""
    encode = server.encode
    server.encode = lambda call, status, whole: encode(call, status, whole).replace(
        b'"title":', b'"title":"Refused","title":', 1 if status >= 400 else 0
    )


@fault(breaks=("HTTP-10",))
def no_error_is_null(server: Behaviours) -> None:
    """A backup without an error has `error: null`."""
    server.write_backup = edited(server.write_backup, lambda document: document["state"].setdefault("error", None))


@fault(breaks=("HTTP-10",))
def no_detail_is_null(server: Behaviours) -> None:
    """An error without a detail has `detail: null`."""
    edit_errors(server, lambda error: error.setdefault("detail", None))


@fault(breaks=("HTTP-1",))
def errors_as_problems(server: Behaviours) -> None:
    """Errors are declared as application/problem+json."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.status >= 400:
            answer.headers["content-type"] = "application/problem+json"

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def page_for_browsers(server: Behaviours) -> None:
    """A client that prefers HTML gets an HTML page."""

    def change(call: Call, answer: Answer) -> None:
        if call.headers.get("accept", "").startswith("text/html") and answer.status == 200:
            answer.headers["content-type"] = "text/html"
            answer.body = b"<!doctype html><title>Backups</title>"

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def page_for_those_who_accept_anything(server: Behaviours) -> None:
    """A client that accepts anything gets an HTML page, even where it names JSON first."""

    def change(call: Call, answer: Answer) -> None:
        if answer.status == 200 and call.headers.get("accept", "").rpartition(",")[2].strip() == "*/*":
            answer.headers["content-type"] = "text/html; charset=utf-8"
            answer.body = b"<html><body><h1>200 OK</h1></body></html>"

    edit_answers(server, change)


@fault(breaks=("GET-1",))
def several_media_types_are_not_acceptable(server: Behaviours) -> None:
    """An Accept of several media types is a 406, though it allows JSON: it is compared as a whole."""

    def accept(call: Call, check: Check) -> None:
        if call.headers.get("accept", "*/*") not in ("*/*", "application/json"):
            raise RefusalError("406.not-acceptable")
        check(call)

    wrap_check(server, "key", accept)
