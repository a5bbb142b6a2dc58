"""How a run ends before its end: a signal, or the loss of a worker, ends all its processes, each with what it knows."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.execution.shared_state import SharedState

    Handler = Callable[[int, object], None] | signal.Handlers

LOOK_S = 0.1
ENDING = (signal.SIGINT, signal.SIGTERM)


class Watcher:
    """Looks beside the checks of a worker whether the run is over, and calls `end` when it is."""

    def __init__(self, ledger: SharedState, end: Callable[[], None]) -> None:
        self._ledger = ledger
        self._end = end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Looks no longer."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            if self._ledger.stopped:
                self._end()
                return


def interruptible(tell: Callable[[str], None]) -> contextlib.AbstractContextManager[None]:
    """SIGTERM ends a run as Ctrl-C does: with its reports. `tell` gets the reason.

    Only the first signal counts: the end is soon, and a second one, of somebody impatient, would cost the reports.
    """

    def stop(number: int, _: object) -> None:
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        tell(f"interrupted ({signal.Signals(number).name})")
        raise KeyboardInterrupt

    return _handled(stop)


def undisturbed() -> contextlib.AbstractContextManager[None]:
    """What is over soon and must not be cut short, such as the writing of reports."""
    return _handled(signal.SIG_IGN)


@contextlib.contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """Both signals handled like this; what the environment has had ignored stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there signals can be caught
        return
    before = {number: held for number in ENDING if (held := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, held in before.items():
            signal.signal(number, held)
