"""The words of the contract, from which no secret can be told: names of members and types, values of enumerations."""

from __future__ import annotations

import re
from functools import cache

from conformance.contract.operations import CAPABILITY, OPERATIONS
from conformance.contract.schemas import schemas

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_. -]*")


@cache
def vocabulary() -> frozenset[str]:
    """The words of the contract, in small letters: names of members and types, and the values that members may have."""
    words: set[str] = set()

    def collect(schema: object) -> None:  # a JSON Schema, or part of one
        if isinstance(schema, dict):
            words.update(map(str, schema))
            for item in schema.values():
                collect(item)
        elif isinstance(schema, list):
            for item in schema:
                collect(item)
        elif isinstance(schema, str) and _WORD.fullmatch(schema):
            words.add(schema)

    for schema in schemas().values():
        collect(schema)
    return frozenset(word.lower() for word in (*words, *CAPABILITY.values(), *OPERATIONS, *_MORE_WORDS))


#: what stands in requests, responses and examples beside the shapes
_MORE_WORDS = (
    *("authorization", "bearer", "basic", "accept", "content-type", "application/json", "x-hub-id", "hub-id"),
    *("containers", "backups", "restore", "restored", "delete", "integrations", "unknown", "default", "<string>"),
)
