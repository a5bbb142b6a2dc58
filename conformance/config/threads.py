"""Background threads that process work in order, and that never keep the process from exiting.

Work that others wait for goes first: what a thread inside `going_first` submits overtakes what others have submitted.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
U = TypeVar("U")

_this_thread = threading.local()


def goes_first() -> bool:
    """Whether the work of this thread goes before that of others."""
    return getattr(_this_thread, "goes_first", False)


@contextlib.contextmanager
def going_first(first: bool = True) -> Iterator[None]:
    """Let what this thread sends and submits meanwhile go before the work of others, or not."""
    before = goes_first()
    _this_thread.goes_first = first
    try:
        yield
    finally:
        _this_thread.goes_first = before


class Places:
    """A limited number of places: whoever finds none waits for one, in turn, but behind what goes first.

    `kept`: how many of them only what goes first may take.
    """

    def __init__(self, count: int, kept: int = 0) -> None:
        self._lock = threading.Lock()
        self._free = count
        #: how many more may be taken by what does not go first
        self._open = count - kept
        self._waiting: dict[bool, deque[threading.Event]] = {True: deque(), False: deque()}

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting[True]) + len(self._waiting[False])

    def __enter__(self) -> None:
        """Wait for a place, and take it."""
        first = goes_first()
        with self._lock:
            if self._free and (first or self._open):
                self._take(first)
                return
            given, waiting = threading.Event(), self._waiting[first]
            waiting.append(given)
        try:
            given.wait()
        except BaseException:  # the main thread may be interrupted
            with self._lock, contextlib.suppress(ValueError):
                waiting.remove(given)
                raise
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        """Give the place to whoever is the next."""
        with self._lock:
            self._free += 1
            self._open += not goes_first()
            for first in (True, False):
                if self._waiting[first] and (first or self._open):
                    self._take(first)
                    self._waiting[first].popleft().set()
                    return

    def _take(self, first: bool) -> None:
        self._free -= 1
        self._open -= not first


@dataclass
class _Task(Generic[T]):
    """A call to make; `first`: it goes before the work of others."""

    first: bool
    call: Callable[[], T]
    future: Future[T]


class Background(Generic[T]):
    """Like a ThreadPoolExecutor, but with daemon threads: a call that hangs does not keep a run from ending.

    `first`: whether its calls go before the work of other threads. `kept`: how many of its threads make only calls
    that do.
    """

    def __init__(self, name: str, threads: int = 1, *, first: bool = False, kept: int = 0) -> None:
        self._name = name
        self._most = threads
        #: how many more threads may make calls that do not go first
        self._open = threads - kept
        self._first = first
        #: by whether they go first
        self._tasks: dict[bool, deque[_Task[T]]] = {True: deque(), False: deque()}
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._changed = threading.Condition(threading.Lock())
        self._closed = False

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Schedule a call. Calls start in the order of submission; with one thread, each after the one before ended.

        Calls of threads that go first start before those of others.
        """
        future: Future[T] = Future()
        first = self._first or goes_first()
        with self._changed:
            if self._closed:
                future.cancel()
                return future
            self._tasks[first].append(_Task(first, task, future))
            if self._idle:
                self._idle -= 1
                self._changed.notify()
            elif len(self._threads) < self._most:
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
        with self._changed:
            self._closed = True
            for tasks in self._tasks.values():
                while tasks:
                    tasks.popleft().future.cancel()
            self._changed.notify_all()
        deadline = None if patience_s is None else time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def _next(self) -> _Task[T] | None:
        """Wait for a task; None once there will be no more."""
        with self._changed:
            while not (tasks := self._tasks[True] or (self._open and self._tasks[False])):
                if self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
            task = tasks.popleft()
            self._open -= not task.first
            return task

    def _work(self) -> None:
        while (task := self._next()) is not None:
            future = task.future
            if future.set_running_or_notify_cancel():
                try:
                    with going_first(task.first):
                        future.set_result(task.call())
                except BaseException as error:
                    future.set_exception(error)
            with self._changed:
                self._open += not task.first
            del task, future  # keep no references while the thread waits
