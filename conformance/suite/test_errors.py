"""ERR-1 … ERR-7: one error shape, everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract import strict_json, validation
from conformance.contract.error_codes import is_published, same_code, statuses_with_published_codes
from conformance.contract.pointers import value_at
from conformance.evidence.echoes import BODY, echo_pointer, echoed_in, is_telling
from conformance.generation.addresses import unknown_addresses
from conformance.http.exchange import Expected, well_coded
from conformance.judging.answer_shapes import has_envelope, has_valid_code, is_error, mismatches
from conformance.judging.checks import check, passive
from conformance.judging.expectations import NotTestableError, advisory, inconclusive, inconclusive_reason, violation
from conformance.scenarios.side_effects import send_expecting_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.contract.validation import Mismatch
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

OPTIONAL = ("/error/detail", "/error/source", "/error/extra")


def about_title(mismatch: Mismatch) -> bool:
    """Whether the mismatch is at the title of the error, whose clause is ERR-2."""
    return mismatch.pointer == "/error/title" or (mismatch.pointer, mismatch.wanted) == ("/error", "the member title")


def about_member(mismatch: Mismatch) -> bool:
    """Whether the mismatch is at a member of the error, whose clause is ERR-2, ERR-3 or ERR-4."""
    missing = mismatch.pointer == "/error" and mismatch.keyword == "required"
    return missing or mismatch.pointer.startswith("/error/")


@passive("ERR-1", when=is_error)
def errors_have_the_envelope(exchange: Exchange) -> Iterator[Finding]:
    if isinstance(exchange.parsed, strict_json.NotJSON):
        if exchange.response and not exchange.response.body and not exchange.response.problem:
            yield violation("an error envelope", "an empty body", exchange)
        return
    for mismatch in mismatches(exchange):
        if not mismatch.null_optional and not about_member(mismatch):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@passive("ERR-2", when=has_envelope)
def error_status_is_the_http_status(exchange: Exchange) -> Iterator[Finding]:
    got = exchange.error.get("status")
    if isinstance(got, bool) or got != exchange.status:
        shown = validation.render(got) if "status" in exchange.error else "nothing"
        yield violation(f"{exchange.status}, the HTTP status", shown, exchange, "/error/status")


@passive("ERR-3", when=has_envelope)
def error_code_starts_with_the_status(exchange: Exchange) -> Iterator[Finding]:
    if not well_coded(exchange):
        shown = validation.render(exchange.error["code"]) if "code" in exchange.error else "nothing"
        yield violation(f"{exchange.status}.<words>", shown, exchange, "/error/code")


@passive("ERR-4", when=has_envelope)
def error_title_says_something(exchange: Exchange) -> Iterator[Finding]:
    for mismatch in mismatches(exchange):
        if not mismatch.null_optional and (about_title(mismatch) or mismatch.pointer.startswith(OPTIONAL)):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)
    title = exchange.error.get("title")
    if isinstance(title, str) and title and not title.strip():
        yield violation("a title that says something", "white space", exchange, "/error/title")


@passive("ERR-5", when=lambda exchange: has_valid_code(exchange) and exchange.status in statuses_with_published_codes())
def error_code_is_published(exchange: Exchange) -> Iterator[Finding]:
    if not is_published(str(exchange.code)):
        yield violation(f"a published {exchange.status} code", str(exchange.code), exchange, "/error/code")


@check("ERR-5", "get", "logs")
def test_err_5_unknown_addresses_are_not_found(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Addresses beneath a backup and its logs that do not exist."""
    plain = context.build.for_operation(operation, expected=Expected.UNDOCUMENTED)
    for answer in context.send_all(unknown_addresses(plain)):
        if why := inconclusive_reason(answer) or ("because HTTP-3 failed" if (answer.status or 0) >= 500 else None):
            yield inconclusive(f"{answer.request.line}: {why}", answer)
        elif answer.status not in (401, 403, 404):
            yield violation("404 404.uri", f"{answer.status}", answer)
        elif answer.status == 404 and not same_code(answer.code or "", "404.uri"):
            shown = answer.code or "a body without an error code"
            yield violation("code 404.uri in the error shape", shown, answer, "/error/code")


@check("ERR-6", "restore")
def test_err_6_the_wrong_member_is_named(context: CheckContext) -> Iterator[Finding]:
    """A 400 or 422 about a member of the body points to it; for a missing member its parent will do."""
    good = {"action": "restore", "contents": {"instance_id": context.build.unknown_id()}}
    instance = "/contents/instance_id"  # an unknown one, so that it may be what the answer is about
    wrong: list[tuple[object, tuple[str, ...]]] = [
        ({"contents": good["contents"]}, ("/action", "", instance)),
        ({**good, "action": 7}, ("/action", instance)),
        ({**good, "action": "destroy"}, ("/action", instance)),
        ({"action": "restore"}, ("/contents", "", instance)),
        ({**good, "contents": "everything"}, ("/contents",)),
        ({**good, "contents": {}}, (instance, "/contents")),
        ({**good, "contents": {"instance_id": 7}}, (instance,)),
    ]
    backup = context.fixtures.dedicated_backup("ERR-6")
    requests = [context.build.restore(backup, body=body, expected=Expected.REFUSAL) for body, _ in wrong]
    places = {request.body: places for request, (_, places) in zip(requests, wrong, strict=True)}
    answers = [answer for answer in send_expecting_refusal(context, requests) if answer.status in (400, 422)]
    for answer in answers:
        if has_envelope(answer):
            yield from names_member(answer, places[answer.request.body])
    if not answers:
        raise NotTestableError("does not apply: no refusal of a body is a 400 or a 422")


def names_member(exchange: Exchange, places: tuple[str, ...]) -> Iterator[Finding]:
    """The error's `source` is one of the pointers in `places`, the preferred pointer first."""
    got = value_at(exchange.value, "/error/source")
    if not isinstance(got, str) or got.removeprefix("#").rstrip("/") not in places:
        yield advisory(f"source {places[0]}", validation.render(got), exchange, "/error/source")


@passive("ERR-7", when=lambda exchange: exchange.response is not None and is_telling(exchange.request.authorization))
def no_answer_echoes_the_key(exchange: Exchange) -> Iterator[Finding]:
    if exchange.response and (where := echoed_in(exchange.request.authorization, exchange.response)):
        pointer = echo_pointer(exchange.request.authorization, exchange.value) if where == BODY else None
        yield violation("no trace of the key in the response", f"the key in {where}", exchange, pointer)
