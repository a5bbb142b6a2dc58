"""Faults of HTTP itself."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.core import Answer, Reply
from conformance.reference.patching import crash_when, drop_when, edit_answers, edit_errors, edited, every
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Backup, Log

#: half of an escaped pair without the other half
LONE_SURROGATE = re.compile(
    rb"\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}", re.IGNORECASE
)


@fault(breaks=("HTTP-1",), also=("ERR-1",))
def not_found_in_html(server: Behaviours) -> None:
    """A 404 is a page for people."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.status == 404:
            answer.headers["content-type"] = "text/html; charset=utf-8"
            answer.body = b"<html><body><h1>404 Not Found</h1></body></html>"

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def lists_as_plain_text(server: Behaviours) -> None:
    """A list is JSON, but says that it is text/plain."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "list":
            answer.headers["content-type"] = "text/plain; charset=utf-8"

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def errors_without_content_type(server: Behaviours) -> None:
    """A 4xx does not say what its body is."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.status >= 400:
            answer.headers.pop("content-type", None)

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def not_utf8(server: Behaviours) -> None:
    """Bodies are written in Windows-1252."""
    encode = server.encode
    server.encode = lambda call, status, whole: encode(call, status, whole).decode().encode("cp1252", "replace")


@fault(breaks=("HTTP-1",))
def two_documents(server: Behaviours) -> None:
    """The answer to get has a second document behind the first."""
    encode = server.encode

    def encode_twice(call: Call, status: int, whole: object) -> bytes:
        return encode(call, status, whole) + (b"\n{}" if call.operation == "get" else b"")

    server.encode = encode_twice


@fault(breaks=("HTTP-1",))
def byte_order_mark(server: Behaviours) -> None:
    """Bodies of logs begin with a byte order mark."""
    encode = server.encode

    def encode_marked(call: Call, status: int, whole: object) -> bytes:
        return (b"\xef\xbb\xbf" if call.operation == "logs" else b"") + encode(call, status, whole)

    server.encode = encode_marked


@fault(breaks=("HTTP-1",))
def not_a_number(server: Behaviours) -> None:
    """A size that is not known is written NaN, which is not JSON."""

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
    """A list is an object with the items under their ids."""
    listed = server.handlers["list"]

    def keyed(call: Call) -> Reply:
        reply = listed(call)
        reply.data = {item["id"]: item for item in reply.data}
        return reply

    server.handlers["list"] = keyed


@fault(breaks=("HTTP-2",), also=("GET-1",))
def get_as_array(server: Behaviours) -> None:
    """One backup comes as an array of one."""
    get = server.handlers["get"]

    def wrapped(call: Call) -> Reply:
        reply = get(call)
        reply.data = [reply.data]
        return reply

    server.handlers["get"] = wrapped


@fault(breaks=("HTTP-2",))
def error_beside_data(server: Behaviours) -> None:
    """A success of logs carries an error as well."""
    envelope = server.envelope
    server.envelope = lambda call, reply: (
        envelope(call, reply)
        | ({"error": {"status": 200, "code": "200.ok", "title": "OK"}} if call.operation == "logs" else {})
    )


@fault(breaks=("HTTP-3",), also=("JOB-4",))
def deep_body_breaks_down(server: Behaviours) -> None:
    """A deeply nested body exhausts the parser and is a 500."""
    crash_when(server, "body", lambda call: call.raw_body.count(b"[") > 200 or call.raw_body.count(b"{") > 200)


@fault(breaks=("HTTP-3",))
def lone_surrogate_breaks_down(server: Behaviours) -> None:
    """A lone surrogate in a string of the body is a 500."""
    crash_when(server, "body", lambda call: LONE_SURROGATE.search(call.raw_body) is not None)


@fault(breaks=("HTTP-3",), also=("GET-6",))
def long_id_breaks_down(server: Behaviours) -> None:
    """An id of more than 255 characters is a 500."""
    crash_when(server, "ids", lambda call: any(len(one) > 255 for one in call.ids.values()))


@fault(breaks=("HTTP-3",), also=("GET-6",))
def nul_resets(server: Behaviours) -> None:
    """An id with a NUL gets no answer: the connection is reset."""
    drop_when(server, lambda call: any("\0" in one for one in call.ids.values()))


@fault(breaks=("HTTP-3",), also=("JOB-4",))
def array_body_resets(server: Behaviours) -> None:
    """A body that is an array gets no answer: the connection is reset."""
    drop_when(server, lambda call: isinstance(call.body, list))


@fault(breaks=("HTTP-3",), also=("LIST-10",))
def bad_sort_unavailable(server: Behaviours) -> None:
    """A sort that is not known is a 503, each time."""

    def change(_call: Call, refusal: RefusalError) -> RefusalError:
        bad = refusal.detail == "The list cannot be sorted by that"
        return RefusalError("503.not-ready") if bad else refusal

    server.refuse = change


