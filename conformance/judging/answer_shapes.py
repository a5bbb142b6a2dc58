"""Which shape an answer is held to, and where it departs from it: looked up once per exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from conformance.contract import strict_json, validation
from conformance.http.exchange import well_coded

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange, Operation

ANSWER_SHAPE: dict[Operation, str] = {
    "list": "backup-list-answer",
    "get": "backup-answer",
    "logs": "backup-log-list-answer",
    "restore": "job-descriptor-answer",
    "job": "job-answer",
    "delete": "deletion-answer",
}

_violations: WeakKeyDictionary[Exchange, list[validation.Violation]] = WeakKeyDictionary()


def judged(x: Exchange) -> bool:
    """An answer, by the target itself, to a request that the contract describes."""
    return x.judged


def served(x: Exchange) -> bool:
    """A success that carries JSON: its content can be judged."""
    return x.served


def is_error(x: Exchange) -> bool:
    """A 4xx or 5xx of the target itself."""
    return judged(x) and x.status is not None and x.status >= 400


def has_envelope(x: Exchange) -> bool:
    """An error whose `error` is an object: its members can be judged."""
    return is_error(x) and not x.oauth and isinstance(x.value, dict) and isinstance(x.value.get("error"), dict)


def coded(x: Exchange) -> bool:
    """An error whose code is of its own status: which one it is can be judged."""
    return has_envelope(x) and well_coded(x)


def rightful(x: Exchange) -> bool:
    """A success where one was due: what it shows must be what was asked for. Elsewhere its status is the defect."""
    return served(x) and x.request.good_key and x.request.ownership in ("own", "sibling")


def serves(*operations: Operation) -> Any:
    """Predicate: a success of one of the operations."""
    return lambda x: x.operation in operations and served(x)


def shape_of(x: Exchange) -> str | None:
    """The shape that the contract gives this answer."""
    if is_error(x):
        return "oauth-error" if x.oauth else "error-envelope"
    return ANSWER_SHAPE[x.operation] if served(x) else None


def violations(x: Exchange) -> list[validation.Violation]:
    """Where the answer departs from its shape; nulls of HTTP-10 included, and marked as such."""
    if x not in _violations:
        shape = shape_of(x)
        known = shape is not None and isinstance(x.parsed, strict_json.Parsed)
        _violations[x] = validation.violations(str(shape), x.value) if known else []
    return _violations[x]


def violations_at(x: Exchange, root: str) -> list[validation.Violation]:
    """Real violations of the shape at a pointer or below it."""
    return [
        violation
        for violation in violations(x)
        if not violation.null_optional and (violation.pointer == root or violation.pointer.startswith(f"{root}/"))
    ]


def backups(x: Exchange) -> list[tuple[str, dict[str, Any]]]:
    """Every backup that a list or get answer shows, with its pointer."""
    if x.operation == "list":
        data = x.data if isinstance(x.data, list) else []
        return [(f"/data/{index}", item) for index, item in enumerate(data) if isinstance(item, dict)]
    return [("/data", x.data)] if isinstance(x.data, dict) else []


def integrations(x: Exchange) -> dict[str, dict[str, Any]]:
    """The included integrations by their keys."""
    includes = x.value.get("includes") if isinstance(x.value, dict) else None
    included = includes.get("integrations") if isinstance(includes, dict) else None
    return {key: one for key, one in included.items() if isinstance(one, dict)} if isinstance(included, dict) else {}


def asks_integrations(x: Exchange) -> bool:
    """A success that was rightly asked for with include=integrations."""
    return rightful(x) and x.operation in ("list", "get") and x.request.asked.get("include") == "integrations"
