"""The words of the contract and of reports (names of members, enum values), which cannot be masked as secrets."""

from __future__ import annotations

import json
import re
from functools import cache

from conformance.contract.operations import CAPABILITY, OPERATIONS
from conformance.contract.schemas import schemas, schemas_dir

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_. -]*")


@cache
def vocabulary() -> frozenset[str]:
    """Return the words of the contract and of reports in lower case: names of members, and their possible values."""
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

    for schema in (*schemas().values(), *map(_own_schema, _OUR_SCHEMAS)):
        collect(schema)
    return frozenset(word.lower() for word in (*words, *CAPABILITY.values(), *OPERATIONS, *_MORE_WORDS, *_OUR_WORDS))


#: words of requests, responses and examples beside those of the shapes
_MORE_WORDS = (
    *("authorization", "bearer", "basic", "accept", "content-type", "application/json", "x-hub-id", "hub-id"),
    *("containers", "backups", "restore", "restored", "delete", "integrations", "unknown", "default", "<string>"),
    *("get", "post", "put", "patch", "head", "options", "content-length", "retry-after", "location", "allow", "etag"),
    *("transfer-encoding", "content-encoding", "cache-control", "connection", "keep-alive", "server", "date"),
    *("www-authenticate", "realm", "chunked", "identity", "utf-8", "not found", "no answer", "true", "false", "null"),
)
#: the formats of our own reports
_OUR_SCHEMAS = ("results.json", "exchange.json")
#: words that reports contain and their readers search for
_OUR_WORDS = (
    *("passed", "failed", "warned", "waived", "not_tested", "not tested", "error", "failed first", "inconclusive"),
    *("conformant", "partial", "non-conformant", "observed", "final-review", "generated", "wanted", "expected", "seen"),
    *("should", "must", "full", "view", "manage", "unrelated", "expired", "other_hub", "none", "own", "sibling"),
    *("crossed", "missing", "malformed", "other hub", "documented", "refusal", "undocumented", "member", "outsider"),
    *("retry", "accept", "does not apply", "conformance", "backups-conformance"),
)


def _own_schema(file: str) -> object:
    return json.loads((schemas_dir() / file).read_bytes())
