"""Which unusual inputs share a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.generation.combinations import MAX_TOGETHER, combined, combined_members, combined_words
from conformance.http.exchange import Expected, Request

if TYPE_CHECKING:
    from conformance.http.exchange import Headers


def query(text: str, path: str = "/v1/containers/c1/backups") -> Request:
    return Request("list", "GET", path, text)


def read(*headers: tuple[str, str], without: tuple[str, ...] = (), body: bytes | None = None) -> Request:
    given: Headers = headers
    return Request("list", "GET", "/v1/containers/c1/backups", headers=given, without=without, body=body)


def test_parameters_of_different_names_share_a_request() -> None:
    parts = [query("x=%25s"), query("__proto__=1"), query("u%5B%24ne%5D=1"), query("y=1&y=2")]
    (only,) = combined(parts)
    assert only.request.query == "x=%25s&__proto__=1&u%5B%24ne%5D=1&y=1&y=2"
    assert only.parts == tuple(parts)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x=1", "x=2"),
        ("x%5Ba%5D=1", "x=1"),  # a server may read both as one parameter
        ("x[a]=1", "x%5Bb%5D=1"),
        ("x=1", "sort=nope"),  # may be refused
        ("include=%FF", "a=1"),
        ("page%5Bnumber%5D=0", "page%5Bsize%5D=0"),
        ("x=" + "a" * MAX_TOGETHER, "y=1"),
    ],
)
def test_parameters_that_could_disturb_each_other_do_not(first: str, second: str) -> None:
    assert [each.request for each in combined([query(first), query(second)])] == [query(first), query(second)]


@pytest.mark.parametrize("malformed", ["a=%00", "a=%ED%A0%80", "a=%zz", "%=1", "&&=&", "a=%0D%0A"])
def test_what_an_intermediary_may_refuse_goes_apart(malformed: str) -> None:
    clean, odd, more = combined([query("x=1"), query(malformed), query("y=1"), query("b=%00"), query("x=2")])
    assert [clean.request.query, odd.request.query, more.request.query] == ["x=1&y=1", f"{malformed}&b=%00", "x=2"]


def test_requests_to_other_addresses_do_not_share_one() -> None:
    parts = [query("x=1"), query("y=1", "/v1/containers/c2/backups"), Request("list", "HEAD", "/v1", "z=1")]
    assert [each.request for each in combined(parts)] == parts


def test_headers_share_a_request_and_those_that_may_rightly_change_the_answer_another() -> None:
    plain = [read(("Origin", "null")), read(("Cookie", ";")), read(without=("user-agent",))]
    negotiating = [read(("Accept", "text/html")), read(("Range", "bytes=0-1"))]
    again = read(("origin", "://"))
    packed = combined([*plain, *negotiating, again])
    assert [each.parts for each in packed] == [tuple(plain), tuple(negotiating), (again,)]
    assert packed[0].request == read(("Origin", "null"), ("Cookie", ";"), without=("user-agent",))


def test_what_is_no_plain_read_is_sent_alone() -> None:
    undocumented = Request("list", "GET", "/v1/containers/c1/backups", "y=1", expected=Expected.UNDOCUMENTED)
    parts = [read(("Origin", "null"), body=b"{}"), query("x=1"), undocumented, read()]
    assert [each.request for each in combined(parts)] == parts


def test_words_share_a_request_with_a_known_one_behind_them() -> None:
    words = [query(f"include={word}") for word in ("constructor", "%00", "")]
    lists = [
        query("include=integrations,nope"),
        query("include"),
        query("include%5B%5D=x"),
        query("include=a&include=b"),
    ]
    together, *alone = combined_words([*words, *lists], "include", "integrations")
    assert together.request.query == "include=constructor,%00,integrations"
    assert together.parts == tuple(words[:2])
    assert [each.request for each in alone] == [words[2], *lists]


def test_a_single_word_is_sent_alone() -> None:
    assert [each.request for each in combined_words([query("include=x")], "include", "known")] == [query("include=x")]


def test_members_of_bodies_that_begin_alike_share_one() -> None:
    def body(text: str, *headers: tuple[str, str]) -> Request:
        return Request("restore", "POST", "/v1", body=text.encode(), headers=headers)

    parts = [body('{"a":1,"x":1}'), body('{"a":1,"y":[2]}')]
    others = [
        body('{"a":1,"x":2}'),  # the same name
        body('{"a":1,"a":1}'),
        body('{"b":1}'),
        body('{"a":1,"z":3}', ("Range", "bytes=0-1")),
        body('{"a":1,"w":%s}' % ("1" * MAX_TOGETHER)),
    ]
    together, *alone = combined_members([*parts, *others], b'{"a":1,')
    assert together.request.body == b'{"a":1,"x":1,"y":[2]}'
    assert together.parts == tuple(parts)
    assert [each.request for each in alone] == others
