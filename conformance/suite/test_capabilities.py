"""CAP-1 … CAP-11: what each key may do, on own, sibling, crossed and missing resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.error_codes import same_code
from conformance.contract.pointers import value_at
from conformance.http.exchange import Expected
from conformance.judging.answer_shapes import has_valid_code, is_judgeable
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    CannotTellError,
    advisory,
    expect_answer,
    expect_not_success,
    expect_status,
    expect_success,
    inconclusive_reason,
    naming_key,
    violation,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.restore import last_look
from conformance.scenarios.side_effects import observed_effects, send_expecting_refusal
from conformance.suite.support import DENIAL_CLAUSE, expect_accepted, keys_without, read_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions


def denied(context: CheckContext, operation: Operation, keys: list[str]) -> Iterator[Request]:
    """The operation on the own and on the sibling container's resources, with keys that may not."""
    fixtures = context.fixtures.target.fixtures
    refused: OperationOptions = {"expected": Expected.REFUSAL}
    for key in keys:
        yield from _denied_own(context, operation, {**refused, "key": key})
    if sibling := fixtures.other_container_id:
        theirs: OperationOptions = {"container": sibling, "ownership": "sibling"}
        if operation != "list" and not fixtures.foreign_backup_id:
            return
        if operation != "list":
            theirs["backup"] = fixtures.foreign_backup_id
        if operation == "restore":
            # the sibling's own instance is never named: only instance_id may be restored to, even by a broken server
            return
        for key in keys:
            yield context.build.for_operation(operation, theirs, refused, key=key)


def _denied_own(context: CheckContext, operation: Operation, refused: OperationOptions) -> Iterator[Request]:
    """The operation on own resources, plain and with each query that it knows."""
    if operation != "list":
        refused = {**refused, "backup": context.fixtures.dedicated_backup(context.check.clause)}
    yield context.build.for_operation(operation, refused)
    if operation in ("list", "get"):
        yield context.build.for_operation(operation, refused, include="integrations")
    if operation == "list":
        yield context.build.for_operation("list", refused, page=1, size=1)
        if empty := context.fixtures.target.fixtures.empty_container_id:
            yield context.build.for_operation("list", refused, container=empty, ownership="sibling")


@check("CAP-1", "list")
def test_cap_1_list_needs_view(context: CheckContext) -> Iterator[Finding]:
    """List with keys that have other capabilities."""
    for answer in context.send_all([*denied(context, "list", keys_without(context, "list"))]):
        yield from naming_key(expect_status(answer, 403))


@check("CAP-2", "get")
def test_cap_2_get_needs_view(context: CheckContext) -> Iterator[Finding]:
    """Get with keys that have other capabilities."""
    for answer in context.send_all([*denied(context, "get", keys_without(context, "get"))]):
        yield from naming_key(expect_status(answer, 403))


@check("CAP-3", "logs")
def test_cap_3_logs_needs_view(context: CheckContext) -> Iterator[Finding]:
    """Logs with keys that have other capabilities."""
    for answer in context.send_all([*denied(context, "logs", keys_without(context, "logs"))]):
        yield from naming_key(expect_status(answer, 403))


@check("CAP-4", "restore")
def test_cap_4_restore_needs_manage(context: CheckContext) -> Iterator[Finding]:
    """Restores with keys that may only read, or nothing, after reads: a decision about a read must not be reused."""
    read_with(context, context.fixtures.dedicated_backup("CAP-4"), keys_without(context, "restore"))
    for answer in send_expecting_refusal(context, [*denied(context, "restore", keys_without(context, "restore"))]):
        yield from naming_key(expect_status(answer, 403))


def is_denied(operation: Operation) -> Callable[[Exchange], bool]:
    """Predicate: an answer of this operation to a key that lacks nothing but the capability."""
    return lambda exchange: (
        exchange.operation == operation and exchange.request.denied is not None and is_judgeable(exchange)
    )


def denied_request_is_no_success(exchange: Exchange) -> Iterator[Finding]:
    """Whichever check sent it: the budget may not leave room for another such request."""
    if exchange.is_success:
        yield from naming_key([violation("403", f"{exchange.status}", exchange)])


for _operation, _clause in DENIAL_CLAUSE.items():
    passive(_clause, when=is_denied(_operation))(denied_request_is_no_success)


