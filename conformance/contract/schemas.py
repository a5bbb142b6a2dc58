"""The schema files, and what they say about each place of a value.

The validators of `conformance.contract.validation` read the files themselves. Code that walks a value beside its shape
(to compare values, to find nulls) walks the tree of nodes made here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from conformance.contract.pointers import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.contract.json_types import JsonObject


NOTED_ITEMS = 5
"""The number of items of an array that are searched for members that the contract does not name."""
MAX_NOTED = 50
"""The number of such members that are named for one value."""
MAX_NAME = 100
"""The names of noted members are cut to this many characters."""

_NO_SHAPES = {
    "results.json",
    "results-1.json",
    "target.json",
    "waivers.json",
    "fleet.json",
    "qualification.json",
    "exchange.json",
}  # the formats of our own reports are in the same folder


@dataclass(slots=True)
class Node:
    """What one place of a shape says about its members, its elements and its nulls; references are followed."""

    shape: str
    types: tuple[str, ...] = ()
    is_time: bool = False
    required: frozenset[str] = frozenset()
    members: dict[str, Node] = field(default_factory=dict)
    values: Node | None = None
    """The node of the values of a map."""
    items: Node | None = None

    def member(self, name: str) -> Node | None:
        """What the shape says about the member `name`; None if it does not name it."""
        return self.members.get(name, self.values)

    def refuses_null_at(self, name: str) -> bool:
        """Whether HTTP-10 judges a null at the member `name`."""
        member = self.members.get(name)
        return member is not None and name not in self.required and bool(member.types) and "null" not in member.types


def schemas_dir() -> Path:
    """The folder of the schemas: beside the modules once installed, at the top of a checkout otherwise."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


@cache
def validator(file: str) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a self-contained schema, such as those of our own reports."""
    return jsonschema_rs.Draft202012Validator(json.loads((schemas_dir() / file).read_bytes()))


def schemas_sha256() -> str:
    """A digest over the names and contents of all schemas and of the OpenAPI document, in hexadecimal."""
    digest = hashlib.sha256()
    folder = schemas_dir()
    for path in sorted([*folder.glob("*.json"), folder / "openapi.yaml"]):
        content = path.read_bytes()
        digest.update(f"{path.name}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def schemas() -> Mapping[str, JsonObject]:
    """The schema of every shape by its file name, which is also how the others refer to it."""
    paths = sorted(schemas_dir().glob("*.json"))
    return {path.name: json.loads(path.read_bytes()) for path in paths if path.name not in _NO_SHAPES}


def node(shape: str) -> Node:
    """The tree of what `shape` says about its members. Raises KeyError for an unknown shape."""
    return _build(f"{shape}.json")


def project(shape: str, value: object) -> Any:  # Any: JSON of the same type as `value`
    """`value` with only those members that the shapes name, at every level; maps and free objects keep all theirs."""
    return _project(node(shape), value)


def unknown_members(shape: str, value: object) -> set[str]:
    """Pointers to members that the shapes do not name, with `*` for indices and the keys of maps: legal, but noted.

    At most MAX_NOTED of them, with long names cut.
    """
    return set(islice(_unknown(node(shape), value, ""), MAX_NOTED))


def _unknown(node: Node, value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, dict) and (node.members or node.values):
        for name, item in value.items():
            below = node.member(name)
            if below is None:
                yield f"{pointer}/{escape(name if len(name) <= MAX_NAME else name[:MAX_NAME] + '…')}"
            else:
                yield from _unknown(below, item, f"{pointer}/{escape(name) if name in node.members else '*'}")
    elif isinstance(value, list) and node.items is not None:
        for item in value[:NOTED_ITEMS]:
            yield from _unknown(node.items, item, f"{pointer}/*")


@cache
def _build(name: str) -> Node:
    return _node_of(schemas()[name], name.removesuffix(".json"))


def _node_of(schema: JsonObject, shape: str) -> Node:
    if "$ref" in schema:
        return _build(schema["$ref"])
    if "then" in schema:  # a schedule: if it says anything, it is a time
        return Node(shape, _types(schema), is_time=_node_of(schema["then"], shape).is_time)
    values = schema.get("additionalProperties")
    items = schema.get("items")
    return Node(
        shape,
        _types(schema),
        is_time=schema.get("format") == "date-time",
        required=frozenset(schema.get("required", ())),
        members={name: _node_of(member, shape) for name, member in schema.get("properties", {}).items()},
        values=None if values is None else _node_of(values, shape),
        items=None if items is None else _node_of(items, shape),
    )


def _types(schema: JsonObject) -> tuple[str, ...]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def _project(node: Node, value: object) -> object:
    if isinstance(value, dict) and (node.members or node.values):
        places = ((name, node.member(name), item) for name, item in value.items())
        return {name: _project(below, item) for name, below, item in places if below is not None}
    if isinstance(value, list) and node.items is not None:
        return [_project(node.items, item) for item in value]
    return value
