"""The expectations of the suite. Each yields findings: expected, received, where in the body, on which exchange.

An expectation that holds yields nothing; checks pass findings on with `yield from`. Where a more basic clause failed on
the same exchange, the expectation raises CannotTellError instead, so that one cause is one failure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.contract import equivalence, strict_json, validation
from conformance.contract.error_codes import same_code
from conformance.contract.operations import CAPABILITY, GRANTS, SHAPE_CLAUSE, SUCCESS, UNAVAILABLE, lacks
from conformance.contract.pointers import value_at
from conformance.http.availability.liveness import answered as is_answered
from conformance.http.client import is_blamable
from conformance.http.exchange import Exchange, Throttled, well_coded
from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from conformance.contract.json_types import JsonObject

ANY_4XX = range(400, 500)
#: How many missing ids a finding names.
MAX_NAMED = 20


class CannotTellError(Exception):
    """The check cannot judge, for the reason in the message. Its outcome is `error`."""


class NoAnswerError(CannotTellError):
    """No response arrived that can be judged. Another attempt may get one."""


class NotTestableError(Exception):
    """The target file lacks what the check needs; the message says what to set. The outcome is `not_tested`."""


class NotApplicableError(NotTestableError):
    """The contract exempts the target from the clause; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference between what was expected and what was received.

    `related`: other exchanges that show it, such as the request that had the effect.
    """

    outcome: Outcome
    wanted: str
    got: str
    exchange: Exchange | None = None
    pointer: str | None = None
    related: tuple[Exchange, ...] = ()


def resting_on(findings: Iterable[Finding], exchanges: Iterable[Exchange | None]) -> Iterator[Finding]:
    """Yield the findings with other exchanges that they rest on."""
    others = tuple(exchange for exchange in exchanges if exchange is not None)
    for finding in findings:
        yield replace(finding, related=(*finding.related, *others))


def violation(wanted: str, got: str, exchange: Exchange | None = None, pointer: str | None = None) -> Finding:
    """A broken MUST (of a SHOULD clause it counts as a warning)."""
    return Finding(Outcome.FAILED, wanted, got, exchange, pointer)


def advisory(wanted: str, got: str, exchange: Exchange | None = None, pointer: str | None = None) -> Finding:
    """The broken SHOULD half of a clause: a warning."""
    return Finding(Outcome.WARNED, wanted, got, exchange, pointer)


def inconclusive(why: str, exchange: Exchange | None = None) -> Finding:
    """The clause cannot be judged, for a reason that is no failure of it."""
    return Finding(Outcome.ERROR, "an answer that can be judged", why, exchange)


def inconclusive_reason(exchange: Exchange) -> str | None:
    """Why the status of this exchange allows no conclusion; None if it does."""
    if exchange.unanswered or exchange.suspected:
        how_often = times(exchange) if exchange.unanswered else f"as other inputs of {exchange.operation}"
        return f"HTTP-3 failed first ({exchange.failure or exchange.status}, {how_often})"
    if exchange.status is None:
        return exchange.failure or "no answer"
    if exchange.status in UNAVAILABLE:
        return f"{exchange.status}: the target is unavailable"
    if exchange.status == 429 and exchange.request.throttled is Throttled.RETRY:
        return "429 on every try: the target throttles"
    if exchange.key_died:
        return f"the key {exchange.request.key} stopped being accepted during the run"
    return None


def times(exchange: Exchange) -> str:
    """Describe how often a request got no answer."""
    count = exchange.seen[1] if exchange.seen else 2
    return "twice" if count == 2 else f"{count} times"


def expect_status(exchange: Exchange, *allowed: int | range, advise: Collection[int] = ()) -> Iterator[Finding]:
    """The status is one of `allowed`; an allowed status that is not in `advise` is a warning."""
    if why := inconclusive_reason(exchange) or _redirected(exchange):
        yield inconclusive(f"{why} on {exchange.request.line}", exchange)
    elif not any(exchange.status == item or (isinstance(item, range) and exchange.status in item) for item in allowed):
        yield violation(_statuses(allowed), _answer(exchange), exchange)
    elif advise and exchange.status not in advise:
        yield advisory(_statuses(tuple(advise)), _answer(exchange), exchange)


def naming_key(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings about capabilities; each that a wrong key would explain as well names the key.

    A key that holds more than its name says may do what it should not, and one that holds less is denied.
    """
    for finding in findings:
        hint = _key_hint(finding.exchange) if finding.outcome is Outcome.FAILED and finding.exchange else ""
        yield replace(finding, got=f"{finding.got}; {hint}") if hint else finding


