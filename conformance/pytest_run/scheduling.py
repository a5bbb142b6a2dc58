"""Who of several workers executes what: reads go to whoever is free, all changes to one worker and nothing else there.

xdist's own groups would do the same, but they need an option on the command line that nobody has to know of, and
they change the ids of tests in a way that not every pytest takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # it has no types

from conformance.judging.checks import Stage, all_checks

if TYPE_CHECKING:
    import pytest

CHANGES = "changes"


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # as above
    """Gives each read by itself to the next free worker, and what changes the target to one of them, in its order."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        # The largest unit first, so that changes go on beside reads; a single worker keeps to the order of stages.
        config.option.loadscopereorder = self.numnodes > 1

    def _split_scope(self, nodeid: str) -> str:
        check = all_checks().get(nodeid.rpartition("[")[2].removesuffix("]"))
        return nodeid if check is None or check.stage is Stage.READS else CHANGES

    def _reschedule(self, node: Any) -> None:
        """Gives a worker more, unless it has the changes: a read behind those would wait for them, and they for it."""
        if not (CHANGES in self.assigned_work[node] and self.workqueue):
            super()._reschedule(node)
