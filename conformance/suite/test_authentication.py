"""AUTH-1 … AUTH-10: authentication, and access to hubs.

All are judged on resources that exist and with a valid body: CAP-9 judges which defect is reported first.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from conformance.contract.operations import GRANTS, lacks
from conformance.generation.addresses import other_spellings
from conformance.http.exchange import Expected
from conformance.judging.answer_shapes import is_judgeable
from conformance.judging.checks import Stage, check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    advisory,
    expect_no_server_error,
    expect_status,
    expect_success,
    inconclusive,
    inconclusive_reason,
    violation,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.follower import Follower
from conformance.scenarios.side_effects import observed_effects, send_expecting_refusal
from conformance.suite.support import DENIAL_CLAUSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions

#: Who sends other spellings of a refused address, by the name of the key.
SENDERS = {"none": "no key", "other_hub": "another hub's key"}
#: How much of a body is searched for the id of a resource, in bytes.
MAX_PAGE = 65_536
EVERYWHERE: tuple[Operation, ...] = ("list", "get", "logs", "restore", "job")
#: each operation gets an unknown key and other alterations of the full one, so that few are sent in all;
#: `underscores`, `extended` and `not ASCII` are unknown keys as well
GARBLED: dict[str, tuple[str, ...]] = {
    "list": ("unknown", "cut", "empty"), "get": ("underscores", "bare"), "logs": ("twice", "extended"),
    "restore": ("unknown", "swapped case"), "job": ("not ASCII",),
}  # fmt: skip
#: what a query adds, which may be served by other code
BESIDE: dict[str, tuple[OperationOptions, ...]] = {
    "list": ({"include": "integrations"}, {"page": 1, "size": 1}), "get": ({"include": "integrations"},),
}  # fmt: skip
#: credentials that break the header's grammar: a 400 is as good (RFC 6750), and an intermediary has its own way
MALFORMED = ("not ASCII", "twice")
#: Hub ids that stand for any hub, or for none, where a careless server compares them.
WILD: dict[str, tuple[str, ...]] = {"list": ("*", "null"), "get": ("%", "0"), "logs": ("undefined",), "job": ("*",)}
#: a precondition is evaluated only where the request without it would succeed (RFC 9110, section 13.2.1)
CONDITIONAL = (("If-None-Match", "*"),)
OTHER_SCHEME: dict[str, str] = {
    "list": "basic user", "get": "basic password", "logs": "other scheme", "restore": "basic raw", "job": "basic user",
}  # fmt: skip


def ask_each(context: CheckContext, operation: Operation, *all_options: OperationOptions) -> list[Exchange]:
    """The operation on own resources in several ways that must all be refused; restores are watched for effects."""
    if operation == "restore":
        backup = context.fixtures.dedicated_backup(context.check.clause)
        requests = [
            context.build.for_operation(operation, options, backup=backup, expected=Expected.REFUSAL)
            for options in all_options
        ]
        return send_expecting_refusal(context, context.chosen(requests))
    resource: OperationOptions = {"job": restore_scenarios.real_job(context)} if operation == "job" else {}
    requests = [context.build.for_operation(operation, options, resource) for options in all_options]
    return context.send_all(context.chosen(requests))


def with_queries(operation: Operation, *all_options: OperationOptions) -> list[OperationOptions]:
    """Each form of a key, without a query and with each query that the operation knows."""
    plain: OperationOptions = {}
    return [{**options, **more} for more in (plain, *BESIDE.get(operation, ())) for options in all_options]


@check("AUTH-1", *EVERYWHERE)
def test_auth_1_no_key_is_unauthorized(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Without an Authorization header, plain, with queries, and conditional: a 304 reveals what only a key may show."""
    options = with_queries(operation, {"key": "none"})
    if operation in ("list", "get", "logs"):
        options.append({"key": "none", "headers": CONDITIONAL})
    for answer in ask_each(context, operation, *options):
        breaks_down = answer.status is not None and answer.status >= 500
        if not (breaks_down and answer.request.headers == CONDITIONAL):  # that it breaks down is HTTP-3's matter
            yield from expect_status(answer, 401)


