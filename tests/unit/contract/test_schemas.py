"""The schema files themselves: valid, described, one shape each, and each with examples that must and must not pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from conformance.contract.schemas import schemas
from conformance.contract.strict_json import parse
from conformance.contract.validation import mismatches, schemas_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parents[2] / "golden"
SHAPES = sorted(name.removesuffix(".json") for name in schemas())
BASE = "https://backups-conformance.invalid/schemas/"


def golden(kind: str) -> list[Any]:
    files = sorted(GOLDEN.glob(f"*/{kind}-*.json"))
    return [pytest.param(path.parent.name, path, id=f"{path.parent.name}/{path.stem}") for path in files]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and every schema within it."""
    yield schema
    for member in schema.get("properties", {}).values():
        yield from parts(member)
    for keyword in ("items", "additionalProperties", "if", "then"):
        if keyword in schema:
            yield from parts(schema[keyword])
    for branch in schema.get("allOf", ()):
        yield from parts(branch)


def everything(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the value, itself included."""
    if isinstance(value, dict):
        yield value
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in below:
        yield from everything(item)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_schema_is_valid_and_says_what_it_is(shape: str) -> None:
    schema = schemas()[f"{shape}.json"]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"{BASE}{shape}.json"
    assert schema["title"]
    assert schema["description"].endswith(".")
    assert ". " not in schema["description"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_schema_is_one_shape_in_plain_words(shape: str) -> None:
    """A rejection is to have one pointer and one keyword, and unknown members are legal everywhere."""
    for part in parts(schemas()[f"{shape}.json"]):
        assert not {"$defs", "definitions", "anyOf", "oneOf", "not", "unevaluatedProperties"} & part.keys()
        assert part.get("additionalProperties") is not False
        assert set(part.get("required", ())) <= part.get("properties", {}).keys()


@pytest.mark.parametrize("shape", SHAPES)
def test_references_are_relative_and_resolve(shape: str) -> None:
    registry = Registry().with_resources([(one["$id"], DRAFT202012.create_resource(one)) for one in schemas().values()])
    resolver = registry.resolver(f"{BASE}{shape}.json")
    for part in parts(schemas()[f"{shape}.json"]):
        if "$ref" in part:
            assert part["$ref"] in schemas()
            assert resolver.lookup(part["$ref"]).contents == schemas()[part["$ref"]]


def test_every_title_is_its_own() -> None:
    titles = [schema["title"] for schema in schemas().values()]
    assert sorted(set(titles)) == sorted(titles)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_examples_both_ways(shape: str) -> None:
    assert list((GOLDEN / shape).glob("good-*.json"))
    assert len(list((GOLDEN / shape).glob("bad-*.json"))) >= 2


def test_every_example_belongs_to_a_shape() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == SHAPES


@pytest.mark.parametrize(("shape", "path"), golden("good"))
def test_a_good_example_passes(shape: str, path: Path) -> None:
    assert [one for one in mismatches(shape, parse(path.read_bytes()).value) if not one.null_optional] == []


@pytest.mark.parametrize(("shape", "path"), golden("bad"))
def test_a_bad_example_is_rejected_where_and_by_what_it_says(shape: str, path: Path) -> None:
    example = parse(path.read_bytes()).value
    assert example.keys() == {"why", "keyword", "pointer", "value"}
    mismatched = [one for one in mismatches(shape, example["value"]) if not one.null_optional]
    assert [(one.pointer, one.keyword) for one in mismatched] == [(example["pointer"], example["keyword"])]


# The OpenAPI document

OPENAPI = schemas_dir() / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(OPENAPI.read_bytes())
OPERATIONS = {
    operation["operationId"]: operation
    for path in DOCUMENT["paths"].values()
    for method, operation in path.items()
    if method in {"get", "post", "delete"}
}


def test_the_openapi_document_is_valid() -> None:
    validate(DOCUMENT, base_uri=OPENAPI.as_uri())


def test_its_operations_are_those_of_the_contract() -> None:
    capabilities = {name: operation["x-capability"] for name, operation in OPERATIONS.items()}
    assert capabilities == {
        "list": "containers-backups-view",
        "get": "containers-backups-view",
        "restore": "containers-backups-manage",
        "logs": "containers-backups-view",
        "job": "apionly-jobs-view",
        "delete": "containers-backups-manage",
    }
    assert all(operation["x-capability"] in operation["description"] for operation in OPERATIONS.values())


def test_its_references_exist() -> None:
    references = {part["$ref"] for part in everything(DOCUMENT) if isinstance(part.get("$ref"), str)}
    files = {reference for reference in references if not reference.startswith("#")}
    assert {name for name in files if not (schemas_dir() / name).is_file()} == set()
    for reference in references - files:
        target: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


def media() -> list[Any]:
    """Every kind of body in the document: its shapes (a 401 has two) and its examples.

    A 501 and a 502 have no example, because the vendor publishes no code for them.
    """
    bodies = [part["application/json"] for part in everything(DOCUMENT) if "application/json" in part]
    bodies = [body for body in bodies if "examples" in body]
    cases = []
    for body in bodies:
        choices = body["schema"].get("anyOf", [body["schema"]])
        shapes = [choice["$ref"].removesuffix(".json") for choice in choices]
        cases += [
            pytest.param(shapes, one["value"], id=f"{shapes[0]}/{name}") for name, one in body["examples"].items()
        ]
    return cases


@pytest.mark.parametrize(("shapes", "value"), media())
def test_its_examples_have_their_shapes(shapes: list[str], value: object) -> None:
    assert [] in [mismatches(shape, value) for shape in shapes]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_how_it_may_fail(name: str) -> None:
    assert {"400", "401", "403", "404", "429", "500", "503"} <= OPERATIONS[name]["responses"].keys()


def test_the_schemas_are_written_alike() -> None:
    """Two blanks, one newline at the end: a diff then shows what changed and nothing else."""
    for name, schema in schemas().items():
        assert (schemas_dir() / name).read_text("utf-8") == json.dumps(schema, indent=2) + "\n"
