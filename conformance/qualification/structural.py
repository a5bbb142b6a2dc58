"""Structural faults and variants, generated from the schemas.

Every place of every answer of every operation is broken: a required member left out, a value that is null or of another
type, an object in an array, an array by numbers, an enum, a pattern, a format or a bound not kept. What would only say
the same again is left out, by these rules:

- Of values that are as good as another (a number or a list in the place of a string) one is taken, another at the next
  place.
- What was broken in every way at one place (a member of one shape) is broken in one way, by turns, at each further
  place of the same answer. So it is with what operations share (includes, errors, job descriptors): one operation's are
  broken in every way, the others' by turns.
- A break at all items of an array or all values of a map is repeated at a single one among many, one kind for each
  place.

Every break is expected of one clause: that of the shape on the operation, of the envelope or of the error. What the
answer leaves out is put there first, so that optional parts are broken as well. A run against one of these has only the
checks that make the server answer, and all clauses that are judged on whatever comes.

The variants are the counter-test: members that may be absent left out or put there, members that may be null are null.
A null that only HTTP-10 speaks of is a fault of HTTP-10, and must break nothing else; one in the place of what was
asked to be included is a fault of the clause that looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from conformance.contract.operations import SHAPE_CLAUSE
from conformance.judging.answer_shapes import ANSWER_SHAPE
from conformance.qualification.places import ABSENT, EACH, Break, Place, breaks, example, places, turn
from conformance.reference.registry import Change, Fault, Variant
from conformance.suite.registry import all_checks, all_judges

if TYPE_CHECKING:
    from collections.abc import Collection

    from conformance.contract.operations import Operation
    from conformance.reference.core import Behaviours, Call

PREFIX = "shape"
ERROR, OAUTH = "error-envelope", "oauth-error"
#: for errors of each operation, the clause whose check draws some
DRAWN_BY: dict[Operation, str] = {
    "list": "LIST-9", "get": "GET-4", "logs": "LOG-4", "restore": "JOB-9", "job": "JBS-3", "delete": "DEL-4",
}  # fmt: skip
INCLUDED_BY: dict[str, str] = {"list": "INC-2", "get": "INC-4"}
RESOLVED_BY: dict[str, str] = {"list": "INC-3", "get": "INC-4"}
#: what a backup's reference or an integration's own ids say is judged by these as well
OF_INTEGRATIONS = ("INC-3", "INC-4", "INC-5", "INC-8")
OF_IDS: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {
    ("get", ("data", "id")): ("GET-2",),
    ("logs", ("data", EACH, "id")): ("LOG-3",),
}
OF_ERRORS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "status": (("ERR-2",), ("ERR-1",)),
    "code": (("ERR-3",), ("ERR-1",)),
    "title": (("ERR-4",), ("ERR-1",)),
    "detail": (("ERR-4",), ()),
    "source": (("ERR-4",), ()),
    "extra": (("ERR-4",), ("CAP-7", "CAP-11")),
}


@dataclass(frozen=True)
class Structural:
    """A generated fault or variant, and the clauses that a run against it selects."""

    change: Change
    selected: frozenset[str]


@dataclass(frozen=True)
class Answers:
    """The answers that are changed: of one operation, the successes or the errors, all of one shape."""

    operation: Operation
    shape: str

    @property
    def are_errors(self) -> bool:
        """Errors, not successes."""
        return self.shape in (ERROR, OAUTH)

    @property
    def word(self) -> str:
        """How they are called in a name."""
        return f"{self.operation}-{'oauth' if self.shape == OAUTH else 'errors'}" if self.are_errors else self.operation

    def clauses(self, place: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The clauses that a break at this place breaks, and those that may fall with them."""
        steps = place.steps
        if self.are_errors:
            return OF_ERRORS[steps[1]] if len(steps) > 1 else (("ERR-1",), ())
        if steps[:1] == ("includes",):
            return (INCLUDED_BY[self.operation],), OF_INTEGRATIONS
        if len(steps) < 2:
            return ("HTTP-2",), ()
        return (SHAPE_CLAUSE[self.operation],), OF_IDS.get((self.operation, steps), ())

    def selected(self, place: Place) -> frozenset[str]:
        """What a run needs to see such a break: the passive clauses, and a check that draws such an answer."""
        if self.are_errors:
            drawn_by = "AUTH-1" if self.shape == OAUTH else DRAWN_BY[self.operation]
        elif place.steps[:1] == ("includes",):
            drawn_by = INCLUDED_BY[self.operation]
        else:
            drawn_by = "DEL-3" if self.operation == "delete" else SHAPE_CLAUSE[self.operation]
        return passive_clauses() | {drawn_by, *self.clauses(place)[0]}

    def is_outcome(self, place: Place) -> bool:
        """Whether it is the error of a log: one that has none says that its restore succeeded (RST-2, RST-4)."""
        return self.operation == "logs" and place.steps[-1:] == ("error",)

    def edited(self, server: Behaviours, edit: Callable[[object], object]) -> None:
        """Change the documents of these answers before they are written."""
        document = server.document

        def edited_document(call: Call, status: int, whole: object) -> object:
            whole = document(call, status, whole)
            if call.operation != self.operation or (status >= 400) is not self.are_errors:
                return whole
            if self.shape == OAUTH:
                if status != 401:
                    return whole
                whole = {"error": "invalid_token", "error_description": "The token is not valid"}
            return edit(whole)

        server.document = edited_document