@check("AUTH-2", *EVERYWHERE, stage=Stage.BAD_KEYS)
def test_auth_2_unknown_and_garbled_keys_are_unauthorized(
    context: CheckContext, operation: Operation
) -> Iterator[Finding]:
    """A key that was never issued, the full key altered, and a scheme without a key."""
    options: list[OperationOptions] = [{"key": key} for key in GARBLED[operation]]
    for answer in ask_each(context, operation, *options):
        unusual = answer.request.key in MALFORMED
        yield from expect_no_server_error(answer, ANY_4XX if unusual else 401)


@check("AUTH-3", *EVERYWHERE, stage=Stage.BAD_KEYS)
def test_auth_3_expired_keys_are_unauthorized(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """The target file's expired or revoked key."""
    for answer in ask_each(context, operation, {"key": "expired"}):
        yield from expect_status(answer, 401)


@check("AUTH-4", *EVERYWHERE, stage=Stage.BAD_KEYS)
def test_auth_4_other_schemes_are_unauthorized(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Basic, with the right key in it."""
    for answer in ask_each(context, operation, {"key": OTHER_SCHEME[operation]}):
        yield from expect_status(answer, 401)


@check("AUTH-5", *EVERYWHERE)
def test_auth_5_the_hub_id_is_needed(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """No X-Hub-Id, and an empty one; plain and with queries."""
    for answer in ask_each(context, operation, *with_queries(operation, {"hub": None}, {"hub": ""})):
        yield from expect_status(answer, ANY_4XX)
    yield from observed_effects(context)


@check("AUTH-6", *EVERYWHERE)
def test_auth_6_another_hubs_key_opens_nothing(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """The other hub's key on our resources, with either hub id and with both; with and without what a query adds."""
    all_options: list[OperationOptions] = [{"key": "other_hub", "ownership": "other hub"}]
    if context.fixtures.target.keys.other_hub_id:
        all_options.append({**all_options[0], "hub": context.fixtures.other_hub_id})
    if operation in ("list", "get", "logs"):
        context.send(context.build.for_operation(operation))  # an answer that a careless cache might show to others
    for answer in ask_each(context, operation, *with_queries(operation, *all_options)):
        yield from expect_status(answer, 401, 403, 404)
    if operation in ("list", "get"):
        for answer in ask_each(context, operation, *with_both_hubs(context)):
            yield from expect_status(answer, ANY_4XX)
    yield from observed_effects(context)


def with_both_hubs(context: CheckContext) -> Iterator[OperationOptions]:
    """The other hub's key with both hub ids, of which one may be compared and the other served; in either order."""
    hubs = (context.fixtures.target.hub_id, context.fixtures.target.keys.other_hub_id)
    for first, last in (hubs, hubs[::-1]):
        if first and last:
            header = (("X-Hub-Id", first),)
            yield {"key": "other_hub", "ownership": "other hub", "headers": header, "hub": last}


@passive("AUTH-7", when=lambda exchange: is_judgeable(exchange) and exchange.status == 401)
def unauthorized_says_how(exchange: Exchange) -> Iterator[Finding]:
    if exchange.response and not (exchange.response.header("www-authenticate") or "").strip():
        yield violation("WWW-Authenticate on a 401", "no such header, or nothing in it", exchange)


@check("AUTH-8", "list", "get", "logs")
def test_auth_8_the_schemes_case_does_not_matter(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """`bearer` and `BEARER`."""
    context.require_served(operation)
    for key in ("lower scheme", "upper scheme"):
        yield from expect_success(context.send(context.build.for_operation(operation, key=key)))


@check("AUTH-9", *EVERYWHERE)
def test_auth_9_keys_open_their_own_hub_only(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Our keys with another hub's id, and with one that names nothing or anything; plain and with queries."""
    own, other = context.fixtures.target.hub_id, context.fixtures.target.keys.other_hub_id
    bent = [own[:-1], f"{own}0", f"{own},{own}"]
    wild = WILD.get(operation, ())
    plain: list[OperationOptions] = [{"hub": hub, "ownership": "other hub"} for hub in bent]
    last: list[OperationOptions] = [{"hub": hub, "ownership": "other hub"} for hub in wild]
    unknown = context.build.unknown_hub()
    hubs: list[OperationOptions] = [{"hub": hub, "ownership": "other hub"} for hub in (unknown, other) if hub]
    for answer in ask_each(context, operation, *plain, *with_queries(operation, *hubs), *last):
        yield from expect_status(answer, *([ANY_4XX] if answer.request.hub_id in (*bent, *wild) else [401, 403, 404]))
    yield from observed_effects(context)


@check("AUTH-10", *EVERYWHERE)
def test_auth_10_no_other_spelling_opens_an_address(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Other spellings of a refused address: without a key, without the capability, with another hub's key."""
    ids: OperationOptions = {}
    if operation == "restore":
        ids = {"backup": context.fixtures.dedicated_backup("AUTH-10")}
    elif operation == "job":
        ids = {"job": restore_scenarios.real_job(context)}
    for clause, options in refused_senders(context, operation):
        request = context.build.for_operation(operation, ids, options, expected=Expected.REFUSAL)
        spelled = chosen_spellings(context, request)
        if not spelled:
            continue
        plain = context.send(request)
        if why := inconclusive_reason(plain):
            yield inconclusive(why, plain)
        elif plain.is_success:
            yield inconclusive(f"{clause} failed first on {plain.request.line}: {plain.status}", plain)
        else:
            yield from opened_by_a_spelling(context, request, spelled)


def chosen_spellings(context: CheckContext, request: Request) -> dict[str, Request]:
    """Return the other spellings of a refused address that this run sends, by what is different."""
    spellings = dict(other_spellings(request))
    sender = SENDERS.get(request.key, "a key without the capability")
    labels = {spelling.target: f"{label}, {sender}" for label, spelling in spellings.items()}
    chosen = context.chosen(list(spellings.values()), partial(_label, labels))
    return {label: spelling for label, spelling in spellings.items() if spelling in chosen}


def _label(labels: Mapping[str, str], spelling: Request) -> str:
    return labels[spelling.target]


def refused_senders(context: CheckContext, operation: Operation) -> Iterator[tuple[str, OperationOptions]]:
    """Options of requests that the plain address refuses, and the clauses that say so."""
    yield "AUTH-1", {"key": "none"}
    states = context.key_proofs.states
    denied = [name for name in GRANTS if lacks(name, operation) and states.get(name) == "accepted"]
    for name in denied[:1]:
        yield DENIAL_CLAUSE[operation], {"key": name}
    if states.get("other_hub") == "accepted":
        yield "AUTH-6", {"key": "other_hub", "ownership": "other hub"}


def opened_by_a_spelling(context: CheckContext, plain: Request, spelled: Mapping[str, Request]) -> Iterator[Finding]:
    """What the other spellings of a refused request show all the same."""
    requests = list(spelled.values())
    answers = send_expecting_refusal(context, requests) if plain.method == "POST" else context.send_all(requests)
    for label, answer in zip(spelled, answers, strict=False):
        wanted = f"a refusal with {label}, as without"
        if why := inconclusive_reason(answer):
            yield inconclusive(why, answer)
        elif answer.is_success and shows_the_resource(context, answer):
            yield violation(wanted, f"{answer.status}", answer)
            if answer.request.method == "POST":
                Follower(context).let_end(answer)
        elif answer.is_success:
            yield advisory(wanted, f"{answer.status} that does not show the resource", answer)


def unknown_path(context: CheckContext, request: Request) -> str:
    """The path of a request with its last id replaced by one that names nothing."""
    place = next(name for name in ("job", "backup", "container") if name in request.resources)
    return request.path.replace(request.resources[place], context.build.unknown_id())


def shows_the_resource(context: CheckContext, answer: Exchange) -> bool:
    """Whether a success shows what was asked for, and not a page that every address shows."""
    if answer.request.method == "HEAD":
        return not context.send(replace(answer.request, path=unknown_path(context, answer.request))).is_success
    body = answer.response.head(MAX_PAGE) if answer.response else b""
    place = next(name for name in ("job", "backup", "container") if name in answer.request.resources)
    return (
        answer.status == 202
        or answer.data is not None
        or answer.request.resources[place].encode("utf-8", "surrogatepass") in body
    )
