"""DEL-1 … DEL-4: the destructive companion, only on backups that the target file offers, last of all changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.judging.answer_shapes import serves, violations_at
from conformance.judging.checks import Stage, check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    broken,
    no_verdict,
    shown_status,
    status,
    success,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.side_effects import refused_deletes
from conformance.suite.test_capabilities import keys_without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api


@passive("DEL-1", when=serves("delete"))
def delete_is_answered_with_a_descriptor(x: Exchange) -> Iterator[Found]:
    yield from shown_status(x)
    for violation in violations_at(x, "/data"):
        if isinstance(x.data, dict):
            yield broken(violation.wanted, violation.got, x, violation.pointer)


@check("DEL-2", "delete", stage=Stage.DELETES)
def test_del_2_delete_needs_manage(api: Api) -> Iterator[Found]:
    """An offered backup, with keys that may only read, or nothing; it is still there and as it was."""
    backup = api.deletable(-1)
    requests = [api.ask.delete(backup, key=key, refusable=True) for key in keys_without(api, "delete")]
    answers, changes = refused_deletes(api, backup, requests)
    for answer in answers:
        yield from status(answer, 403)
    yield from changes


@check("DEL-4", "delete", stage=Stage.DELETES)
def test_del_4_what_may_not_be_deleted_is_not(api: Api) -> Iterator[Found]:
    """Unknown, through another container's path, without a key, with another hub's key; nothing changes."""
    backup = api.deletable(-2)
    unknown = api.delete(api.ask.unknown_id(), ownership="missing", refusable=True)
    yield from status(unknown, 404)
    asked: list[tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = [({"key": "none"}, (401,), ())]
    if sibling := api.world.target.fixtures.other_container_id:
        asked.append(({"container": sibling, "ownership": "crossed"}, (403, 404), (404,)))
    if api.proofs.states.get("other_hub") == "accepted":
        hubs = [{}, {"hub": api.world.target.keys.other_hub_id}] if api.world.target.keys.other_hub_id else [{}]
        asked += [({"key": "other_hub", "ownership": "other hub", **hub}, (401, 403, 404), ()) for hub in hubs]
    requests = [api.ask.delete(backup, refusable=True, **how) for how, _, _ in asked]
    answers, changes = refused_deletes(api, backup, requests)
    for answer, (_, allowed, advise) in zip(answers, asked, strict=False):
        yield from status(answer, *allowed, advise=advise)
    yield from changes


@check("CAP-9", "delete", stage=Stage.DELETES)
def test_cap_9_denied_deletes_are_no_oracle(api: Api) -> Iterator[Found]:
    """The same denial for an offered backup and for one that does not exist."""
    backup = api.deletable(-1)  # what a denial did later is DEL-2's as well
    for key in (*keys_without(api, "delete")[:1], "none"):
        there = api.delete(backup, key=key, refusable=True)
        missing = api.delete(api.ask.unknown_id(), key=key, ownership="missing", refusable=True)
        if no_verdict(there) or there.status not in (401, 403):
            continue
        if (missing.status, missing.code) != (there.status, there.code):
            wanted = f"{there.status} {there.code}, as for what exists"
            yield broken(wanted, f"{missing.status} {missing.code}", missing)


@check("DEL-1", "delete", stage=Stage.DELETES)
def test_del_1_an_offered_backup_is_deleted(api: Api) -> Iterator[Found]:
    """The first backup that the target file offers."""
    yield from success(api.story("deleted", restore_scenarios.deleted).answer)


@check("DEL-3", "delete", stage=Stage.DELETES)
def test_del_3_a_deleted_backup_is_gone(api: Api) -> Iterator[Found]:
    """In get and in list, within `restore.timeout_s`; a restore of it is refused."""
    told = api.story("deleted", restore_scenarios.deleted)
    within = f"within {api.world.target.restore.timeout_s:g} s"
    if not told.gone_in_get:
        yield broken(f"404, deleting or deleted in get {within}", "a backup as before", told.get)
    if not told.gone_in_list:
        yield broken(f"not listed, deleting or deleted in list {within}", "listed as before", told.listing, "/data")
    if api.world.target.fixtures.instance_id:
        yield from status(api.restore(told.backup, refusable=True), ANY_4XX)
