"""Where runs and trials are executed: processes of this machine, or the workers of a Dask cluster.

Both are executors of `concurrent.futures`; nothing here schedules by itself.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import re
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
R = TypeVar("R")
MAX_PROCESSES = 1024
#: executions of a task whose process dies
MAX_ATTEMPTS = 2
#: after how many tasks a process is replaced, so that what tasks leave behind does not accumulate
TASKS_PER_PROCESS = 150
_PROCESSES = re.compile(r"processes(?::([0-9]{1,4}))?")
_DASK = re.compile(r"dask://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes of this machine; `count` None is one for each core."""

    count: int | None = None

    def __str__(self) -> str:
        return "processes" if self.count is None else f"processes:{self.count}"

    @property
    def size(self) -> int:
        """How many runs execute at once."""
        return self.count or cores()


@dataclass(frozen=True, slots=True)
class Dask:
    """The workers of a Dask cluster; `address` is that of its scheduler, `HOST:PORT`."""

    address: str

    def __str__(self) -> str:
        return f"dask://{self.address}"


Place = Processes | Dask


class ExecutorError(RuntimeError):
    """An executor that cannot be used; the message is one line."""


class WorkerLostError(RuntimeError):
    """A task whose process died at each attempt."""


def parse(text: str) -> Place:
    """Return the place that `--on` names. Raises ValueError."""
    if (match := _PROCESSES.fullmatch(text)) and (match[1] is None or 1 <= int(match[1]) <= MAX_PROCESSES):
        return Processes(None if match[1] is None else int(match[1]))
    if (match := _DASK.fullmatch(text)) and 1 <= int(match[2]) <= 65535:
        return Dask(f"{match[1]}:{match[2]}")
    raise ValueError(f"expected processes, processes:N (1 to {MAX_PROCESSES}) or dask://HOST:PORT, got {text!r}")


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def threads(count: int) -> Iterator[Executor]:
    """Yield an executor whose threads each watch over a run, which is a process of its own."""
    executor = ThreadPoolExecutor(count, thread_name_prefix="fleet")
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


class ProcessExecutor(Executor):
    """Executes tasks in `count` processes of this machine, each watched by a thread of its own.

    A process that dies costs only its own task, which a fresh one executes again, `MAX_ATTEMPTS` times in all. A
    single pool of several processes would lose every task that it holds. Tasks must not change anything outside.
    """

    def __init__(self, count: int) -> None:
        self._own = threading.local()
        self._processes: list[_Process] = []
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker", initializer=self._begin_thread)

    def _begin_thread(self) -> None:
        self._own.process = process = _Process()
        self._processes.append(process)

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Submit a task; the future raises WorkerLostError where its process died at each attempt."""
        return self._threads.submit(self._execute, partial(function, *args, **kwargs))

    def _execute(self, task: Callable[[], R]) -> R:
        process: _Process = self._own.process
        for _ in range(MAX_ATTEMPTS):
            try:
                return process.execute(task)
            except BrokenProcessPool:
                process.end()
        raise WorkerLostError(f"the process that executed it died, {MAX_ATTEMPTS} times")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when their running tasks have ended."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        for process in self._processes:
            process.end()


class _Process:
    """One process, started when it is needed and replaced after a number of tasks.

    `max_tasks_per_child` of the standard library does the latter too, but may wait for ever for the next process.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._tasks = 0

    def execute(self, task: Callable[[], R]) -> R:
        """Execute a task. Raises BrokenProcessPool where the process dies, and what the task raises."""
        if self._pool is None or self._tasks >= TASKS_PER_PROCESS:
            self.end()
            context = multiprocessing.get_context("spawn")  # a fork would take threads and locks along
            self._pool = ProcessPoolExecutor(1, context, initializer=_begin_process)
        self._tasks += 1
        return self._pool.submit(task).result()

    def end(self) -> None:
        """End the process, if there is one."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        self._pool, self._tasks = None, 0


def _begin_process() -> None:
    """Ignore Ctrl-C, which the parent handles: tasks end as usual. End with the parent, even if that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), name="parent", daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
