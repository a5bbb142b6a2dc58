"""DEL-1 … DEL-5: the destructive companion, only on backups that the target file offers, last of all changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.http.exchange import Expected
from conformance.judging.answer_shapes import mismatches_at, succeeds
from conformance.judging.checks import Stage, check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    expect_content,
    expect_documented_status,
    expect_status,
    inconclusive,
    inconclusive_reason,
    naming_key,
    violation,
)
from conformance.scenarios import deletion_scenarios
from conformance.scenarios.proofs.neighbours import not_offered
from conformance.scenarios.proofs.refused_deletions import send_deletions_expecting_refusal
from conformance.suite.support import keys_without, read_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions


#: The finding where a change need not be a deletion's.
ANOTHER_CLIENT = inconclusive("another client may be working on the container: its backups changed by themselves")


@passive("DEL-1", when=succeeds("delete"))
def delete_is_answered_with_a_descriptor(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if isinstance(exchange.data, dict):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@check("DEL-2", "delete", stage=Stage.REFUSED_DELETES)
def test_del_2_delete_needs_manage(context: CheckContext) -> Iterator[Finding]:
    """An offered backup, with keys that may only read, or nothing; the backup is still there, unchanged."""
    backup = deletion_scenarios.deletable_backup(context, -1)
    keys = keys_without(context, "delete")
    read_with(context, backup, keys)
    requests = [context.build.delete(backup, key=key, expected=Expected.REFUSAL) for key in keys]
    answers, changes = send_deletions_expecting_refusal(context, backup, requests)
    for answer in answers:
        yield from naming_key(expect_status(answer, 403))
    yield from changes


@check("DEL-4", "delete", stage=Stage.REFUSED_DELETES)
def test_del_4_what_may_not_be_deleted_is_not(context: CheckContext) -> Iterator[Finding]:
    """Unknown, through another container, without a key or a hub, with another hub's key or id; nothing changes."""
    backup = deletion_scenarios.deletable_backup(context, -2)
    unknown: OperationOptions = {"backup": context.build.unknown_id(), "ownership": "missing"}
    asked = [RefusedDeletion(unknown, (404,)), *refused_deletions(context)]
    requests = [
        context.build.for_operation("delete", {"backup": backup}, refused.options, expected=Expected.REFUSAL)
        for refused in asked
    ]
    answers, changes = send_deletions_expecting_refusal(context, backup, requests)
    for answer, refused in zip(answers, asked, strict=False):
        yield from expect_status(answer, *refused.allowed, advise=refused.advised)
    yield from changes


@dataclass(frozen=True)
class RefusedDeletion:
    """A deletion that must be refused: its options, and the statuses that are allowed and advised."""

    options: OperationOptions
    allowed: tuple[int | range, ...]
    advised: tuple[int, ...] = ()


def refused_deletions(context: CheckContext) -> Iterator[RefusedDeletion]:
    """Deletions of a backup that exists, by those who may not delete it and through addresses that are not its own."""
    target, unknown = context.fixtures.target, context.build.unknown_hub()
    outside = (401, 403, 404)
    yield RefusedDeletion({"key": "none"}, (401,))
    yield RefusedDeletion({"hub": None}, (ANY_4XX,))
    yield RefusedDeletion({"hub": ""}, (ANY_4XX,))
    if sibling := target.fixtures.other_container_id:
        yield RefusedDeletion({"container": sibling, "ownership": "crossed"}, (403, 404), (404,))
    hubs = [unknown, *([target.keys.other_hub_id] if target.keys.other_hub_id else [])]
    for hub in hubs:
        yield RefusedDeletion({"hub": hub, "ownership": "other hub"}, outside)
    if context.key_proofs.states.get("other_hub") == "accepted":
        yield RefusedDeletion({"key": "other_hub", "ownership": "other hub"}, outside)
        for hub in hubs[1:]:
            yield RefusedDeletion({"key": "other_hub", "ownership": "other hub", "hub": hub}, outside)


