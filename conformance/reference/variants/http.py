"""Legal differences in HTTP: encodings, headers, methods, bodies and rate limits."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
import zlib
from datetime import timedelta
from email.utils import format_datetime
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.core import Answer
from conformance.reference.patching import answer_instead, edit_answers, every, page_of
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from conformance.reference.core import Behaviours, Call


@variant("bodies may be compressed")
def gzip_bodies(server: Behaviours) -> None:
    """Bodies are gzipped for clients that accept it."""

    def change(call: Call, answer: Answer) -> None:
        if answer.body and "gzip" in call.headers.get("accept-encoding", ""):
            answer.body = gzip.compress(answer.body, 1)
            answer.headers |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}

    edit_answers(server, change)


@variant("bodies may be chunked")
def chunked_bodies(server: Behaviours) -> None:
    """Bodies are sent in small chunks, without a Content-Length."""
    edit_answers(server, lambda _call, answer: answer.__setattr__("chunked", bool(answer.body)))
    _wrap_send(server, _in_pieces)


async def _in_pieces(message: Message, send: Send) -> None:
    body = message.get("body", b"")
    for start in range(0, len(body), 700):
        await send({"type": "http.response.body", "body": body[start : start + 700], "more_body": True})
    await send({**message, "body": b""} if body else message)


def _wrap_send(server: Behaviours, sending: Callable[[Message, Send], Awaitable[None]]) -> None:
    inner = server.wrap_app

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def around(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_changed(message: Message) -> None:
                await sending(message, send)

            await wrapped(scope, receive, send_changed)

        return around

    server.wrap_app = wrap


@variant("header names are case-insensitive")
def header_names_in_capitals(server: Behaviours) -> None:
    """Header names are in upper case."""

    async def shout(message: Message, send: Send) -> None:
        if "headers" in message:
            message = {**message, "headers": [(name.upper(), value) for name, value in message["headers"]]}
        await send(message)

    _wrap_send(server, shout)


@variant("header names are case-insensitive")
def header_names_in_small_letters(server: Behaviours) -> None:
    """Header names are in lower case."""

    async def whisper(message: Message, send: Send) -> None:
        if "headers" in message:
            message = {**message, "headers": [(name.lower(), value) for name, value in message["headers"]]}
        await send(message)

    _wrap_send(server, whisper)


def _now_and_then(server: Behaviours, retry_after: Callable[[], str]) -> None:
    now = every(server, 160)
    check = server.checks["key"]

    def limited(call: Call) -> None:
        if now():
            raise RefusalError("429.rate-limiting", headers={"Retry-After": retry_after()})
        check(call)

    server.checks["key"] = limited


@variant("a 429 with Retry-After may come at any time")
def rate_limited_in_seconds(server: Behaviours) -> None:
    """An occasional request is a 429 with `Retry-After: 1`."""
    _now_and_then(server, lambda: "1")


@variant("a 429 with Retry-After may come at any time")
def rate_limited_at_once(server: Behaviours) -> None:
    """An occasional request is a 429 with `Retry-After: 0`."""
    _now_and_then(server, lambda: "0")


@variant("a 429 with Retry-After may come at any time")
def rate_limited_until_a_date(server: Behaviours) -> None:
    """An occasional request is a 429 with a date as Retry-After."""
    _now_and_then(server, lambda: format_datetime(server.clock() + timedelta(seconds=1), usegmt=True))


@variant("the content type may have parameters (HTTP-1)")
def content_type_with_charset(server: Behaviours) -> None:
    """The content type has capitals and a charset."""

    def change(_call: Call, answer: Answer) -> None:
        if "content-type" in answer.headers:
            answer.headers["content-type"] = "Application/JSON;charset=UTF-8"

    edit_answers(server, change)


@variant("HEAD and OPTIONS may be a 2xx, or refused as an undocumented method")
def head_is_refused(server: Behaviours) -> None:
    """HEAD is a 405."""
    for operation in server.steps:
        server.steps[operation].insert(0, "method")
    server.checks["method"] = _refuse_head


def _refuse_head(call: Call) -> None:
    if call.method == "HEAD":
        raise RefusalError("405.method-not-allowed", headers={"Allow": "GET"})


@variant("HEAD and OPTIONS may be a 2xx, or refused as an undocumented method")
def options_are_refused(server: Behaviours) -> None:
    """OPTIONS is a 405."""

    def refuse(_call: Call, allowed: str) -> Answer:
        raise RefusalError("405.method-not-allowed", headers={"Allow": allowed.replace(", OPTIONS", "")})

    server.options = refuse


@variant("HEAD and OPTIONS may be a 2xx, or refused as an undocumented method")
def options_are_ok(server: Behaviours) -> None:
    """OPTIONS is a 200 with a body."""
    options = server.options

    def ok(call: Call, allowed: str) -> Answer:
        answer = options(call, allowed)
        answer.status, answer.body = 200, b'{"data":{}}'
        answer.headers["content-type"] = "application/json"
        return answer

    server.options = ok


@variant("an undocumented method may be a 401, 403, 404, 405 or 501")
def other_methods_are_not_found(server: Behaviours) -> None:
    """An undocumented method is a 404."""
    server.unrouted = lambda _call, _allowed: RefusalError("404.uri")


@variant("an undocumented method may be a 401, 403, 404, 405 or 501")
def other_methods_are_not_implemented(server: Behaviours) -> None:
    """An undocumented method is a 501."""
    server.unrouted = lambda _call, allowed: RefusalError("501.not-implemented" if allowed else "404.uri")


@variant("an undocumented method may be a 401, 403, 404, 405 or 501")
def other_methods_need_a_key(server: Behaviours) -> None:
    """An undocumented method without a valid key is a 401."""
    unrouted = server.unrouted

    def first_the_key(call: Call, allowed: str) -> RefusalError:
        server.checks["key"](call)
        return unrouted(call, allowed)

    server.unrouted = first_the_key


@variant("a JSON body without Content-Type or with a `+json` type may be accepted or refused")
def plus_json_is_refused(server: Behaviours) -> None:
    """A `+json` content type is refused."""
    is_json = server.is_json
    server.is_json = lambda call, kind: "+json" not in kind.lower() and is_json(call, kind)


@variant("a JSON body without Content-Type or with a `+json` type may be accepted or refused")
def missing_type_is_refused(server: Behaviours) -> None:
    """A body without a Content-Type is a 415."""
    is_json = server.is_json
    server.is_json = lambda call, kind: bool(kind) and is_json(call, kind)


@variant("invalid UTF-8 in a JSON string may be replaced or refused")
def invalid_utf8_is_refused(server: Behaviours) -> None:
    """A body that is not UTF-8 is a 400."""
    decode = server.decode

    def strict(call: Call, body: bytes) -> object:
        try:
            body.decode()
        except UnicodeDecodeError as problem:
            raise RefusalError("400.invalid-syntax", "The body is not UTF-8") from problem
        return decode(call, body)

    server.decode = strict


@variant("duplicate members in a request body may be accepted or refused")
def duplicates_are_refused(server: Behaviours) -> None:
    """A body with a duplicate member is a 400."""
    decode = server.decode

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise RefusalError("400.invalid-syntax", "A member is there twice")
        return dict(pairs)

    def strict(call: Call, body: bytes) -> object:
        value = decode(call, body)
        json.loads(body.decode("utf-8", "replace"), object_pairs_hook=once)
        return value

    server.decode = strict


@variant("a percent-encoded valid id may resolve or not")
def encoded_ids_are_malformed(server: Behaviours) -> None:
    """A percent-encoded id is a 400."""
    check = server.checks["ids"]

    def strict(call: Call) -> None:
        if "%" in call.path:
            raise RefusalError("400.invalid-syntax", "Nothing in an address may be encoded")
        check(call)

    server.checks["ids"] = strict


@variant("the id in the request selects the resource, and how an id in capitals is read is not said")
def ids_have_no_case(server: Behaviours) -> None:
    """An id in capitals is the same as in small letters."""
    parse = server.parse_id

    def folded(call: Call, kind: str) -> str:
        call.ids[kind] = call.ids[kind].lower() if call.ids[kind].isascii() else call.ids[kind]
        return parse(call, kind)

    server.parse_id = folded


@variant("JSON may be written with any white space and any escapes (RFC 8259)")
def slashes_are_escaped(server: Behaviours) -> None:
    """JSON is indented, and its slashes are escaped, as PHP writes them."""
    server.encode = lambda _call, _status, document: json.dumps(document, indent=4).replace("/", "\\/").encode()


@variant("bodies may be compressed")
def deflated_bodies(server: Behaviours) -> None:
    """Bodies are compressed with deflate for clients that accept it."""

    def change(call: Call, answer: Answer) -> None:
        if answer.body and "deflate" in call.headers.get("accept-encoding", ""):
            answer.body = zlib.compress(answer.body, 1)
            answer.headers["content-encoding"] = "deflate"

    edit_answers(server, change)


@variant("the contract does not restrict other headers")
def talkative_headers(server: Behaviours) -> None:
    """Responses have many additional headers."""
    more = {
        "etag": 'W/"7f1c"', "cache-control": "no-store", "set-cookie": "session=1; HttpOnly", "vary": "Authorization",
        "link": "</v1/>; rel=service", "location": "/v1/elsewhere", "server-timing": "db;dur=3", "retry-after": "1",
    }  # fmt: skip
    edit_answers(server, lambda _call, answer: answer.headers.update(more))


@variant("connections may be closed at any time (RFC 9112)")
def connections_are_closed(server: Behaviours) -> None:
    """Every connection serves one request and says `Connection: close`."""
    edit_answers(server, lambda _call, answer: answer.headers.update({"connection": "close"}))


@variant("connections may be closed at any time (RFC 9112)")
def connections_end_without_a_word(server: Behaviours) -> None:
    """The connection closes after every third response, without a `Connection: close`."""
    inner, served = server.wrap_app, count(1)

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def closing(scope: Scope, receive: Receive, send: Send) -> None:
            await wrapped(scope, receive, send)
            if scope["type"] == "http" and next(served) % 3 == 0:
                scope["extensions"]["transport"]["transport"].close()

        return closing

    server.wrap_app = wrap


@variant("an undocumented method may be a 401, 403, 404, 405 or 501")
def other_methods_are_forbidden(server: Behaviours) -> None:
    """An undocumented method is a 403."""
    server.unrouted = lambda _call, allowed: RefusalError("403.mismatch" if allowed else "404.uri")


@variant("the contract does not limit response times")
def slow_answers(server: Behaviours) -> None:
    """Every response takes 20 ms."""
    inner = server.wrap_app

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0.02)
            await wrapped(scope, receive, send)

        return waiting

    server.wrap_app = wrap


@variant("a 206 or a 416 may answer a Range")
def ranges_are_served(server: Behaviours) -> None:
    """A GET with a satisfiable byte range is a 206 with a part of the body."""

    def change(call: Call, answer: Answer) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("range", ""))
        if match and call.method == "GET" and answer.status == 200 and int(match[1]) < len(answer.body):
            last = min(int(match[2] or len(answer.body)), len(answer.body) - 1)
            whole = len(answer.body)
            answer.status, answer.body = 206, answer.body[int(match[1]) : last + 1]
            answer.headers["content-range"] = f"bytes {match[1]}-{last}/{whole}"

    edit_answers(server, change)


@variant("a 206 or a 416 may answer a Range")
def ranges_are_refused(server: Behaviours) -> None:
    """A request with a Range is a plain-text 416."""
    answer_instead(
        server,
        lambda call: "range" in call.headers,
        lambda _: Answer(416, {"content-type": "text/plain", "content-range": "bytes */0"}, b"range"),
    )


@variant("a 304 may answer a conditional request")
def conditional_requests_are_served(server: Behaviours) -> None:
    """A GET has an ETag, and a 304 answers a matching If-None-Match or any If-Modified-Since."""

    def change(call: Call, answer: Answer) -> None:
        if call.method != "GET" or answer.status != 200:
            return
        tag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        answer.headers["etag"] = tag
        if call.headers.get("if-none-match") in {tag, "*"} or "if-modified-since" in call.headers:
            answer.status, answer.body = 304, b""

    edit_answers(server, change)


@variant("a 406 may answer an Accept that excludes JSON")
def accept_is_honoured(server: Behaviours) -> None:
    """An Accept that does not allow JSON is a 406 in the error envelope."""
    _demand(server, _accepts_json, "406.not-acceptable")


@variant("a 406 may answer an Accept that excludes JSON")
def accept_is_honoured_by_a_page(server: Behaviours) -> None:
    """An Accept that does not allow JSON is an HTML 406."""
    answer_instead(server, lambda call: not _accepts_json(call), lambda _: page_of(406, "<h1>Not Acceptable</h1>"))


def _accepts_json(call: Call) -> bool:
    ranges = [part.partition(";")[0].strip() for part in call.headers.get("accept", "*/*").split(",")]
    return not {"*/*", "application/*", "application/json", ""}.isdisjoint(ranges)


def _demand(server: Behaviours, test: Callable[[Call], bool], code: str) -> None:
    """Refuse requests that do not pass a test, before anything else."""
    check = server.checks["key"]

    def strict(call: Call) -> None:
        if not test(call):
            raise RefusalError(code)
        check(call)

    server.checks["key"] = strict


@variant("a 411 may answer a chunked request")
def length_is_required(server: Behaviours) -> None:
    """A request body without a Content-Length is a 411."""
    _demand(server, lambda call: "transfer-encoding" not in call.headers, "411.length-required")


@variant("a 417 may answer an Expect")
def expectations_are_refused(server: Behaviours) -> None:
    """A request with an Expect header is a 417 without a body."""
    answer_instead(server, lambda call: "expect" in call.headers, lambda _: Answer(417, {}, b""))


@variant("a request body with Content-Encoding may be accepted or a 415")
def encoded_bodies_are_decoded(server: Behaviours) -> None:
    """A gzipped request body is decompressed."""
    check = server.checks["body"]

    def lenient(call: Call) -> None:
        if call.headers.get("content-encoding", "").lower() == "gzip":
            try:
                call.raw_body = gzip.decompress(call.raw_body)
            except (OSError, EOFError, zlib.error) as error:
                raise RefusalError("400.invalid-syntax", "The body is not gzip") from error
        check(call)

    def any_encoding(call: Call) -> None:
        if call.headers.get("content-encoding", "identity").lower() not in {"identity", "gzip"}:
            raise RefusalError("415.invalid-content-type", "Unknown content encoding")
        if not server.is_json(call, call.headers.get("content-type", "")):
            raise RefusalError("415.invalid-content-type")

    server.checks["body"], server.checks["content type"] = lenient, any_encoding


@variant("a GET with a body may be refused")
def reads_with_a_body_are_refused(server: Behaviours) -> None:
    """A GET with a body is a 400."""
    _demand(
        server,
        lambda call: call.method != "GET" or call.headers.get("content-length", "0") == "0",
        "400.invalid-syntax",
    )


@variant("Retry-After as a date counts from the response's own Date")
def clock_is_an_hour_behind(server: Behaviours) -> None:
    """The server's clock is an hour behind, and an occasional 429 has a date of it as Retry-After."""
    clock = server.clock
    server.clock = lambda: clock() - timedelta(hours=1)
    _now_and_then(server, lambda: format_datetime(server.clock() + timedelta(seconds=1), usegmt=True))


@variant("Retry-After as a date counts from the response's own Date")
def clock_is_an_hour_ahead(server: Behaviours) -> None:
    """The server's clock is an hour ahead, and an occasional 429 has a date of it as Retry-After."""
    clock = server.clock
    server.clock = lambda: clock() + timedelta(hours=1)
    _now_and_then(server, lambda: format_datetime(server.clock() + timedelta(seconds=1), usegmt=True))
