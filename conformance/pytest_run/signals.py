"""Interruptions: a signal, or the loss of a worker, ends all processes of a run, and each keeps what it knows."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.execution.shared_state import SharedState

    Handler = Callable[[int, object], None] | signal.Handlers

POLL_S = 0.1
#: SIGHUP is included: a run whose terminal is closed still writes its reports.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Watcher:
    """Watches beside the checks of a worker whether another process has ended the run, and calls `end` then."""

    def __init__(self, shared_state: SharedState, end: Callable[[], None]) -> None:
        self._shared_state = shared_state
        self._end = end
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(POLL_S):
            if self._shared_state.stopped:
                self._end()
                return


def interruptible(interrupt: Callable[[str], None]) -> contextlib.AbstractContextManager[None]:
    """End the run with its reports on SIGTERM and SIGHUP as on Ctrl-C; `interrupt` gets the reason.

    Only the first signal counts: a second one, from an impatient user, would interrupt the writing of the reports.
    """

    def stop(number: int, _: object) -> None:
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        interrupt(f"interrupted ({signal.Signals(number).name})")
        raise KeyboardInterrupt

    return _handled(stop)


def words_of(interrupt: BaseException) -> str:
    """Return why pytest was interrupted: by a signal, or by itself, such as for `-x`."""
    return f"stopped early: {interrupt}" if str(interrupt) else "interrupted (SIGINT)"


def undisturbed() -> contextlib.AbstractContextManager[None]:
    """Ignore the signals during something short that must not be interrupted, such as writing the reports."""
    return _handled(signal.SIG_IGN)


@contextlib.contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """Handle the signals in one way for a while; a signal that the environment ignores stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    before = {number: held for number in ENDING if (held := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, held in before.items():
            signal.signal(number, held)
