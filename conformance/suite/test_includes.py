"""INC-1 … INC-8: the integrations that backups refer to, included on demand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from conformance.contract import pointers, validation
from conformance.contract.pointers import value_at
from conformance.evidence.secret_members import SECRET_MEMBERS, is_masked
from conformance.generation import fixed_inputs
from conformance.generation.combinations import combined_words
from conformance.judging.answer_shapes import (
    asks_integrations,
    backups,
    integrations,
    is_expected_success,
    mismatches_at,
    serves,
)
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    NotTestableError,
    expect_answer,
    expect_equal,
    expect_no_server_error,
    expect_status,
    expect_success,
    violation,
)
from conformance.scenarios import paging
from conformance.suite.support import deleted_meanwhile, is_served, send_combined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.json_types import JsonObject
    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

UNKNOWN_WORDS = ("nope", "creators")
UNKNOWN_INCLUDES = ("nope", "", ",", "integrations,nope", "integrations%00", "creators", "%F0%9F%92%A9", "x" * 500, "*")
#: names that a server may know as a relation or a member of a backup, and a relation of an integration
ODD_RELATIONS = ("container", "instances", "logs", "target", "integrations.creator")


def asked_for_nothing(exchange: Exchange) -> bool:
    """Whether a successful list or get has no `include`, or only names that the contract does not know."""
    asked = exchange.request.asked
    return (
        serves("list", "get")(exchange) and "raw query" not in asked and asked.get("include") in (None, *UNKNOWN_WORDS)
    )


@passive("INC-1", when=asked_for_nothing)
def nothing_is_included_unasked(exchange: Exchange) -> Iterator[Finding]:
    includes = exchange.value.get("includes") if isinstance(exchange.value, dict) else None
    if exchange.request.asked.get("include"):  # for something else, of which a server may know more than we do
        includes = value_at(includes, "/integrations")
    if includes and not (isinstance(includes, dict) and not any(includes.values())):
        yield violation("no includes, since none were requested", "some", exchange, "/includes")


@check("INC-1", "list", "get")
def test_inc_1_nothing_is_included_unasked(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Right after a request that did ask for integrations (it must not be answered with that), and for other things."""
    context.require_served(operation)
    context.send(context.build.for_operation(operation, include="integrations"))
    yield from expect_success(context.send(context.build.for_operation(operation)))
    for word in UNKNOWN_WORDS:
        yield from expect_answer(context.send(context.build.for_operation(operation, include=word)))


def included_are_valid(exchange: Exchange) -> Iterator[Finding]:
    """`includes` has its documented shape, with each integration under its own id."""
    for mismatch in mismatches_at(exchange, "/includes"):
        yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)
    for key, integration in integrations(exchange).items():
        if isinstance(integration.get("id"), str) and key != integration["id"]:
            wanted = f"each integration under its id as the key, here {validation.render(integration['id'])}"
            yield violation(wanted, "another key", exchange, pointers.shown(["includes", "integrations", key]))


def references_resolve(exchange: Exchange) -> Iterator[Finding]:
    """Every integration that a backup refers to is among the included ones."""
    included = value_at(exchange.value, "/includes/integrations")
    if mismatches_at(exchange, "/includes") and not isinstance(included, dict):
        return  # not even an object: INC-2's and INC-4's
    known = {*(included or ())}
    known |= {name for integration in integrations(exchange).values() for name in names_of(integration)}
    for pointer, backup in backups(exchange):
        if (reference := reference_of(backup)) and reference not in known:
            yield violation(
                f"{reference} among the included",
                f"{len(integrations(exchange))} others",
                exchange,
                f"{pointer}/target/integration_id",
            )


def names_of(integration: JsonObject) -> list[str]:
    """What a backup may call an integration."""
    return [name for name in (integration.get("id"), integration.get("identifier")) if isinstance(name, str)]


def reference_of(backup: JsonObject) -> str | None:
    """The integration that a backup refers to; none where the member is empty or not a string."""
    target = backup.get("target")
    reference = target.get("integration_id") if isinstance(target, dict) else None
    return reference if isinstance(reference, str) and reference else None


def has_includes(exchange: Exchange) -> bool:
    """There is something to judge: integrations, or what should be some."""
    return asks_integrations(exchange) and (bool(integrations(exchange)) or bool(mismatches_at(exchange, "/includes")))


def refers(exchange: Exchange) -> bool:
    """Whether integrations were requested, and a backup of the response refers to one."""
    return asks_integrations(exchange) and any(reference_of(backup) for _, backup in backups(exchange))


def need_references(context: CheckContext) -> None:
    """Raise NotTestableError if no backup of the list refers to an integration."""
    if context.fixtures.problem is None and not any(reference_of(backup) for backup in context.fixtures.backups):
        raise NotTestableError("set fixtures.container_id to a container whose backups refer to integrations")


@passive("INC-2", when=lambda exchange: has_includes(exchange) and exchange.operation == "list")
def included_on_list_are_valid(exchange: Exchange) -> Iterator[Finding]:
    yield from included_are_valid(exchange)


