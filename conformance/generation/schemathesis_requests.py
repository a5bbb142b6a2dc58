"""Turns cases of schemathesis into requests, each with the clause that it is about and the allowed statuses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from conformance.contract import ids
from conformance.contract.ids import OID
from conformance.generation import requests, schemathesis_cases
from conformance.generation.text import is_malformed
from conformance.http.exchange import Expected
from conformance.judging.expectations import ANY_4XX
from conformance.scenarios.request_builder import addressing, as_malformed
from conformance.scenarios.side_effects import send_expecting_refusal

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from conformance.contract.operations import Operation
    from conformance.generation.schemathesis_cases import SchemathesisCase
    from conformance.http.exchange import Exchange, Request
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions

    Allowed = tuple[int | range, ...]

DOCUMENTED: dict[str, tuple[str, ...]] = {
    "list": ("GET",), "get": ("GET", "DELETE"), "logs": ("GET",), "restore": ("POST",),
}  # fmt: skip
METHODS: dict[str, str] = {"restore": "POST", "delete": "DELETE"}
UNDOCUMENTED = ("PUT", "PATCH", "POST", "DELETE")
NOT_FOUND: dict[str, str] = {"list": "LIST-9", "get": "GET-4", "logs": "LOG-4", "job": "JBS-3", "delete": "DEL-4"}
SERVED_OR_NOT: Allowed = (range(200, 300), ANY_4XX)
#: the largest page number and page size with which nothing is wrong
MAX_LEGAL_PAGE = 100
LONGEST_TARGET = 3500
LARGEST_BODY = 60_000
#: one covering case for this many examples, and one fuzzed one, in a run that sends one of each kind: its own lists are
#: full of malformed requests, and what these add to them is the view of another tool on the document
COVERING, FUZZING = 6, 12


@dataclass(frozen=True)
class CaseRequest:
    """A request, the clause that it is about, and the statuses that the clause allows; none means any status."""

    request: Request
    clause: str
    allowed: Allowed = ()


@dataclass(frozen=True)
class SentCases:
    """The answers to the cases of one operation, the smallest request first."""

    answers: tuple[tuple[CaseRequest, Exchange], ...]

    def about(self, clause: str) -> list[tuple[CaseRequest, Exchange]]:
        """Those that are about a clause; HTTP-3 is about all of them."""
        return [sent for sent in self.answers if clause in (sent[0].clause, "HTTP-3")]


def cases_for(context: CheckContext, operation: Operation) -> list[tuple[CaseRequest, Exchange]]:
    """Return the cases of an operation that are about the clause of the check, with their answers.

    Undocumented methods are sent only where HTTP-5 or HTTP-3 is tested: no other clause needs a DELETE.
    """
    clause = context.check.clause
    methods = {"HTTP-5": (True,), "HTTP-3": (False, True)}.get(clause, (False,))
    stories = [
        context.run_once(
            f"schemathesis {operation}{' by other methods' if undocumented else ''}",
            partial(send_cases, operation=operation, undocumented=undocumented),
        )
        for undocumented in methods
    ]
    return [answered for sent in stories for answered in sent.about(clause)]


def send_cases(context: CheckContext, operation: Operation, *, undocumented: bool) -> SentCases:
    """Send cases that cover an operation, and some that fuzz it: one of each clause, and a few more.

    `undocumented`: those whose method the operation's path does not document, or else all others.
    """
    rng = context.run.rng(f"schemathesis {operation}")
    cases = context.run_once("schemathesis", draw_all)[operation]
    translator = Translator(context, operation, rng)
    translated = [(case, case_request) for case in cases if (case_request := translator.translate(case)) is not None]
    selected = [
        (case, case_request) for case, case_request in translated if (case_request.clause == "HTTP-5") is undocumented
    ]
    covering = [case_request for case, case_request in selected if case.phase == "coverage"]
    chosen = [case_request for case, case_request in selected if case.phase != "coverage"]
    if context.run.inputs.repeats_kinds:
        chosen += _spread(covering, max(4, context.run.examples // 2), rng)
    else:
        chosen += _spread(covering, 1 if undocumented else context.run.examples // COVERING, rng)
        chosen = [*_one_of_each_missing(chosen)]
    cases_by_key = {_key(case_request.request): case_request for case_request in chosen}
    todo = sorted(cases_by_key.values(), key=lambda case_request: case_request.request.ownership != "own")
    answers = _sent(context, [case_request.request for case_request in todo])
    pairs = [(cases_by_key[_key(answer.request)], answer) for answer in answers]
    pairs.sort(key=lambda pair: pair[0].request.weight)
    return SentCases(tuple(pairs))


def draw_all(context: CheckContext) -> Mapping[str, tuple[SchemathesisCase, ...]]:
    """The scenario of all operations: their cases, drawn once."""
    fuzzed = context.run.examples // (5 if context.run.inputs.repeats_kinds else FUZZING)
    return schemathesis_cases.draw_cases(context.run.rng("schemathesis").getrandbits(32), max(1, fuzzed))


def _one_of_each_missing(cases: Iterable[CaseRequest]) -> Iterator[CaseRequest]:
    """Leave out all but one of the cases that became the same: a request for what does not exist."""
    seen = set()
    for case_request in cases:
        if case_request.clause not in NOT_FOUND.values() or case_request.clause not in seen:
            yield case_request
        seen.add(case_request.clause)


def _spread(candidates: Sequence[CaseRequest], most: int, rng: random.Random) -> list[CaseRequest]:
    """At most `most` of the cases, taken from each clause in turn."""
    shuffled = rng.sample(list(candidates), len(candidates))
    first = {candidate.clause: candidate for candidate in reversed(shuffled)}.values()
    return [*first, *(candidate for candidate in shuffled if candidate not in first)][: max(most, len(first))]


def _sent(context: CheckContext, wanted: Sequence[Request]) -> Sequence[Exchange]:
    """Restores are watched for effects on the backup that the first of them names; all else goes side by side."""
    return (
        send_expecting_refusal(context, wanted)
        if wanted and wanted[0].operation == "restore"
        else context.send_all(wanted)
    )


def _key(request: Request) -> tuple[object, ...]:
    return (request.method, request.target, request.body, request.key, request.hub_id)


class Translator:
    """Makes requests of one operation's cases, with ids of ours where a case has well-formed ones."""

    def __init__(self, context: CheckContext, operation: Operation, rng: random.Random) -> None:
        self._api = context
        self._operation = operation
        self._rng = rng
        self._known = {resource_id.casefold() for resource_id in requests.real_ids(context)}

    def translate(self, case: SchemathesisCase) -> CaseRequest | None:
        """The request; None where the contract says that such a one is not sent, or is another's to send."""
        query = query_string(case.query)
        if len(query) + sum(len(_quoted(resource_id)) for resource_id in case.ids.values()) > LONGEST_TARGET:
            return None
        if case.method != METHODS.get(self._operation, "GET"):
            return self._undocumented(case, query)
        if any(is_malformed(resource_id, self._known) for resource_id in case.ids.values()):
            return self._malformed(case)
        if self._operation == "restore":
            return self._restore(case)
        if self._operation in ("job", "delete") or (case.phase == "fuzzing" and not query):
            return self._missing()
        return self._read(case, query)

    def _undocumented(self, case: SchemathesisCase, query: str) -> CaseRequest | None:
        documented = DOCUMENTED.get(self._operation)
        if documented is None or case.method not in UNDOCUMENTED or case.method in documented:
            return None
        places = ("container",) if self._operation == "list" else ("container", "backup")
        options = addressing({place: self._unknown(place) for place in places})
        options |= {"instance": self._unknown()} if self._operation == "restore" else {"query": query}
        options |= {"method": case.method, "expected": Expected.UNDOCUMENTED, "ownership": "missing"}
        return CaseRequest(self._api.build.for_operation(self._operation, **options), "HTTP-5")

    def _malformed(self, case: SchemathesisCase) -> CaseRequest | None:
        """Ids that look right become real ones beside the malformed one."""
        if self._operation == "delete" or not all(resource_id.strip(".") for resource_id in case.ids.values()):
            return None
        good = {"container": self._api.fixtures.container_id, "backup": self._backup(), "job": self._unknown()}
        ids = {place: good[place] if OID.fullmatch(value) else value for place, value in case.ids.items()}
        return CaseRequest(
            as_malformed(self._api.build.for_operation(self._operation, **addressing(ids))), "GET-6", (ANY_4XX,)
        )

    def _missing(self) -> CaseRequest:
        place = {"list": "container", "job": "job"}.get(self._operation, "backup")
        ask = self._api.build
        if self._operation == "delete":
            request = ask.delete(self._unknown(), ownership="missing", expected=Expected.REFUSAL)
        else:
            request = ask.for_operation(self._operation, addressing({place: self._unknown(place)}), ownership="missing")
        return CaseRequest(request, NOT_FOUND[self._operation], (404,))

    def _restore(self, case: SchemathesisCase) -> CaseRequest | None:
        """To an instance that does not exist, whatever the case names: what is wrong beside that is its clause."""
        raw, clause = self._body(case)
        if raw is None:
            return None
        ask = self._api.build
        return CaseRequest(
            ask.restore(self._backup(), self._unknown(), raw=raw, expected=Expected.REFUSAL), clause, (ANY_4XX,)
        )

    def _body(self, case: SchemathesisCase) -> tuple[bytes | None, str]:
        body = case.body
        contents = body.get("contents") if isinstance(body, dict) else None
        named = contents.get("instance_id") if isinstance(contents, dict) else None
        if isinstance(body, dict) and isinstance(contents, dict) and isinstance(named, str):
            body = {**body, "contents": {**contents, "instance_id": self._unknown()}}
        try:
            raw = json.dumps(body, ensure_ascii=False).encode() if case.has_body else b""
        except (TypeError, ValueError):
            return None, ""
        if not isinstance(body, dict):
            return raw[:LARGEST_BODY], "JOB-4"
        if not isinstance(body.get("action"), str) or not isinstance(named, str):
            return (raw, "JOB-5") if len(raw) < LARGEST_BODY else (None, "")
        return (raw, "JOB-8" if body["action"] == "restore" else "JOB-6") if len(raw) < LARGEST_BODY else (None, "")

    def _read(self, case: SchemathesisCase, query: str) -> CaseRequest:
        """A read of our own, with the case's query; or without a key or a hub where the case leaves them out.

        A case that covers one keyword is right in all others, so nothing else of a bare one is worth sending.
        """
        ask, bare = self._api.build, self._bare(case)
        plain = not query or query == "include=integrations"
        if "key" in bare:
            return CaseRequest(ask.for_operation(self._operation, **bare), "AUTH-1", (401,))
        if "hub" in bare:
            return CaseRequest(ask.for_operation(self._operation, **bare), "AUTH-5", (ANY_4XX,))
        if plain and self._operation != "logs":
            include = "integrations" if query else None
            return CaseRequest(ask.for_operation(self._operation, include=include), "HTTP-3")
        if self._operation == "logs" or not {*case.query} & {"include", "sort", "page[number]", "page[size]"}:
            return CaseRequest(ask.for_operation(self._operation, query=query), "HTTP-3")
        request, clause = ask.for_operation(self._operation, query=query), clause_of(self._operation, case.query)
        return CaseRequest(request, clause, () if clause == "HTTP-3" else SERVED_OR_NOT)

    def _bare(self, case: SchemathesisCase) -> OperationOptions:
        """Without a key or a hub, where the case leaves them out."""
        if case.phase != "coverage" or {"authorization", "x-hub-id"} <= case.headers:
            return {}
        return {"hub": None} if "authorization" in case.headers else {"key": "none"}

    def _backup(self) -> str:
        return self._api.fixtures.dedicated_backup("JOB-5")

    def _unknown(self, place: str = "") -> str:
        return ids.unknown(self._api.fixtures.container_id if place == "container" else ids.ZERO, self._rng)