@cache
def passive_clauses() -> frozenset[str]:
    """The clauses that are judged on whatever comes and have no check of their own."""
    asked = {check.clause for check in all_checks().values()}
    return frozenset(judge.clause for judge in all_judges()) - asked


@cache
def structural() -> dict[str, Structural]:
    """All structural faults and variants by their names."""
    by_name: dict[str, Structural] = {}
    for change in (*_faults(), *_variants()):
        if change.change.name in by_name:
            raise ValueError(f"{change.change.name} is made twice")
        by_name[change.change.name] = change
    return by_name


def _answers() -> Iterator[Answers]:
    for operation, shape in ANSWER_SHAPE.items():
        yield Answers(operation, shape)
    for operation in ANSWER_SHAPE:
        yield Answers(operation, ERROR)
    yield Answers("get", OAUTH)


# ------------------------------------------------------------ faults


def _faults() -> Iterator[Structural]:
    seen: set[str] = set()
    for answers in _answers():
        for place in places(answers.shape):
            kinds = list(breaks(place, answers.word))
            own = place.owner if _is_shared(answers, place) else f"{place.owner} of {answers.word}"
            again = own in seen
            seen.add(own)
            for kind in [turn(kinds, "kind", place.word, answers.word)] if again else kinds:
                yield _fault(answers, place, kind)
            if _among_many(answers, place):
                yield _fault(answers, place, turn(kinds, "one", place.word, answers.word), one=True)
            if _only_advised_against(place):
                yield _null_fault(answers, place)
        if answers.operation in ("list", "get") and not answers.are_errors:
            yield _negative_size(answers)


def _is_shared(answers: Answers, place: Place) -> bool:
    """A part of the answer that other operations answer as well, through the same code most likely."""
    return answers.are_errors or place.steps[:1] == ("includes",) or answers.operation in ("restore", "delete")


def _among_many(answers: Answers, place: Place) -> bool:
    """Inside of what an answer may have many of: backups, logs, included integrations."""
    outside = place.steps[: place.steps.index(EACH)] if EACH in place.steps else ()
    return answers.operation in ("list", "logs") and outside in (("data",), ("includes", "integrations"))


def _only_advised_against(place: Place) -> bool:
    """Null is against HTTP-10 here, and against nothing else."""
    return place.is_member and not place.required and not place.nullable


def _fault(answers: Answers, place: Place, kind: Break, *, one: bool = False) -> Structural:
    broken, also = answers.clauses(place)
    name = f"{PREFIX}/{answers.word}/{place.word}/{kind.name}{'/one' if one else ''}"
    where = f"{place.word} of {answers.word}{', of one among many' if one else ''}"
    edit = _edit(answers.shape, place.steps, kind.change)
    apply = _applied(answers, edit, one=one)
    fault = Fault(name, f"{where}: {kind.name.replace('-', ' ')}.", broken, also, needs_probe=False, apply=apply)
    return Structural(fault, answers.selected(place))


def _null_fault(answers: Answers, place: Place) -> Structural:
    name = f"{PREFIX}/{answers.word}/{place.word}/null"
    edit = _edit(answers.shape, place.steps, lambda _: None)
    _, also = answers.clauses(place)
    # HTTP-10 does not speak of includes: null is as good as nothing there, and what was asked for is missing
    clause = RESOLVED_BY[answers.operation] if place.steps == ("includes", "integrations") else "HTTP-10"
    fault = Fault(name, f"{place.word} of {answers.word}: null instead of nothing.", (clause,), also,
                  needs_probe=False, apply=_applied(answers, edit))  # fmt: skip
    return Structural(fault, answers.selected(place) | {clause})


def _negative_size(answers: Answers) -> Structural:
    """The one bound of the contract that belongs to a clause of its own, and not to a shape."""
    place = next(candidate for candidate in places(answers.shape) if candidate.steps[-2:] == ("target", "size"))
    edit = _edit(answers.shape, place.steps, lambda _: -1)
    name = f"{PREFIX}/{answers.word}/{place.word}/negative"
    fault = Fault(name, f"{place.word} of {answers.word}: negative.", ("BKP-3",), (), needs_probe=False,
                  apply=_applied(answers, edit))  # fmt: skip
    return Structural(fault, answers.selected(place))


