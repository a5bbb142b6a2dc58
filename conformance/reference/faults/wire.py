"""Faults below HTTP and in the encoding of bodies: what no framework does, and proxies, buffers and crashes do."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any, Protocol

from conformance.reference.call import Answer
from conformance.reference.editing import edit_answers
from conformance.reference.errors import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from conformance.reference.behaviour import Behaviours
    from conformance.reference.call import Call

    When = Callable[[Call, Answer], bool]

RAW = "x-raw"
REASONS = {200: "OK", 202: "Accepted", 404: "Not Found"}


class Connection(Protocol):
    """What these faults need of a transport."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool: ...


class Raw:
    """An answer to be written by hand, and the connection that it goes over."""

    def __init__(self, start: Message, connection: Connection) -> None:
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"] if name.decode() != RAW}
        self.connection = connection
        self.body = b""

    def head(self, **other: str) -> bytes:
        """Status line and headers; `content_length="7"` replaces what would be announced."""
        headers = self.headers | {name.replace("_", "-"): value for name, value in other.items()}
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        line = f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Said')}\r\n"
        return (line + "".join(lines)).encode("latin-1") + b"\r\n"


def by_hand(server: Behaviours, when: When, write: Callable[[Raw], Awaitable[None]]) -> None:
    """Let `write` write some answers onto the connection, which is closed behind it if it is not yet."""
    edit_answers(server, lambda call, answer: answer.headers.update({RAW: "1"}) if when(call, answer) else None)
    inner = server.wrap_app

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def writing(scope: Scope, receive: Receive, send: Send) -> None:
            raw: list[Raw] = []

            async def send_or_write(message: Message) -> None:
                if any(name == RAW.encode() for name, _ in message.get("headers", ())):
                    raw.append(Raw(message, scope["extensions"]["transport"]["transport"]))
                elif raw:
                    raw[0].body = message["body"]
                    await write(raw[0])
                    raw[0].connection.close()
                    await asyncio.sleep(0)  # the connection learns of its end
                else:
                    await send(message)

            await wrapped(scope, receive, send_or_write)

        return writing

    server.wrap_app = wrap


def to(operation: str, status: int = 200) -> When:
    """Answers to this operation with this status."""
    return lambda call, answer: call.operation == operation and answer.status == status


def listed_with_integrations(call: Call, answer: Answer) -> bool:
    """Lists with integrations: long bodies, of which not everything else depends."""
    return to("list")(call, answer) and "integrations" in call.query.get("include", "")


def edit_bodies(server: Behaviours, when: When, change: Callable[[bytes], bytes], **headers: str) -> None:
    """Change the bytes of some bodies, and the headers about them."""

    def edit(call: Call, answer: Answer) -> None:
        if when(call, answer):
            answer.body = change(answer.body)
            answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})

    edit_answers(server, edit)


# ------------------------------------------------------------ the connection


@fault(breaks=("HTTP-3",), also=("INC-6", "LIST-10"))
def long_bodies_are_cut_off(server: Behaviours) -> None:
    """A list with integrations ends in its middle, and the connection with it."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body[: len(raw.body) // 2])

    by_hand(server, listed_with_integrations, write)


@fault(breaks=("HTTP-3",), also=("INC-6", "LIST-10"))
def long_bodies_are_reset(server: Behaviours) -> None:
    """In the middle of a list with integrations the connection is reset."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body[: len(raw.body) // 2])
        raw.connection.abort()

    by_hand(server, listed_with_integrations, write)


@fault(breaks=("HTTP-3",))
def refusals_close_without_a_word(server: Behaviours) -> None:
    """Instead of saying that a backup is unknown, the connection is closed."""

    async def write(raw: Raw) -> None:
        raw.connection.close()

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-3",))
def refusals_are_only_headers(server: Behaviours) -> None:
    """That the logs of a backup are unknown is announced, and then nothing more comes."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head())

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",))
def length_is_too_large(server: Behaviours) -> None:
    """The length of a get's refusal counts ten bytes more than come."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head(content_length=str(len(raw.body) + 10)) + raw.body)

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-1",))
def length_is_too_small(server: Behaviours) -> None:
    """The length of a list counts characters, not bytes, so that with integrations the end is missing."""

    async def write(raw: Raw) -> None:
        length = min(len(raw.body.decode()), len(raw.body) - 1)
        raw.connection.write(raw.head(content_length=str(length)) + raw.body)

    by_hand(server, listed_with_integrations, write)


