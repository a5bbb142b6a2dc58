"""The typed model of results.json and its JSON Schema describe the same members."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import jsonschema
import pytest
from support import reporting

from conformance.evidence import rows
from conformance.http import latency
from conformance.judging import outcomes
from conformance.results import environment, model

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "results.json").read_text())
NAMES = {**vars(typing), **vars(rows), **vars(outcomes), **vars(latency), **vars(model)}
JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def differences(hint: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """Where a type and a JSON Schema describe different values."""
    schema = resolved(schema)
    if get_origin(hint) is NotRequired:
        hint = get_args(hint)[0]
    if is_typeddict(hint):
        return _members(hint, schema, path)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return differences(arguments[0], schema["items"], f"{path}/*")
    if origin is tuple:
        parts = zip(arguments, schema["prefixItems"], strict=True)
        return [
            words for number, (part, item) in enumerate(parts) for words in differences(part, item, f"{path}/{number}")
        ]
    if origin is dict:
        return differences(arguments[1], schema["additionalProperties"], f"{path}/*")
    options = arguments or (hint,)
    if "oneOf" in schema:
        structured = [option for option in options if is_typeddict(option)]
        return differences(structured[0], schema["oneOf"][1], path)
    return [] if types_of(schema) == {JSON_TYPES[option] for option in options} else [f"{path}: {hint} {schema}"]


def _members(hint: Any, schema: dict[str, Any], path: str) -> list[str]:
    hints = get_type_hints(hint, localns=NAMES, include_extras=True)
    optional = {name for name, member in hints.items() if get_origin(member) is NotRequired}
    problems = (
        [] if hints.keys() == schema["properties"].keys() else [f"{path}: {hints.keys() ^ schema['properties'].keys()}"]
    )
    if hints.keys() - optional != set(schema["required"]):
        problems.append(f"{path}: required {(hints.keys() - optional) ^ set(schema['required'])}")
    for name in hints.keys() & schema["properties"].keys():
        problems += differences(hints[name], schema["properties"][name], f"{path}/{name}")
    return problems


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else schema


def types_of(schema: dict[str, Any]) -> set[str]:
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        return {JSON_TYPES[type(value)] for value in values}
    return {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])


def test_the_model_has_the_members_of_the_schema() -> None:
    assert differences(model.Results, SCHEMA) == []


@pytest.mark.parametrize("name", ["green", "red"])
def test_results_of_the_tests_match_the_schema(name: str) -> None:
    jsonschema.validate(getattr(reporting, name)(), SCHEMA)


GITHUB = {
    "GITHUB_SERVER_URL": "https://github.example.test", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7",
    "GITHUB_SHA": "A" * 40,
}  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "job"),
    [
        ({}, None),
        (GITHUB, {"url": "https://github.example.test/o/r/actions/runs/7", "commit": "a" * 40}),
        ({"CI_JOB_URL": "https://gitlab.example.test/j/1", "CI_COMMIT_SHA": "b" * 40},
         {"url": "https://gitlab.example.test/j/1", "commit": "b" * 40}),
        ({"SYSTEM_COLLECTIONURI": "https://dev.example.test/o/", "SYSTEM_TEAMPROJECT": "p", "BUILD_BUILDID": "9"},
         {"url": "https://dev.example.test/o/p/_build/results?buildId=9"}),
        ({"BUILD_URL": "https://user:password@ci.example.test/1"}, None),
        ({"BUILD_URL": "javascript:alert(1)"}, None),
        ({"BUILD_URL": "https://ci.example.test/\n::error::"}, None),
        ({"BUILD_URL": "https://[", "GIT_COMMIT": "main"}, None),
    ],
)  # fmt: skip
def test_the_ci_job_is_taken_from_the_environment(environ: dict[str, str], job: Any) -> None:
    assert environment.ci_job(environ) == job


def test_the_versions_of_generators_are_known() -> None:
    assert set(environment.GENERATORS) <= environment.versions().keys()
