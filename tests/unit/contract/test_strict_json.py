"""Strict JSON is parsed completely, everything else is refused with a reason, and no input does harm."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.contract import strict_json
from conformance.contract.pointers import MAX_SHOWN
from conformance.contract.strict_json import MAX_DUPLICATES, NotJSON, Parsed, has_more_values, parse

if TYPE_CHECKING:
    from collections.abc import Callable

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def refusal(body: bytes, **bounds: int) -> NotJSON:
    with pytest.raises(NotJSON) as caught:
        parse(body, **bounds)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("body", "reason", "offset"),
    [
        (b"", "empty", 0),
        (b" \r\n\t ", "empty", 0),
        (b"\xef\xbb\xbf{}", "byte order mark", 0),
        (b'{"a": "\xff"}', "UTF-8", 7),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8", 7),
        ("{}".encode("utf-16"), "UTF-8", 0),
        ("[]".encode("utf-16-le"), "expecting value", 1),
        (b"{} {}", "something follows", 3),
        (b"{}]", "something follows", 2),
        (b'{"a": 1} trailing', "something follows", 9),
        (b"[NaN]", "NaN", 1),
        (b'{"NaN": Infinity}', "Infinity", 8),
        (b'["-Infinity", -Infinity]', "-Infinity", 14),
        (b'["a\nb"]', "control character", 3),
        (b'["a\x00b"]', "control character", 3),
        (b"[1,]", "", 3),
        (b"{'a': 1}", "double quotes", 1),
        (b"[01]", "delimiter", 2),
        (b"[+1]", "value", 1),
        (b"[.5]", "value", 1),
        (b"[1.]", "delimiter", 2),
        (b"<html>", "value", 0),
        (b'"\\x41"', "escape", 1),
        ('["é", ?]'.encode(), "value", 7),
        (b"\x0b{}", "value", 0),
        (b"\xc2\xa0{}", "value", 0),
        (b'{"data": [1, 2', "ends in the middle", 14),
        (b'{"data": "abc', "ends in the middle", 9),
        (b'{"data": ', "ends in the middle", 9),
    ],
)
def test_what_is_not_json_is_refused_with_reason_and_offset(body: bytes, reason: str, offset: int) -> None:
    refused = refusal(body)
    assert reason.lower() in refused.reason.lower()
    assert refused.offset == offset


@given(values)
def test_json_comes_back_as_it_was(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert parse(text.encode()) == Parsed(value)


def nearest_double(literal: str) -> float:
    """The double that a literal is read as: never an infinity."""
    return max(-sys.float_info.max, min(sys.float_info.max, float(literal)))


@given(st.binary() | st.text(alphabet='{}[]",:\\u0d8 1e9NaN').map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parsed = parse(body)
    except NotJSON:
        return
    assert parsed.value == json.loads(body, parse_float=nearest_double)


# Members that occur twice (HTTP-7)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'{"a": 1, "b": 1}', ()),
        (b'{"a": 1, "a": 1}', ("/a",)),
        (b'{"a": 1, "a": 2, "a": 3}', ("/a",)),
        (b'{"a": 1, "\\u0061": 2}', ("/a",)),
        (b'[{}, {"x": {"a/b": [], "~": 0, "a/b": 1, "~": 2}}]', ("/1/x/a~1b", "/1/x/~0")),
        (b'{"data": [{"id": 1}, {"id": 1, "id": null}], "data2": {"": 1, "": 2}}', ("/data/1/id", "/data2/")),
        (b'{"log": "said \\"a\\": 1", "a": 1}', ()),
        (b'{"log": "said \\"a\\": 1", "log": "\\\\"}', ("/log",)),
        (b'{"path": "C:\\\\", "b": "\\u0022"}', ()),
        (b'{"path": "C:\\\\", "b": "\\u0022", "b": 0}', ("/b",)),
        (b'{ "a" : "\\n" , "a" : "x" }', ("/a",)),
    ],
)
def test_members_that_occur_twice_are_named(body: bytes, pointers: tuple[str, ...]) -> None:
    parsed = parse(body)
    assert parsed.duplicates == pointers
    assert parsed.value == json.loads(body)
    assert type(parsed.value) in (dict, list)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", 'q"', "\\", "é"]), values), max_size=5))
def test_a_duplicate_member_is_found_beside_any_other_member(members: list[tuple[str, Any]]) -> None:
    inside = ",".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members)
    names = [name for name, _ in members]
    twice = sorted({f"/0/{name}" for name in names if names.count(name) > 1})
    assert list(parse(f"[{{{inside}}}]".encode()).duplicates) == twice


# The quick way and the careful one

BLANKS = st.sampled_from(["", "", "", "", " ", "\n", " \t\r\n"])
STRINGS = st.sampled_from([
    '""', '"a"', '"a"', '"b"', '"é"', '"\\u0061"', '"a:"', '":"', '" :"', '"\\":"', '"\\" :"', '"\\\\"', '"\\u0022:"',
    '",:"', '"{:}"', '"["', '"]"', '"{"', '"}"', '"]["', '"}{"', '"2026-01-01T00:00:00Z"', '"x, y: z"', '"\\ud800"',
    '"a\x01"', '"NaN"',
])  # fmt: skip
SCALARS = STRINGS | st.sampled_from(
    ["null", "true", "0", "-0", "12", "1.5", "1e999", "-1e999", "1e-999", "9" * 5_000, "NaN", "-Infinity", "01", ""]
)


def spaced(*tokens: str) -> st.SearchStrategy[str]:
    return st.tuples(*(BLANKS for _ in tokens)).map(
        lambda blanks: "".join(blank + token for blank, token in zip(blanks, tokens, strict=True))
    )


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.tuples(STRINGS, inner).flatmap(lambda pair: spaced(pair[0], ":", pair[1]))
    objects = st.lists(member, max_size=4).map(lambda members: "{" + ",".join(members) + "}")
    arrays = st.lists(inner, max_size=4).map(lambda items: "[" + ",".join(items) + "]")
    ends = st.sampled_from([("[", "]"), ('{"a":', "}"), ('{"":[', "]}"), ('[{},{"[":', "}]")])
    nested = st.builds(lambda end, depth, text: end[0] * depth + text + end[1] * depth, ends, st.integers(1, 4), inner)
    return objects | arrays | nested | inner.flatmap(lambda text: spaced(text, ""))


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Documents of what could lead a count astray, and what becomes of them with a change or two."""
    body = draw(st.recursive(SCALARS, containers, max_leaves=25)).encode()
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.integers(0, 3))
        change = draw(st.sampled_from([b"", b'"', b":", b",", b"{", b"}", b"[", b"]", b"\\", b" ", b"\xff", b'"a":1,']))
        body = body[:start] + change + body[end:]
    return body