@check("CAP-5", "list", "get", "logs")
def test_cap_5_view_alone_reads(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """The key that has view alone reads the own and the sibling container."""
    context.key_proofs.require("view")
    context.require_served(operation)
    fixtures = context.fixtures.target.fixtures
    yield from naming_key(expect_success(context.send(context.build.for_operation(operation, key="view"))))
    if operation != "logs":
        included = context.build.for_operation(operation, key="view", include="integrations")
        yield from naming_key(expect_success(context.send(included)))
    if (empty := fixtures.empty_container_id) and operation == "list":
        yield from shown_to_view(context, lambda key: context.build.list(empty, key=key, ownership="sibling"))
    if fixtures.other_container_id and (operation == "list" or fixtures.foreign_backup_id):
        theirs: OperationOptions = {"container": fixtures.other_container_id, "ownership": "sibling"}
        if operation != "list":
            theirs["backup"] = fixtures.foreign_backup_id
        yield from shown_to_view(context, lambda key: context.build.for_operation(operation, theirs, key=key))


def shown_to_view(context: CheckContext, ask: Callable[[str], Request]) -> Iterator[Finding]:
    """What the full key is shown, the view key is shown; what neither is shown is another clause's."""
    answer = context.send(ask("view"))
    if answer.is_success or context.send(ask("full")).is_success:
        yield from naming_key(expect_success(answer))


@check("CAP-6", "restore")
def test_cap_6_manage_alone_restores(context: CheckContext) -> Iterator[Finding]:
    """The key that has manage alone starts a restore, and still may not read: CAP-1 to CAP-3 judge that."""
    restore = restore_scenarios.restored_by_manage(context)
    yield from naming_key(expect_accepted(restore))
    context.send_all(getattr(context.build, read)(restore.backup, key="manage") for read in ("get", "logs"))
    if restore.failed and (second := context.try_scenario("again", restore_scenarios.again)) and second.went_well:
        yield violation("a restore that ends as the full key's does", restore.last_seen, last_look(restore))


@passive(
    "CAP-7",
    when=lambda exchange: exchange.status == 403 and exchange.request.denied is not None and has_valid_code(exchange),
)
def denials_name_the_right_capability(exchange: Exchange) -> Iterator[Finding]:
    if not same_code(str(exchange.code), "403.permissions"):
        yield violation("code 403.permissions", str(exchange.code), exchange, "/error/code")
    named = value_at(exchange.value, "/error/extra/capability")
    if named is not None and named != exchange.request.denied:
        yield violation(
            f"{exchange.request.denied}, the missing capability", f"{named}", exchange, "/error/extra/capability"
        )


@check("CAP-7", "restore", "job")
def test_cap_7_denials_of_companions_are_judged(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Denials of restore and job, so that there is something to judge."""
    for key in keys_without(context, operation):
        request = (
            context.build.restore(context.fixtures.dedicated_backup("CAP-7"), key=key, expected=Expected.REFUSAL)
            if operation == "restore"
            else context.build.job(restore_scenarios.real_job(context), key=key)
        )
        answer = send_expecting_refusal(context, [request])[0] if operation == "restore" else context.send(request)
        yield from expect_answer(answer)


@check("CAP-8", "restore")
def test_cap_8_a_denied_restore_does_nothing(context: CheckContext) -> Iterator[Finding]:
    """Denied, but valid restore requests for a dedicated backup, which is read right after them and at the end."""
    answers = send_expecting_refusal(context, [*denied(context, "restore", keys_without(context, "restore"))])
    for answer in answers:
        if answer.is_success:
            raise CannotTellError(f"CAP-4 failed first on {answer.request.line}: {answer.status}")
        yield from expect_status(answer, range(400, 500))
    yield from observed_effects(context)


@check("CAP-9", "list", "get", "logs", "restore", "job")
def test_cap_9_denials_are_no_oracle(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """The same denial for what exists and what does not, for a good body and a bad one, with and without a key."""
    judged = False
    for key in (*keys_without(context, operation)[:2], "none"):
        existing, *others = _oracle(context, operation, key)
        answers = (
            send_expecting_refusal(context, [existing, *others])
            if operation == "restore"
            else context.send_all([existing, *others])
        )
        first = answers[0]
        if inconclusive_reason(first) or first.status not in (401, 403):
            continue
        judged = True
        for answer in answers[1:]:
            same = answer.status == first.status and same_code(answer.code or "", first.code or "")
            if not inconclusive_reason(answer) and not same:
                wanted = f"{first.status} {first.code}, as for what exists"
                yield violation(wanted, f"{answer.status} {answer.code}", answer)
    if not judged:
        raise CannotTellError(
            inconclusive_reason(first) or f"{DENIAL_CLAUSE[operation]} failed first: no denial is a 401 or a 403"
        )


def _oracle(context: CheckContext, operation: Operation, key: str) -> Iterator[Request]:
    """First a request for what exists, then for what does not (and with a bad body), all with a key that may not."""
    unknown = context.build.unknown_id
    denied: OperationOptions = {"key": key, "expected": Expected.REFUSAL}
    if operation == "job":
        yield context.build.for_operation("job", denied, job=restore_scenarios.real_job(context))
        yield context.build.for_operation("job", denied, job=unknown(), ownership="missing")
        return
    if operation == "list":
        yield context.build.for_operation("list", denied)
        container = context.build.unknown_container()
        yield context.build.for_operation("list", denied, container=container, ownership="missing")
        return
    # an effect without a key is no effect of a denial
    backup = context.fixtures.dedicated_backup("AUTH-1" if key == "none" else "CAP-9")
    yield context.build.for_operation(operation, denied, backup=backup)
    if operation == "restore":
        bad: OperationOptions = {
            **denied,
            "backup": backup,
            "ownership": "missing",
        }  # the lack of a capability is not all that is wrong
        yield context.build.for_operation("restore", bad, body={"action": "restore"})
        yield context.build.for_operation("restore", bad, raw=b"{")
        yield context.build.for_operation("restore", bad, instance=unknown())
    yield context.build.for_operation(operation, denied, backup=unknown(), ownership="missing")
    yield context.build.for_operation(
        operation, denied, backup=backup, container=context.build.unknown_container(), ownership="missing"
    )


@check("CAP-10", "list", "get", "logs", "restore")
def test_cap_10_other_capabilities_grant_nothing(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """The key that may do other things to containers."""
    context.key_proofs.require("unrelated")
    requests = [*denied(context, operation, ["unrelated"])]
    for answer in send_expecting_refusal(context, requests) if operation == "restore" else context.send_all(requests):
        yield from naming_key(expect_not_success(answer))


@passive(
    "CAP-11",
    when=lambda exchange: exchange.status == 403 and exchange.request.denied is not None and has_valid_code(exchange),
)
def denials_name_a_capability(exchange: Exchange) -> Iterator[Finding]:
    extra = exchange.error.get("extra") or {}
    if isinstance(extra, dict) and extra.get("capability") in (None, ""):
        yield advisory(f"extra.capability {exchange.request.denied}", "nothing", exchange, "/error/extra/capability")
