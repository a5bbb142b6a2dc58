"""AUTH-1 … AUTH-9: who may speak at all, and to which hub.

All are judged on resources that exist and with a valid body: what a server looks at first is CAP-9's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.judging.answer_shapes import judged
from conformance.judging.checks import Stage, check, passive
from conformance.judging.expectations import ANY_4XX, broken, status, success
from conformance.scenarios.side_effects import effects, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange, Operation
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api

EVERYWHERE: tuple[Operation, ...] = ("list", "get", "logs", "restore", "job")
#: beside an unknown key each operation draws more forms of garbling, so that few bad keys are sent in all
GARBLED: dict[str, tuple[str, ...]] = {
    "list": ("cut",), "get": ("bare", "long"), "logs": ("extended",), "restore": ("swapped case",), "job": (),
}  # fmt: skip
#: what a query adds, which may be served by other code
BESIDE: dict[str, tuple[dict[str, Any], ...]] = {
    "list": ({"include": "integrations"}, {"page": 1, "size": 1}), "get": ({"include": "integrations"},),
}  # fmt: skip
OTHER_SCHEME: dict[str, str] = {
    "list": "basic user", "get": "basic password", "logs": "other scheme", "restore": "basic raw", "job": "basic user",
}  # fmt: skip


def ask_each(api: Api, operation: Operation, *hows: dict[str, Any]) -> list[Exchange]:
    """The operation on own resources in several ways that must all be refused; restores are watched for effects."""
    if operation == "restore":
        backup = api.world.bystander(api.check.clause)
        return refused(api, [api.ask.restore(backup, refusable=True, **how) for how in hows])
    if operation == "job":
        return api.send_all(api.ask.job(api.real_job(), **how) for how in hows)
    return api.send_all(api.ask.on(operation, **how) for how in hows)


def with_queries(operation: Operation, *hows: dict[str, Any]) -> list[dict[str, Any]]:
    """These ways, plain and with each query that the operation knows."""
    return [{**how, **more} for more in ({}, *BESIDE.get(operation, ())) for how in hows]


@check("AUTH-1", *EVERYWHERE)
def test_auth_1_no_key_is_unauthorized(api: Api, operation: Operation) -> Iterator[Found]:
    """Without an Authorization header, plain and with queries."""
    for answer in ask_each(api, operation, *with_queries(operation, {"key": "none"})):
        yield from status(answer, 401)


@check("AUTH-2", *EVERYWHERE, stage=Stage.BAD_KEYS)
def test_auth_2_unknown_and_garbled_keys_are_unauthorized(api: Api, operation: Operation) -> Iterator[Found]:
    """A key that nobody gave out, the right one bent, and a scheme with none behind it."""
    for answer in ask_each(api, operation, *({"key": key} for key in ("unknown", "empty", *GARBLED[operation]))):
        yield from status(answer, 401)


@check("AUTH-3", *EVERYWHERE, stage=Stage.BAD_KEYS)
def test_auth_3_expired_keys_are_unauthorized(api: Api, operation: Operation) -> Iterator[Found]:
    """The target file's expired or revoked key."""
    for answer in ask_each(api, operation, {"key": "expired"}):
        yield from status(answer, 401)


@check("AUTH-4", *EVERYWHERE, stage=Stage.BAD_KEYS)
def test_auth_4_other_schemes_are_unauthorized(api: Api, operation: Operation) -> Iterator[Found]:
    """Basic, with the right key in it."""
    for answer in ask_each(api, operation, {"key": OTHER_SCHEME[operation]}):
        yield from status(answer, 401)


@check("AUTH-5", *EVERYWHERE)
def test_auth_5_the_hub_id_is_needed(api: Api, operation: Operation) -> Iterator[Found]:
    """No X-Hub-Id, and an empty one; plain and with queries."""
    for answer in ask_each(api, operation, *with_queries(operation, {"hub": None}, {"hub": ""})):
        yield from status(answer, ANY_4XX)
    yield from effects(api)


@check("AUTH-6", *EVERYWHERE)
def test_auth_6_another_hubs_key_opens_nothing(api: Api, operation: Operation) -> Iterator[Found]:
    """The other hub's key on our resources, with either hub id; with and without what a query adds."""
    hows: list[dict[str, Any]] = [{"key": "other_hub", "ownership": "other hub"}]
    if api.world.target.keys.other_hub_id:
        hows.append({**hows[0], "hub": api.world.other_hub_id})
    if operation in ("list", "get", "logs"):
        api.send(api.ask.on(operation))  # an answer that a careless cache might show to others
    for answer in ask_each(api, operation, *with_queries(operation, *hows)):
        yield from status(answer, 401, 403, 404)
    yield from effects(api)


@passive("AUTH-7", when=lambda x: judged(x) and x.status == 401)
def unauthorized_says_how(x: Exchange) -> Iterator[Found]:
    if x.response and not (x.response.header("www-authenticate") or "").strip():
        yield broken("WWW-Authenticate on a 401", "no such header, or nothing in it", x)


@check("AUTH-8", "list", "get", "logs")
def test_auth_8_the_schemes_case_does_not_matter(api: Api, operation: Operation) -> Iterator[Found]:
    """`bearer` and `BEARER`."""
    api.need_served(operation)
    for key in ("lower scheme", "upper scheme"):
        yield from success(api.send(api.ask.on(operation, key=key)))


@check("AUTH-9", *EVERYWHERE)
def test_auth_9_keys_open_their_own_hub_only(api: Api, operation: Operation) -> Iterator[Found]:
    """Our keys with another hub's id, and with one that names nothing; plain and with queries."""
    own, other = api.world.target.hub_id, api.world.target.keys.other_hub_id
    bent = [own[:-1], f"{own}0", f"{own},{own}"]
    plain = [{"hub": hub, "ownership": "other hub"} for hub in bent]
    hubs = [{"hub": hub, "ownership": "other hub"} for hub in (api.ask.unknown_hub(), other) if hub]
    for answer in ask_each(api, operation, *plain, *with_queries(operation, *hubs)):
        yield from status(answer, *([ANY_4XX] if answer.request.hub_id in bent else [401, 403, 404]))
    yield from effects(api)
