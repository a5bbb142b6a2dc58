"""DEL-1 … DEL-4: the destructive companion, only on backups that the target file offers, last of all changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.http.exchange import Expected
from conformance.judging.answer_shapes import mismatches_at, serves
from conformance.judging.checks import Stage, check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    expect_documented_status,
    expect_status,
    expect_success,
    inconclusive_reason,
    violation,
)
from conformance.scenarios import deletion_scenarios
from conformance.scenarios.side_effects import send_deletions_expecting_refusal
from conformance.suite.support import keys_without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions


@passive("DEL-1", when=serves("delete"))
def delete_is_answered_with_a_descriptor(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if isinstance(exchange.data, dict):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@check("DEL-2", "delete", stage=Stage.DELETES)
def test_del_2_delete_needs_manage(context: CheckContext) -> Iterator[Finding]:
    """An offered backup, with keys that may only read, or nothing; it is still there and as it was."""
    backup = deletion_scenarios.deletable_backup(context, -1)
    requests = [
        context.build.delete(backup, key=key, expected=Expected.REFUSAL) for key in keys_without(context, "delete")
    ]
    answers, changes = send_deletions_expecting_refusal(context, backup, requests)
    for answer in answers:
        yield from expect_status(answer, 403)
    yield from changes


@check("DEL-4", "delete", stage=Stage.DELETES)
def test_del_4_what_may_not_be_deleted_is_not(context: CheckContext) -> Iterator[Finding]:
    """Unknown, through another container's path, without a key, with another hub's key; nothing changes."""
    backup = deletion_scenarios.deletable_backup(context, -2)
    unknown = context.delete(context.build.unknown_id(), ownership="missing", expected=Expected.REFUSAL)
    yield from expect_status(unknown, 404)
    asked: list[tuple[OperationOptions, tuple[int, ...], tuple[int, ...]]] = [({"key": "none"}, (401,), ())]
    if sibling := context.fixtures.target.fixtures.other_container_id:
        asked.append(({"container": sibling, "ownership": "crossed"}, (403, 404), (404,)))
    if context.key_proofs.states.get("other_hub") == "accepted":
        outside: OperationOptions = {"key": "other_hub", "ownership": "other hub"}
        asked.append((outside, (401, 403, 404), ()))
        if other := context.fixtures.target.keys.other_hub_id:
            asked.append(({**outside, "hub": other}, (401, 403, 404), ()))
    requests = [
        context.build.for_operation("delete", options, backup=backup, expected=Expected.REFUSAL)
        for options, _, _ in asked
    ]
    answers, changes = send_deletions_expecting_refusal(context, backup, requests)
    for answer, (_, allowed, advise) in zip(answers, asked, strict=False):
        yield from expect_status(answer, *allowed, advise=advise)
    yield from changes


@check("CAP-9", "delete", stage=Stage.DELETES)
def test_cap_9_denied_deletes_are_no_oracle(context: CheckContext) -> Iterator[Finding]:
    """The same denial for an offered backup and for one that does not exist."""
    backup = deletion_scenarios.deletable_backup(context, -1)  # what a denial did later is DEL-2's as well
    for key in (*keys_without(context, "delete")[:1], "none"):
        there = context.delete(backup, key=key, expected=Expected.REFUSAL)
        missing = context.delete(context.build.unknown_id(), key=key, ownership="missing", expected=Expected.REFUSAL)
        if inconclusive_reason(there) or there.status not in (401, 403):
            continue
        if (missing.status, missing.code) != (there.status, there.code):
            wanted = f"{there.status} {there.code}, as for what exists"
            yield violation(wanted, f"{missing.status} {missing.code}", missing)


@check("DEL-1", "delete", stage=Stage.DELETES)
def test_del_1_an_offered_backup_is_deleted(context: CheckContext) -> Iterator[Finding]:
    """The first backup that the target file offers."""
    yield from expect_success(context.run_once("deleted", deletion_scenarios.deleted).answer)


@check("DEL-3", "delete", stage=Stage.DELETES)
def test_del_3_a_deleted_backup_is_gone(context: CheckContext) -> Iterator[Finding]:
    """In get and in list, within `restore.timeout_s`; a restore of it is refused."""
    told = context.run_once("deleted", deletion_scenarios.deleted)
    within = f"within {context.fixtures.target.restore.timeout_s:g} s"
    if not told.gone_in_get:
        yield violation(f"404, deleting or deleted in get {within}", "a backup as before", told.get)
    if not told.gone_in_list:
        yield violation(f"not listed, deleting or deleted in list {within}", "listed as before", told.listing, "/data")
    if context.fixtures.target.fixtures.instance_id:
        yield from expect_status(context.restore(told.backup, expected=Expected.REFUSAL), ANY_4XX)
