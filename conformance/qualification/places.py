"""Every place of a shape, read from the schema files, and the ways to break it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.contract.schemas import schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from conformance.contract.json_types import JsonObject

T = TypeVar("T")
EACH = "*"
#: Instead of a value: the member is left out.
ABSENT = object()

_TIMES = (
    "2026-02-30T00:00:00Z",
    "2025-11-03 04:00:00Z",
    "2025-11-03T04:00:00",
    "2025-11-03T04:00:00+0200",
    "1762142400",
    "Mon, 03 Nov 2025 04:00:00 GMT",
    "2025-11-03T04:00:00,5Z",
    "yesterday",
)
_OIDS = ("651586fca6078e98982dbd9", "651586fca6078e98982dbd900", "g51586fca6078e98982dbd90", "", "null")
#: A value of another type for each type.
_STRANGERS: dict[str, tuple[object, ...]] = {
    "string": (7, True, ["a string"], {"value": "a string"}, 1.5),
    "integer": ("7", 1.5, True, [7], {"value": 7}),
    "boolean": ("true", 1, 0, "", []),
    "object": ("an object", 7, False),
    "array": ("an array", 7, False),
    "null": ({}, [], "null", False, 0),
}
_WORDS = {bool: "boolean", int: "number", float: "fraction", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class Place:
    """One place of an answer: the steps to it (`*` for every item or key), and what its schema says."""

    steps: tuple[str, ...]
    schema: JsonObject
    required: bool
    #: the shape that names it, and as what: the same in whichever answer it stands
    owner: str

    @property
    def types(self) -> tuple[str, ...]:
        """The types that its value may have; () where any will do."""
        said = self.schema.get("type", ())
        return (said,) if isinstance(said, str) else tuple(said)

    @property
    def nullable(self) -> bool:
        """Whether null is a legal value."""
        return not self.types or "null" in self.types

    @property
    def is_member(self) -> bool:
        """A named member of an object: not the whole, an item, or a value of a map."""
        return bool(self.steps) and self.steps[-1] != EACH

    @property
    def word(self) -> str:
        """The place in a name: `data.N.target.size`."""
        return ".".join("N" if step == EACH else step for step in self.steps) or "body"


@dataclass(frozen=True)
class Break:
    """One way in which a value departs from its schema; `change` makes the new value from the old one."""

    name: str
    change: Callable[[Any], object]  # Any: JSON of the type that the place has


def places(shape: str) -> Iterator[Place]:
    """Every place of a shape, the whole of it first, from the outside to the inside."""
    yield from _walk(Place((), _resolved({"$ref": f"{shape}.json"}), required=True, owner=shape))


def turn(choices: Sequence[T], *salt: str) -> T:
    """One of several: always the same for the same salt, and most likely another for the next."""
    return choices[zlib.crc32(" ".join(salt).encode()) % len(choices)]


def breaks(place: Place, salt: str) -> Iterator[Break]:
    """Every kind of break at a place. `salt` turns through the values of a kind, of which one is as good as another."""
    types = [name for name in place.types if name != "null"] or list(place.types)
    if place.is_member and place.required:
        yield Break("left-out", lambda _: ABSENT)
    if not place.nullable and (place.required or not place.is_member):
        yield Break("null", lambda _: None)
    if not types:  # an option's default: whatever its type, no option's default is an object
        yield Break("as-object", lambda old: {"value": old})
        return
    stranger = turn(_STRANGERS[types[0]], "stranger", place.word, salt)
    yield Break(f"as-{_WORDS[type(stranger)]}", lambda _: stranger)
    if types[0] == "object":
        yield Break("in-an-array", lambda old: [old])
    if types[0] == "array":
        yield Break("by-number", lambda old: {str(index): item for index, item in enumerate(old or [])})
    yield from _broken_bounds(place, salt)


def _broken_bounds(place: Place, salt: str) -> Iterator[Break]:
    schema = place.schema
    if "enum" in schema:
        yield Break("unknown-value", lambda _: "stranger")
        yield Break("in-capitals", lambda _: schema["enum"][0].upper())
    if "pattern" in schema:
        pattern = turn(_OIDS, "oid", place.word, salt)
        yield Break("pattern", lambda _: pattern)
    if is_time(schema):
        time = turn(_TIMES, "time", place.word, salt)
        yield Break("format", lambda _: time)
    if schema.get("minLength"):
        yield Break("empty", lambda _: "")


def is_time(schema: Mapping[str, object]) -> bool:
    """A time, or a schedule, which is one if it says anything."""
    return schema.get("format") == "date-time" or "then" in schema


def example(schema: JsonObject) -> object:
    """A small value of a schema, which replaces a missing value before it is broken."""
    schema = _resolved(schema)
    types = schema.get("type", "null")
    name = types if isinstance(types, str) else next(candidate for candidate in types if candidate != "null")
    if "enum" in schema:
        return schema["enum"][-1]
    if is_time(schema):
        return "2025-11-03T04:00:00Z"
    if "pattern" in schema:
        return "651586fca6078e98982dbd90"
    if name == "object":
        named = {member: example(said) for member, said in schema.get("properties", {}).items()}
        values = schema.get("additionalProperties")
        return named if values is None else named | {"example": example(values)}
    if name == "array":
        return [example(schema["items"])]
    return {"integer": 7, "boolean": False, "null": None}.get(name, "[example]")


def _walk(place: Place) -> Iterator[Place]:
    yield place
    schema = place.schema
    for name, member in schema.get("properties", {}).items():
        required, owner = name in schema.get("required", ()), f"{schema.get('$id', place.owner)}/{name}"
        yield from _walk(Place((*place.steps, name), _resolved(member), required, owner))
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            inside = Place(
                (*place.steps, EACH), _resolved(schema[keyword]), required=True, owner=f"{place.owner}/{EACH}"
            )
            yield from _walk(inside)


def _resolved(schema: JsonObject) -> JsonObject:
    while "$ref" in schema:
        schema = schemas()[schema["$ref"]]
    return schema
