"""Bodies are shown as they were sent, around the places that findings name."""

from __future__ import annotations

import json

import pytest
from support import reporting

from conformance.report.bodies import Line, body_lines


def shown(body: str, *pointers: str, was_cut: bool = False) -> list[str]:
    return [line.text for line in body_lines(body, pointers, was_cut=was_cut)]


def marked(body: str, *pointers: str) -> list[str]:
    return [line.text.strip() for line in body_lines(body, pointers) if line.marked]


@pytest.mark.parametrize(
    "value", [{}, [], {"a": []}, [[], {}], {"a": {"b": [1, "x", None, True]}, "c": 2}, [1, [2, [3]]]]
)
def test_laid_out_like_json(value: object) -> None:
    assert "\n".join(shown(json.dumps(value))) == json.dumps(value, indent=2)


def test_spelling_is_kept() -> None:
    assert shown('{"a":1.0,"a":3.221225472e9,"b":"\\u00e9"}') == [
        "{", '  "a": 1.0,', '  "a": 3.221225472e9,', '  "b": "\\u00e9"', "}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("/data/1/id", ['"id": "y"']),
        ("/data/1", ["{"]),
        ("/data", ['"data": [']),
        ("/a~1b/c~0d", ['"c~d": 1']),
        ("/data/1/missing", ["{"]),
        ("/data/7", ['"data": [']),
        ("/1/id", ['"id": "y"']),  # of the thing itself, which stands under data
        ("", []),
        ("/nowhere", []),
    ],
)
def test_marks_what_the_pointer_names(pointer: str, line: list[str]) -> None:
    assert marked('{"data":[{"id":"x"},{"id":"y"}],"a/b":{"c~d":1}}', pointer) == line


def test_marks_every_member_of_a_doubled_name() -> None:
    assert marked('{"a":1,"a":2}', "/a") == ['"a": 1,', '"a": 2']


def test_long_body_is_shown_around_the_mark() -> None:
    body = json.dumps({"data": [reporting.backup(number) for number in range(1000)]})
    lines = body_lines(body, ["/data/500/state/current"])
    assert len(lines) < 30
    assert [line.text.strip() for line in lines if line.marked] == ['"current": "live",']
    assert [line for line in lines if line.number == 0] == [Line(0, "… 10,500 lines …"), Line(0, "… 10,483 lines …")]


def test_cut_body_is_readable_as_far_as_it_goes() -> None:
    assert shown('{"data":[{"id":"x"},{"id":"un', was_cut=True)[-1].strip() == '"id": "un'
    assert shown('{"data":[{"id":"x"},{"id":"un') == ['{"data":[{"id":"x"},{"id":"un']


@pytest.mark.parametrize("body", ["", "<html>", "[" * 100_000, '{"a":' * 500, "{]", "]", "[1 2", "x\ny"])
@pytest.mark.parametrize("was_cut", [False, True])
def test_anything_is_shown(body: str, was_cut: bool) -> None:
    lines = body_lines(body, ["/a", "/0"], was_cut=was_cut)
    assert len(lines) < 100
    assert all(len(line.text) < 1000 for line in lines)


def test_what_is_not_json_is_shown_with_its_end() -> None:
    whole = json.dumps({"data": [reporting.backup(number) for number in range(40)]})
    body = whole[: whole.rindex('"updated"') + 20]
    lines = shown(body)
    assert lines[0] == "{"
    assert lines[-1].strip() == body[-20:]
    assert len(lines) < 40
    page = "\n".join(f"line {number}" for number in range(1000))
    assert shown(page)[-1] == "line 999"
