"""The shapes of the contract: judged by compiled validators, mismatches explained in plain text.

A value is first judged whole by jsonschema-rs, which is fast enough for every response of a run. Only where that says
no does jsonschema look for the reasons; its verdict counts. It is imported with the first such value, so a run that
needs no reasons never loads it. Optional members that are null are taken out before:
HTTP-10 makes them a warning, never a failure of the shape.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from conformance import _compat
from conformance.contract.pointers import shown
from conformance.contract.schemas import Node, node, project, schemas, schemas_dir, schemas_sha256
from conformance.contract.timestamps import lacks_offset, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema.exceptions import ValidationError
    from referencing import Registry

    from conformance.contract.json_types import JsonObject

    Steps = tuple[str | int, ...]

__all__ = ["MAX_EXPLAINED", "Mismatch", "mismatches", "project", "render", "schemas_dir", "schemas_sha256"]

MAX_EXPLAINED = 50
"""How many violations, and beside them how many nulls of HTTP-10, are explained for one value."""

#: how many of the members of an object a mismatch names
_NAMED = 4
_GOT_LENGTH = 80
_INTEGER_DIGITS = 100
#: with these words `_quick` leaves a schema alone: they speak of other members than the named ones, or it uses them
_BESIDE_MEMBERS = {
    "additionalProperties", "patternProperties", "unevaluatedProperties", "minProperties", "maxProperties",
    "if", "then", "else",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place at which a value is not what its shape asks for."""

    pointer: str
    """RFC 6901, into the value; for a missing member the object that lacks it."""
    keyword: str
    """The keyword of JSON Schema that rejects it."""
    wanted: str
    """Part of a sentence: "a string", "the member hub_id"."""
    got: str
    """The value in JSON, cut to a readable length; "nothing" for a missing member."""
    null_optional: bool
    """True for a null at an optional member where the contract does not say `|null`: HTTP-10, a warning."""
    shape: str
    """The innermost shape that rejects it."""


def mismatches(shape: str, value: object) -> list[Mismatch]:
    """Why `value` is not of `shape` (a schema's file name without .json); [] if it is.

    Violations of the shape come first, those with `null_optional` (HTTP-10) after them: a value that has only the
    latter is valid. At most MAX_EXPLAINED of either kind. Raises KeyError for an unknown shape.
    """
    if _accepts(shape, value):
        return []
    nulls: list[Mismatch] = []
    cleaned = _without_nulls(node(shape), value, (), nulls)
    if nulls and _accepts(shape, cleaned):
        return nulls[:MAX_EXPLAINED]
    return _explain(shape, cleaned) + nulls[:MAX_EXPLAINED]


# The fast verdict


@cache
def _compiled(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_quick(schemas()[name]), registry=_registry(), validate_formats=True)


@cache
def _registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([(schema["$id"], _quick(schema)) for schema in schemas().values()])


def _quick(schema: JsonObject) -> JsonObject:
    """The same schema, put so that an object with nothing but its required members is looked through only once.

    An object of as many members as are required has them all if it has no others. Only one of another size has its
    required members looked up beside those that it has.
    """
    quick = {word: _quick(said) if isinstance(said, dict) else said for word, said in schema.items()}
    if "properties" in schema:
        quick["properties"] = members = {name: _quick(member) for name, member in schema["properties"].items()}
        required = schema.get("required", [])
        if required and members.keys() >= set(required) and not _BESIDE_MEMBERS & schema.keys():
            size = len(required)
            quick["if"] = {"minProperties": size, "maxProperties": size}
            quick["then"] = {"properties": {name: members[name] for name in required}, "additionalProperties": False}
            quick["else"] = {"properties": quick.pop("properties"), "required": quick.pop("required")}
    return quick


def _accepts(shape: str, value: object) -> bool:
    """Whether the compiled validator accepts the value; False also where it cannot tell, so that jsonschema decides."""
    return _is_valid(_compiled(f"{shape}.json"), value)


@lru_cache(maxsize=256)
def _part_accepts(schema: str) -> Callable[[object], bool]:
    """The same for a part of a schema, as JSON, whose references are to whole shapes."""
    base = "".join(next(iter(schemas().values()))["$id"].rpartition("/")[:2])
    part = {**json.loads(schema), "$id": f"{base}part.json"}
    validator = jsonschema_rs.Draft202012Validator(part, registry=_registry(), validate_formats=True)
    return lambda value: _is_valid(validator, value)


def _is_valid(validator: jsonschema_rs.Draft202012Validator, value: object) -> bool:
    try:
        return validator.is_valid(value)
    except (ValueError, OverflowError, RecursionError):  # a lone surrogate in a name, a depth beyond its own bound
        return False


# Nulls at optional members (HTTP-10)


