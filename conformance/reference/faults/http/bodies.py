"""Faults in the encoding of bodies, and responses of another kind than the documented one."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

from conformance.reference.core import Answer
from conformance.reference.patching import edit_answers, listed_with_integrations, to
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.patching import When


def edit_bodies(server: Behaviours, when: When, change: Callable[[bytes], bytes], **headers: str) -> None:
    """Change the bytes of some bodies, and their headers."""

    def edit(call: Call, answer: Answer) -> None:
        if when(call, answer):
            answer.body = change(answer.body)
            answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})

    edit_answers(server, edit)


@fault(breaks=("HTTP-1",))
def gzip_only_in_name(server: Behaviours) -> None:
    """A list with includes is declared as gzip but is not compressed."""
    edit_bodies(server, listed_with_integrations, lambda body: body, content_encoding="gzip")


@fault(breaks=("HTTP-1",))
def gzip_without_its_end(server: Behaviours) -> None:
    """A gzipped list with includes is truncated."""
    edit_bodies(server, listed_with_integrations, lambda body: gzip.compress(body)[:-12], content_encoding="gzip")


@fault(breaks=("HTTP-1",))
def gzip_twice(server: Behaviours) -> None:
    """A 404 of logs is gzipped twice but declared once."""
    twice = to("logs", 404)
    edit_bodies(server, twice, lambda body: gzip.compress(gzip.compress(body)), content_encoding="gzip")


@fault(breaks=("HTTP-1",))
def gzip_without_a_word(server: Behaviours) -> None:
    """A 404 of get is gzipped without Content-Encoding."""
    edit_bodies(server, to("get", 404), gzip.compress)


@fault(breaks=("HTTP-1",))
def compressed_as_nobody_asked(server: Behaviours) -> None:
    """A 404 of get has a content encoding that the client did not offer."""
    edit_bodies(server, to("get", 404), zlib.compress, content_encoding="zstd")


@fault(breaks=("HTTP-1",))
def gzip_with_a_bad_checksum(server: Behaviours) -> None:
    """A gzipped 404 of logs has a wrong checksum."""

    def damaged(body: bytes) -> bytes:
        packed = gzip.compress(body)
        return packed[:-8] + bytes(byte ^ 0xFF for byte in packed[-8:-4]) + packed[-4:]

    edit_bodies(server, to("logs", 404), damaged, content_encoding="gzip")


@fault(breaks=("HTTP-1",))
def charset_is_latin_1(server: Behaviours) -> None:
    """Logs are encoded and declared as ISO-8859-1."""
    edit_bodies(
        server,
        to("logs"),
        lambda body: body.decode().encode("latin-1", "replace"),
        content_type="application/json; charset=ISO-8859-1",
    )


@fault(breaks=("HTTP-1",))
def charset_is_utf_16(server: Behaviours) -> None:
    """A 404 of get is in UTF-16 with a byte order mark."""
    edit_bodies(
        server,
        to("get", 404),
        lambda body: body.decode().encode("utf-16"),
        content_type="application/json; charset=utf-16",
    )


@fault(breaks=("HTTP-1",))
def charset_lies(server: Behaviours) -> None:
    """A list is UTF-8 declared as ISO-8859-1."""
    edit_bodies(server, to("list"), lambda body: body, content_type="application/json; charset=iso-8859-1")


@fault(breaks=("HTTP-1",))
def characters_cut_in_two(server: Behaviours) -> None:
    """Names of integrations are truncated in the middle of a UTF-8 sequence."""
    edit_bodies(server, listed_with_integrations, lambda body: body.replace("“".encode(), "“".encode()[:2]))


@fault(breaks=("HTTP-1",))
def surrogates_in_utf_8(server: Behaviours) -> None:
    """Logs encode characters outside the BMP as surrogate pairs (CESU-8)."""
    edit_bodies(server, to("logs"), lambda body: body.replace("✓".encode(), b"\xed\xa0\xbd\xed\xb8\x80"))


@fault(breaks=("HTTP-1",), also=("HTTP-5", "ERR-5"))
def mark_before_refusals(server: Behaviours) -> None:
    """Errors begin with a byte order mark."""
    edit_bodies(server, lambda _, answer: answer.status >= 400, lambda body: b"\xef\xbb\xbf" + body)


@fault(breaks=("HTTP-1",))
def infinite_sizes(server: Behaviours) -> None:
    """A very large size is written as Infinity."""
    edit_bodies(server, to("list"), lambda body: body.replace(b'"size":%d' % (2**53 + 2_000_003), b'"size":Infinity'))


@fault(breaks=("HTTP-1",))
def refusals_in_python(server: Behaviours) -> None:
    """A 404 of get is the repr of a Python dict."""
    edit_bodies(server, to("get", 404), lambda body: repr(json.loads(body)).encode())


@fault(breaks=("HTTP-1",))
def comma_after_the_last(server: Behaviours) -> None:
    """Lists have a trailing comma."""
    edit_bodies(server, to("list"), lambda body: body.replace(b"}]}", b"},]}"))


@fault(breaks=("HTTP-1",))
def guarded_against_scripts(server: Behaviours) -> None:
    """Lists begin with the anti-hijacking prefix )]}'."""
    edit_bodies(server, to("list"), lambda body: b")]}',\n" + body)


@fault(breaks=("HTTP-1",))
def remarks_in_json(server: Behaviours) -> None:
    """The JSON of get contains a comment."""
    edit_bodies(server, to("get"), lambda body: b"/* cached */ " + body)


@fault(breaks=("HTTP-1",))
def nul_after_the_document(server: Behaviours) -> None:
    """The body of logs ends with a NUL."""
    edit_bodies(server, to("logs"), lambda body: body + b"\0")