def clause_of(operation: Operation, query: Mapping[str, object]) -> str:
    """The clause of a query's odd part; HTTP-3 where an include is odd, and a page or a sort as well."""
    if operation == "get" or not {*query} & {"sort", "page[number]", "page[size]"}:
        return "INC-6"
    if query.get("include", "integrations") == "integrations":
        return "LIST-10"
    return "INC-6" if _is_legal_page(query) and query.get("sort", "id") in ("id", "-id") else "HTTP-3"


def _is_legal_page(query: Mapping[str, object]) -> bool:
    """Whether the page is one that every server knows; others may be refused, or break down, by themselves."""
    pages = [str(query[name]) for name in ("page[number]", "page[size]") if name in query]
    return all(
        page.isascii() and page.isdecimal() and len(page) < 4 and 1 <= int(page) <= MAX_LEGAL_PAGE for page in pages
    )


def query_string(query: Mapping[str, object]) -> str:
    """Return the query of a case as it is written: an array becomes a parameter that is repeated (`explode: true`)."""
    pairs = [
        (name, member) for name, value in query.items() for member in (value if isinstance(value, list) else [value])
    ]
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in pairs)


def _quoted(value: object) -> str:
    """A value as it is written in a query; lone surrogates cannot be encoded, and become question marks."""
    return quote(str(value).encode("utf-8", "replace"), safe="")
