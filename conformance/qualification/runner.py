"""Runs trials in parallel processes, with a progress bar on a terminal and lines elsewhere."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from conformance.qualification import results
from conformance.qualification.assessing import broke_down
from conformance.qualification.trying import try_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from conformance.qualification.assessing import Row
    from conformance.qualification.trials import Trial
    from conformance.qualification.trying import TrialOptions

#: after how many trials a worker is replaced, so that leftovers of trials do not accumulate
TRIALS_PER_WORKER = 150
#: without a terminal, progress is written this many times
PARTS = 10


class Interrupted(Exception):  # noqa: N818 - not an error: the user pressed Ctrl-C, and gets the results so far
    """The trials were interrupted; `rows` are those that had ended."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__("interrupted")
        self.rows = rows


def run(trials: Sequence[Trial], console: Console, *, jobs: int, trial_options: TrialOptions) -> list[Row]:
    """The rows of all trials, in their order. Raises Interrupted."""
    rows: dict[str, Row] = {}
    with Watching(console, len(trials)) as watching:

        def take(row: Row) -> None:
            rows[row["name"]] = row
            watching.take(row)

        try:
            with _terminated_is_interrupted():
                _run(trials, take, jobs, trial_options)
        except KeyboardInterrupt:
            raise Interrupted(_in_order(trials, rows)) from None
    return _in_order(trials, rows)


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C: the workers end too, and the results so far are written."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _in_order(trials: Sequence[Trial], rows: dict[str, Row]) -> list[Row]:
    return [rows[trial.name] for trial in trials if trial.name in rows]


def _run(trials: Sequence[Trial], take: Callable[[Row], None], jobs: int, trial_options: TrialOptions) -> None:
    """Use a new pool after a number of trials: `max_tasks_per_child` may wait for ever for the next worker."""
    size = jobs * TRIALS_PER_WORKER
    for first in range(0, len(trials), size):
        _run_part(trials[first : first + size], take, jobs, trial_options)


def _run_part(trials: Sequence[Trial], take: Callable[[Row], None], jobs: int, trial_options: TrialOptions) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would take threads and locks along
    pool = ProcessPoolExecutor(jobs, context, initializer=_begin_worker)
    try:
        waiting: dict[Future[Row], Trial] = {
            pool.submit(try_named, trial.name, trial_options): trial for trial in trials
        }
        for future in as_completed(waiting):
            take(_row(future, waiting[future]))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Ignore Ctrl-C in a worker: the controller handles it, and workers finish their trials."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _row(future: Future[Row], trial: Trial) -> Row:
    try:
        return future.result()
    except BrokenProcessPool:
        return broke_down(trial, "a worker died while this was under way")


def cores() -> int:
    """TrialOptions many workers this machine has cores for."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Watching:
    """Shows the progress, and each unexpected result at once."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._done = self._bad = 0
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("qualifying", total=total)

    def __enter__(self) -> Watching:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def take(self, row: Row) -> None:
        """Count a finished trial, and show it if its result is unexpected."""
        self._done += 1
        if not results.is_good(row):
            self._bad += 1
            self._console.print(in_words(row), markup=False, highlight=False, soft_wrap=True)
        words = f"qualifying, {self._bad} with unexpected results" if self._bad else "qualifying"
        self._bar.update(self._task, advance=1, description=words)
        step = max(1, self._total // PARTS)
        if not self._console.is_terminal and (self._done % step == 0 or self._done == self._total):
            self._console.print(f"{self._done} of {self._total}", markup=False, highlight=False)


def in_words(row: Row) -> str:
    """Describe the unexpected results of a trial in a few lines."""
    lines = [f"{row['outcome']}: {row['name']}: {row['sentence']}"]
    if results.is_fault(row):
        lines[0] += f" (breaks {', '.join(row['breaks'])})"
    return "\n".join([*lines, *(f"  {clause} {reason}" for clause, reason in row["reasons"].items())])
