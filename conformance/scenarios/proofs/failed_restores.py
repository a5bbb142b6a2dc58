"""RST-4: what became of a backup since its restore failed, and whether another client can have done it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.operations import GONE_STATES, RESTORE_OR_DELETE_MAY_CHANGE
from conformance.contract.pointers import value_at
from conformance.judging.expectations import CannotTellError, expect_equivalent, inconclusive, object_of, violation
from conformance.scenarios import paging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore

ANOTHER_CLIENT = "another client may have deleted it: other backups came, went or changed during the run as well"


def changes_of_failed(context: CheckContext, restore: Restore, get: Exchange) -> Iterator[Finding]:
    """Yield what changed about a backup since its restore failed, as the final review reads it.

    Another client may delete a backup that cannot be restored. So where it is gone, nothing else may have moved.
    """
    try:
        before = object_of(restore.before) if restore.before else {}
        now = object_of(get) if get.status != 404 else {}
    except CannotTellError as reason:
        yield inconclusive(str(reason), get)
        return
    if before.get("id") != restore.backup or value_at(before, "/state/current") in GONE_STATES:
        return
    if now and value_at(now, "/state/current") not in GONE_STATES:
        yield from expect_equivalent("backup", before, now, get, RESTORE_OR_DELETE_MAY_CHANGE)
    elif context.run_once("others moved beside a failed restore", _others_moved):
        yield inconclusive(ANOTHER_CLIENT, get)
    else:
        got = f"in state {value_at(now, '/state/current')}" if now else "404"
        yield violation(f"the backup {restore.backup} as before its restore failed", got, get)


def _others_moved(context: CheckContext) -> bool:
    """Whether backups came, went or changed their state that this run neither restored nor deleted."""
    try:
        listing = paging.read_settled_list(context)
    except CannotTellError:
        return True
    state, fixtures = context.run.state, context.fixtures
    known = {str(backup["id"]): value_at(backup, "/state/current") for backup in fixtures.backups}
    now = {str(item.get("id")): value_at(item, "/state/current") for page in listing.pages for item in page.items}
    own = {*fixtures.target.fixtures.deletable_backup_ids, *state.deleted_backups}
    came = now.keys() - known.keys() if fixtures.is_list_whole else set()
    moved = {backup for backup, current in known.items() if now.get(backup) != current}
    return any(not state.accepted(backup) for backup in (came | moved) - own)