@fault(breaks=("HTTP-3",))
def length_is_no_number(server: Behaviours) -> None:
    """The length of a refusal of logs is in kilobytes."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head(content_length="1k") + raw.body)

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",))
def chunks_have_no_end(server: Behaviours) -> None:
    """A refusal of logs comes in chunks, of which the last never comes."""

    async def write(raw: Raw) -> None:
        raw.headers.pop("content-length", None)
        chunk = b"%x\r\n%b\r\n" % (len(raw.body), raw.body)
        raw.connection.write(raw.head(transfer_encoding="chunked") + chunk)

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",))
def chunks_have_no_sizes(server: Behaviours) -> None:
    """A refusal of get says that it comes in chunks, and comes as it is."""

    async def write(raw: Raw) -> None:
        raw.headers.pop("content-length", None)
        raw.connection.write(raw.head(transfer_encoding="chunked") + raw.body)

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-3",))
def answers_without_http(server: Behaviours) -> None:
    """The refusal of an unknown backup has neither a status line nor headers."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.body)

    by_hand(server, to("get", 404), write)


@fault(breaks=("HTTP-3",))
def odd_lists_drip(server: Behaviours) -> None:
    """A list with a parameter in another script comes a byte at a time, and takes longer than anybody waits."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head())
        for byte in raw.body:
            if raw.connection.is_closing():
                return
            raw.connection.write(bytes((byte,)))
            await asyncio.sleep(0.25)

    by_hand(server, lambda call, _: call.operation == "list" and "€" in call.query, write)


@fault(breaks=("HTTP-3",))
def odd_gets_hang(server: Behaviours) -> None:
    """To a get with a parameter in another script nothing is ever said, and the connection stays open."""

    async def write(raw: Raw) -> None:
        while not raw.connection.is_closing():
            await asyncio.sleep(0.05)

    by_hand(server, lambda call, _: call.operation == "get" and "€" in call.query, write)


@fault(breaks=("HTTP-3",))
def bad_bodies_close_the_connection(server: Behaviours) -> None:
    """A body that is not JSON ends the connection: the parser's crash takes the worker with it."""

    async def write(raw: Raw) -> None:
        raw.connection.abort()

    by_hand(server, lambda call, answer: call.operation == "restore" and answer.status == 400, write)


@fault(breaks=("HTTP-3",))
def only_an_interim_answer(server: Behaviours) -> None:
    """For the logs of an unknown backup there is an early hint (103), and no answer after it."""

    async def write(raw: Raw) -> None:
        raw.connection.write(b"HTTP/1.1 103 Early Hints\r\nlink: </v1>; rel=preconnect\r\n\r\n")

    by_hand(server, to("logs", 404), write)


@fault(breaks=("HTTP-3",), also=("INC-6",))
def other_protocols(server: Behaviours) -> None:
    """A get with integrations is answered with a change to a protocol that nobody asked for."""

    async def write(raw: Raw) -> None:
        raw.connection.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")

    by_hand(server, lambda call, answer: to("get")(call, answer) and "include" in call.query, write)


# ------------------------------------------------------------ headers


