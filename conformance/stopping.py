"""How a run ends before its end: a signal, or the loss of a worker, ends all its processes, each with what it knows."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.ledger import Ledger

LOOK_S = 0.1


class Watcher:
    """Looks beside the checks of a worker whether the run is over, and calls `end` when it is."""

    def __init__(self, ledger: Ledger, end: Callable[[], None]) -> None:
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


@contextlib.contextmanager
def terminated_is_interrupted(tell: Callable[[str], None]) -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: with its reports. `tell` gets the reason."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there signals can be caught
        return

    def stop(*_: object) -> None:
        tell("interrupted (SIGTERM)")
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What ends a run and is over soon: a second Ctrl-C, of somebody who cannot wait, must not cost the reports."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
