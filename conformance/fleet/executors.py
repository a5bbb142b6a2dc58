"""Where runs and trials are executed: processes of this machine, or the workers of a Dask cluster.

Both are executors of `concurrent.futures`; nothing here schedules by itself.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PROCESSES = 1024
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