def _key_hint(exchange: Exchange) -> str:
    key, operation = exchange.request.key, exchange.operation
    if operation not in CAPABILITY or key not in GRANTS:
        return ""
    if exchange.is_success and lacks(key, operation):
        return f"or the key `{key}` also holds {CAPABILITY[operation]}: check keys.{key}"
    if exchange.status == 403 and CAPABILITY[operation] in GRANTS[key]:
        return f"or the key `{key}` lacks {CAPABILITY[operation]}: check keys.{key}"
    return ""


def expect_no_server_error(exchange: Exchange, *allowed: int | range) -> Iterator[Finding]:
    """The status is one of `allowed`, and the request is answered: without a response twice is a violation, too."""
    if exchange.unanswered:
        yield violation(_statuses(allowed), f"{exchange.failure or exchange.status}, {times(exchange)}", exchange)
    else:
        yield from expect_status(exchange, *allowed)


def expect_code(exchange: Exchange, wanted: str) -> Iterator[Finding]:
    """The error code is the published one; another is a warning."""
    if exchange.is_refusal and well_coded(exchange) and not same_code(str(exchange.code), wanted):
        yield advisory(f"code {wanted}", f"{exchange.code}", exchange, "/error/code")


def expect_success(exchange: Exchange) -> Iterator[Finding]:
    """The status is any 2xx; a passive judge decides whether it is the documented one."""
    return expect_status(exchange, SUCCESS[exchange.operation], range(200, 300))


def expect_content(exchange: Exchange) -> Iterator[Finding]:
    """The request succeeds, with content that can be judged; passive judges decide whether both are right.

    A success of the documented status whose body breaks a more basic clause is inconclusive, because of that clause.
    """
    unsuccessful = list(expect_success(exchange))
    yield from unsuccessful
    if unsuccessful or exchange.status != SUCCESS[exchange.operation]:
        return
    try:
        _need(exchange, list if exchange.operation in ("list", "logs") else dict)
    except CannotTellError as reason:
        yield inconclusive(str(reason), exchange)


def expect_documented_status(exchange: Exchange) -> Iterator[Finding]:
    """A success has the one documented status, not another 2xx."""
    if exchange.is_success and exchange.status != SUCCESS[exchange.operation]:
        yield violation(str(SUCCESS[exchange.operation]), f"{exchange.status}", exchange)


def expect_answer(exchange: Exchange) -> Iterator[Finding]:
    """The request is answered; passive judges decide whether the response is right."""
    if not is_answered(exchange) and not is_blamable(exchange.request):
        return  # an intermediary may drop it
    if why := inconclusive_reason(exchange):
        yield inconclusive(f"{exchange.request.line}: {why}", exchange)


def expect_not_success(exchange: Exchange) -> Iterator[Finding]:
    """The response is not a success; another clause decides which refusal it must be."""
    if why := inconclusive_reason(exchange):
        yield inconclusive(f"{exchange.request.line}: {why}", exchange)
    elif exchange.is_success:
        yield violation("a refusal", _answer(exchange), exchange)


def expect_equal(got: object, wanted: object, exchange: Exchange, at: str) -> Iterator[Finding]:
    """A member has the requested value."""
    if got != wanted:
        yield violation(validation.render(wanted), validation.render(got), exchange, at)


def expect_unique(ids: Iterable[str], exchange: Exchange | None, what: str) -> Iterator[Finding]:
    """No id occurs twice."""
    for item, count in Counter(ids).items():
        if count > 1:
            yield violation(f"each {what} once", f"{item} {count} times", exchange, "/data")


def expect_same_ids(
    got: Collection[str], wanted: Collection[str], exchange: Exchange | None, what: str
) -> Iterator[Finding]:
    """The same ids, in any order, each once."""
    yield from expect_unique(got, exchange, what)
    missing, extra = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    if missing:
        yield violation(f"every {what}", f"{len(missing)} missing: {', '.join(missing[:MAX_NAMED])}", exchange, "/data")
    if extra:
        yield violation(
            f"only the {what}s seen otherwise", f"{len(extra)} more: {', '.join(extra[:3])}", exchange, "/data"
        )


def expect_ordered(ids: Sequence[str], exchange: Exchange, *, descending: bool = False) -> Iterator[Finding]:
    """Ids ascend (or descend), capitals before small letters or like them."""
    disorder = _disorder(ids, descending=descending)
    if disorder and _disorder([*map(str.lower, ids)], descending=descending):
        word = "descending" if descending else "ascending"
        first, second = disorder
        yield violation(f"{word} ids", f"{first} before {second}", exchange, _pointer_to(first, second, exchange))


def _disorder(ids: Sequence[str], *, descending: bool) -> tuple[str, str] | None:
    wrong = (pair for pair in pairwise(ids) if pair[0] != pair[1] and (pair[0] < pair[1]) == descending)
    return next(wrong, None)


