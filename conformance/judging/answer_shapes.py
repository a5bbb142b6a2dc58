"""The shape that each response must have, and where it departs from it, computed once per exchange."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from conformance.contract import strict_json, validation
from conformance.http.exchange import Expected, Sender, well_coded
from conformance.judging.unusual_requests import asks_for_its_refusal, unusual_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange

ANSWER_SHAPE: dict[Operation, str] = {
    "list": "backup-list-answer",
    "get": "backup-answer",
    "logs": "backup-log-list-answer",
    "restore": "job-descriptor-answer",
    "job": "job-answer",
    "delete": "deletion-answer",
}


def _asked_once(question: Callable[[Exchange], bool]) -> Callable[[Exchange], bool]:
    """Remember the answer about each exchange, which no longer changes once it is judged."""

    @wraps(question)
    def answer(exchange: Exchange) -> bool:
        known = exchange.known
        if question not in known:
            known[question] = question(exchange)
        return known[question]

    return answer


def is_judgeable(exchange: Exchange) -> bool:
    """Whether this is a response of the target itself to a request that the contract describes."""
    return exchange.is_judgeable


@_asked_once
def is_judgeable_success(exchange: Exchange) -> bool:
    """Whether this is a success with a JSON body, whose content can be judged."""
    return exchange.is_judgeable_success


def is_body_judged(exchange: Exchange) -> bool:
    """Whether the body of a response is the target's own, and the contract says something about it.

    An intermediary may have written the body of a 429 or of an unavailable target. The body of a 5xx is a consequence
    of the failure of HTTP-3. A refusal that the request's own header asks for has the form that HTTP gives it.
    """
    status = exchange.status or 0
    return (
        is_judgeable(exchange)
        and not exchange.is_part
        and status not in (304, 429)
        and status < 500
        and not asks_for_its_refusal(exchange.request, status)
    )


@_asked_once
def is_foreign_refusal(exchange: Exchange) -> bool:
    """Whether this is a 4xx without an envelope to an unusual request, which an intermediary may have sent (HTTP-1)."""
    return (
        exchange.is_refusal
        and is_body_judged(exchange)
        and not exchange.oauth
        and not _is_envelope(exchange)
        and unusual_part(exchange.request) is not None
    )


def _is_envelope(exchange: Exchange) -> bool:
    parsed = exchange.parsed
    return isinstance(parsed, strict_json.Parsed) and parsed.derive("is an envelope", _has_error_shape)


def _has_error_shape(value: object) -> bool:
    return all(mismatch.null_optional for mismatch in validation.mismatches("error-envelope", value))


@_asked_once
def is_error(exchange: Exchange) -> bool:
    """Whether this is a 4xx of the target itself, whose body is judged."""
    return exchange.is_refusal and is_body_judged(exchange) and not is_foreign_refusal(exchange)


@_asked_once
def has_envelope(exchange: Exchange) -> bool:
    """Whether this is an error whose `error` is an object, so that its members can be judged."""
    return (
        is_error(exchange)
        and not exchange.oauth
        and isinstance(exchange.value, dict)
        and isinstance(exchange.value.get("error"), dict)
    )


def has_valid_code(exchange: Exchange) -> bool:
    """Whether this is an error whose code begins with its status, so that the code can be judged."""
    return has_envelope(exchange) and well_coded(exchange)


def is_expected_success(exchange: Exchange) -> bool:
    """Whether this is a success of a request that should succeed; for others the success itself is the defect."""
    return (
        is_judgeable_success(exchange)
        and exchange.request.sender is Sender.MEMBER
        and exchange.request.ownership in ("own", "sibling")
    )


def serves(*operations: Operation) -> Callable[[Exchange], bool]:
    """Return a predicate: whether an exchange is a judgeable success of one of the operations."""
    return lambda exchange: exchange.operation in operations and is_judgeable_success(exchange)


def succeeds(*operations: Operation) -> Callable[[Exchange], bool]:
    """Return a predicate: whether an exchange is a success of one of the operations whose status can be judged.

    A success without readable content counts only where the request should succeed: otherwise it is the defect itself.
    """

    def is_success_of(exchange: Exchange) -> bool:
        return exchange.operation in operations and (is_judgeable_success(exchange) or _is_due(exchange))

    return is_success_of


def _is_due(exchange: Exchange) -> bool:
    """Whether this is a success, whatever its body, of a request that should succeed."""
    request = exchange.request
    due = request.sender is Sender.MEMBER and request.denied is None and request.ownership in ("own", "sibling")
    answered = is_judgeable(exchange) and exchange.is_success and not exchange.is_part
    return answered and due and request.expected is Expected.DOCUMENTED


def shape_of(exchange: Exchange) -> str | None:
    """The name of the shape that the contract gives this response; None where it gives none."""
    if is_error(exchange):
        return "oauth-error" if exchange.oauth else "error-envelope"
    return ANSWER_SHAPE[exchange.operation] if is_judgeable_success(exchange) else None


def mismatches(exchange: Exchange) -> list[validation.Mismatch]:
    """The departures of the response from its shape; those that are HTTP-10's are marked."""
    shape, parsed = shape_of(exchange), exchange.parsed
    if shape is None or not isinstance(parsed, strict_json.Parsed):
        return []
    return parsed.derive(("mismatches", shape), lambda value: _mismatches(shape, value))


def _mismatches(shape: str, value: object) -> list[validation.Mismatch]:
    departures = validation.mismatches(shape, value)
    empty = departures and _includes_nothing(value)
    return [departure for departure in departures if not (empty and departure.pointer.startswith("/includes"))]


def mismatches_at(exchange: Exchange, root: str) -> list[validation.Mismatch]:
    """The departures at a pointer or below it, without those of HTTP-10."""
    return [
        mismatch
        for mismatch in mismatches(exchange)
        if not mismatch.null_optional and (mismatch.pointer == root or mismatch.pointer.startswith(f"{root}/"))
    ]


def backups(exchange: Exchange) -> Iterator[tuple[str, dict[str, object]]]:
    """Every backup in a list or get response, with its pointer."""
    if exchange.operation == "list":
        data = exchange.data
        for index, item in enumerate(data if isinstance(data, list) else ()):
            if isinstance(item, dict):
                yield f"/data/{index}", item
    elif isinstance(exchange.data, dict):
        yield "/data", exchange.data


def integrations(exchange: Exchange) -> dict[str, dict[str, object]]:
    """The included integrations by their keys."""
    includes = exchange.value.get("includes") if isinstance(exchange.value, dict) else None
    included = includes.get("integrations") if isinstance(includes, dict) else None
    return (
        {key: value for key, value in included.items() if isinstance(value, dict)} if isinstance(included, dict) else {}
    )


def _includes_nothing(value: object) -> bool:
    """Whether `includes` is empty: absent, null, {}, [], or an object whose members are all empty."""
    includes = value.get("includes") if isinstance(value, dict) else None
    return includes in (None, {}, []) or (
        isinstance(includes, dict) and all(included in (None, {}, []) for included in includes.values())
    )


def asks_integrations(exchange: Exchange) -> bool:
    """Whether this is an expected success of a request with include=integrations."""
    return (
        is_expected_success(exchange)
        and exchange.operation in ("list", "get")
        and exchange.request.asked.get("include") == "integrations"
    )
