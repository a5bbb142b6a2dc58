"""Submits trials to an executor, with a progress bar on a terminal and lines elsewhere."""

from __future__ import annotations

import signal
from concurrent.futures import Future, as_completed
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from conformance.evidence.text import one_line
from conformance.fleet import executors
from conformance.qualification import results, trying
from conformance.qualification.assessing import broke_down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console

    from conformance.qualification.assessing import Row
    from conformance.qualification.trials import Trial

    Submit = Callable[[trying.TrialDescription], Future[Row]]
#: without a terminal, progress is written this many times
PARTS = 10
#: Trials that execute at once on each core unless their number is given. About half of its time a trial waits for
#: restores, and for what a fault delays or withholds.
TRIALS_PER_CORE = 2


class Interrupted(Exception):  # noqa: N818 - not an error: the user pressed Ctrl-C, and gets the results so far
    """The trials were interrupted; `rows` are those that had ended."""

    def __init__(self, rows: list[Row]) -> None:
        super().__init__("interrupted")
        self.rows = rows


@contextmanager
def workers(place: executors.Place, most: int) -> Iterator[tuple[Submit, int]]:
    """Yield a function that submits a trial to a place, and how many trials execute there at once (at most `most`).

    If a worker dies, another one repeats its trial. This is safe, since each trial has a server of its own.
    Raises executors.ExecutorError where the place cannot be used.
    """
    if isinstance(place, executors.Dask):
        from conformance.fleet import dask  # noqa: PLC0415 - an extra

        with dask.connected(place.address) as cluster:
            yield (lambda description: cluster.submit(trying.execute, description)), min(cluster.processes, most)
        return
    count = min(trials_at_once(place), most)
    executor = executors.ProcessExecutor(count)
    try:
        yield (lambda description: executor.submit(trying.execute_in_worker, description)), count
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def trials_at_once(place: executors.Processes) -> int:
    """Return how many trials execute at once on this machine."""
    return place.count or TRIALS_PER_CORE * executors.cores()


def run(
    trials: Sequence[Trial],
    console: Console,
    submit: Submit,
    options: trying.TrialOptions,
    keep: Callable[[Row], None] = lambda _: None,
) -> list[Row]:
    """Return the rows of all trials, in their order; `keep` gets each when its trial ends. Raises Interrupted."""
    rows: dict[str, Row] = {}
    with Watching(console, len(trials)) as watching:
        try:
            with ExitStack() as stack:
                stack.enter_context(_terminated_is_interrupted())
                waiting = {submit(trying.TrialDescription(trial.name, options)): trial for trial in trials}
                stack.callback(_cancel, waiting)
                for future in as_completed(waiting):
                    row = _row(future, waiting[future])
                    rows[row["name"]] = row
                    keep(row)
                    watching.take(row)
        except KeyboardInterrupt:
            raise Interrupted(_in_order(trials, rows)) from None
    return _in_order(trials, rows)


def _cancel(futures: Iterable[Future[Row]]) -> None:
    for future in futures:
        future.cancel()


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


def _row(future: Future[Row], trial: Trial) -> Row:
    try:
        return future.result()
    except (executors.ExecutorError, executors.WorkerLostError) as problem:
        return broke_down(trial, str(problem))
    except Exception as problem:  # whatever goes wrong with one trial must not cost the rows of the others
        return broke_down(trial, f"{type(problem).__name__}: {one_line(str(problem), 300)}")


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
            self._console.print(describe(row), markup=False, highlight=False, soft_wrap=True)
        words = f"qualifying, {self._bad} with unexpected results" if self._bad else "qualifying"
        self._bar.update(self._task, advance=1, description=words)
        step = max(1, self._total // PARTS)
        if not self._console.is_terminal and (self._done % step == 0 or self._done == self._total):
            self._console.print(f"{self._done} of {self._total}", markup=False, highlight=False)


def describe(row: Row) -> str:
    """Describe the unexpected results of a trial in a few lines."""
    lines = [f"{row['outcome']}: {row['name']}: {row['sentence']}"]
    if results.is_fault(row):
        lines[0] += f" (breaks {', '.join(row['breaks'])})"
    return "\n".join([*lines, *(f"  {clause} {reason}" for clause, reason in row["reasons"].items())])
