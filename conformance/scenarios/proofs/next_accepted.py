"""Effects of refused restores that come with the next accepted one, as where a transaction is not rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.scenarios import restore_requests
from conformance.scenarios.follower import Follower
from conformance.scenarios.run_state import CANNOT_GO_ON

if TYPE_CHECKING:
    from conformance.scenarios.context import CheckContext


def restore_the_main_backup(context: CheckContext) -> bool:
    """Restore the main backup and follow it to its end; return whether that was possible.

    It is the main one, so that the instance holds in the end what it holds after any run.
    """
    try:
        if restore_requests.restores_left(context) < 1:
            return False
        restore_requests.require_idle(context)
        restore = restore_requests.request_restore(context, context.fixtures.backup_id)
        if restore.accepted:
            Follower(context).follow(restore)
    except CANNOT_GO_ON:
        return False
    return restore.accepted
