"""INC-1 … INC-8: the integrations that backups refer to, included on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.evidence.redaction import SECRET_MEMBERS, is_masked
from conformance.judging.answer_shapes import asks_integrations, backups, integrations, rightful, serves, violations_at
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    NotTestableError,
    answered,
    at,
    broken,
    equal,
    harmless,
    status,
    success,
)
from conformance.suite.test_get import vanished

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange, Operation
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api

UNKNOWN_WORDS = ("nope", "creators")
UNKNOWN_INCLUDES = ("nope", "", ",", "integrations,nope", "integrations%00", "creators", "%F0%9F%92%A9", "x" * 500, "*")


def asked_for_nothing(x: Exchange) -> bool:
    asked = x.request.asked
    return serves("list", "get")(x) and "raw query" not in asked and asked.get("include") in (None, *UNKNOWN_WORDS)


@passive("INC-1", when=asked_for_nothing)
def nothing_is_included_unasked(x: Exchange) -> Iterator[Found]:
    includes = x.value.get("includes") if isinstance(x.value, dict) else None
    if x.request.asked.get("include"):  # for something else, of which a server may know more than we do
        includes = at(includes, "/integrations")
    if includes and not (isinstance(includes, dict) and not any(includes.values())):
        yield broken("no includes that nobody asked for", "some", x, "/includes")


@check("INC-1", "list", "get")
def test_inc_1_nothing_is_included_unasked(api: Api, operation: Operation) -> Iterator[Found]:
    """Right after a request that did ask for integrations (it must not be answered with that), and for other things."""
    api.need_served(operation)
    api.send(api.ask.on(operation, include="integrations"))
    yield from success(api.send(api.ask.on(operation)))
    for word in UNKNOWN_WORDS:
        yield from answered(api.send(api.ask.on(operation, include=word)))


def included_are_valid(x: Exchange) -> Iterator[Found]:
    for violation in violations_at(x, "/includes"):
        yield broken(violation.wanted, violation.got, x, violation.pointer)
    for key, integration in integrations(x).items():
        if isinstance(integration.get("id"), str):
            yield from equal(key, integration["id"], x, f"/includes/integrations/{key}")


def references_resolve(x: Exchange) -> Iterator[Found]:
    included = at(x.value, "/includes/integrations")
    if violations_at(x, "/includes") and not isinstance(included, dict):
        return  # not even an object: INC-2's and INC-4's
    known = {*(included or ()), *(name for one in integrations(x).values() for name in names_of(one))}
    for pointer, backup in backups(x):
        if (reference := reference_of(backup)) and reference not in known:
            yield broken(
                f"{reference} among the included",
                f"{len(integrations(x))} others",
                x,
                f"{pointer}/target/integration_id",
            )


def names_of(integration: dict[str, Any]) -> list[str]:
    """What a backup may call an integration."""
    return [name for name in (integration.get("id"), integration.get("identifier")) if isinstance(name, str)]


def reference_of(backup: dict[str, Any]) -> str | None:
    """The integration that a backup refers to; none where the member is empty or not a string."""
    target = backup.get("target")
    reference = target.get("integration_id") if isinstance(target, dict) else None
    return reference if isinstance(reference, str) and reference else None


def has_includes(x: Exchange) -> bool:
    """There is something to judge: integrations, or what should be some."""
    return asks_integrations(x) and (bool(integrations(x)) or bool(violations_at(x, "/includes")))


def refers(x: Exchange) -> bool:
    return asks_integrations(x) and any(reference_of(backup) for _, backup in backups(x))


def need_references(api: Api) -> None:
    """Raises NotTestableError where no backup of the list refers to an integration."""
    if api.world.problem is None and not any(reference_of(backup) for backup in api.world.backups):
        raise NotTestableError("set fixtures.container_id to a container whose backups refer to integrations")


@passive("INC-2", when=lambda x: has_includes(x) and x.operation == "list")
def included_on_list_are_valid(x: Exchange) -> Iterator[Found]:
    yield from included_are_valid(x)


@check("INC-2", "list")
def test_inc_2_integrations_are_included_on_list(api: Api) -> Iterator[Found]:
    """The whole list, and the sibling container's, each with integrations."""
    api.need_served("list")
    sibling = api.world.target.fixtures.other_container_id
    asked = [{}, *([{"container": sibling, "ownership": "sibling"}] if sibling else [])]
    for answer in api.send_all(api.ask.list(include="integrations", **how) for how in asked):
        yield from success(answer)
    need_references(api)


