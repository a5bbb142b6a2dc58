"""What a deletion does to the backups beside the one that it deletes (DEL-5)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from conformance.contract import equivalence
from conformance.contract.operations import GONE_STATES, RESTORE_OR_DELETE_MAY_CHANGE
from conformance.contract.pointers import value_at
from conformance.judging.expectations import CannotTellError, violation
from conformance.scenarios import paging
from conformance.scenarios.run_state import Changes, Neighbours
from conformance.scenarios.side_effects import CHANGES_WITH_EACH_READING, changes_by_itself

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.run_state import Items

#: How many neighbours are read one by one as well: in a quick run or where another deletion has more, and otherwise.
SMALL_SAMPLE, SAMPLE = 4, 12
#: How long ago a get may have shown a neighbour that the list shows unchanged, in seconds.
LATELY_S = 30.0
#: How many changed neighbours are read again, to see whether they change by themselves.
MAX_CONTROLS = 3
#: For how long the list is watched for changes while nothing is deleted, relative to the time that the deletion took
#: and in seconds, and how often it is read.
WATCH_FACTOR, MIN_WATCH_S, MAX_WATCH_S, WATCH_POLL_S = 3, 3.0, 15.0, 0.5
RESTLESS = "the backups beside the deleted one change while nothing is deleted"


def look_at_neighbours(context: CheckContext, deleted: str) -> Neighbours:
    """Read the list twice, before the deletion of a backup."""
    read_at = time.monotonic()
    first, second = _items(paging.read_list(context)), _items(paging.read_settled_list(context))
    steady = {
        backup: item
        for backup, item in second.items()
        if backup != deleted
        and value_at(item, "/state/current") == "live"
        and not _differences(first.get(backup), item)
    }
    return Neighbours(deleted, second, steady, read_at)


def compare_neighbours(context: CheckContext, before: Neighbours) -> Changes:
    """Read the list, and compare it with the list before the deletion.

    What this run restored or deleted itself is left out. A list that cannot be read while it holds still shows no
    change, but is a doubt.
    """
    try:
        listing = paging.read_settled_list(context)
    except CannotTellError as reason:
        return Changes(doubt=str(reason))
    changes = _compare(context, before, listing)
    _leave_out_refused_restores(context, changes)
    return changes


def changes_of_neighbours(context: CheckContext, before: Neighbours) -> Changes:
    """Compare the neighbours, as `compare_neighbours` does, and leave out what changes while nothing is deleted."""
    changes = compare_neighbours(context, before)
    if not changes.of_steady:
        return changes
    listed = [backup for backup in changes.of_steady if backup in changes.listed]
    if doubt := _why_restless(context, before, listed[:MAX_CONTROLS]):
        for backup in listed if doubt == CHANGES_WITH_EACH_READING else list(changes.of_steady):
            del changes.of_steady[backup]
        changes.doubt = doubt
    return changes


def _leave_out_refused_restores(context: CheckContext, changes: Changes) -> None:
    """Leave out what refused restores of this run may have changed, where they are known to have effects."""
    state = context.run.state
    suspects = [backup for backup in changes.of_steady if state.confirmed and state.requested(backup)]
    for backup in suspects:
        del changes.of_steady[backup]
        changes.doubt = f"{min(state.confirmed)} failed first: a refused restore had an effect"


def _why_restless(context: CheckContext, before: Neighbours, listed: Sequence[str]) -> str:
    """Why changes of backups cannot be blamed on a deletion: they go on while nothing is deleted. Empty otherwise.

    `listed`: those that changed and are still listed. The list is watched for longer than the deletion took, since a
    job that tidies up may change a backup now and then.
    """
    if _went_before(context, before):
        return RESTLESS
    watch_s = WATCH_FACTOR * (time.monotonic() - before.read_at)
    until = time.monotonic() + max(MIN_WATCH_S, min(MAX_WATCH_S, watch_s))
    first = _items(paging.read_settled_list(context))
    gets = [get for get in map(context.get, listed) if get.is_success]
    if gets and all(changes_by_itself(context, get) for get in gets):
        return CHANGES_WITH_EACH_READING
    others = _untouched(context, before).keys() - set(listed)
    while True:
        later = _items(paging.read_settled_list(context))
        moved = {backup for backup in {*others, *listed} if _differences(first.get(backup), later.get(backup))}
        if moved & others or (listed and moved.issuperset(listed)):
            return RESTLESS
        if time.monotonic() > until:
            return ""
        context.run.wait(WATCH_POLL_S)


def _went_before(context: CheckContext, before: Neighbours) -> bool:
    """Whether a backup that this run neither restored nor deleted was gone before the deletion."""
    state, fixtures = context.run.state, context.fixtures
    live = {str(backup["id"]) for backup in fixtures.backups if value_at(backup, "/state/current") == "live"}
    offered = fixtures.target.fixtures.deletable_backup_ids  # another run of the suite deletes them
    known = live - _own(context, before) - {*offered}
    return any(_is_gone(before.listed, backup) for backup in known if not state.accepted(backup))


def _compare(context: CheckContext, before: Neighbours, listing: paging.PagedList) -> Changes:
    now = _items(listing)
    changes = Changes(listed=now.keys())
    steady, own = _untouched(context, before), _own(context, before)
    for backup, item in steady.items():
        for finding in _changes(backup, item, now, listing.last):
            changes.of_steady.setdefault(backup, finding)
    changes.restored_and_gone = {
        backup for backup in before.steady.keys() - steady.keys() - own if _is_gone(now, backup)
    }
    others = {*now, *before.listed} - steady.keys() - own
    changes.others_moved = any(
        _differences(before.listed.get(backup), now.get(backup))
        for backup in others
        if not context.run.state.accepted(backup)
    )
    return changes


def not_offered(context: CheckContext, changes: Changes) -> list[Finding]:
    """Return the findings about backups that the target file does not offer to delete.

    A change that was seen once counts for those only: another run of the suite with the same target file deletes the
    offered ones.
    """
    offered = context.fixtures.target.fixtures.deletable_backup_ids
    return [finding for backup, finding in changes.of_steady.items() if backup not in offered]


def readable_neighbours(context: CheckContext, before: Neighbours, most: int = SAMPLE) -> frozenset[str]:
    """Return some steady neighbours that get shows before the deletion: as a get of this run did lately, or now."""
    steady = list(_untouched(context, before))
    most = SMALL_SAMPLE if context.run.is_quick else most
    sample = context.run.rng(f"neighbours of {before.deleted}").sample(steady, min(most, len(steady)))
    known = {backup for backup in sample if context.run.readings.get(backup, LATELY_S)}
    gets = context.send_all(context.build.get(backup) for backup in sample if backup not in known)
    return frozenset({*known, *(get.request.resources["backup"] for get in gets if get.is_success)})


def missing_neighbours(context: CheckContext, before: Neighbours, readable: Collection[str]) -> dict[str, Finding]:
    """Read these neighbours again after the deletion, and return findings about those that are not found."""
    gets = context.send_all(context.build.get(backup) for backup in _untouched(context, before) if backup in readable)
    return {
        get.request.resources["backup"]: violation("a backup as before the deletion of another", "404", get)
        for get in gets
        if get.status == 404
    }


def _untouched(context: CheckContext, before: Neighbours) -> dict[str, JsonObject]:
    """The steady neighbours that this run has neither restored nor deleted since."""
    state, own = context.run.state, _own(context, before)
    kept = before.steady.keys() - own
    return {backup: before.steady[backup] for backup in sorted(kept) if not state.accepted(backup)}


def _own(context: CheckContext, before: Neighbours) -> set[str]:
    """The backups that this run deleted."""
    return {before.deleted, *context.run.state.deleted_backups}


def _is_gone(now: Items, backup: str) -> bool:
    return backup not in now or value_at(now[backup], "/state/current") in GONE_STATES


def _items(listing: paging.PagedList) -> dict[str, JsonObject]:
    return {item["id"]: item for page in listing.pages for item in page.items if isinstance(item.get("id"), str)}


def _differences(before: JsonObject | None, now: JsonObject | None) -> list[str]:
    if before is None or now is None:
        return [] if before is now else [""]
    return equivalence.differences("backup", before, now, ignore=RESTORE_OR_DELETE_MAY_CHANGE)


def _changes(backup: str, before: JsonObject, now: Items, last: Exchange) -> Iterator[Finding]:
    if backup not in now:
        yield violation(f"the backup {backup} still listed after the deletion of another", "not listed", last, "/data")
        return
    for pointer in _differences(before, now[backup]):
        wanted = f"the backup {backup} unchanged by the deletion of another"
        yield violation(wanted, f"{pointer} changed", last, "/data")
