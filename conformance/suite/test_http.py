"""HTTP-1 … HTTP-10: requirements on every request and every response."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.contract import strict_json, validation
from conformance.contract.operations import GRANTS, TRANSIENT_STATES, UNAVAILABLE, lacks
from conformance.contract.pointers import value_at
from conformance.contract.timestamps import is_retry_after
from conformance.generation import fixed_inputs
from conformance.generation.addresses import has_undocumented_method
from conformance.generation.combinations import combined_members
from conformance.http.exchange import Expected
from conformance.judging.answer_shapes import (
    ANSWER_SHAPE,
    is_body_judged,
    is_foreign_refusal,
    is_judgeable,
    is_judgeable_success,
    mismatches,
    shape_of,
)
from conformance.judging.checks import Stage, check, passive
from conformance.judging.expectations import (
    NotTestableError,
    advisory,
    expect_answer,
    expect_stable,
    inconclusive,
    inconclusive_reason,
    is_redirect,
    times,
    violation,
)
from conformance.judging.unusual_requests import sender_of, unusual_part
from conformance.scenarios.proofs.interleaved import ROUND_S, changed_by_other_reads
from conformance.scenarios.request_builder import addressing
from conformance.scenarios.side_effects import send_expecting_refusal
from conformance.suite.support import (
    OTHER_LOGS,
    UNDOCUMENTED_METHODS,
    expect_method_refused,
    header_of,
    logs_of_some,
    send_combined,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions, RestoreOptions

LISTS = ("list", "logs")
#: How often the same is read for HTTP-4, in a quick run and in any other, where three readings in a row follow.
QUICK_READINGS, READINGS = 2, 5
#: Among how many backups a quick run searches the one with the most logs.
QUICK_SEARCHED = 2
#: not a vendor's own portal, which may be the only origin that a server allows
ORIGIN = (("Origin", "https://console.example.org"),)
#: sent before it: a cache that ignores `Vary: Origin` answers the next origin with this one
EARLIER_ORIGIN = (("Origin", "https://another.example.org"),)


def must_be_json(exchange: Exchange) -> bool:
    """Whether a response must contain JSON: any body, and any success of a documented request except a redirect."""
    redirect = exchange.status is not None and 300 <= exchange.status < 400
    carries = bool(exchange.response and (exchange.response.body or exchange.response.problem))
    documented = exchange.is_success and exchange.request.ownership != "malformed"
    return is_body_judged(exchange) and not redirect and (documented or carries) and not is_foreign_refusal(exchange)


@passive("HTTP-1", when=must_be_json)
def bodies_are_strict_json(exchange: Exchange) -> Iterator[Finding]:
    if exchange.response is None:
        return
    content_type = exchange.response.header("content-type") or "no Content-Type"
    media_type, _, parameters = content_type.partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if exchange.limit_reached:
        yield inconclusive(exchange.limit_reached, exchange)
    elif isinstance(exchange.parsed, strict_json.NotJSON):
        length = exchange.response.header("content-length")
        ending = f", Content-Length {length}" if length and exchange.parsed.is_cut_off else ""
        yield violation("one JSON document in UTF-8", f"{exchange.parsed}{ending} ({content_type})", exchange)
    elif media_type.strip().lower() != "application/json":
        yield violation("Content-Type application/json", content_type, exchange)
    elif charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        yield violation("JSON in UTF-8", f"charset {charset[1]}", exchange)


@passive("HTTP-1", when=is_foreign_refusal, unless_failed=("HTTP-1", "ERR-1", "ERR-2", "ERR-3", "ERR-4"))
def unusual_requests_are_refused_in_the_envelope(exchange: Exchange) -> Iterator[Finding]:
    if exchange.response is None:
        return
    wanted = f"an error envelope for a request whose {unusual_part(exchange.request)} is unusual"
    content_type = exchange.response.header("content-type") or "no Content-Type"
    body = content_type if exchange.response.body else "an empty body"
    got, sender = f"{exchange.status} with {body}", sender_of(exchange.response)
    yield advisory(wanted, f"{got}, sent by {sender}" if sender else got, exchange)


@passive("HTTP-2", when=is_judgeable_success)
def success_is_an_envelope(exchange: Exchange) -> Iterator[Finding]:
    wanted = "an array" if exchange.operation in LISTS else "an object"
    if not isinstance(exchange.value, dict):
        yield violation("an object with data", validation.render(exchange.value), exchange, "")
        return
    if "data" not in exchange.value:
        yield violation(f"data, {wanted}", "nothing", exchange, "")
    elif not isinstance(exchange.data, list if exchange.operation in LISTS else dict):
        yield violation(f"data, {wanted}", validation.render(exchange.data), exchange, "/data")
    if exchange.value.get("error") is not None:
        yield violation(
            "no error beside the data of a success", validation.render(exchange.value["error"]), exchange, "/error"
        )


@passive("HTTP-3", when=lambda exchange: exchange.response is not None or exchange.unanswered)
def no_input_draws_a_500(exchange: Exchange) -> Iterator[Finding]:
    if exchange.unanswered:
        got = exchange.failure or (exchange.response.problem if exchange.response else None) or f"{exchange.status}"
        yield violation("an answer, as the control requests got one", f"{got}, {times(exchange)}", exchange)
    elif (
        exchange.status is not None
        and exchange.status >= 500
        and exchange.status not in (*UNAVAILABLE, *_allowed_5xx(exchange))
    ):
        yield violation("no 5xx, whatever the client sends", f"{exchange.status}", exchange)


def _allowed_5xx(exchange: Exchange) -> tuple[int, ...]:
    undocumented = not exchange.request.is_documented or has_undocumented_method(exchange.request)
    return (501,) if undocumented else ()


@check("HTTP-3", "list", "get", "logs")
def test_http_3_odd_queries_and_headers_are_answered(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Unexpected queries and headers are answered, if only by a refusal."""
    queries = [case.query for case in fixed_inputs.unknown_parameters()]
    queries += fixed_inputs.ODD_QUERIES if operation != "logs" else ()
    odd = [context.build.for_operation(operation, query=query) for query in queries]
    odd += odd_reads(context, operation)
    if operation == "list":
        odd += [context.build.list(hub=hub, ownership="other hub") for hub in fixed_inputs.ODD_HUBS]
    odd += [context.build.for_operation(operation, headers=(header,)) for header in fixed_inputs.MALFORMED_HEADERS]
    for answer in send_combined(context, odd):
        yield from expect_answer(answer)


