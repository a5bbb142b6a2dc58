"""The lifeline of a run that is the child of a worker: the run does not outlive its parent.

The parent holds the other end of stdin. Where it dies, or closes it to end the run, the run ends as on SIGTERM: with
its reports, and without going on to change the target.
"""

from __future__ import annotations

import os
import signal
import threading


def hold_lifeline() -> None:
    """End this process as on SIGTERM once its stdin is closed; stdin itself becomes empty.

    The lifeline is not inherited: a probe or a key command would keep it open, or read from it.
    """
    lifeline = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    threading.Thread(target=_end_with_parent, args=(lifeline,), name="lifeline", daemon=True).start()


def _end_with_parent(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
