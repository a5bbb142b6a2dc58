"""The fast and the slow validator agree, rejections are explained in plain text, and no input crashes them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from conformance import _compat
from conformance.contract import schemas, validation
from conformance.contract.timestamps import parse_time
from conformance.contract.validation import (
    MAX_EXPLAINED,
    Mismatch,
    mismatches,
    project,
    render,
    schemas_dir,
    schemas_sha256,
)

GOLDEN = Path(__file__).parents[2] / "golden"
SHAPES = sorted(name.removesuffix(".json") for name in schemas.schemas())


def good(shape: str, name: str) -> Any:
    return json.loads((GOLDEN / shape / f"good-{name}.json").read_bytes())


def backups(count: int) -> dict[str, Any]:
    return {"data": [copy.deepcopy(good("backup", "live")) for _ in range(count)]}


def pointers(found: list[Mismatch]) -> list[str]:
    return [one.pointer for one in found]


# In words


ZERO = "0001-01-01T00:00:00Z"
NO_SIZE = {"integration_id": "", "path": "", "file_id": ""}


@pytest.mark.parametrize(
    ("shape", "value", "where", "keyword", "sentence"),
    [
        ("backup-answer", {}, "backup-answer", "required", "the member data, not nothing (the object is empty)"),
        ("backup-list-answer", {"data": {}}, "backup-list-answer/data", "type", "an array, not {}"),
        ("includes", [], "includes", "type", "an object or null, not []"),
        (
            "job-request-contents",
            {"instance_id": ""},
            "job-request-contents/instance_id",
            "minLength",
            'a string that is not empty, not ""',
        ),
        (
            "job-request",
            {"action": "x", "contents": {"instance_id": "i"}},
            "job-request/action",
            "enum",
            'restore, not "x"',
        ),
        (
            "job-state",
            {"current": "new", "error": {}},
            "job-error/error",
            "required",
            "the member message, not nothing (the object is empty)",
        ),
        (
            "job-task-state",
            {"current": "new"},
            "job-task-state/current",
            "enum",
            'one of pending, running, completed, error, not "new"',
        ),
        (
            "backup-state",
            {"current": "live", "changed": "now"},
            "time/changed",
            "format",
            'an RFC 3339 time, not "now"',
        ),
        ("backup-target", {**NO_SIZE, "size": True}, "integer/size", "type", "an integer, not true"),
        (
            "creator",
            {"id": "é", "type": "account"},
            "oid/id",
            "pattern",
            'a string that matches ^[0-9a-fA-F]{24}$, not "\\u00e9"',
        ),
    ],
)
def test_a_rejection_is_described(shape: str, value: object, where: str, keyword: str, sentence: str) -> None:
    (one,) = mismatches(shape, value)
    assert f"{one.shape}{one.pointer}" == where
    assert one.keyword == keyword
    assert f"{one.wanted}, not {one.got}" == sentence
    assert not one.null_optional


def test_a_wrong_type_is_reported_once_although_the_enum_fails_too() -> None:
    mismatched = mismatches("backup-state", {"current": 5, "changed": "0001-01-01T00:00:00Z"})
    assert [(one.pointer, one.keyword) for one in mismatched] == [("/current", "type")]


def test_each_missing_member_is_reported() -> None:
    wanted = [one.wanted for one in mismatches("events", {})]
    assert wanted == ["the member created", "the member updated", "the member deleted"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"a": [1, None, "é"]}, '{"a": [1, null, "\\u00e9"]}'),
        ("x" * 1_000_000, '"' + "x" * 78 + "…"),
        ("\ud800", '"\\ud800"'),
        pytest.param(10**10_000, '"an integer of 33220 bits"', id="huge"),
        ([[[[[[1]]]]]], "[[[[]]]]"),
    ],
)
def test_a_value_is_shown_short_and_in_ascii(value: object, shown: str) -> None:
    assert render(value) == shown
    assert len(render(value)) <= 80


def test_an_unknown_shape_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        mismatches("backups", {})


# Nulls at optional members (HTTP-10)


def test_a_null_at_an_optional_member_is_marked_as_such() -> None:
    value = {"current": "live", "changed": "0001-01-01T00:00:00Z", "error": {"message": None, "time": None}}
    assert mismatches("backup-state", value) == [
        Mismatch("/error/message", "type", "a string, or no member at all", "null", True, "state-error"),
        Mismatch("/error/time", "type", "a string, or no member at all", "null", True, "time"),
    ]


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        ("job-parallel", {"tasks": True, "sub_queue": None}),
        ("backup-log", good("backup-log", "null-error")),
        ("integration", good("integration", "nulls")),
        ("backup-list-answer", {"data": [], "includes": None, "error": None}),
    ],
)
def test_a_null_that_the_contract_allows_is_nothing(shape: str, value: object) -> None:
    assert mismatches(shape, value) == []


def test_a_null_in_a_map_or_at_a_required_member_breaks_the_shape() -> None:
    assert [one.null_optional for one in mismatches("includes", {"integrations": {"x": None}})] == [False]
    assert [one.null_optional for one in mismatches("state-error", None)] == [False]
    assert {one.null_optional for one in mismatches("events", dict.fromkeys(["created", "updated", "deleted"]))} == {
        False
    }


def test_the_value_is_not_changed() -> None:
    value = {"data": [{"state": {"error": None}}]}
    mismatches("backup-list-answer", value)
    assert value == {"data": [{"state": {"error": None}}]}


def test_nulls_in_every_item_are_capped_and_hide_nothing() -> None:
    page = backups(1_000)
    for item in page["data"]:
        item["state"]["error"] = None
    nulls = mismatches("backup-list-answer", page)
    assert len(nulls) == MAX_EXPLAINED
    assert all(one.null_optional for one in nulls)
    page["data"][999]["target"]["size"] = "1"
    real, *rest = mismatches("backup-list-answer", page)
    assert (real.pointer, real.null_optional) == ("/data/999/target/size", False)
    assert rest == nulls


def test_what_breaks_in_every_item_is_capped() -> None:
    page = backups(1_000)
    for item in page["data"]:
        del item["state"]["current"]
    mismatched = mismatches("backup-list-answer", page)
    assert pointers(mismatched) == [f"/data/{index}/state" for index in range(MAX_EXPLAINED)]


# Two engines, one verdict

_Plain = validation.extended({"pattern": validation._pattern})


def slow_verdict(shape: str, value: object) -> bool:
    """jsonschema's own verdict, without the short cuts that explaining takes."""
    bare = {
        name: {key: said for key, said in one.items() if key != "$schema"} for name, one in schemas.schemas().items()
    }
    registry = Registry().with_resources([(one["$id"], DRAFT202012.create_resource(one)) for one in bare.values()])
    validator = _Plain(bare[f"{shape}.json"], registry=registry, format_checker=validation.format_checker())
    return bool(validator.is_valid(value))


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [path for step, item in below for path in paths(item, (*at, step))]


