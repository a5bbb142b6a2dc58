"""All expectations of the suite, each in one sentence: wanted, got, where in the body, on which exchange.

An expectation yields what is wrong and nothing when all is well; checks pass it on with `yield from`. Where a more
basic clause broke on the very exchange, it raises CannotTellError instead: one cause, one failure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from conformance.contract import equivalence, strict_json, validation
from conformance.http.exchange import SUCCESS, UNAVAILABLE, Exchange, Operation, same_code, well_coded
from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

ANY_4XX = range(400, 500)
SHAPE_CLAUSE: dict[Operation, str] = {
    "list": "LIST-1",
    "get": "GET-1",
    "logs": "LOG-1",
    "restore": "JOB-1",
    "job": "JBS-1",
    "delete": "DEL-1",
}


class CannotTellError(Exception):
    """The check cannot judge; the message says because of what. Its outcome is `error`."""


class NotTestableError(Exception):
    """The target file does not offer what the check needs; the message says what to set. `not_tested`."""


@dataclass(frozen=True, slots=True)
class Found:
    """One difference between wanted and got, on a live exchange."""

    outcome: Outcome
    wanted: str
    got: str
    on: Exchange | None = None
    at: str | None = None


Findings = "Iterator[Found]"


def broken(wanted: str, got: str, on: Exchange | None = None, at: str | None = None) -> Found:
    """A broken MUST (of a SHOULD clause it counts as a warning)."""
    return Found(Outcome.FAILED, wanted, got, on, at)


def advised(wanted: str, got: str, on: Exchange | None = None, at: str | None = None) -> Found:
    """The broken SHOULD half of a clause: a warning."""
    return Found(Outcome.WARNED, wanted, got, on, at)


def untold(why: str, on: Exchange | None = None) -> Found:
    """Could not be told, for a reason that is not this clause's."""
    return Found(Outcome.ERROR, "an answer that can be judged", why, on)


def no_verdict(on: Exchange) -> str | None:
    """Why nothing can be concluded from this exchange's status; None where something can."""
    if on.unanswered:
        return f"because HTTP-3 failed ({on.failure or on.status}, twice)"
    if on.status is None:
        return on.failure or "no answer"
    if on.status in UNAVAILABLE:
        return f"{on.status}: the target is unavailable"
    if on.status == 429 and on.request.patient:
        return "429 on every try: the target throttles"
    if on.key_died:
        return f"the key {on.request.key} stopped being accepted during the run"
    return None


def status(on: Exchange, *allowed: int | range, advise: Collection[int] = ()) -> Iterator[Found]:
    """The status is one of those allowed; where `advise` is given, being another one is a warning."""
    if why := no_verdict(on) or _redirected(on):
        yield untold(f"{why} on {on.request.line}", on)
    elif not any(on.status == item or (isinstance(item, range) and on.status in item) for item in allowed):
        yield broken(_statuses(allowed), _answer(on), on)
    elif advise and on.status not in advise:
        yield advised(_statuses(tuple(advise)), _answer(on), on)


def harmless(on: Exchange, *allowed: int | range) -> Iterator[Found]:
    """The same for what must do no harm: the same input twice without an answer is harm, too."""
    if on.unanswered:
        yield broken(_statuses(allowed), f"{on.failure or on.status}, twice", on)
    else:
        yield from status(on, *allowed)


def code(on: Exchange, wanted: str) -> Iterator[Found]:
    """The error code is the published one: a SHOULD wherever it is asked."""
    if on.refused and well_coded(on) and not same_code(str(on.code), wanted):
        yield advised(f"code {wanted}", f"{on.code}", on, "/error/code")


def success(on: Exchange) -> Iterator[Found]:
    """Any 2xx: that it is the documented one is judged on every answer by the clause of its shape."""
    return status(on, SUCCESS[on.operation], range(200, 300))


def shown_status(on: Exchange) -> Iterator[Found]:
    """A success has the one documented status, not another 2xx."""
    if on.succeeded and on.status != SUCCESS[on.operation]:
        yield broken(str(SUCCESS[on.operation]), f"{on.status}", on)


def answered(on: Exchange) -> Iterator[Found]:
    """Some answer came; what it must look like is the passive clauses' business."""
    if why := no_verdict(on):
        yield untold(f"{on.request.line}: {why}", on)


def not_served(on: Exchange) -> Iterator[Found]:
    """Anything but a success: used where the exact refusal is another clause's."""
    if why := no_verdict(on):
        yield untold(f"{on.request.line}: {why}", on)
    elif on.succeeded:
        yield broken("a refusal", _answer(on), on)


def equal(got: object, wanted: object, on: Exchange, at: str) -> Iterator[Found]:
    """A member has the value that was asked for."""
    if got != wanted:
        yield broken(validation.render(wanted), validation.render(got), on, at)


def valid(shape: str, value: object, on: Exchange, at: str = "") -> Iterator[Found]:
    """The value is of the shape (nulls at optional members are HTTP-10's)."""
    for violation in validation.violations(shape, value):
        if not violation.null_optional:
            yield broken(violation.wanted, violation.got, on, at + violation.pointer)