def _without_nulls(node: Node, value: object, steps: Steps, nulls: list[Mismatch]) -> object:
    """`value` without the nulls that HTTP-10 is about, which are added to `nulls`; what has none is not copied."""
    if isinstance(value, dict):
        return _object_without_nulls(node, value, steps, nulls)
    if isinstance(value, list) and node.items is not None:
        changed: list[object] | None = None
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                kept = _without_nulls(node.items, item, (*steps, index), nulls)
                if kept is not item:
                    changed = list(value) if changed is None else changed
                    changed[index] = kept
        return value if changed is None else changed
    return value


def _object_without_nulls(node: Node, value: JsonObject, steps: Steps, nulls: list[Mismatch]) -> JsonObject:
    changed: JsonObject | None = None
    for name, item in value.items():
        below = node.member(name)
        if item is None and node.refuses_null_at(name):
            if len(nulls) <= MAX_EXPLAINED:
                nulls.append(_null(node, name, steps))
            changed = dict(value) if changed is None else changed
            del changed[name]
        elif below is not None and isinstance(item, dict | list):
            kept = _without_nulls(below, item, (*steps, name), nulls)
            if kept is not item:
                changed = dict(value) if changed is None else changed
                changed[name] = kept
    return value if changed is None else changed


def _null(parent: Node, name: str, steps: Steps) -> Mismatch:
    member = parent.members[name]
    return Mismatch(
        pointer=shown((*steps, name)),
        keyword="type",
        wanted=f"{_any_of(member.types)}, or no member at all",
        got="null",
        null_optional=True,
        shape=member.shape,
    )


# Explaining


def _reference(validator: object, reference: str, instance: object, schema: object) -> Iterator[ValidationError]:
    """Follow a `$ref`, as jsonschema does, but skip a value that the compiled validator accepts."""
    if not _accepts(reference.removesuffix(".json"), instance):
        yield from (
            _compat.jsonschema().Draft202012Validator.VALIDATORS["$ref"](validator, reference, instance, schema) or ()
        )


_Validator = Any  # Any: jsonschema makes the class at run time; its stubs give the methods no types


def _items(validator: _Validator, schema: JsonObject, instance: list[object], _: object) -> Iterator[ValidationError]:
    """Validate `items`, but skip elements that the compiled validator accepts: there may be very many."""
    if validator.is_type(instance, "array"):
        accepts = _part_accepts(json.dumps(schema))
        for index, item in enumerate(instance):
            if not accepts(item):
                yield from validator.descend(item, schema, path=index)


def _additional(
    validator: _Validator, schema: JsonObject, instance: JsonObject, whole: JsonObject
) -> Iterator[ValidationError]:
    """`additionalProperties` of maps; what the compiled validator accepts is not looked into."""
    if validator.is_type(instance, "object"):
        accepts = _part_accepts(json.dumps(schema))
        named = whole.get("properties", {})
        for name, item in instance.items():
            if name not in named and not accepts(item):
                yield from validator.descend(item, schema, path=name)


# jsonschema writes the whole value into its messages, which is slow for a page and fails for an integer of more than
# 4300 digits. The keywords that meet such values are done here, without a text: the sentence is _wanted's.


def _error(message: str = "") -> ValidationError:
    error: ValidationError = _compat.jsonschema().ValidationError(message)
    return error


def _type(
    validator: _Validator, types: str | list[str], instance: object, _schema: object
) -> Iterator[ValidationError]:
    if not any(validator.is_type(instance, type_name) for type_name in ([types] if isinstance(types, str) else types)):
        yield _error()


def _enum(_validator: object, choices: list[str], instance: object, _schema: object) -> Iterator[ValidationError]:
    if instance not in choices:
        yield _error()


def _required(
    validator: _Validator, names: list[str], instance: JsonObject, _schema: object
) -> Iterator[ValidationError]:
    """`required`; the message is the missing member's name."""
    if validator.is_type(instance, "object"):
        yield from (_error(name) for name in names if name not in instance)


def _pattern(validator: _Validator, pattern: str, instance: object, _schema: object) -> Iterator[ValidationError]:
    """`pattern` in the dialect that JSON Schema asks for: `$` is the very end, not also a newline before it."""
    ecma = re.sub(r"\$$", r"\\Z", pattern)
    if validator.is_type(instance, "string") and not re.search(ecma, str(instance)):
        yield _error()


_EXPLAINING: Mapping[str, Callable[..., object]] = {
    "$ref": _reference, "type": _type, "enum": _enum, "required": _required, "pattern": _pattern,
    "items": _items, "additionalProperties": _additional,
}  # fmt: skip


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or parse_time(value) is not None


