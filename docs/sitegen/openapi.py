"""Bundles the OpenAPI document and its schema files into one file that every OpenAPI tool reads.

`schemas/openapi.yaml` refers to one JSON Schema file per shape, and each of these files has an `$id`. Several tools
resolve references against that `$id` and fail. The bundle holds the same shapes under `components/schemas`, without
`$id` and `$schema`.

Run `python docs/sitegen/openapi.py` after a change of a schema; a test compares the result with the committed bundle.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).parents[2] / "schemas"
SOURCE = SCHEMAS / "openapi.yaml"
BUNDLE = SCHEMAS / "openapi.bundled.yaml"

HEADER = """\
# Generated from openapi.yaml and the JSON Schema files beside it by `python docs/sitegen/openapi.py`. Do not edit.
"""


def component_name(title: str) -> str:
    """The name of a shape under `components/schemas`: its title in Pascal case, such as `BackupListAnswer`."""
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", title))


def bundle(source: Path = SOURCE) -> dict[str, Any]:
    """The OpenAPI document at `source` with every schema file that it reaches moved into `components/schemas`.

    An object or array that may be null becomes `anyOf` of the shape and null: generators of clients then make one type
    for the shape. Raises ValueError if two schema files have the same title.
    """
    names: dict[str, str] = {}
    shapes: dict[str, Any] = {}
    nullable: set[str] = set()

    def include(file: str) -> dict[str, Any]:
        if file not in names:
            schema = json.loads((source.parent / file).read_text("utf-8"))
            names[file] = component_name(schema["title"])
            if list(names.values()).count(names[file]) > 1:
                raise ValueError(f"{file} has the title of another schema: {schema['title']!r}")
            own = {key: value for key, value in schema.items() if key not in ("$id", "$schema")}
            if is_nullable_structure(own):
                nullable.add(file)
                own["type"] = without_null(own["type"])
            shapes[names[file]] = rewrite(own)
        reference = {"$ref": f"#/components/schemas/{names[file]}"}
        return {"anyOf": [reference, {"type": "null"}]} if file in nullable else reference

    def rewrite(part: Any) -> Any:
        if isinstance(part, list):
            return [rewrite(item) for item in part]
        if not isinstance(part, dict):
            return part
        if not str(part.get("$ref", "#")).startswith("#"):
            return {**include(part["$ref"]), **{key: value for key, value in part.items() if key != "$ref"}}
        if is_nullable_structure(part):
            kept = {key: part[key] for key in ("title", "description") if key in part}
            structure = {key: value for key, value in part.items() if key not in kept}
            structure["type"] = without_null(part["type"])
            return {**kept, "anyOf": [rewrite(structure), {"type": "null"}]}
        return {key: rewrite(value) for key, value in part.items()}

    document: dict[str, Any] = rewrite(yaml.safe_load(source.read_text("utf-8")))
    document["components"]["schemas"] = dict(sorted(shapes.items()))
    return document


def is_nullable_structure(schema: dict[str, Any]) -> bool:
    """Whether a schema is of an object or array that may be null."""
    types = schema.get("type")
    return isinstance(types, list) and "null" in types and bool({"object", "array"} & set(types))


def without_null(types: list[str]) -> Any:
    """The other types: one by itself, several as a list."""
    others = [kind for kind in types if kind != "null"]
    return others[0] if len(others) == 1 else others


class _Dumper(yaml.SafeDumper):
    """Writes repeated objects out instead of using anchors, and long texts as blocks."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Every object is written out."""
        return True


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    style = "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _text)


def rendered(document: dict[str, Any]) -> str:
    """The bundle as YAML, with a stable order and line width."""
    return HEADER + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def main() -> None:
    """Write the bundle."""
    BUNDLE.write_text(rendered(bundle()), "utf-8")


if __name__ == "__main__":
    main()