def unique(ids: Iterable[str], on: Exchange | None, what: str) -> Iterator[Found]:
    """No id occurs twice."""
    for item, count in Counter(ids).items():
        if count > 1:
            yield broken(f"each {what} once", f"{item} {count} times", on, "/data")


def same_ids(got: Collection[str], wanted: Collection[str], on: Exchange | None, what: str) -> Iterator[Found]:
    """The same ids, in any order, each once."""
    yield from unique(got, on, what)
    missing, extra = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    if missing:
        yield broken(f"every {what}", f"{len(missing)} missing: {', '.join(missing[:3])}", on, "/data")
    if extra:
        yield broken(f"only the {what}s seen otherwise", f"{len(extra)} more: {', '.join(extra[:3])}", on, "/data")


def ordered(ids: Sequence[str], on: Exchange, *, descending: bool = False) -> Iterator[Found]:
    """Ids ascend (or descend), capitals before small letters or like them."""
    disorders = [_disorder(ids, descending=descending), _disorder([*map(str.lower, ids)], descending=descending)]
    if all(disorders):
        word = "descending" if descending else "ascending"
        yield broken(f"{word} ids", str(disorders[0]), on, "/data")


def _disorder(ids: Sequence[str], *, descending: bool) -> str | None:
    wrong = (pair for pair in pairwise(ids) if pair[0] != pair[1] and (pair[0] < pair[1]) == descending)
    return next((f"{first} before {second}" for first, second in wrong), None)


def same(shape: str, first: object, second: object, on: Exchange, ignore: Collection[str] = ()) -> Iterator[Found]:
    """Two readings of one thing agree in every member that the shape names."""
    for pointer in equivalence.differences(shape, first, second, ignore=ignore)[:5]:
        before, after = validation.render(at(first, pointer)), validation.render(at(second, pointer))
        yield broken(f"{before} as in the other reading", after, on, _place(second, on) + pointer)


def _place(value: object, on: Exchange) -> str:
    """Where in its answer this very value stands; "" for the whole of it, or for a value from elsewhere."""
    if value is on.data and value is not None:
        return "/data"
    items = on.data if isinstance(on.data, list) else []
    return next((f"/data/{index}" for index, item in enumerate(items) if item is value), "")


def steady(shape: str, readings: Sequence[Exchange], *, without: Collection[str] = ()) -> Iterator[Found]:
    """Several readings in a row agree: live data may move on, but not with each reading, and never back.

    Items of a list whose ids are in `without` are not looked at.
    """
    for reading in readings:
        if why := no_verdict(reading):
            yield untold(f"{reading.request.line}: {why}", reading)
            return
        if reading.status != readings[0].status:
            yield broken(f"{readings[0].status} as before", f"{reading.status}", reading)
            return
    seen = [(_without(x.value, without), x) for x in readings]
    moves = [list(same(shape, a, b, on)) for (a, _), (b, on) in pairwise(seen)]
    came_back = any(
        move and not any(True for _ in same(shape, earlier, later, on))
        for (earlier, _), (later, on), move in zip(seen, seen[2:], moves, strict=False)
    )
    if (moves and all(moves)) or came_back:
        yield from next(move for move in moves if move)


def _without(value: Any, ids: Collection[str]) -> Any:
    """A list answer without the items of these ids."""
    if not ids or not isinstance(value, dict) or not isinstance(value.get("data"), list):
        return value
    return {
        **value,
        "data": [item for item in value["data"] if not isinstance(item, dict) or item.get("id") not in ids],
    }


def at(value: Any, pointer: str) -> Any:
    """The value at a JSON pointer, None where there is none."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def listed(on: Exchange) -> list[dict[str, Any]]:
    """The items of a list or logs answer. Raises CannotTellError where a more basic clause broke."""
    _need(on, list)
    return on.items


def shown(on: Exchange) -> dict[str, Any]:
    """The object of a get, restore, job or delete answer. Raises CannotTellError as `listed` does."""
    _need(on, dict)
    data: dict[str, Any] = on.data
    return data


def _need(on: Exchange, kind: type) -> None:
    why = no_verdict(on)
    if why:
        raise CannotTellError(f"{on.request.line}: {why}")
    if on.status != SUCCESS[on.operation]:
        raise CannotTellError(f"because {SHAPE_CLAUSE[on.operation]} failed on {on.request.line}: {_answer(on)}")
    if isinstance(on.parsed, strict_json.NotJSON):
        raise CannotTellError(f"because HTTP-1 failed on {on.request.line}: {on.parsed}")
    if not isinstance(on.data, kind):
        raise CannotTellError(f"because HTTP-2 failed on {on.request.line}: data is {validation.render(on.data)}")


def _redirected(on: Exchange) -> str | None:
    redirect = on.status is not None and 300 <= on.status < 400 and on.request.documented
    return f"because HTTP-9 failed ({on.status})" if redirect else None


def _statuses(allowed: Sequence[int | range]) -> str:
    words = [str(item) if isinstance(item, int) else f"{item.start // 100}xx" for item in allowed]
    if "2xx" in words:  # the documented status says more
        words.remove("2xx")
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _answer(on: Exchange) -> str:
    return f"{on.status} {on.code}" if on.code else f"{on.status}"
