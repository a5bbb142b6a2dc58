"""The pytest plugin of each process that executes checks: the only process of a run, or one of its workers.

pytest collects one test per check, but its tests do not execute the checks. When the first test starts, all checks
start on threads of the executor: the reads at once, and the changes in their order on a thread of their own. A test
waits for the record of its check and passes, fails or skips accordingly. So a test that pytest reports as slow was
only waiting, and a test that is skipped or stopped does not undo what its check has sent.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from typing import TYPE_CHECKING, TypedDict

import pytest

from conformance.config.machine import exhausted
from conformance.contract import catalogue
from conformance.evidence.redaction import Redactor
from conformance.execution.executor import LAST_FAILURE
from conformance.execution.run import Run
from conformance.judging.checks import Stage
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.pytest_run import fixture
from conformance.pytest_run.selection import Selection, check_of, checks_of, place_of, stage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from conformance.judging.checks import Check
    from conformance.pytest_run.setup import ProcessSetup

TOO_LATE = "not run: the run ended first"


class Account(TypedDict):
    """Why a process has no record of some checks, and why it failed, as plain data."""

    left_out: dict[str, str]
    crash: str
    traceback: str


def register(config: pytest.Config, execution: CheckExecution | None) -> None:
    """Register the fixture of the tests, and what executes their checks, if pytest runs them."""
    config.pluginmanager.register(fixture, "conformance-fixture")
    if execution is not None:
        config.pluginmanager.register(execution, fixture.EXECUTION)


class CheckExecution:
    """Executes the checks of this process, from its first test to its last."""

    def __init__(self, setup: ProcessSetup, on_start: Callable[[Run], None] | None = None) -> None:
        self.setup = setup
        #: why the run ended early; empty otherwise
        self.interruption = ""
        self._on_start = on_start
        self._selection = Selection(setup)
        self._run: Run | None = None
        self._items: list[pytest.Item] = []
        self._changes_begun = False
        self._crash = self._traceback = ""
        self._most_failures = 0
        self._ending = threading.Lock()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take `-x` and `--maxfail` over: pytest counts failed tests, we count MUST clauses that failed."""
        self._most_failures, config.option.maxfail = config.option.maxfail, 0

    # ------------------------------------------------------------ what runs, in which order

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Keep the tests of selected clauses, and put those that change the target behind those that read.

        The order is made last, because a plugin that shuffles tests must not send bad keys first.
        """
        self._selection.collected(items)
        unwanted = [item for item in items if (check := check_of(item)) and not self._selection.keeps(check)]
        items[:] = [item for item in items if item not in unwanted]
        if unwanted:
            config.hook.pytest_deselected(items=unwanted)
        result = yield
        items.sort(key=place_of)
        return result

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Record deselected tests, whichever plugin deselected them."""
        self._selection.deselected(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember the tests that are left after every plugin's selection, such as `-k`."""
        self._items = session.items

    # ------------------------------------------------------------ execution

    @contextlib.contextmanager
    def running(self, session: pytest.Session) -> Iterator[None]:
        """Execute the checks of this process, from its first test to its last."""
        self._session = session
        try:
            self._run = self._start()
        except Exception as error:
            self._crashed(error)
            session.shouldfail = self._crash
            raise
        try:
            yield
        finally:
            self.end()

    def _start(self) -> Run:
        setup = self.setup
        run = Run(
            setup.limited_target,
            seed=setup.seed,
            profile=setup.profile,
            selected=setup.selected,
            state=setup.state,
            worker=setup.worker,
            workers=setup.workers,
            examples=setup.examples,
            depth=setup.depth,
            archived=True,
        )
        run.start()
        if self._on_start is not None:
            self._on_start(run)
        if setup.worker == "main":
            run.executor.begin_reads(check for check in checks_of(self._items) if check.stage is Stage.READS)
            self._begin_changes(run)
        return run

    def _begin_changes(self, run: Run) -> None:
        """Start the checks that change the target, on their own thread; their tests wait for them."""
        if not self._changes_begun:
            self._changes_begun = True
            run.executor.begin_changes(check for check in checks_of(self._items) if check.stage.changes)

    def report(self, check: Check) -> None:
        """Pass, fail or skip the test of a check by its record, which is awaited."""
        run = self._run
        if run is None or run.shared_state.stopped or run.shared_state.read(LAST_FAILURE):
            pytest.skip(TOO_LATE)
        if check.stage > Stage.READS:
            self._begin_changes(run)
        if check.stage is Stage.BAD_KEYS:
            run.executor.before_bad_keys(sum(1 for item in self._items if stage_of(item) is Stage.READS))
            if run.shared_state.read(LAST_FAILURE):
                pytest.skip(TOO_LATE)
            run.executor.begin_bad_keys(check for check in checks_of(self._items) if check.stage is Stage.BAD_KEYS)
        try:
            record = run.executor.result(check)
        finally:  # also where it raised: others wait for all reads
            if check.stage is Stage.READS:
                run.shared_state.add("reads_done")
        if check.clause not in self.setup.selected:
            return
        if record.outcome is Outcome.FAILED:
            self._count_failure(run, check)
        if record.outcome in (Outcome.FAILED, Outcome.ERROR):
            pytest.fail(failure_text(record), pytrace=False)
        if record.outcome is Outcome.NOT_TESTED:
            pytest.skip(record.reason)

    def _count_failure(self, run: Run, check: Check) -> None:
        """Stop the run at the failure that `-x` or `--maxfail` names; an error is not a failure."""
        run.shared_state.add("failures")
        if self._most_failures and run.shared_state.read("failures") >= self._most_failures:
            run.shared_state.add(LAST_FAILURE)
            self._session.shouldfail = f"{check.clause} failed, and {_limit(self._most_failures)} was given"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a test that was skipped or failed before it asked for the record of its check."""
        if report.when == "setup" and report.outcome != "passed":
            check_id = report.nodeid.rpartition("[")[2].removesuffix("]")
            if isinstance(report.longrepr, tuple):
                file, line, reason = report.longrepr
                self._selection.skipped(check_id, f"skipped by {file}:{line}: {reason.removeprefix('Skipped: ')}")

    # ------------------------------------------------------------ the end

    def interrupt(self, reason: str) -> None:
        """Record why the run ended early; the first reason counts."""
        self.interruption = self.interruption or reason

    def _crashed(self, error: Exception) -> None:
        redactor = Redactor()
        self.setup.target.watch_secrets(redactor.add)
        self._crash = redactor.text(crash_text(error))
        self._traceback = redactor.text("".join(traceback.format_exception(error)))
        self.interrupt(self._crash)

    def end(self) -> None:
        """End the checks of this process, once: with the final review, unless the run was interrupted."""
        with self._ending:
            run, self._run = self._run, None
            if run is None:
                return
            try:
                if self.interruption:
                    run.stop()
                else:
                    run.executor.final_review()
            except BaseException:
                run.stop()
                raise
            finally:
                run.close()

    def account(self, config: pytest.Config) -> Account:
        """Return what this process knows of the checks that have no record."""
        left_out = self._selection.left_out(config, self._items)
        return Account(left_out=left_out, crash=self._crash, traceback=self._traceback)


def crash_text(error: BaseException) -> str:
    """Describe an exception of the suite in one line, with its place; an error of the machine is not called a bug."""
    if shortage := exhausted(error):
        return shortage
    if isinstance(error, OSError):
        return f"this machine: {error}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    file = frame.filename.replace("\\", "/").rpartition("/")[2]
    return f"an error of the suite: {type(error).__name__}: {error} ({file}, line {frame.lineno})"


def _limit(failures: int) -> str:
    return "-x" if failures == 1 else f"--maxfail={failures}"


def failure_text(record: CheckRecord) -> str:
    """Return a failed check for pytest's own output: masked, as everything on a record is."""
    lines = [f"{record.id}: {catalogue.load()[record.clause].text}"]
    lines += [f"  {finding.outcome}: {finding.sentence}" for finding in record.findings]
    lines += [f"  {exchange['curl']}" for exchange in record.exchanges[:1]]
    return "\n".join(lines)
