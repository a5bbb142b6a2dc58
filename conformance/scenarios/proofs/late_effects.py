"""Gives a refused change the time that its effects would need before the final review looks for them."""

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


def await_late_effects(context: CheckContext, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until a restore or deletion that was refused last, but is executed all the same, would show its effects.

    `clock` gives monotonic seconds. In most runs that time has passed by then, with other requests.
    """
    state = context.run.state
    if state.last_refused_change is None:
        return
    patience_s = patience(state.followed, context.fixtures.target.restore.poll_s)
    left_s = state.last_refused_change + patience_s - clock()
    if left_s > 0:
        context.run.wait(left_s)


def patience(restores: Sequence[Restore], poll_s: float) -> float:
    """Return how many seconds after a refused change its effects show, judged by the restores of this run."""
    longest_s = max((restore.took_s for restore in restores), default=0.0)
    return min(MAX_PATIENCE_S, max(RESTORE_FACTOR * longest_s, POLLS * poll_s))
