"""Target files of tests, written from tables or changed member by member."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The value of a member that is left out.
ABSENT = object()


def changed(text: str, changes: Mapping[str, object]) -> str:
    """Return a target file's text with other values of these members, named like `keys.view`."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    for member, value in changes.items():
        table, _, name = member.partition(".")
        if value is ABSENT:
            tables.get(table, {}).pop(name, None)
        else:
            tables.setdefault(table, {})[name] = value
    return dumped(tables)


def dumped(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return tables of strings, numbers, lists and inline tables as TOML."""
    lines = [
        line for name, members in tables.items()
        for line in (f"[{name}]", *(f"{json.dumps(key)} = {_value(value)}" for key, value in members.items()))
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