def odd_reads(context: CheckContext, operation: Operation) -> Iterator[Request]:
    """The read with odd headers, without some, with a body, and by methods that ask for something else."""
    for header in fixed_inputs.ODD_HEADERS:
        yield context.build.for_operation(operation, headers=(header,))
    for odd in fixed_inputs.read_headers():
        plain = context.build.for_operation(operation, headers=odd.headers, without=odd.without)
        yield replace(plain, body=odd.body)
    preferred = (("Prefer", "return=minimal"),)
    yield context.build.for_operation(operation, headers=preferred, expected=Expected.UNDOCUMENTED)
    for method in ("HEAD", "OPTIONS"):
        yield context.build.for_operation(operation, method=method, expected=Expected.UNDOCUMENTED)


@check("HTTP-3", "restore")
def test_http_3_odd_bodies_are_answered(context: CheckContext) -> Iterator[Finding]:
    """Bodies that try a parser, of a restore to an instance that does not exist: none of them can start one."""
    instance = context.build.unknown_id()
    send = partial(send_expecting_refusal, context)
    plain = send(
        [context.build.restore(context.fixtures.dedicated_backup("HTTP-3"), instance, expected=Expected.REFUSAL)]
    )
    answers = send_combined(
        context,
        [*odd_restores(context, instance)],
        combine=partial(combined_members, beginning=fixed_inputs.beginning_of_body(instance)),
        is_usual=lambda answer: [(answer.status, answer.code)] == [(each.status, each.code) for each in plain],
        send=send,
    )
    for answer in (*plain, *answers):
        yield from expect_answer(answer)