@passive("INC-3", when=lambda x: refers(x) and x.operation == "list")
def references_on_list_resolve(x: Exchange) -> Iterator[Found]:
    yield from references_resolve(x)


@check("INC-3", "list")
def test_inc_3_references_on_every_page_resolve(api: Api) -> Iterator[Found]:
    """Page by page, in two orders: each answer must hold what its own backups refer to."""
    api.need_served("list")
    need_references(api)
    size = max(2, len(api.world.backups) // 16)
    for sort in (None, "-id"):
        for page in api.walk(size, sort=sort, include="integrations").pages:
            yield from status(page, range(200, 300), ANY_4XX)


@passive("INC-4", when=lambda x: (has_includes(x) or refers(x)) and x.operation == "get")
def included_on_get_are_valid_and_resolve(x: Exchange) -> Iterator[Found]:
    yield from included_are_valid(x)
    yield from references_resolve(x)


@check("INC-4", "get")
def test_inc_4_integrations_are_included_on_get(api: Api) -> Iterator[Found]:
    """Backups of every integration that the list refers to, by id or by identifier, in every state; a sibling's."""
    api.need_served("get")
    kinds = {(reference_of(one), at(one, "/state/current")): str(one["id"]) for one in api.world.lasting()}
    asked = [api.ask.get(one, include="integrations") for one in sorted({api.world.backup_id, *kinds.values()})[:30]]
    fixtures = api.world.target.fixtures
    if fixtures.other_container_id and (foreign := fixtures.foreign_backup_id):
        how = {"container": fixtures.other_container_id, "ownership": "sibling"}
        asked.append(api.ask.get(foreign, include="integrations", **how))
    for answer in api.send_all(asked):
        if not vanished(api, answer):
            yield from success(answer)
    need_references(api)


@passive("INC-5", when=lambda x: asks_integrations(x) and bool(integrations(x)))
def nothing_needless_is_included(x: Exchange) -> Iterator[Found]:
    wanted = {reference_of(backup) for _, backup in backups(x)}
    if None in wanted or violations_at(x, "/data") or x.data is None or any(True for _ in references_resolve(x)):
        return  # what the backups refer to cannot be told
    for key, one in integrations(x).items():
        if not {key, *names_of(one)} & wanted:
            yield broken("only what the backups refer to", shapes_of(one), x, f"/includes/integrations/{key}")


def shapes_of(integration: dict[str, Any]) -> str:
    return f"integration {integration.get('identifier')}"


@check("INC-6", "list", "get")
def test_inc_6_unknown_includes_do_no_harm(api: Api, operation: Operation) -> Iterator[Found]:
    """Unknown, empty, garbled and repeated include values are ignored or refused."""
    queries = [f"include={value}" for value in UNKNOWN_INCLUDES] + ["include=integrations&include=nope"]
    api.need_served(operation)
    for answer in api.send_all(api.ask.on(operation, query=query) for query in queries):
        yield from harmless(answer, range(200, 300), ANY_4XX)


@passive("INC-7", when=lambda x: serves("list", "get")(x) and bool(integrations(x)))
def secrets_are_masked(x: Exchange) -> Iterator[Found]:
    for key, integration in integrations(x).items():
        for name in SECRET_MEMBERS:
            value = at(integration, f"/auth/{name}")
            if isinstance(value, str) and value.strip() and not is_masked(value):
                where = f"/includes/integrations/{key}/auth/{name}"
                yield broken("absent, null, empty or masked", "a value that shows", x, where)


@passive("INC-8", when=lambda x: rightful(x) and bool(integrations(x)))
def integrations_are_of_this_hub(x: Exchange) -> Iterator[Found]:
    for key, integration in integrations(x).items():
        if isinstance(integration.get("hub_id"), str):
            yield from equal(integration["hub_id"], x.request.hub_id, x, f"/includes/integrations/{key}/hub_id")