def outcome(read: Callable[[], Parsed]) -> tuple[object, ...]:
    try:
        parsed = read()
    except NotJSON as refused:
        return refused.reason, refused.offset
    return repr(parsed.value), parsed.duplicates  # repr tells 1 from 1.0 and True


@settings(max_examples=250, deadline=None)
@given(bodies(), st.sampled_from([1, 2, 3, 5, 200]))
def test_both_ways_of_reading_agree(body: bytes, max_depth: int) -> None:
    def carefully() -> Parsed:
        return strict_json._read_carefully(body, strict_json._decode(body), max_depth)

    assert outcome(lambda: parse(body, max_depth=max_depth)) == outcome(carefully)


@pytest.mark.parametrize(
    "value",
    [
        [{"id": f"{n:024x}", "events": {"created": "2026-01-01T00:00:00Z"}, "size": 1.5} for n in range(300)],
        {"": "", "a:": "b:", "log": "restore of a, b: failed", "times": ["2026-01-01T00:00:00Z"] * 2},
        [{"log": "}{][", "more": [[[]]]}] * 300,
        [[0]] * 300,
    ],
    ids=["a list", "colons in strings", "brackets in strings", "arrays"],
)
def test_a_body_without_doubt_is_decoded_once(value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [json.dumps(value), json.dumps(value, indent=1), json.dumps(value, separators=(",", " :\n"))]
    monkeypatch.setattr(strict_json, "_read_carefully", None)
    for text in texts:
        assert parse(text.encode()) == Parsed(value)


def test_where_the_interpreter_shows_names_of_members_as_well_every_document_is_read_carefully(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strict_json, "_SEES_VALUES_ALONE", False)
    assert parse(b'{"a": 1, "a": [2]}').duplicates == ("/a",)
    assert parse(b'{"a": [1]}') == Parsed({"a": [1]})


# Bounds


def test_the_depth_is_bounded() -> None:
    assert parse(b"[" * 200 + b"]" * 200).duplicates == ()
    assert refusal(b"[" * 201 + b"]" * 201).offset == 200
    assert parse(b'{"a":' * 3 + b"1" + b"}" * 3, max_depth=3).value == {"a": {"a": {"a": 1}}}
    assert "deeper than 2 levels" in refusal(b'{"[[[":' * 3 + b"1" + b"}" * 3, max_depth=2).reason


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"[":'])
def test_depth_without_end_is_refused_before_it_hurts(opening: bytes) -> None:
    assert "deeper than 200 levels" in refusal(opening * 1_000_000).reason


def test_braces_in_strings_hide_no_depth() -> None:
    body = b'{"a": "}", "b": {"a": "}", "b": {"c": 1}, "d": "{"}, "e": "{"}'
    assert parse(body, max_depth=3).duplicates == ()
    assert "deeper than 2 levels" in refusal(body, max_depth=2).reason


def test_a_bracket_in_a_string_is_no_depth() -> None:
    body = json.dumps({"log": "[{" * 10_000}).encode()
    assert len(parse(body).value["log"]) == 20_000


# Numbers


@pytest.mark.parametrize("literal", ["1e999", "1.5e400", "-1e999", "9" * 5_000, "-" + "9" * 5_000])
def test_a_number_beyond_a_double_is_the_largest_one(literal: str) -> None:
    number = parse(f'{{"size": {literal}}}'.encode()).value["size"]
    assert number == (-sys.float_info.max if literal.startswith("-") else sys.float_info.max)
    assert int(number) == number


def test_a_number_that_the_interpreter_holds_is_exact() -> None:
    assert parse(b"[18446744073709551617, 3.221225472e9, 1.0, 1e-999, -0]").value == [2**64 + 1, 3221225472, 1, 0, 0]
    assert parse(b"9" * 4_000).value == 10**4_000 - 1


def test_long_numbers_and_duplicates_go_together() -> None:
    assert parse(b'{"a": ' + b"1" * 5_000 + b', "a": 1}') == Parsed({"a": 1}, ("/a",))


def test_lone_surrogate_escapes_are_text() -> None:
    assert parse(b'{"\\ud800": "\\udfff", "\\ud83d\\ude00": 1}').value == {"\ud800": "\udfff", "\U0001f600": 1}
    assert parse(b'{"\\ud800": 1, "\\ud800": 2}').duplicates == ("/\ud800",)


# Values, counted before they are built


@given(values)
def test_values_and_names_are_counted_exactly(value: Any) -> None:
    for text in (json.dumps([value]), json.dumps([value], ensure_ascii=False, indent=1)):
        body, count = text.encode(), count_values([value])
        assert not has_more_values(body, count)
        assert has_more_values(body, count - 1)


def count_values(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(1 + count_values(item) for item in value.values())
    return 1 + sum(map(count_values, value)) if isinstance(value, list) else 1


@pytest.mark.parametrize(
    "body",
    [b"", b" " * 100, b"<html>[,,,,,,,,]", b'"[,,,,,,,,,,,,]"', json.dumps({"log": "[1, 2], " * 1000}).encode()],
    ids=["empty", "blanks", "HTML", "a string", "a log"],
)
def test_text_that_resembles_values_is_not_counted(body: bytes) -> None:
    assert not has_more_values(body, 5)


# Time


def test_duplicates_are_named_in_linear_time_and_in_bounds() -> None:
    same = b'"id":1,"id":2,' * 100_000
    distinct = b"".join(b'"%d":1,' % number for number in range(100_000))
    duplicates = parse(b"{" + distinct + same + distinct + b'"z":0}').duplicates
    assert len(duplicates) == MAX_DUPLICATES
    assert "/id" in duplicates


def test_pointers_to_duplicates_stay_short() -> None:
    long = b"x" * 100_000
    items = b",".join([b'{"a":1,"a":2}'] * 1000)
    duplicates = parse(b'{"%s":[%s]}' % (long, items)).duplicates
    assert max(map(len, duplicates)) < 2 * MAX_SHOWN
    assert len(duplicates) == MAX_DUPLICATES
