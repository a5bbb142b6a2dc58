"""A pool of daemon threads that run tasks in their order, and that a process need not wait for at its end."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Background(Generic[T]):
    """An executor with daemon threads: a probe that hangs does not keep a stopped run from ending."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[T], Callable[[], T]] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for _ in range(threads)]
        self._begun = False

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Submit a task. It begins after all earlier ones; with one thread, these are then done."""
        future: Future[T] = Future()
        self._tasks.put((future, task))
        if not self._begun:
            self._begun = True
            for thread in self._threads:
                thread.start()
        return future

    def close(self, patience_s: float | None = None) -> None:
        """Wait for the running tasks, at most for the given time; tasks that have not begun are dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        deadline = None if patience_s is None else time.monotonic() + patience_s
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads if self._begun else ():
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (item := self._tasks.get()) is not None:
            future, task = item
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)