@fault(breaks=("HTTP-3", "GET-6"), also=("HTTP-1",))
def ids_are_reflected_into_a_header(server: Behaviours) -> None:
    """A refusal repeats the id that was asked for in a header, control characters and all."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body)

    edit_answers(
        server,
        lambda call, answer: (
            answer.headers.update({"x-asked-for": call.ids.get("backup", "")}) if call.operation == "get" else None
        ),
    )
    by_hand(server, lambda call, _: call.operation == "get" and not call.ids["backup"].isprintable(), write)


@fault(breaks=("HTTP-1",), also=("HTTP-3", "INC-6"))
def includes_split_the_answer(server: Behaviours) -> None:
    """An unknown include is repeated in a header as it is, line ends and all: a client can write the answer's body."""

    async def write(raw: Raw) -> None:
        raw.connection.write(raw.head() + raw.body)

    def wanted(call: Call, _: Answer) -> bool:
        return "\n" in call.query.get("include", "")

    edit_answers(
        server,
        lambda call, answer: answer.headers.update({"x-include": call.query["include"]}) if wanted(call, answer) else 0,
    )
    by_hand(server, wanted, write)


@fault(breaks=("HTTP-1",))
def two_content_types(server: Behaviours) -> None:
    """A proxy puts its own Content-Type before the server's, on refusals of logs."""

    async def write(raw: Raw) -> None:
        first = b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n"
        raw.connection.write(first + raw.head().partition(b"\r\n")[2] + raw.body)

    by_hand(server, to("logs", 404), write)


# ------------------------------------------------------------ the encoding of the content


@fault(breaks=("HTTP-1",))
def gzip_only_in_name(server: Behaviours) -> None:
    """A list with integrations says that it is gzip, and is not."""
    edit_bodies(server, listed_with_integrations, lambda body: body, content_encoding="gzip")


@fault(breaks=("HTTP-1",))
def gzip_without_its_end(server: Behaviours) -> None:
    """A compressed list with integrations lacks the last bytes, which a flush would have written."""
    edit_bodies(server, listed_with_integrations, lambda body: gzip.compress(body)[:-12], content_encoding="gzip")


@fault(breaks=("HTTP-1",))
def gzip_twice(server: Behaviours) -> None:
    """Logs are compressed by the server and once more by a proxy, and say so once."""
    twice = to("logs", 404)
    edit_bodies(server, twice, lambda body: gzip.compress(gzip.compress(body)), content_encoding="gzip")


@fault(breaks=("HTTP-1",))
def gzip_without_a_word(server: Behaviours) -> None:
    """Refusals of get are compressed, and do not say so."""
    edit_bodies(server, to("get", 404), gzip.compress)


@fault(breaks=("HTTP-1",))
def compressed_as_nobody_asked(server: Behaviours) -> None:
    """Refusals of get come in an encoding that was not offered."""
    edit_bodies(server, to("get", 404), zlib.compress, content_encoding="zstd")


@fault(breaks=("HTTP-1",))
def gzip_with_a_bad_checksum(server: Behaviours) -> None:
    """The checksum of compressed refusals of logs is that of another body."""

    def damaged(body: bytes) -> bytes:
        packed = gzip.compress(body)
        return packed[:-8] + bytes(byte ^ 0xFF for byte in packed[-8:-4]) + packed[-4:]

    edit_bodies(server, to("logs", 404), damaged, content_encoding="gzip")


# ------------------------------------------------------------ the encoding of the text


@fault(breaks=("HTTP-1",))
def charset_is_latin_1(server: Behaviours) -> None:
    """Logs say that they are ISO-8859-1, and are."""
    edit_bodies(
        server,
        to("logs"),
        lambda body: body.decode().encode("latin-1", "replace"),
        content_type="application/json; charset=ISO-8859-1",
    )


@fault(breaks=("HTTP-1",))
def charset_is_utf_16(server: Behaviours) -> None:
    """Refusals of get are in UTF-16, with a byte order mark, as some platforms write text."""
    edit_bodies(
        server,
        to("get", 404),
        lambda body: body.decode().encode("utf-16"),
        content_type="application/json; charset=utf-16",
    )


@fault(breaks=("HTTP-1",))
def charset_lies(server: Behaviours) -> None:
    """A list says in its Content-Type that it is ISO-8859-1, and is UTF-8."""
    edit_bodies(server, to("list"), lambda body: body, content_type="application/json; charset=iso-8859-1")


@fault(breaks=("HTTP-1",))
def characters_cut_in_two(server: Behaviours) -> None:
    """Names of integrations are cut at a number of bytes, in the middle of a character."""
    edit_bodies(server, listed_with_integrations, lambda body: body.replace("“".encode(), "“".encode()[:2]))