@cache
def _explainer(name: str) -> _Validator:
    from referencing import Registry  # noqa: PLC0415 - needed with jsonschema alone
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    # Without $schema: jsonschema would follow it, at each reference, to its own class of validators.
    bare = {
        key: {word: said for word, said in document.items() if word != "$schema"} for key, document in schemas().items()
    }
    resources = [(schema["$id"], DRAFT202012.create_resource(schema)) for schema in bare.values()]
    registry: Registry[object] = Registry().with_resources(resources)
    explaining = extended(_EXPLAINING)
    return explaining(bare[name], registry=registry, format_checker=format_checker())


def extended(keywords: Mapping[str, Callable[..., object]]) -> type[_Validator]:
    """Return jsonschema's class of validators with other functions for these keywords."""
    library = _compat.jsonschema()
    validators: type[_Validator] = library.validators.extend(library.Draft202012Validator, keywords)
    return validators


@cache
def format_checker() -> _Validator:
    """Return a checker of the one format that the contract uses, `date-time`."""
    checker = _compat.jsonschema().FormatChecker(formats=())
    checker.checks("date-time")(_is_time)
    return checker


def _explain(shape: str, value: object) -> list[Mismatch]:
    by_place: dict[tuple[str, str, str], Mismatch] = {}
    of_wrong_type: set[str] = set()
    for error in _explainer(f"{shape}.json").iter_errors(value):
        mismatch = _violation(shape, error)
        if mismatch.keyword == "type":
            of_wrong_type.add(mismatch.pointer)
        by_place[mismatch.pointer, mismatch.keyword, mismatch.wanted] = mismatch
        if len(by_place) >= MAX_EXPLAINED:
            break
    # A value of the wrong type breaks the enum as well: explained cause, reported once.
    return [
        explained
        for explained in by_place.values()
        if explained.keyword == "type" or explained.pointer not in of_wrong_type
    ]


def _violation(shape: str, error: ValidationError) -> Mismatch:
    keyword = str(error.validator)
    member = error.message if keyword == "required" else None
    return Mismatch(
        pointer=shown(error.absolute_path),
        keyword=keyword,
        wanted=_wanted(keyword, error.validator_value) if member is None else f"the member {member}",
        got=_got(keyword, error),
        null_optional=False,
        shape=_innermost(shape, error),
    )


def _innermost(shape: str, error: ValidationError) -> str:
    """The shape of the last reference that the way to the keyword goes through."""
    schema: Any = schemas()[f"{shape}.json"]  # Any: a part of it, as deep as the path leads
    for step in error.absolute_schema_path:  # in which jsonschema leaves the references out
        while "$ref" in schema and step not in schema:
            shape = schema["$ref"].removesuffix(".json")
            schema = schemas()[f"{shape}.json"]
        schema = schema[step]
    return shape


_ARTICLES = {"array": "an array", "integer": "an integer", "object": "an object", "null": "null"}


def _any_of(types: tuple[str, ...]) -> str:
    return " or ".join(_ARTICLES.get(name, f"a {name}") for name in types)


def _got(keyword: str, error: ValidationError) -> str:
    """What is there instead: the value, or where a member is missing, those that the object has."""
    value = error.instance
    if keyword == "required":
        names = [render(name) for name in islice(value, _NAMED)] if isinstance(value, dict) else []
        more = ", …" if isinstance(value, dict) and len(value) > _NAMED else ""
        return f"nothing (the object has {', '.join(names)}{more})" if names else "nothing (the object is empty)"
    if keyword == "format" and isinstance(value, str) and lacks_offset(value):
        return f"{render(value)}, which has no offset"
    return render(value)


def _wanted(keyword: str, asked: Any) -> str:  # Any: by keyword
    match keyword:
        case "type":
            return _any_of((asked,) if isinstance(asked, str) else tuple(asked))
        case "enum":
            return str(asked[0]) if len(asked) == 1 else "one of " + ", ".join(map(str, asked))
        case "pattern":
            return f"a string that matches {asked}"
        case "format":
            return "an RFC 3339 time" if asked == "date-time" else f"a string in {asked} format"
        case "minLength":
            return "a string that is not empty" if asked == 1 else f"a string of at least {asked} characters"
    return f"{keyword} {render(asked)}"


def render(value: object) -> str:
    """`value` as JSON in ASCII, cut to about 80 characters, however large or deep it is."""
    text = json.dumps(_trim(value, 3))
    return text if len(text) <= _GOT_LENGTH else text[: _GOT_LENGTH - 1] + "…"


def _trim(value: object, levels: int) -> object:
    if isinstance(value, str):
        return value[:_GOT_LENGTH]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_INTEGER_DIGITS:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, dict):
        shown = islice(value.items(), _GOT_LENGTH if levels else 0)
        return {str(name)[:_GOT_LENGTH]: _trim(item, levels - 1) for name, item in shown}
    if isinstance(value, list):
        return [_trim(item, levels - 1) for item in islice(value, _GOT_LENGTH if levels else 0)]
    return value
