"""Bodies of job requests: invalid by each keyword of their schema, not JSON at all, and unusual but valid.

The schema itself says what to break: each keyword once (`type`, `required`, `enum`, `minLength`), then two at a time.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from conformance.contract.schemas import schemas
from conformance.generation import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn, SearchStrategy

    from conformance.contract.json_types import JsonObject

REQUEST = "job-request.json"
LEFT_OUT = object()


NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
JSON_VALUES: SearchStrategy[object] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)
WRONG: dict[str, SearchStrategy[object]] = {
    "null": st.none(),
    "integer": st.integers(-(2**63), 2**64),
    "number or boolean": st.one_of(NUMBERS, st.booleans()),
    "string": st.sampled_from(["", "x", "{}", "null", "restore"]),
    "array": st.lists(JSON_VALUES, max_size=3),
    "object": st.dictionaries(st.sampled_from(["", "id", "x", "$oid"]), st.sampled_from([None, 0, "x"]), max_size=2),
}


@dataclass(frozen=True)
class SchemaBreak:
    """One keyword of the schema at one place, and the values that break it there."""

    pointer: tuple[str, ...]
    keyword: str
    values: SearchStrategy[object]

    @property
    def label(self) -> str:
        """A description: `a body that breaks required at /contents`."""
        where = "/" + "/".join(self.pointer) if self.pointer else "the body itself"
        return f"a body that breaks {self.keyword} at {where}"


def breaks(valid: dict[str, object]) -> Iterator[SchemaBreak]:
    """Every keyword of the schema of job requests, and how to break it in a request that is valid otherwise."""
    yield from _breaks(schemas()[REQUEST], (), valid)


def _breaks(schema: JsonObject, pointer: tuple[str, ...], valid: Any) -> Iterator[SchemaBreak]:
    # Any: the part of a request at `pointer`, which has the type that `schema` says
    if "$ref" in schema:
        yield from _breaks(schemas()[schema["$ref"]], pointer, valid)
        return
    if "type" in schema:
        for kind, values in WRONG.items():
            if kind != schema["type"]:
                yield SchemaBreak(pointer, f"type ({kind})", values)
        yield SchemaBreak(
            pointer, "type (wrapped)", st.sampled_from([[valid], {"value": valid}, [[valid]], {"0": valid}])
        )
        if not isinstance(valid, str):
            yield SchemaBreak(pointer, "type (in a string)", st.just(json.dumps(valid)))
    if "enum" in schema:
        yield SchemaBreak(pointer, "enum", other_words(schema["enum"][0]))
    if schema.get("minLength"):
        yield SchemaBreak(pointer, "minLength", st.just(""))
    for name, below in schema.get("properties", {}).items():
        if name in schema.get("required", ()):
            yield SchemaBreak((*pointer, name), "required", st.just(LEFT_OUT))
        yield from _breaks(below, (*pointer, name), valid[name])


def other_words(word: str) -> SearchStrategy[str]:
    """Draw words other than this one, some of them similar to it."""
    return st.one_of(*other_words_by_kind(word).values())


@cache
def other_words_by_kind(word: str) -> dict[str, SearchStrategy[str]]:
    """Draw the words of `other_words`, by the kind of difference."""
    respelled = [word.upper(), word.title(), word[:-1], f"{word}s", f"{word},{word}", word * 2, f"{word};", f"/{word}"]
    by_kind = {
        "the word between spaces": text.around(word, st.text(text.SPACES + "\0", min_size=1, max_size=2)),
        "the word with something in it": text.inserted(word, st.sampled_from(text.INVISIBLE + text.PUNCTUATION)),
        "the word respelled": st.sampled_from(respelled),
        "another word": st.sampled_from(text.WORDS),
        "a word in another script": text.exotic(),
        "printable text": text.printable(),
    }
    return {label: words.filter(lambda other: other != word) for label, words in by_kind.items()}


def broken(valid: dict[str, object], *chosen: SchemaBreak) -> SearchStrategy[object]:
    """Draw the valid request with these breaks applied in turn; a break is left out where its place is gone by then."""

    def build(*values: object) -> object:
        body: object = copy.deepcopy(valid)
        for schema_break, value in zip(chosen, values, strict=True):
            body = _put(body, schema_break.pointer, value)
        return body

    return st.builds(build, *(schema_break.values for schema_break in chosen))


def _put(body: object, pointer: tuple[str, ...], value: object) -> object:
    if not pointer:
        return value
    name, *rest = pointer
    if not isinstance(body, dict) or (rest and name not in body):
        return body
    if not rest and value is LEFT_OUT:
        return {key: item for key, item in body.items() if key != name}
    return {**body, name: _put(body.get(name), tuple(rest), value)}


def not_json_objects(valid: JsonObject) -> dict[str, SearchStrategy[bytes]]:
    """Bodies that are not JSON, each derived from a valid request, and JSON that is not an object."""
    good = json.dumps(valid)
    quoted = good.replace('"', "'")
    loose = [
        *(quoted, good.replace('"action"', "action"), good[:-1] + ",}", "// x\n" + good, good[:-1] + "/**/}"),
        *(
            good.replace(":", "=", 1),
            good.replace('"restore"', "restore"),
            f"({good})",
            f"{good};",
            f"callback({good})",
        ),
    ]
    other = json.dumps(good), f"[{good}, {good}]", f"[[{good}]]"
    said = {
        "an empty body": st.sampled_from(["", " ", "\n", "\t \r\n"]),
        "a body that is cut short": st.integers(1, len(good) - 1).map(lambda length: good[:length]),
        "a body that begins too late": st.integers(1, len(good) - 2).map(lambda length: good[length:]),
        "a body with something behind it": st.sampled_from([good, "}", "]", "x", "{}", ",", "null", "\0"]).map(
            lambda more: good + more
        ),
        "a body in another language": st.sampled_from(loose),
        "a body with a raw control character": st.sampled_from("\0\n\x1b\x1f").map(
            lambda char: good.replace("restore", f"rest{char}ore")
        ),
        "the request in an array": st.just(f"[{good}]"),
        "another array": st.sampled_from([*other, "[]", "[null]", "[{}]"]),
        "a number, a string or a word": st.sampled_from(["0", "-1", "1e999", '""', '"restore"', "null", "true", "NaN"]),
        "an unclosed body": st.integers(1, 5000).map(lambda depth: "[" * depth),
        "a form": st.just("action=restore&contents[instance_id]=" + valid["contents"]["instance_id"]),
        "markup": st.sampled_from(["<restore/>", "<?xml version='1.0'?><a/>", "action: restore\n", "--x\r\n\r\n--x--"]),
    }
    return {label: strategy.map(str.encode) for label, strategy in said.items()}


@cache
def strange_members() -> dict[str, SearchStrategy[bytes]]:
    """JSON values that break careless parsers; as the value of an unknown member they are legal."""
    depth = st.integers(100, 3000)
    return {
        "arrays in arrays": depth.map(lambda depth: b"[" * depth + b"]" * depth),
        "objects in objects": depth.map(lambda depth: b'{"a":' * depth + b"1" + b"}" * depth),
        "a lone surrogate": st.sampled_from([b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\uDEAD x"', b'{"\\ud834":1}']),
        "a NUL in text": st.sampled_from([b'"\\u0000"', b'"a\\u0000b"', b'{"\\u0000":1}']),
        "a number of many digits": st.integers(400, 4000).map(lambda count: b"1" * count),
        "a number beyond a double": st.sampled_from([b"1e400", b"-1e999", b"1e-400", b"1e99999999", b"0.1e9999"]),
        "long text": st.integers(10_000, 60_000).map(lambda count: b'"' + b"x" * count + b'"'),
        "many members": st.integers(500, 3000).map(
            lambda count: b"{" + b",".join(b'"m%d":0' % number for number in range(count)) + b"}"
        ),
        "odd names": st.sampled_from(
            [b'{"":0}', b'{"__proto__":{"a":1}}', b'{"$where":"1"}', b'{"a.b":{"@type":"x"}}']
        ),
        "text of other scripts": text.exotic(40).map(lambda value: json.dumps(value, ensure_ascii=False).encode()),
        "a member twice": st.just(b'{"a":1,"a":2}'),
        "white space": st.integers(1, 5000).map(lambda count: b" \n\t" * count + b"0"),
    }


def with_extra(valid: dict[str, object], extra: bytes) -> bytes:
    """The request with that value as an unknown member."""
    return json.dumps(valid)[:-1].encode() + b',"extra":' + extra + b"}"


@st.composite
def respelled(draw: DrawFn, valid: dict[str, object]) -> bytes:
    """The same valid request as JSON may also be written: other white space, other order, characters escaped."""
    escaped = draw(st.sets(st.sampled_from(sorted(set("actionrestorecontentsinstance_id")))))
    order = draw(st.booleans())
    blank = draw(st.text(" \t\n\r", max_size=20))

    def write(value: object) -> str:
        if isinstance(value, dict):
            members = sorted(value.items(), reverse=order)
            parts = [f"{blank}{write(name)}{blank}:{blank}{write(item)}" for name, item in members]
            return "{" + ",".join(parts) + blank + "}"
        return '"' + "".join(f"\\u{ord(char):04X}" if char in escaped else char for char in str(value)) + '"'

    return f"{blank}{write(valid)}{blank}".encode()