# ------------------------------------------------------------ variants


def _variants() -> Iterator[Structural]:
    for answers in _answers():
        for place in places(answers.shape):
            if place.steps in (("includes",), ("includes", "integrations")):
                continue  # what is asked for has to be there
            if place.is_member and not place.required:
                yield _variant(answers, place, "absent", lambda _: ABSENT, "the member may be absent (?)")
                if place.types and not answers.is_outcome(place):
                    yield _variant(answers, place, "present", _present(place), "the member may be there (?)")
            if place.is_member and place.nullable and place.types and place.types != ("null",):
                yield _variant(answers, place, "is-null", lambda _: None, "null is allowed (|null)")


def _present(place: Place) -> Callable[[object], object]:
    return lambda old: old or example(place.schema)


def _variant(
    answers: Answers, place: Place, word: str, change: Callable[[object], object], difference: str
) -> Structural:
    name = f"{PREFIX}/{answers.word}/{place.word}/{word}"
    advisory = ("CAP-11",) if place.steps[:2] == ("error", "extra") else ()
    kept = (lambda old: old or change(old)) if answers.is_outcome(place) else change
    edits = [
        (each, _edit(each.shape, steps, kept, fill=each.operation != "logs")) for each, steps in _alike(answers, place)
    ]

    def apply(server: Behaviours) -> None:
        for each, edit in edits:
            _applied(each, edit)(server)

    sentence = f"{place.word} of {answers.word}: {word.replace('-', ' ')}."
    variant = Variant(name, sentence, difference, apply, warns=advisory)
    return Structural(variant, answers.selected(place))


def _alike(answers: Answers, place: Place) -> Iterator[tuple[Answers, tuple[str, ...]]]:
    """Yield the place, and the same one in the other operation that shows backups, since both agree (GET-3)."""
    yield answers, place.steps
    if answers.are_errors or place.steps[:1] != ("data",):
        return
    if answers.operation == "list":
        yield Answers("get", ANSWER_SHAPE["get"]), ("data", *place.steps[2:])
    elif answers.operation == "get":
        yield Answers("list", ANSWER_SHAPE["list"]), ("data", EACH, *place.steps[1:])


# ------------------------------------------------------------ the change itself

Edit = Callable[[object, "Collection[str] | None"], object]


def _applied(answers: Answers, edit: Edit, *, one: bool = False) -> Callable[[Behaviours], None]:
    def apply(server: Behaviours) -> None:
        chosen = _one_of_each(server) if one else None
        answers.edited(server, lambda whole: edit(whole, chosen))

    return apply


def _one_of_each(server: Behaviours) -> frozenset[str]:
    """A backup and an integration that stand for one among many."""
    store = server.store
    backups = sorted(store.containers[store.fixtures.container_id].backups)
    return frozenset({backups[len(backups) * 2 // 3], store.integrations[2].id})


def _edit(shape: str, steps: tuple[str, ...], change: Callable[[object], object], *, fill: bool = True) -> Edit:
    """A change at one place of a document; `chosen` are the ids of the only items that it is for.

    `fill`: where what has the place is left out, or null, put something there that can be changed.
    """
    known = {place.steps: place for place in places(shape)}

    def edit(value: Any, done: int, chosen: Collection[str] | None) -> object:  # Any: JSON at `steps[:done]`
        if done == len(steps):
            return change(value)
        if value is None and steps[:done] != ("includes",):  # left out, or null: put there what can be changed
            value = example(known[steps[:done]].schema)
        if steps[done] == EACH:
            keys = _keys(value, chosen)
            chosen = None
        else:
            keys = [steps[done]] if isinstance(value, dict) else []
        for key in keys:
            old = value.get(key) if isinstance(value, dict) else value[key]
            if steps[: done + 1] == ("includes",) and old is None:
                continue  # they were not requested
            if old is None and not fill and done + 1 < len(steps):
                continue
            new = edit(old, done + 1, chosen)
            if new is ABSENT:
                value.pop(key, None)
            else:
                value[key] = new
        return value

    return lambda whole, chosen: edit(whole, 0, chosen)


def _keys(value: Any, chosen: Collection[str] | None) -> list[object]:  # Any: an object or an array
    """The keys or indices of all items, or of the one that was chosen; of items without a chosen id the last."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if chosen is None:
        return keys
    ids = [key if isinstance(value, dict) else value[key].get("id") for key in keys]
    picked = [key for key, name in zip(keys, ids, strict=True) if name in chosen]
    logs = bool(keys) and isinstance(value, list) and "log" in value[0]
    return keys[-1:] if logs and len(keys) > 1 else picked