@fault(breaks=("HTTP-4",), also=("LIST-5", "LIST-3"))
def list_turns_round(server: Behaviours) -> None:
    """Every second list without a sort comes in the opposite order."""
    visible, turn = server.visible, count()

    def turning(call: Call) -> list[Backup]:
        items = visible(call)
        return items[::-1] if "sort" not in call.query and next(turn) % 2 else items

    server.visible = turning


@fault(breaks=("HTTP-4",))
def logs_count_their_readers(server: Behaviours) -> None:
    """A log's text says how often it was read."""
    write, readers = server.write_log, count(1)

    def counting(call: Call, of: Backup, one: Log) -> dict[str, object]:
        document = write(call, of, one)
        return document | {"log": f"{document['log']}read {next(readers)} times\n"}

    server.write_log = counting


@fault(
    breaks=("HTTP-4",),
    also=(
        "GET-3",
        "RST-3",
        "RST-7",
        "JOB-10",
        "CAP-8",
        "DEL-2",
        "DEL-4",
        "AUTH-5",
        "AUTH-6",
        "AUTH-9",
        "RST-4",
        "RST-6",
    ),
)
def reading_moves_the_size(server: Behaviours) -> None:
    """Each get makes the backup one byte larger."""
    get = server.handlers["get"]

    def growing(call: Call) -> Reply:
        call.backup.size += 1
        return get(call)

    server.handlers["get"] = growing


@fault(breaks=("HTTP-5",))
def put_is_welcome(server: Behaviours) -> None:
    """A PUT is answered 200, whatever it is put to."""
    unrouted = server.unrouted

    def welcome(call: Call, allowed: str) -> RefusalError:
        return RefusalError("200.ok") if call.method == "PUT" and allowed else unrouted(call, allowed)

    server.unrouted = welcome
    envelope = server.write_error
    server.write_error = lambda call, refusal: {"data": {}} if refusal.status == 200 else envelope(call, refusal)


@fault(breaks=("HTTP-5",))
def whole_list_can_be_deleted(server: Behaviours) -> None:
    """A DELETE of the list is accepted."""
    server.routes["/v1/containers/{container}/backups"]["DELETE"] = "delete all"
    server.steps["delete all"] = []
    server.handlers["delete all"] = lambda _call: Reply(202, {"action": "delete", "job": None})


@fault(breaks=("HTTP-5",))
def method_refusal_without_allow(server: Behaviours) -> None:
    """A 405 does not say what is allowed."""
    server.unrouted = lambda _call, allowed: RefusalError("405.method-not-allowed" if allowed else "404.uri")


@fault(breaks=("HTTP-5", "HTTP-3"))
def patch_breaks_down(server: Behaviours) -> None:
    """A PATCH is a 500."""
    unrouted = server.unrouted
    server.unrouted = lambda call, allowed: (
        RefusalError("500.unknown") if call.method == "PATCH" else unrouted(call, allowed)
    )


@fault(breaks=("HTTP-6",))
def no_cors(server: Behaviours) -> None:
    """No answer says which origins may read it."""
    edit_answers(server, lambda _call, answer: answer.headers.pop("access-control-allow-origin", None))


@fault(breaks=("HTTP-6",))
def no_cors_on_errors(server: Behaviours) -> None:
    """Only a success says which origins may read it."""
    edit_answers(
        server,
        lambda _call, answer: answer.headers.pop("access-control-allow-origin", None) if answer.status >= 400 else None,
    )


@fault(breaks=("HTTP-7",))
def member_twice(server: Behaviours) -> None:
    """A backup's path is there twice."""
    encode = server.encode
    server.encode = lambda call, status, whole: encode(call, status, whole).replace(b'"path":', b'"path":"","path":')


@fault(breaks=("HTTP-7",))
def error_title_twice(server: Behaviours) -> None:
    """An error's title is there twice."""
    encode = server.encode
    server.encode = lambda call, status, whole: encode(call, status, whole).replace(
        b'"title":', b'"title":"Refused","title":', 1 if status >= 400 else 0
    )


@fault(breaks=("HTTP-8",))
def hurried_without_a_word(server: Behaviours) -> None:
    """Now and then there is a 429 that does not say how long to wait."""
    _sometimes_429(server, {})


@fault(breaks=("HTTP-8",))
def retry_after_some_time(server: Behaviours) -> None:
    """Now and then there is a 429 whose Retry-After is neither seconds nor a date."""
    _sometimes_429(server, {"Retry-After": "soon"})