@check("INC-2", "list")
def test_inc_2_integrations_are_included_on_list(context: CheckContext) -> Iterator[Finding]:
    """The whole list, and the sibling container's, each with integrations."""
    context.require_served("list")
    sibling = context.fixtures.target.fixtures.other_container_id
    requests = [context.build.list(include="integrations")]
    if sibling:
        requests.append(context.build.list(sibling, include="integrations", ownership="sibling"))
    for answer in context.send_all(requests):
        yield from expect_success(answer)
    need_references(context)


@passive("INC-3", when=lambda exchange: refers(exchange) and exchange.operation == "list")
def references_on_list_resolve(exchange: Exchange) -> Iterator[Finding]:
    yield from references_resolve(exchange)


@check("INC-3", "list")
def test_inc_3_references_on_every_page_resolve(context: CheckContext) -> Iterator[Finding]:
    """Page by page, in two orders: each answer must hold what its own backups refer to."""
    context.require_served("list")
    need_references(context)
    size = max(2, len(context.fixtures.backups) // (2 if context.run.is_quick else 8))
    for sort in (None, "-id"):
        for page in paging.read_list(context, size=size, sort=sort, include="integrations").pages:
            yield from expect_status(page, range(200, 300), ANY_4XX)


@passive("INC-4", when=lambda exchange: (has_includes(exchange) or refers(exchange)) and exchange.operation == "get")
def included_on_get_are_valid_and_resolve(exchange: Exchange) -> Iterator[Finding]:
    yield from included_are_valid(exchange)
    yield from references_resolve(exchange)


@check("INC-4", "get")
def test_inc_4_integrations_are_included_on_get(context: CheckContext) -> Iterator[Finding]:
    """Backups of every integration that the list refers to, by id or by identifier, in every state; a sibling's."""
    context.require_served("get")
    by_kind = {
        (reference_of(backup), str(value_at(backup, "/state/current"))): str(backup["id"])
        for backup in context.fixtures.lasting()
    }
    requests = [
        context.build.get(backup_id, include="integrations")
        for backup_id in sorted({context.fixtures.backup_id, *by_kind.values()})[:30]
    ]
    fixtures = context.fixtures.target.fixtures
    if fixtures.other_container_id and (foreign := fixtures.foreign_backup_id):
        place = fixtures.other_container_id
        requests.append(context.build.get(foreign, place, include="integrations", ownership="sibling"))
    for answer in context.send_all(context.chosen(requests)):
        if not deleted_meanwhile(context, answer):
            yield from expect_success(answer)
    need_references(context)


@passive("INC-5", when=lambda exchange: asks_integrations(exchange) and bool(integrations(exchange)))
def nothing_needless_is_included(exchange: Exchange) -> Iterator[Finding]:
    wanted = {reference_of(backup) for _, backup in backups(exchange)}
    if (
        None in wanted
        or mismatches_at(exchange, "/data")
        or exchange.data is None
        or any(True for _ in references_resolve(exchange))
    ):
        return  # the references of the backups cannot be read
    for key, integration in integrations(exchange).items():
        if not {key, *names_of(integration)} & wanted:
            pointer = f"/includes/integrations/{key}"
            yield violation("only what the backups refer to", name_of(integration), exchange, pointer)


def name_of(integration: JsonObject) -> str:
    """The integration as a finding names it, by its `identifier`."""
    return f"integration {integration.get('identifier')}"


@check("INC-6", "list", "get")
def test_inc_6_unknown_includes_do_no_harm(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Unknown, empty, garbled and repeated include values are ignored or refused."""
    queries = [f"include={value}" for value in UNKNOWN_INCLUDES]
    queries += [case.query for case in fixed_inputs.include_queries()]
    queries += [*(f"include={value}" for value in ODD_RELATIONS), "include"]
    context.require_served(operation)
    requests = [context.build.for_operation(operation, query=query) for query in queries]
    combine = partial(combined_words, name="include", known="integrations")
    for answer in send_combined(context, requests, combine=combine, is_usual=includes_some):
        yield from expect_no_server_error(answer, range(200, 300), ANY_4XX)


def includes_some(exchange: Exchange) -> bool:
    """Whether a read is served with integrations."""
    return is_served(exchange) and bool(integrations(exchange))


@passive("INC-7", when=lambda exchange: serves("list", "get")(exchange) and bool(integrations(exchange)))
def secrets_are_masked(exchange: Exchange) -> Iterator[Finding]:
    for key, integration in integrations(exchange).items():
        for name in SECRET_MEMBERS:
            value = value_at(integration, f"/auth/{name}")
            if isinstance(value, str) and value.strip() and not is_masked(value):
                where = f"/includes/integrations/{key}/auth/{name}"
                yield violation("absent, null, empty or masked", "a value that shows", exchange, where)


@passive("INC-8", when=lambda exchange: is_expected_success(exchange) and bool(integrations(exchange)))
def integrations_are_of_this_hub(exchange: Exchange) -> Iterator[Finding]:
    for key, integration in integrations(exchange).items():
        if isinstance(integration.get("hub_id"), str):
            yield from expect_equal(
                integration["hub_id"], exchange.request.hub_id, exchange, f"/includes/integrations/{key}/hub_id"
            )
