"""One thread that does things in their order beside everything else, and that nobody has to wait for in the end."""

from __future__ import annotations

import contextlib
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Background(Generic[T]):
    """Like an executor of one thread, but a daemon: a probe that hangs does not keep a stopped run from ending."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[T], Callable[[], T]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Does it after all that was submitted before."""
        future: Future[T] = Future()
        self._tasks.put((future, task))
        if not self._thread.ident:
            self._thread.start()
        return future

    def close(self, patience_s: float | None = None) -> None:
        """Waits for what is being done just now, at most so long; what has not begun is left."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        self._tasks.put(None)
        if self._thread.ident:
            self._thread.join(patience_s)

    def _work(self) -> None:
        while (item := self._tasks.get()) is not None:
            future, task = item
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)