digits = st.integers(0, 99).map("{:02}".format)
odd_times = st.builds(
    "{}{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["20", "00", "19", "99", "2"]),
    digits,
    st.sampled_from(["01", "02", "12", "13", "00", "2"]),
    st.sampled_from(["00", "01", "28", "29", "30", "31", "32"]),
    st.sampled_from(["T", "t", " ", ""]),
    st.sampled_from(["00", "12", "22", "23", "24"]),
    st.sampled_from(["00", "30", "59", "60"]),
    st.sampled_from(["00", "59", "60", "61", "5"]),
    st.sampled_from(["", ".5", ",5", ".", "." + "1" * 40]),
    st.sampled_from(["Z", "z", "", "+00:00", "-00:00", "+01:00", "-01:00", "+00:30", "+0100", "+23:59", "+24:00"]),
)
numbers = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([1e6, 1.0, 1e300, 2**53 + 1, 2**64, 10**4_000])
)
odd_texts = (
    odd_times | st.text() | st.text(st.characters()) | st.text("0123456789abcdefABCDEFg\n", min_size=23, max_size=25)
)
odd_values = st.recursive(
    st.none() | st.booleans() | numbers | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with `new` at the path, which is to exist."""
    if not path:
        return new
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = new
    return value


#: the shape and the text of each good example
GOOD_EXAMPLES = [(path.parent.name, path.read_bytes()) for path in sorted(GOLDEN.glob("*/good-*.json"))]


@st.composite
def mutants(draw: st.DrawFn, replacements: st.SearchStrategy[Any] = odd_values) -> tuple[str, Any]:
    """A good example of which up to three places are replaced, and up to one member dropped."""
    shape, text = draw(st.sampled_from(GOOD_EXAMPLES))
    value = json.loads(text)
    for _ in range(draw(st.integers(0, 3))):
        value = put(value, draw(st.sampled_from(paths(value))), draw(replacements))
    if isinstance(value, dict) and value and draw(st.booleans()):
        del value[draw(st.sampled_from(sorted(value)))]
    return shape, value


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutants())
def test_both_engines_agree_on_mutants(mutant: tuple[str, Any]) -> None:
    shape, value = mutant
    assert validation._accepts(shape, value) == slow_verdict(shape, value)
    mismatched = mismatches(shape, value)
    assert (mismatched == []) == slow_verdict(shape, value)
    assert len({(one.pointer, one.keyword, one.wanted) for one in mismatched}) == len(mismatched)


@st.composite
def with_other_members(draw: st.DrawFn) -> tuple[str, Any]:
    """A good example, some of whose objects lack members, have more, or have others in their place."""
    shape, text = draw(st.sampled_from(GOOD_EXAMPLES))
    value = json.loads(text)
    for _ in range(draw(st.integers(1, 3))):
        places = [place for place in (value_at(value, path) for path in paths(value)) if isinstance(place, dict)]
        changed = draw(st.sampled_from([place for place in places if place] or [{}]))
        for name in draw(st.sets(st.sampled_from(sorted(changed)), max_size=2)) if changed else ():
            del changed[name]
        changed.update(dict.fromkeys(draw(st.sets(st.sampled_from(["more", "error", "name"]), max_size=2))))
    return shape, value


def value_at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(with_other_members())
def test_both_engines_agree_on_objects_with_other_members(changed: tuple[str, Any]) -> None:
    shape, value = changed
    assert validation._accepts(shape, value) == slow_verdict(shape, value)


def test_a_schema_that_speaks_of_other_members_is_left_as_it_is() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {}}, "additionalProperties": {"type": "string"}}
    assert validation._quick(schema) == schema
    assert validation._quick({**schema, "additionalProperties": True}) == {**schema, "additionalProperties": True}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(odd_times)
def test_both_engines_and_our_own_reading_agree_on_times(text: str) -> None:
    assert validation._accepts("time", text) == slow_verdict("time", text) == (parse_time(text) is not None)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(["integer", "oid", "creator", "job-request", "includes", "schedule"]), odd_values)
def test_both_engines_agree_on_anything(shape: str, value: object) -> None:
    assert validation._accepts(shape, value) == slow_verdict(shape, value)


lone = st.text(st.sampled_from("a\ud800\udfff"), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutants(lone | st.dictionaries(lone, lone | st.none() | odd_values, max_size=2)))
def test_lone_surrogates_crash_nothing_and_change_no_verdict(mutant: tuple[str, Any]) -> None:
    shape, value = mutant
    assert (mismatches(shape, value) == []) == slow_verdict(shape, value)
    render(value)
    project(shape, value)


def test_an_integer_that_cannot_be_printed_crashes_nothing() -> None:
    huge = 10**5_000
    assert mismatches("integer", huge) == []
    assert mismatches("stack-frame", {"file": "", "function": "", "line": huge}) == []
    assert [one.got for one in mismatches("creator", {"id": huge, "type": huge})] == [
        '"an integer of 16610 bits"',
        '"an integer of 16610 bits"',
    ]
    assert pointers(mismatches("backup-answer", [huge])) == [""]


def test_depth_crashes_nothing() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = {"x": [deep]}
    assert mismatches("job-descriptor", {**good("job-descriptor", "restore"), "more": deep}) == []
    assert pointers(mismatches("time", deep)) == [""]


# Projection


def test_only_what_the_shapes_name_is_projected() -> None:
    integration = {**good("integration", "full"), "secret_plan": 1}
    integration["extra"] = {"any": "name"}
    integration["state"] = {**integration["state"], "progress": 3}
    projected = project(
        "backup-answer", {"data": {"id": "x", "new": 1}, "includes": {"integrations": {"k": integration}}, "meta": 1}
    )
    assert projected["data"] == {"id": "x"}
    assert projected.keys() == {"data", "includes"}
    kept = projected["includes"]["integrations"]["k"]
    assert kept["extra"] == {"any": "name"}
    assert "secret_plan" not in kept
    assert "progress" not in kept["state"]


def test_free_objects_and_wrong_types_are_projected_whole() -> None:
    task = good("new-task", "steps")
    assert project("new-task", task) == task
    assert project("backup-list-answer", {"data": "none"}) == {"data": "none"}
    assert project("backup", [1]) == [1]


# The files


def test_the_schemas_are_found_and_digested() -> None:
    assert (schemas_dir() / "backup.json").is_file()
    assert len(bytes.fromhex(schemas_sha256())) == 32
    assert schemas_sha256() == schemas_sha256()


def test_the_digest_changes_with_a_name_and_with_a_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "schemas_dir", lambda: tmp_path)
    digests = set()
    for name, content in [("a.json", "{}"), ("a.json", "{} "), ("b.json", "{}")]:
        for old in tmp_path.iterdir():
            old.unlink()
        (tmp_path / "openapi.yaml").write_text("openapi: 3.1.0\n")
        (tmp_path / name).write_text(content)
        digests.add(schemas_sha256())
    assert len(digests) == 3


def test_members_that_the_shapes_do_not_name_are_found_at_every_level() -> None:
    value = {
        "data": [{"id": "x", "labels": {}, "target": {"region": "eu"}}],
        "includes": {"integrations": {"a": {"id": "a", "cost": 1}}},
        "page": 1,
    }
    assert schemas.unknown_members("backup-list-answer", value) == {
        "/data/*/labels",
        "/data/*/target/region",
        "/includes/integrations/*/cost",
        "/page",
    }


def test_jsonschema_is_needed_for_reasons_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError

    validation._explainer.cache_clear()
    monkeypatch.setattr(_compat, "jsonschema", refuse)
    assert mismatches("backup", good("backup", "live")) == []
    with pytest.raises(AssertionError):
        mismatches("backup", [])