@fault(breaks=("HTTP-1",))
def surrogates_in_utf_8(server: Behaviours) -> None:
    """Logs write characters beyond the first plane as pairs of surrogates, three bytes each (CESU-8)."""
    edit_bodies(server, to("logs"), lambda body: body.replace("✓".encode(), b"\xed\xa0\xbd\xed\xb8\x80"))


@fault(breaks=("HTTP-1",), also=("HTTP-5",))
def mark_before_refusals(server: Behaviours) -> None:
    """Refusals begin with a byte order mark."""
    edit_bodies(server, lambda _, answer: answer.status >= 400, lambda body: b"\xef\xbb\xbf" + body)


# ------------------------------------------------------------ the document


@fault(breaks=("HTTP-1",))
def infinite_sizes(server: Behaviours) -> None:
    """A size that is too large for an integer is written as Infinity."""
    edit_bodies(server, to("list"), lambda body: body.replace(b'"size":%d' % (2**53 + 2_000_003), b'"size":Infinity'))


@fault(breaks=("HTTP-1",))
def refusals_in_python(server: Behaviours) -> None:
    """A refusal of get is what a dict prints: single quotes, and None."""
    edit_bodies(server, to("get", 404), lambda body: repr(json.loads(body)).encode())


@fault(breaks=("HTTP-1",))
def comma_after_the_last(server: Behaviours) -> None:
    """Lists are written item by item, with a comma after the last one too."""
    edit_bodies(server, to("list"), lambda body: body.replace(b"}]}", b"},]}"))


@fault(breaks=("HTTP-1",))
def guarded_against_scripts(server: Behaviours) -> None:
    """Lists begin with )]}', which old browsers needed."""
    edit_bodies(server, to("list"), lambda body: b")]}',\n" + body)


@fault(breaks=("HTTP-1",))
def remarks_in_json(server: Behaviours) -> None:
    """Backups are written with a remark in the JSON."""
    edit_bodies(server, to("get"), lambda body: b"/* cached */ " + body)


@fault(breaks=("HTTP-1",))
def nul_after_the_document(server: Behaviours) -> None:
    """Logs end with a NUL, as their string does in memory."""
    edit_bodies(server, to("logs"), lambda body: body + b"\0")


@fault(breaks=("HTTP-1",), also=("HTTP-5",))
def page_after_the_document(server: Behaviours) -> None:
    """A proxy adds its comment behind every refusal."""
    edit_bodies(server, lambda _, answer: answer.status >= 400, lambda body: body + b"\n<!-- served by edge-7 -->")


@fault(breaks=("HTTP-1",))
def document_twice(server: Behaviours) -> None:
    """A buffer that was not emptied puts every refusal of a restore there twice."""
    edit_bodies(
        server, lambda call, answer: call.operation == "restore" and answer.status >= 400, lambda body: body * 2
    )


@fault(breaks=("HTTP-1",))
def a_document_a_line(server: Behaviours) -> None:
    """A list comes as one document for each backup, a line each."""

    def lines(body: bytes) -> bytes:
        return b"\n".join(json.dumps({"data": [one]}).encode() for one in json.loads(body)["data"]) or body

    edit_bodies(server, listed_with_integrations, lines)


@fault(breaks=("HTTP-1",))
def bare_line_ends_in_strings(server: Behaviours) -> None:
    """The text of a log has its line ends as they are, not as escapes."""
    edit_bodies(server, to("logs"), lambda body: body.replace(rb"\n", b"\n"))


@fault(breaks=("HTTP-2",))
def json_in_a_string(server: Behaviours) -> None:
    """A backup with integrations is encoded twice: the document is a string."""
    edit_bodies(server, _got_with_integrations, lambda body: json.dumps(body.decode()).encode())


def _got_with_integrations(call: Call, answer: Answer) -> bool:
    return to("get")(call, answer) and "integrations" in call.query.get("include", "")