def odd_restores(context: CheckContext, instance: str) -> Iterator[Request]:
    """Restore requests to an unknown instance, with an unusual body, header or hub id."""
    build = partial(context.build.restore, context.fixtures.dedicated_backup("HTTP-3"), expected=Expected.REFUSAL)
    for _, body in fixed_inputs.odd_bodies(instance):
        yield build(instance, raw=body)
    for value in fixed_inputs.ODD_VALUES:
        yield build(instance, raw=odd_body(instance, value))
    for raw in fixed_inputs.ODD_BODIES:
        yield build(raw=raw)
    for text in ("\ud800", "\x00", "x" * 100_000, "\u202e", "💩"):
        yield build(text)
    for odd in fixed_inputs.restore_headers(odd_body(instance, b"0")):
        yield build(instance, raw=odd.body, headers=odd.headers, without=odd.without)
    for hub in fixed_inputs.ODD_HUBS:
        yield build(instance, hub=hub, ownership="other hub")
    for kind in fixed_inputs.ODD_TYPES:
        yield build(instance, content_type=kind)


def odd_body(instance: str, extra: bytes) -> bytes:
    """A restore request with one more member, whose value is `extra`, byte for byte."""
    return b'{"action":"restore","contents":{"instance_id":"%b"},"extra":%b}' % (instance.encode(), extra)