@check("CAP-9", "delete", stage=Stage.REFUSED_DELETES)
def test_cap_9_denied_deletes_are_no_oracle(context: CheckContext) -> Iterator[Finding]:
    """The same denial for an offered backup and for one that does not exist."""
    backup = deletion_scenarios.deletable_backup(context, -1)  # an effect of the denial is judged by DEL-2
    keys, build = (*keys_without(context, "delete")[:1], "none"), context.build
    of_it = [build.delete(backup, key=key, expected=Expected.REFUSAL) for key in keys]
    of_none = [
        build.delete(build.unknown_id(), key=key, ownership="missing", expected=Expected.REFUSAL) for key in keys
    ]
    answers = context.send_all([*of_it, *of_none])
    for there, missing in zip(answers[: len(keys)], answers[len(keys) :], strict=True):
        if inconclusive_reason(there) or there.status not in (401, 403):
            continue
        if (missing.status, missing.code) != (there.status, there.code):
            wanted = f"{there.status} {there.code}, as for what exists"
            yield violation(wanted, f"{missing.status} {missing.code}", missing)


@check("DEL-1", "delete", stage=Stage.DELETES)
def test_del_1_an_offered_backup_is_deleted(context: CheckContext) -> Iterator[Finding]:
    """The first backup that the target file offers."""
    if deletion_scenarios.lacks_claimed_deletion(context):
        yield violation("202, since claims.delete = true", "an answer as to an undocumented method")
        return
    try:
        answer = context.run_once("deleted", deletion_scenarios.deleted).answer
    except deletion_scenarios.DeletionRefusedError as refused:
        answer = refused.answer
    if answer.is_refusal and (doubt := deletion_scenarios.why_not_blamed(context, answer)):
        yield inconclusive(doubt, answer)
    else:
        yield from expect_content(answer)


@check("DEL-3", "delete", stage=Stage.DELETES)
def test_del_3_a_deleted_backup_is_gone(context: CheckContext) -> Iterator[Finding]:
    """In get and in list, however they are asked for, within `restore.timeout_s`; a restore of it is refused."""
    deletion = context.run_once("deleted", deletion_scenarios.deleted)
    within = f"within {context.fixtures.target.restore.timeout_s:g} s"
    if not deletion.gone_in_get:
        yield violation(f"404, deleting or deleted in get {within}", "a backup as before", deletion.get)
    if not deletion.gone_in_list:
        yield violation(
            f"not listed, deleting or deleted in list {within}", "listed as before", deletion.listing, "/data"
        )
    if deletion.gone and not context.run.is_quick:
        for read in deletion_scenarios.shown_otherwise(context, deletion):
            yield violation(f"gone as in the plain {read.operation}, {within}", "a backup as before", read, "/data")
    if context.fixtures.target.fixtures.instance_id:
        yield from expect_status(context.restore(deletion.backup, expected=Expected.REFUSAL), ANY_4XX)
    if deletion.gone and not context.run.is_quick:
        deletion_scenarios.ask_for_what_is_gone(context, deletion)  # HTTP-3 judges that there are answers


@check("DEL-5", "delete", stage=Stage.DELETES)
def test_del_5_a_deletion_takes_no_other_backup_with_it(context: CheckContext) -> Iterator[Finding]:
    """The other live backups after each deletion of the run; what changed must change with a second one as well."""
    context.try_scenario("deleted", deletion_scenarios.deleted)
    deletions = [changes for _, changes in context.run.state.neighbours]
    if not deletions:
        context.run_once("deleted", deletion_scenarios.deleted)  # raises with the reason
    changed = [changes for changes in deletions if changes.shows_collateral]
    if len(changed) == 1:
        again = context.try_scenario("deleted again", deletion_scenarios.deleted_again)
        deletions += [again.changes] if again else []
        changed += [again.changes] if again and again.changes.shows_collateral else []
    alone = len(deletions) == 1 and not any(changes.others_moved for changes in changed)
    if len(changed) > 1:
        for changes in changed:
            yield from changes.of_steady.values()
    elif alone and any(not_offered(context, changes) for changes in changed):
        yield from not_offered(context, changed[0])
    elif any(changes.of_steady for changes in changed):
        yield ANOTHER_CLIENT
    for doubt in dict.fromkeys(changes.doubt for changes in deletions if changes.doubt):
        yield inconclusive(doubt)
