"""The pytest plugin of an xdist worker: it executes the checks that the controller assigns to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from conformance.pytest_run import signals
from conformance.pytest_run.executing import CheckExecution, register
from conformance.pytest_run.setup import WORKER_ACCOUNT, WorkerInput, of_worker

if TYPE_CHECKING:
    from conformance.execution.run import Run


class Worker:
    """One worker of a run."""

    def __init__(self, given: WorkerInput, worker: str) -> None:
        self._execution = CheckExecution(of_worker(given, worker), self._watch)
        self._open = contextlib.ExitStack()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Execute checks, and end when a signal or another process of the run says so."""
        self._open.enter_context(signals.interruptible(self._execution.interrupt))
        register(config, self._execution)

    def _watch(self, run: Run) -> None:
        watcher = signals.Watcher(run.shared_state, self._end_with_the_others)
        self._open.callback(watcher.close)

    def _end_with_the_others(self) -> None:
        """End this worker because another process has ended the run."""
        self._execution.interrupt("interrupted")
        self._execution.end()

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Send nothing for a final review where the run was interrupted."""
        self._execution.interrupt(signals.words_of(excinfo.value))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the checks before pytest closes its fixtures, and tell the controller what only this process knows."""
        if session.shouldfail or session.shouldstop:
            self._execution.interrupt(f"stopped early: {session.shouldfail or session.shouldstop}")
        with signals.undisturbed():
            self._execution.end()
        output = getattr(session.config, "workeroutput", None)  # xdist's, for plain data
        if output is not None:
            output[WORKER_ACCOUNT] = self._execution.account(session.config)

    def pytest_unconfigure(self) -> None:
        """Restore the signals."""
        self._open.close()
