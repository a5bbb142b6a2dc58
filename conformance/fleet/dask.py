"""Runs and trials on the workers of a Dask cluster, through Dask's own client (extra `dask`)."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import conformance
from conformance import _compat
from conformance.fleet import archives
from conformance.fleet.description import RunDescription, RunEnd
from conformance.fleet.executors import ExecutorError
from conformance.fleet.worker import Stop, execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


P = ParamSpec("P")
R = TypeVar("R")
#: how long the scheduler may take to answer
CONNECT_S = 10
#: how often a worker asks whether the fleet was interrupted
POLL_S = 1.0
#: how often Dask repeats a task whose worker raised an error of its own
RETRIES = 2
LOST = (
    "its worker was lost while the run went on; it was not repeated, because it may have changed the target. "
    "Look at the target before the next run"
)
#: how long there may be no worker at all before the tasks that are left are given up
NO_WORKERS_S = 60.0
_LOOK = "if the run had begun, look at the target before the next one"
NO_SCHEDULER = f"the connection to the scheduler was lost before the end of it was known; {_LOOK}"
NO_WORKERS = f"all workers were lost, and for {NO_WORKERS_S:g} s no other one came; {_LOOK}"
EXTRA = "needs the extra: pip install 'backups-conformance[dask]'"


class Cluster:
    """A connection to a scheduler.

    Its futures cannot be cancelled: `stop` ends what executes, and what has not begun ends at once. Their exception is
    an ExecutorError where the cluster itself was lost: Dask alone would let them wait for ever.
    """

    def __init__(self, client: Any) -> None:  # Any: distributed has no types
        self._client = client
        self._token = secrets.token_hex(8)
        self._executor = client.get_executor(pure=False, retries=RETRIES)
        self._lock = threading.Lock()
        self._waiting: set[Future[Any]] = set()  # Any: of whatever was submitted
        self._problem = NO_SCHEDULER

    @property
    def processes(self) -> int:
        """The number of worker processes."""
        return max(1, len(self._client.nthreads()))

    def submit_run(self, description: RunDescription) -> Future[RunEnd]:
        """Submit a run."""
        return self.submit(execute_remotely, description, self._token)

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Submit a task; where a worker dies, Dask gives it to another one."""
        task: Future[R] = self._executor.submit(function, *args, **kwargs)
        future: Future[R] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            self._waiting.add(task)
        task.add_done_callback(partial(self._conclude, future))
        return future

    def _conclude(self, future: Future[R], task: Future[R]) -> None:
        with self._lock:
            self._waiting.discard(task)
        if task.cancelled():  # by `watch`, or by Dask's client, which has lost the scheduler
            future.set_exception(ExecutorError(self._problem))
        elif (problem := task.exception()) is not None:
            future.set_exception(problem)
        else:
            future.set_result(task.result())

    def watch(self, over: threading.Event, patience_s: float = NO_WORKERS_S) -> None:
        """Give up all tasks once there has been no worker for some time; return when that is so, or when it is over."""
        last_seen = time.monotonic()
        while not over.wait(POLL_S):
            if self._has_workers():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > patience_s:
                self._problem = NO_WORKERS
                with self._lock:
                    waiting = list(self._waiting)
                for task in waiting:
                    task.cancel()
                last_seen = time.monotonic()

    def _has_workers(self) -> bool:
        """Whether the scheduler has workers; True where it cannot be asked, which Dask's client notices itself."""
        try:
            return bool(self._client.nthreads())
        except (OSError, RuntimeError, ValueError, TimeoutError):
            return True

    def stop(self) -> None:
        """Let the runs on all workers end early, with their reports."""
        _distributed().Event(_stop_name(self._token), client=self._client).set()


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler. Raises ExecutorError where that fails or a worker has another version of the suite."""
    distributed = _distributed()
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(f"tcp://{address}", timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as problem:
        raise ExecutorError(f"no Dask scheduler can be reached: {problem}") from None
    try:
        check_versions(client.run(suite_version, on_error="return"))
        client.register_plugin(_without_profiler())
        cluster = Cluster(client)
        with _watched(cluster):
            yield cluster
    finally:
        client.close(timeout=CONNECT_S)


def _without_profiler() -> Any:  # Any: annotated in part only
    """Return a plugin that stops the profiler of each worker, of those that join later as well."""

    class WithoutProfiler(_distributed().WorkerPlugin):  # type: ignore[misc] # its base is known at run time only
        name = "backups-conformance-without-profiler"

        def setup(self, worker: Any) -> None:  # Any: annotated in part only
            _compat.stop_profiler(worker)

    return WithoutProfiler()


@contextmanager
def _watched(cluster: Cluster) -> Iterator[None]:
    over = threading.Event()
    watcher = threading.Thread(target=cluster.watch, args=(over,), name="dask workers", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _distributed() -> Any:  # Any: annotated in part only
    """Return Dask's package. Raises ExecutorError where the extra is missing."""
    try:
        return import_module("distributed")
    except ImportError:
        raise ExecutorError(EXTRA) from None


def suite_version() -> str:
    """Return the version of the suite in this process."""
    return conformance.__version__


def check_versions(versions: dict[str, object]) -> None:
    """Raise ExecutorError unless there are workers and all have the client's version of the suite."""
    own = conformance.__version__
    if not versions:
        raise ExecutorError("the scheduler has no workers")
    for worker, version in sorted(versions.items()):
        if isinstance(version, BaseException):
            raise ExecutorError(f"worker {worker} cannot run backups-conformance: {version}")
        if version != own:
            raise ExecutorError(f"worker {worker} has backups-conformance {version}; install {own}, as here")


def execute_remotely(description: RunDescription, token: str) -> RunEnd:
    """Execute a run in a worker of a cluster; the report folder comes back as an archive.

    Dask repeats a task whose worker died. A run that may have changed the target is not repeated: its first attempt
    leaves a mark with the scheduler.
    """
    if description.suite != conformance.__version__:
        version = conformance.__version__
        return RunEnd(problem=f"its worker has backups-conformance {version}, and the client {description.suite}")
    distributed = _distributed()
    client = distributed.get_client()
    if not description.is_repeatable:
        begun = distributed.Event(f"backups-conformance-begun-{token}-{description.name}", client=client)
        if begun.is_set():
            return RunEnd(problem=LOST, attempts=2)
        begun.set()
    with TemporaryDirectory(prefix="conformance-fleet-") as place, _stopping(token, client) as stop:
        for file in description.files:
            file.write(Path(place))
        report = Path(place) / ".report"
        end = execute(description, report, stop=stop, cwd=Path(place))
        return end if end.problem else replace(end, archive=archives.pack(report))


@contextmanager
def _stopping(token: str, client: Any) -> Iterator[Stop]:  # Any: distributed has no types
    """Yield what ends the run once the client says so."""
    stop, over = Stop(), threading.Event()
    said = _distributed().Event(_stop_name(token), client=client)

    def watch() -> None:
        while not over.wait(POLL_S):
            if said.is_set():
                stop.set()
                return

    if said.is_set():
        stop.set()
    watcher = threading.Thread(target=watch, name="fleet stop", daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        over.set()
        watcher.join()


def _stop_name(token: str) -> str:
    return f"backups-conformance-stop-{token}"
