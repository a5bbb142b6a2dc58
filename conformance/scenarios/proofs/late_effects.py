"""Gives late effects of refused changes and of restores their time before the final review looks for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore

#: the patience is this many times the longest restore of the run, and at least this many polls
RESTORE_FACTOR, POLLS = 2, 4
#: the longest that it is waited for, in seconds
MAX_PATIENCE_S = 10.0
#: How long restores have been over before they are reviewed, in seconds: what happens to their jobs and backups later
#: breaks the same clauses. Few runs are so short that they wait for it.
SETTLED_S = 3.5


def await_late_effects(context: CheckContext, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until what was refused, but is executed all the same, would show its effects, and restores have settled.

    `clock` gives monotonic seconds. In most runs that time has passed by then, with other requests. Only the last
    review waits for restores: until then there is other work to do.
    """
    state = context.run.state
    waits_for_restores = state.is_last_review and not context.run.is_quick
    due = [end + SETTLED_S for end in _ends(state.restores)] if waits_for_restores else []
    if state.last_refused_change is not None:
        due.append(state.last_refused_change + patience(state.followed, context.fixtures.target.restore.poll_s))
    left_s = max(due, default=0.0) - clock()
    if due and left_s > 0:
        context.run.wait(left_s)


def _ends(restores: Sequence[Restore]) -> list[float]:
    """When the first restore ended, and those that failed: a few of each run, and not its last ones."""
    ended = [restore for restore in restores if restore.accepted and restore.ended]
    return [restore.requested_at + restore.took_s for restore in (*ended[:1], *(each for each in ended if each.failed))]


def patience(restores: Sequence[Restore], poll_s: float) -> float:
    """Return how many seconds after a refused change its effects show, judged by the restores of this run."""
    longest_s = max((restore.watched_s for restore in restores), default=0.0)
    return min(MAX_PATIENCE_S, max(RESTORE_FACTOR * longest_s, POLLS * poll_s))
