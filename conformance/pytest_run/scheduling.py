"""Distributes checks over several workers: reads go to any free worker, and all changes to one.

xdist's own groups would do the same, but they need an option on the command line that nobody would think of, and they
change the IDs of tests in a way that not every pytest accepts.
"""

from __future__ import annotations

import shlex
import sys
import traceback
from typing import TYPE_CHECKING

from conformance import _compat
from conformance.config.machine import exhausted
from conformance.judging.checks import Stage
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    import pytest

CHANGES = "changes"
#: how a worker on this machine is started: without the current folder, the environment's options for Python or its
#: warnings; xdist then gives it the controller's path
ISOLATED = shlex.join([sys.executable, "-I", "-W", "ignore"])


def prepare(config: pytest.Config) -> None:
    """Set xdist's options for a run: isolated workers, and none in the place of a lost one.

    What a lost worker had begun nobody can take over.
    """
    config.option.maxworkerrestart = "0"
    config.option.tx = [f"{spec}//python={ISOLATED}" if _is_plain(spec) else spec for spec in config.option.tx]


def is_lost_worker(error: BaseException) -> bool:
    """Whether an exception means that a worker process is gone: execnet cannot send to it or hear from it."""
    if not isinstance(error, OSError | EOFError) or exhausted(error):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and str(frames[-1].f_globals.get("__name__")).startswith("execnet.")


def _is_plain(spec: str) -> bool:
    """Whether a specification such as `4*popen` leaves the interpreter open."""
    parts = spec.rpartition("*")[2].split("//")
    return "popen" in parts and not any(part.startswith("python=") for part in parts)


def scheduler(config: pytest.Config, log: object) -> object:
    """Return the scheduler of a run with workers."""
    base = _compat.scope_scheduling()

    class Scheduling(base):  # type: ignore[misc,valid-type] # xdist has no types
        """Assign each read to the next free worker, and all changes to one worker, in their order."""

        def __init__(self) -> None:
            super().__init__(config, log)
            # The largest unit first, so that changes go on beside reads; a single worker keeps the order of stages.
            config.option.loadscopereorder = self.numnodes > 1

        def _split_scope(self, nodeid: str) -> str:
            check = all_checks().get(nodeid.rpartition("[")[2].removesuffix("]"))
            return nodeid if check is None or check.stage is Stage.READS else CHANGES

        def _reschedule(self, node: object) -> None:
            """Give a worker more, unless it has the changes: a read behind those would wait for them."""
            if not (CHANGES in self.assigned_work[node] and self.workqueue):
                super()._reschedule(node)

    return Scheduling()
