"""One trial: a run of the suite against the reference server with a fault or a variant, and its assessment."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import __version__
from conformance.config.settings import DEFAULT_EXAMPLES, Depth
from conformance.config.target import RestorePolicy
from conformance.config.target_file import load_target
from conformance.execution.run import Run
from conformance.judging.outcomes import Outcome
from conformance.qualification.assessing import Row, assess, broke_down
from conformance.qualification.measure import RESTORE_SECONDS, Result, judge
from conformance.qualification.trials import all_trials
from conformance.reference import forking, launch
from conformance.reference.registry import Variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.config.target import Target
    from conformance.http.exchange import Exchange
    from conformance.judging.outcomes import CheckRecord
    from conformance.qualification.trials import Trial

#: seconds that a run waits for a restore and for a response; the server sends either at once or never
RESTORE_TIMEOUT_S, REQUEST_TIMEOUT_S = 4.0, 3.0
#: the same for a restore that is requested only for the shape of its response
SHAPES_TIMEOUT_S = 1.0
#: how many restores a run may start: the limit of a target file that does not set one
MAX_RESTORES = RestorePolicy().max_restores
#: seconds after which a run is ended and recorded as hanging
PATIENCE_S = 180.0
#: of a process whose garbage is that of many trials: new objects until the collector scans the youngest generation
COLLECTOR_THRESHOLDS = (20_000, 20, 20)
_ONE_AT_A_TIME = threading.Lock()


class WatchedRun(Run):
    """A run that records when the first MUST failed, and ends then if it fails fast.

    Nobody reads what its checks sent that found nothing.
    """

    shows_passed = False

    def __init__(self, *args: Any, sighting: Sighting, **options: Any) -> None:  # Any: what Run takes
        self._sighting = sighting
        self._ending: list[threading.Thread] = []
        self._patience = threading.Timer(PATIENCE_S, self._give_up)
        super().__init__(*args, **options)
        self._patience.start()

    def _record(self, record: CheckRecord) -> None:
        """Keep a record; a check fails only if a MUST is broken."""
        super()._record(record)
        if record.outcome is Outcome.FAILED:
            self._seen()

    def close(self) -> None:
        """End the run, and the threads that were started to end it early."""
        self._patience.cancel()
        for ending in self._ending:
            ending.join()
        super().close()

    def _observe(self, exchange: Exchange) -> None:
        super()._observe(exchange)
        if self.observer.judges.broken:
            self._seen()

    def _seen(self) -> None:
        if self._sighting.first() and self._sighting.ends_the_run:
            # This thread may be inside the client, with a request in flight: another one ends the run.
            ending = threading.Thread(target=self.stop, name="fail fast")
            self._ending.append(ending)
            ending.start()

    def _give_up(self) -> None:
        self._sighting.given_up = True
        self.stop()


class Sighting:
    """The time at which the first MUST of a trial failed."""

    def __init__(self, *, ends_the_run: bool) -> None:
        self.ends_the_run = ends_the_run
        self.given_up = False
        self.after_s: float | None = None
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def first(self) -> bool:
        """Record the time; return whether this was the first call."""
        with self._lock:
            if self.after_s is not None:
                return False
            self.after_s = time.monotonic() - self._started
            return True

    @property
    def seconds(self) -> float:
        """Seconds since the trial began."""
        return time.monotonic() - self._started


@dataclass(frozen=True)
class TrialOptions:
    """The options of the run of a trial.

    `examples`: generated cases per property. With `fail_fast` the run ends at its first failed MUST.
    """

    seed: int = 1
    examples: int = DEFAULT_EXAMPLES
    depth: Depth = Depth.STANDARD
    fail_fast: bool = False


@dataclass(frozen=True, slots=True)
class TrialDescription:
    """One trial, described so that any process on any machine can execute it.

    It has no key: the server of the trial makes its own. `suite` is the version of the client.
    """

    name: str
    options: TrialOptions
    suite: str = __version__


def execute(description: TrialDescription) -> Row:
    """Execute a trial in this process and return its row.

    Trials of one process go one after the other, whichever thread asks: each measures how soon a fault is caught.
    """
    if description.suite != __version__:
        raise RuntimeError(f"its worker has backups-conformance {__version__}, and the client {description.suite}")
    with _ONE_AT_A_TIME:
        return try_named(description.name, description.options)


def execute_in_worker(description: TrialDescription) -> Row:
    """Execute a trial in a process that executes nothing but trials, and return its row."""
    row = execute(description)
    _collect_rarely()
    return row


@cache
def _collect_rarely() -> None:
    """Exclude from garbage collection what the first trial has imported and cached, and collect less often from now on.

    Each full collection would look at every module, class and function again, which takes an eighth of a trial's
    processor time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def try_named(name: str, trial_options: TrialOptions) -> Row:
    """Run the trial of that name and return its row of the results. Errors are recorded in the row."""
    trial = all_trials()[name]
    try:
        return _try(trial, trial_options)
    except Exception as problem:
        return broke_down(trial, f"{type(problem).__name__}: {problem}")


def _try(trial: Trial, trial_options: TrialOptions) -> Row:
    sighting = Sighting(ends_the_run=trial_options.fail_fast)
    with serving(trial) as target_file:
        patience = SHAPES_TIMEOUT_S if trial.kind == "structural" else RESTORE_TIMEOUT_S
        target = with_short_timeouts(load_target(target_file, os.environ), patience)
        begin = partial(WatchedRun, sighting=sighting, examples=trial_options.examples)
        clauses = judge(
            target,
            selected=_selected(trial, trial_options.depth),
            seed=trial_options.seed,
            depth=trial_options.depth,
            begin=begin,
        )
    if sighting.given_up:
        return broke_down(trial, f"the run was ended after {PATIENCE_S:g} s")
    result = Result(trial.name, clauses, sighting.seconds)
    cut_short = trial_options.fail_fast and sighting.after_s is not None
    return assess(trial, result, catch_s=sighting.after_s, cut_short=cut_short, depth=trial_options.depth)


def _selected(trial: Trial, depth: Depth) -> frozenset[str] | None:
    """Return the clauses that the run of a trial tests, None for all.

    For a structural fault the clauses of its response are enough, which saves time. A quick run has few checks of
    these clauses, so it tests all clauses: any check may receive the response.
    """
    return None if depth is Depth.QUICK else trial.selected


def with_short_timeouts(target: Target, restore_timeout_s: float = RESTORE_TIMEOUT_S) -> Target:
    """Return the target with short timeouts."""
    restore = replace(target.restore, timeout_s=restore_timeout_s, max_restores=MAX_RESTORES)
    return replace(target, restore=restore, limits=replace(target.limits, timeout_s=REQUEST_TIMEOUT_S))


@contextmanager
def serving(trial: Trial) -> Iterator[Path]:
    """Start the server of a trial, and yield its target file.

    A fault written by hand may crash the whole server, so the server gets a process, which finds the fault by its
    name. A structural fault only changes documents and is not registered by name: its server runs in a thread, which
    is cheaper.
    """
    change = trial.change
    faults, variants = ([], [change]) if isinstance(change, Variant) else ([change], [])
    if trial.kind == "written":
        names = [fault.name for fault in faults], [variant.name for variant in variants]
        with forking.forked(*names, restore_seconds=RESTORE_SECONDS) as server:
            yield server.target_file
        return
    with (
        launch.serve_in_thread(faults, variants, restore_seconds=RESTORE_SECONDS) as running,
        tempfile.TemporaryDirectory(prefix="backups-qualify-") as folder,
    ):
        file = Path(folder) / "target.toml"
        file.write_text(running.target_toml, "utf-8")
        yield file