def _pointer_to(first: str, second: str, exchange: Exchange) -> str:
    """The pointer to the id `second` in a list response; to the whole list where `first` is not just before it."""
    items = exchange.data if isinstance(exchange.data, list) else []
    ids = [item.get("id") if isinstance(item, dict) else None for item in items]
    places = (f"/data/{index}/id" for index, pair in enumerate(pairwise(ids), 1) if pair == (first, second))
    return next(places, "/data")


def expect_equivalent(
    shape: str, first: object, second: object, exchange: Exchange, ignore: Collection[str] = ()
) -> Iterator[Finding]:
    """Two readings of a resource agree in every member that the shape names."""
    for pointer in equivalence.differences(shape, first, second, ignore=ignore)[:5]:
        before, after = validation.render(value_at(first, pointer)), validation.render(value_at(second, pointer))
        yield violation(f"{before}, as in the other response", after, exchange, _place(second, exchange) + pointer)


def _place(value: object, exchange: Exchange) -> str:
    """The pointer to a value in its response; "" for the whole, or for a value from elsewhere."""
    if value is exchange.data and value is not None:
        return "/data"
    items = exchange.data if isinstance(exchange.data, list) else []
    return next((f"/data/{index}" for index, item in enumerate(items) if item is value), "")


def expect_stable(shape: str, readings: Sequence[Exchange], *, without: Collection[str] = ()) -> Iterator[Finding]:
    """Several readings in a row agree: live data may change, but not with each reading, and never back.

    Items of a list whose ids are in `without` are ignored.
    """
    for reading in readings:
        if why := inconclusive_reason(reading):
            yield inconclusive(f"{reading.request.line}: {why}", reading)
            return
        if reading.status != readings[0].status:
            yield violation(f"{readings[0].status} as before", f"{reading.status}", reading)
            return
    seen = [(without_items(answer.value, without), answer) for answer in readings]
    moves = [list(expect_equivalent(shape, a, b, exchange)) for (a, _), (b, exchange) in pairwise(seen)]
    came_back = any(
        move and not any(True for _ in expect_equivalent(shape, earlier, later, exchange))
        for (earlier, _), (later, exchange), move in zip(seen, seen[2:], moves, strict=False)
    )
    if (moves and all(moves)) or came_back:
        yield from next(move for move in moves if move)


def without_items(value: object, ids: Collection[str]) -> object:
    """The value of a list response without the items of these ids."""
    if not ids or not isinstance(value, dict) or not isinstance(value.get("data"), list):
        return value
    return {
        **value,
        "data": [item for item in value["data"] if not isinstance(item, dict) or str(item.get("id")) not in ids],
    }


def items_of(exchange: Exchange) -> list[JsonObject]:
    """The items of a list or logs answer. Raises CannotTellError where a more basic clause broke."""
    _need(exchange, list)
    return exchange.items


def object_of(exchange: Exchange) -> JsonObject:
    """The object of a get, restore, job or delete answer. Raises CannotTellError as `items_of` does."""
    _need(exchange, dict)
    data: dict[str, object] = exchange.data
    return data


def _need(exchange: Exchange, kind: type) -> None:
    why = inconclusive_reason(exchange)
    if why:
        raise NoAnswerError(f"{exchange.request.line}: {why}")
    if exchange.status != SUCCESS[exchange.operation]:
        raise CannotTellError(
            f"{SHAPE_CLAUSE[exchange.operation]} failed first on {exchange.request.line}: {_answer(exchange)}"
        )
    if exchange.limit_reached:
        raise CannotTellError(f"{exchange.request.line}: {exchange.limit_reached}")
    if isinstance(exchange.parsed, strict_json.NotJSON):
        raise CannotTellError(f"HTTP-1 failed first on {exchange.request.line}: {exchange.parsed}")
    if not isinstance(exchange.data, kind):
        raise CannotTellError(
            f"HTTP-2 failed first on {exchange.request.line}: data is {validation.render(exchange.data)}"
        )


def is_redirect(exchange: Exchange) -> bool:
    """Whether this is a 3xx that HTTP-9 forbids; a 304 to a conditional request is allowed."""
    conditional = any(name.lower().startswith("if-") for name, _ in exchange.request.headers)
    status = exchange.status or 0
    return 300 <= status < 400 and not (status == 304 and conditional)


def _redirected(exchange: Exchange) -> str | None:
    redirect = exchange.request.is_documented and is_redirect(exchange)
    return f"HTTP-9 failed first ({exchange.status})" if redirect else None


def _statuses(allowed: Sequence[int | range]) -> str:
    words = [str(item) if isinstance(item, int) else f"{item.start // 100}xx" for item in allowed]
    if "2xx" in words:  # the documented status is more specific
        words.remove("2xx")
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _answer(exchange: Exchange) -> str:
    return f"{exchange.status} {exchange.code}" if exchange.code else f"{exchange.status}"