@check("HTTP-4", "list", "get", "logs")
def test_http_4_reading_again_gives_the_same(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Some readings, and as many again in doubt; then before and after other reads, and by other keys."""
    readings_of: dict[Operation, list[Exchange]] = context.run_once("readings", readings)
    if not readings_of[operation]:
        raise NotTestableError("set fixtures.container_id to a container with backups")
    yield from unmoved(operation, readings_of[operation])
    yield from changed_by_other_reads(context, operation, longest_logs(context))


def readings(context: CheckContext) -> dict[Operation, list[Exchange]]:
    """Read the list, and one backup with its logs, repeatedly: an effect of one read may show in another."""
    backup = longest_logs(context) if context.fixtures.backups or context.fixtures.target.fixtures.backup_id else None
    readings_of: dict[Operation, list[Exchange]] = {"list": [], "get": [], "logs": []}
    for again in (False, True):
        if again and not any(True for operation in readings_of for _ in unmoved(operation, readings_of[operation])):
            return readings_of
        for round_number in range(QUICK_READINGS if context.run.is_quick else READINGS):
            answers = context.send_all([context.build.list(), *([context.build.get(backup)] if backup else [])])
            answers += [context.logs(backup)] if backup else []  # after the get, which may have had an effect
            # some requests alone, so that the order differs from that of another thread which also alternates
            for exchange in [*answers, *(context.send(exchange.request) for exchange in answers[: round_number % 3])]:
                readings_of[exchange.operation].append(exchange)
        if not context.run.is_quick:
            readings_of["list"] += _thrice(context, context.build.list())
            readings_of["logs"] += _thrice(context, context.build.logs(backup)) if backup else []
    return readings_of


def _thrice(context: CheckContext, request: Request) -> list[Exchange]:
    """Read the same in a row while no other thread reads: every other reading of the target may show it otherwise."""
    with context.run.window.held(ROUND_S):
        return [context.send(request) for _ in range(3)]


def unmoved(operation: Operation, answers: list[Exchange]) -> Iterator[Finding]:
    """The readings agree, except for backups that appear, disappear or change by themselves."""
    moving = moving_ids(answers) if operation == "list" else set()
    return expect_stable(ANSWER_SHAPE[operation], answers, without=moving)


def moving_ids(lists: list[Exchange]) -> set[str]:
    """Backups that appeared or disappeared for good between two readings, or are being created or deleted."""
    moving = {
        str(item.get("id"))
        for exchange in lists
        for item in exchange.items
        if value_at(item, "/state/current") in TRANSIENT_STATES
    }
    for backup in {backup for exchange in lists for backup in exchange.ids}:
        if sum(before != after for before, after in pairwise(backup in exchange.ids for exchange in lists)) == 1:
            moving.add(backup)
    return moving


def longest_logs(context: CheckContext) -> str:
    """The backup with the most logs among some that no restore of this run touches: their order can be seen."""
    return context.run_once("longest logs", _longest_logs)


def _longest_logs(context: CheckContext) -> str:
    backups = context.fixtures.stable_ids()[-(QUICK_SEARCHED if context.run.is_quick else OTHER_LOGS) :]
    if context.run.is_quick:
        answers = context.send_all(map(context.build.logs, backups))
    else:
        answers = [answer for answer in logs_of_some(context) if answer.request.resources["backup"] in backups]
    return max(answers, key=lambda answer: len(answer.ids)).request.resources["backup"]


@check("HTTP-5", "list", "get", "logs", "restore", stage=Stage.REFUSALS)
def test_http_5_undocumented_methods_are_refused(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """PUT, PATCH, and POST or DELETE where not documented, on ids that do not exist."""
    ids = {"container": context.build.unknown_container()}
    if operation != "list":
        ids["backup"] = context.build.unknown_id()
    if operation == "restore":
        ids["instance"] = context.build.unknown_id()
    undocumented: OperationOptions = {"expected": Expected.UNDOCUMENTED, "ownership": "missing"}
    for method in UNDOCUMENTED_METHODS[operation]:
        answer = context.send(context.build.for_operation(operation, addressing(ids), undocumented, method=method))
        yield from expect_method_refused(answer)


@check("HTTP-6", "list", "get", "logs")
def test_http_6_cross_origin_requests_are_allowed(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """A browser's Origin is answered with Access-Control-Allow-Origin, be it in a success or in a refusal."""
    missing: OperationOptions = {"ownership": "missing"}
    if operation == "list":
        missing["container"] = context.build.unknown_container()
    else:
        missing["backup"] = context.build.unknown_id()
    all_options: list[OperationOptions] = [{}, missing, {"key": "none"}]
    states = context.key_proofs.states
    lacking = [key for key in GRANTS if lacks(key, operation) and states.get(key) == "accepted"]
    all_options += [{"key": key} for key in lacking[:1]]
    context.send(context.build.for_operation(operation, headers=EARLIER_ORIGIN))
    for options in all_options:
        yield from allows_origin(context.send(context.build.for_operation(operation, options, headers=ORIGIN)))


@check("HTTP-6", "restore")
def test_http_6_cross_origin_restores_are_allowed(context: CheckContext) -> Iterator[Finding]:
    """So is that of a restore, here in refusals alone, among them that of a body which cannot be read."""
    asked: list[RestoreOptions] = [{"key": "full"}, {"key": "none"}, {"key": "full", "raw": b"{"}]
    for options in asked:
        options |= {"headers": ORIGIN}
        options |= {"ownership": "missing", "expected": Expected.REFUSAL}
        yield from allows_origin(context.restore(context.build.unknown_id(), context.build.unknown_id(), **options))


def allows_origin(answer: Exchange) -> Iterator[Finding]:
    """The response allows scripts of the Origin that the request names to read it."""
    if why := inconclusive_reason(answer):
        yield inconclusive(why, answer)
    elif answer.response and (answer.is_success or answer.is_refusal):
        headers = answer.response.headers
        given = [value.strip() for name, value in headers if name.lower() == "access-control-allow-origin"]
        if given not in (["*"], [ORIGIN[0][1]]):
            wanted = f"Access-Control-Allow-Origin once: * or {ORIGIN[0][1]}"
            yield violation(wanted, " and ".join(given) or "no such header", answer)


@passive("HTTP-7", when=lambda exchange: is_judgeable(exchange) and isinstance(exchange.parsed, strict_json.Parsed))
def no_member_twice(exchange: Exchange) -> Iterator[Finding]:
    if isinstance(exchange.parsed, strict_json.Parsed):
        for pointer in exchange.parsed.duplicates[:3]:
            yield violation("each member once", "a member that occurs twice", exchange, pointer)


@passive("HTTP-8", when=lambda exchange: exchange.status == 429)
def throttling_says_how_long(exchange: Exchange) -> Iterator[Finding]:
    given = header_of(exchange, "retry-after")
    if given is None or not is_retry_after(given):
        yield violation("Retry-After on a 429: seconds or a date", given or "no such header", exchange)


@passive("HTTP-9", when=lambda exchange: is_judgeable(exchange) and exchange.request.ownership != "malformed")
def no_redirects(exchange: Exchange) -> Iterator[Finding]:
    if is_redirect(exchange):
        yield violation(
            "an answer, not a redirect",
            f"{exchange.status} to {header_of(exchange, 'location') or 'nowhere'}",
            exchange,
        )


@passive("HTTP-10", when=lambda exchange: shape_of(exchange) is not None)
def no_null_where_it_is_not_allowed(exchange: Exchange) -> Iterator[Finding]:
    for mismatch in mismatches(exchange):
        if mismatch.null_optional:
            yield violation("the member absent, or a value", "null", exchange, mismatch.pointer)
