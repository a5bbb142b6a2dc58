"""Background threads that process work in order, and that never keep the process from exiting."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
U = TypeVar("U")


class Background(Generic[T]):
    """Like a ThreadPoolExecutor, but with daemon threads: a call that hangs does not keep a run from ending."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._name = name
        self._most = threads
        self._tasks: queue.SimpleQueue[tuple[Future[T], Callable[[], T]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Schedule a call. Calls start in the order of submission; with one thread, each after the one before ended."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            self._tasks.put((future, task))
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def map(self, function: Callable[[U], T], values: Iterable[U]) -> list[T]:
        """Return the results for all values, in their order; the first error is raised."""
        futures = [self.submit(partial(function, value)) for value in values]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def close(self, patience_s: float | None = None) -> None:
        """Wait up to this number of seconds for the work in progress, and cancel what has not begun."""
        with self._lock:
            self._closed = True
            with contextlib.suppress(queue.Empty):
                while (item := self._tasks.get_nowait()) is not None:
                    item[0].cancel()
            for _ in self._threads:
                self._tasks.put(None)
        deadline = None if patience_s is None else time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (item := self._tasks.get()) is not None:
            future, task = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(task())
                except BaseException as error:
                    future.set_exception(error)
            del item, future, task  # keep no references while the thread waits
            self._idle.release()