def _sometimes_429(server: Behaviours, headers: dict[str, str]) -> None:
    now = every(server, 211)
    authenticate = server.checks["key"]

    def check(call: Call) -> None:
        if now():
            raise RefusalError("429.rate-limiting", headers=headers)
        authenticate(call)

    server.checks["key"] = check


@fault(breaks=("HTTP-9",), also=("LIST-7", "LIST-5"))
def sorted_lists_are_elsewhere(server: Behaviours) -> None:
    """A list with a sort is answered with a redirect."""
    finish = server.finish
    server.finish = lambda call, answer: (
        Answer(307, {"location": f"{call.path}/"}, b"")
        if call.operation == "list" and "sort" in call.query and answer.status == 200
        else finish(call, answer)
    )


@fault(breaks=("HTTP-9",), also=("LOG-1", "RST-2", "RST-4", "RST-6", "RST-7"))
def logs_are_elsewhere(server: Behaviours) -> None:
    """Logs are answered with a redirect to the address with a slash."""
    finish = server.finish
    server.finish = lambda call, answer: (
        Answer(308, {"location": f"{call.path}/", "content-type": "application/json"}, b"{}")
        if call.operation == "logs" and answer.status == 200
        else finish(call, answer)
    )


@fault(breaks=("HTTP-10",))
def no_error_is_null(server: Behaviours) -> None:
    """A backup without an error says that its error is null."""
    server.write_backup = edited(server.write_backup, lambda document: document["state"].setdefault("error", None))


@fault(breaks=("HTTP-10",))
def no_detail_is_null(server: Behaviours) -> None:
    """An error without detail says that its detail is null."""
    edit_errors(server, lambda error: error.setdefault("detail", None))


@fault(breaks=("HTTP-1",))
def errors_as_problems(server: Behaviours) -> None:
    """An error says that it is application/problem+json, in whatever shape it comes."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.status >= 400:
            answer.headers["content-type"] = "application/problem+json"

    edit_answers(server, change)


@fault(breaks=("HTTP-1",))
def page_for_browsers(server: Behaviours) -> None:
    """Whoever would rather have HTML gets a page."""

    def change(call: Call, answer: Answer) -> None:
        if call.headers.get("accept", "").startswith("text/html") and answer.status == 200:
            answer.headers["content-type"] = "text/html"
            answer.body = b"<!doctype html><title>Backups</title>"

    edit_answers(server, change)


@fault(breaks=("HTTP-3",), also=("AUTH-9",))
def odd_hub_breaks_down(server: Behaviours) -> None:
    """A hub id that is not one is a 500."""
    crash_when(server, "hub", lambda call: not re.fullmatch(r"[0-9a-f]{0,30}", call.headers.get("x-hub-id", "")))


@fault(breaks=("HTTP-3",), also=("LIST-10", "INC-6"))
def half_a_percent_sign_breaks_down(server: Behaviours) -> None:
    """A percent sign in a query that is not followed by two digits is a 500."""
    crash_when(server, "key", lambda call: any("%" in value for value in call.query.values()))


@fault(breaks=("HTTP-3",))
def huge_number_breaks_down(server: Behaviours) -> None:
    """A number in the body beyond what a double holds is a 500."""
    crash_when(server, "body", lambda call: re.search(rb"[0-9]{350}|1e400", call.raw_body) is not None)


@fault(breaks=("HTTP-3",), also=("JOB-5", "JOB-6", "JOB-8"))
def nul_in_text_breaks_down(server: Behaviours) -> None:
    """A NUL in a string of the body is a 500, as a database has it."""
    crash_when(server, "request", lambda call: b"\\u0000" in call.raw_body and isinstance(call.body, dict))


@fault(breaks=("HTTP-3",))
def head_breaks_down(server: Behaviours) -> None:
    """HEAD is a 500."""
    crash_when(server, "key", lambda call: call.method == "HEAD")


@fault(breaks=("HTTP-4",))
def logs_come_in_any_order(server: Behaviours) -> None:
    """Several logs of a backup turn round with each reading."""
    visible, turn = server.visible_logs, count()
    server.visible_logs = lambda call: visible(call)[:: -1 if next(turn) % 2 else 1]


@fault(breaks=("HTTP-8",))
def retry_after_is_negative(server: Behaviours) -> None:
    """Now and then there is a 429 that asks to come back before it."""
    _sometimes_429(server, {"Retry-After": "-1"})


@fault(breaks=("HTTP-9",))
def unknown_containers_are_elsewhere(server: Behaviours) -> None:
    """What is in a container that is not there is looked for at another address."""
    finish = server.finish
    server.finish = lambda call, answer: (
        Answer(302, {"location": "/v1/containers"}, b"")
        if answer.status == 404 and b'"404.container"' in answer.body
        else finish(call, answer)
    )