@fault(breaks=("HTTP-1",), also=("HTTP-5", "ERR-5"))
def page_after_the_document(server: Behaviours) -> None:
    """A proxy appends an HTML comment to every error."""
    edit_bodies(server, lambda _, answer: answer.status >= 400, lambda body: body + b"\n<!-- served by edge-7 -->")


@fault(breaks=("HTTP-1",))
def document_twice(server: Behaviours) -> None:
    """Errors of a restore contain the document twice."""
    edit_bodies(
        server, lambda call, answer: call.operation == "restore" and answer.status >= 400, lambda body: body * 2
    )


@fault(breaks=("HTTP-1",))
def a_document_a_line(server: Behaviours) -> None:
    """A list with includes is newline-delimited JSON."""

    def lines(body: bytes) -> bytes:
        return b"\n".join(json.dumps({"data": [one]}).encode() for one in json.loads(body)["data"]) or body

    edit_bodies(server, listed_with_integrations, lines)


@fault(breaks=("HTTP-1",))
def bare_line_ends_in_strings(server: Behaviours) -> None:
    """The text of a log contains unescaped line breaks."""
    edit_bodies(server, to("logs"), lambda body: body.replace(rb"\n", b"\n"))


@fault(breaks=("HTTP-2",))
def json_in_a_string(server: Behaviours) -> None:
    """Get with includes returns a JSON document encoded as a JSON string."""
    edit_bodies(server, _got_with_integrations, lambda body: json.dumps(body.decode()).encode())


def _got_with_integrations(call: Call, answer: Answer) -> bool:
    return to("get")(call, answer) and "integrations" in call.query.get("include", "")


@fault(breaks=("HTTP-1",))
def empty_success(server: Behaviours) -> None:
    """Get with includes returns an empty body."""
    edit_bodies(server, _got_with_integrations, lambda _: b"")


@fault(breaks=("ERR-1",))
def empty_refusals(server: Behaviours) -> None:
    """A 404 of get has an empty body."""
    edit_bodies(server, to("get", 404), lambda _: b"")


@fault(breaks=("HTTP-1",))
def xml_in_name_of_json(server: Behaviours) -> None:
    """A 404 of logs is XML declared as JSON."""
    edit_bodies(server, to("logs", 404), lambda _: b"<error><status>404</status></error>")


@fault(breaks=("HTTP-1",))
def restores_are_octets(server: Behaviours) -> None:
    """The descriptor of a restore is JSON declared as application/octet-stream."""
    edit_bodies(server, to("restore", 202), lambda body: body, content_type="application/octet-stream")


@fault(breaks=("HTTP-1",))
def jobs_by_another_name(server: Behaviours) -> None:
    """Jobs are JSON declared as text/json."""
    edit_bodies(server, to("job"), lambda body: body, content_type="text/json")


@fault(breaks=("HTTP-7",))
def data_twice(server: Behaviours) -> None:
    """A list has the member `data` twice, the first time null."""
    edit_bodies(server, to("list"), lambda body: body.replace(b'{"data":', b'{"data":null,"data":', 1))


@fault(breaks=("HTTP-7",))
def deep_member_twice(server: Behaviours) -> None:
    """A nested object of an included integration has a member twice."""
    edit_bodies(
        server, listed_with_integrations, lambda body: body.replace(b'"key":"class"', b'"key":"class","key":"class"')
    )


@fault(breaks=("HTTP-9",))
def no_key_goes_to_the_login(server: Behaviours) -> None:
    """A request without a key is redirected to a login page."""
    _elsewhere(server, lambda call, answer: answer.status == 401 and "authorization" not in call.headers, 302, "/login")


@fault(breaks=("HTTP-9",), also=("RST-3", "RST-6"))
def restores_see_other(server: Behaviours) -> None:
    """An accepted restore is a 303 to its job."""
    _elsewhere(server, to("restore", 202), 303, "/v1/jobs")


@fault(breaks=("HTTP-9",))
def nothing_is_ever_new(server: Behaviours) -> None:
    """Get with includes is a 304 to a request that is not conditional."""
    _elsewhere(server, _got_with_integrations, 304, "")


@fault(breaks=("HTTP-9",))
def many_choices(server: Behaviours) -> None:
    """A list with includes is a 300."""
    _elsewhere(server, listed_with_integrations, 300, "")


def _elsewhere(server: Behaviours, when: When, status: int, location: str) -> None:
    finish = server.finish

    def moved(call: Call, answer: Answer) -> Answer:
        if not when(call, answer):
            return finish(call, answer)
        headers = {"location": location} if location else {}
        return Answer(status, headers | {"content-type": "text/html"}, b"" if status == 304 else b"<a>elsewhere</a>")

    server.finish = moved


@fault(breaks=("HTTP-1",), also=("LIST-1",))
def no_content_for_nothing(server: Behaviours) -> None:
    """The list of a container without backups is a 204."""
    finish = server.finish

    def none(call: Call, answer: Answer) -> Answer:
        nothing: object = to("list")(call, answer) and json.loads(answer.body).get("data") == []
        return Answer(204, {}, b"") if nothing else finish(call, answer)

    server.finish = none


@fault(breaks=("HTTP-3",), also=("LIST-10",))
def bad_pages_are_not_supported(server: Behaviours) -> None:
    """A bad page number is a 505."""

    def change(call: Call, refusal: RefusalError) -> RefusalError:
        bad = "page" in (refusal.detail or "") and call.operation == "list"
        return RefusalError("505.version") if bad else refusal

    server.refuse = change