@fault(breaks=("HTTP-1",))
def empty_success(server: Behaviours) -> None:
    """A backup with integrations is answered with nothing at all."""
    edit_bodies(server, _got_with_integrations, lambda _: b"")


@fault(breaks=("ERR-1",))
def empty_refusals(server: Behaviours) -> None:
    """A refusal of get has a status and nothing else."""
    edit_bodies(server, to("get", 404), lambda _: b"")


@fault(breaks=("HTTP-1",))
def xml_in_name_of_json(server: Behaviours) -> None:
    """Refusals of logs are XML, and say that they are JSON."""
    edit_bodies(server, to("logs", 404), lambda _: b"<error><status>404</status></error>")


@fault(breaks=("HTTP-1",))
def restores_are_octets(server: Behaviours) -> None:
    """The acceptance of a restore is JSON, and says that it is a stream of octets."""
    edit_bodies(server, to("restore", 202), lambda body: body, content_type="application/octet-stream")


@fault(breaks=("HTTP-1",))
def jobs_by_another_name(server: Behaviours) -> None:
    """Jobs are JSON, and say that they are text/json, as in old times."""
    edit_bodies(server, to("job"), lambda body: body, content_type="text/json")


@fault(breaks=("HTTP-7",))
def data_twice(server: Behaviours) -> None:
    """A list has its data twice: first null, then the backups."""
    edit_bodies(server, to("list"), lambda body: body.replace(b'{"data":', b'{"data":null,"data":', 1))


@fault(breaks=("HTTP-7",))
def deep_member_twice(server: Behaviours) -> None:
    """Deep in an included integration's definition a member is there twice, with the same value."""
    edit_bodies(
        server, listed_with_integrations, lambda body: body.replace(b'"key":"class"', b'"key":"class","key":"class"')
    )


# ------------------------------------------------------------ answers of other kinds


@fault(breaks=("HTTP-9",))
def no_key_goes_to_the_login(server: Behaviours) -> None:
    """Who has no key is sent to the page where people log in."""
    _elsewhere(server, lambda call, answer: answer.status == 401 and "authorization" not in call.headers, 302, "/login")


@fault(breaks=("HTTP-9",), also=("RST-3", "RST-6"))
def restores_see_other(server: Behaviours) -> None:
    """A restore that was accepted is answered with the address of its job."""
    _elsewhere(server, to("restore", 202), 303, "/v1/jobs")


@fault(breaks=("HTTP-9",))
def nothing_is_ever_new(server: Behaviours) -> None:
    """A backup with integrations has not changed (304), says the server to a client that knows none."""
    _elsewhere(server, _got_with_integrations, 304, "")


@fault(breaks=("HTTP-9",))
def many_choices(server: Behaviours) -> None:
    """A list with integrations offers a choice (300) of two formats."""
    _elsewhere(server, listed_with_integrations, 300, "")


def _elsewhere(server: Behaviours, when: When, status: int, location: str) -> None:
    finish = server.finish

    def moved(call: Call, answer: Answer) -> Answer:
        if not when(call, answer):
            return finish(call, answer)
        headers = {"location": location} if location else {}
        return Answer(status, headers | {"content-type": "text/html"}, b"" if status == 304 else b"<a>elsewhere</a>")

    server.finish = moved


@fault(breaks=("HTTP-1",))
def no_content_for_nothing(server: Behaviours) -> None:
    """A container without backups has no content (204)."""
    finish = server.finish

    def none(call: Call, answer: Answer) -> Answer:
        nothing: Any = to("list")(call, answer) and json.loads(answer.body).get("data") == []
        return Answer(204, {}, b"") if nothing else finish(call, answer)

    server.finish = none


@fault(breaks=("HTTP-3",), also=("LIST-10",))
def bad_pages_are_not_supported(server: Behaviours) -> None:
    """A page that is no number is answered with HTTP's own version error."""

    def change(call: Call, refusal: RefusalError) -> RefusalError:
        bad = "page" in (refusal.detail or "") and call.operation == "list"
        return RefusalError("505.version") if bad else refusal

    server.refuse = change
