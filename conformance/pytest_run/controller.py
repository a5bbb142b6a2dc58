"""The pytest plugin of a run: it owns the report folder and the results, whoever executes the checks.

It executes nothing itself. Without workers it registers a `CheckExecution` beside itself; with workers it tells each
of them what to do (`setup.worker_input`), and the records come back through the journal in the state folder.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from rich.text import Text

from conformance import _compat
from conformance.config.machine import exhausted
from conformance.config.settings import Output
from conformance.evidence.redaction import Redactor
from conformance.evidence.text import one_line
from conformance.execution import depth, journal
from conformance.execution.shared_state import SharedState
from conformance.judging.outcomes import CheckRecord, Outcome, Verdict
from conformance.pytest_run import events, executing, finalize, progress, scheduling, signals
from conformance.pytest_run.executing import Account, CheckExecution, crash_text
from conformance.pytest_run.selection import SUITE
from conformance.pytest_run.setup import WORKER_ACCOUNT, WORKER_INPUT, for_this_process, worker_input
from conformance.report import ci, write_all
from conformance.report.carrier import HtmlCarrier
from conformance.report.html import css_path
from conformance.report.terminal import show
from conformance.results import build
from conformance.results.recovery import FACTS, LOCK, remember
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.pytest_run.setup import RunSetup
    from conformance.results.model import Results

NAME = "conformance-run"
#: how long the workers of an interrupted run get to write down what they know
LAST_WORDS_S = 7.0
#: pytest's options that show something and run no test, by the attribute that has their value
SHOWING = {
    "collectonly": "--collect-only",
    "help": "--help",
    "version": "--version",
    "markers": "--markers",
    "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test",
    "setupplan": "--setup-plan",
    "setuponly": "--setup-only",
    "cacheshow": "--cache-show",
}


def showing_option(config: pytest.Config) -> str | None:
    """Return the option by which pytest only shows something, such as `--collect-only`; None if it runs tests."""
    given = [option for name, option in SHOWING.items() if getattr(config.option, name, None)]
    return given[0] if given else None


def runs_tests(config: pytest.Config) -> bool:
    """Whether pytest is asked to run tests, not only to show something."""
    return showing_option(config) is None


class Controller:
    """One run of the suite. Nothing is written before pytest has accepted all arguments and collected the tests."""

    def __init__(self, setup: RunSetup, *, quiet: bool = False) -> None:
        self.__name__ = NAME
        self.setup = setup
        #: the results, once the run has ended; None where nothing was run
        self.results: Results | None = None
        #: whether pytest ran tests, or only showed something
        self.ran = False
        #: what happened to the report folder if it was removed during the run
        self.lost = ""
        self._quiet = quiet
        self._execution = CheckExecution(for_this_process(setup))
        self._has_workers = False
        self._begun = False
        self._wrong_usage = False
        self._accounts: list[Account] = []
        self._open = contextlib.ExitStack()

    # ------------------------------------------------------------ set-up

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Register whatever takes part in the run."""
        showing = showing_option(config)
        if self._quiet and showing:  # exit code 0 of the command is a verdict
            raise pytest.UsageError(f"pytest's {showing} tests nothing; to see what a run would test, use --plan")
        self.ran = showing is None
        if not self.ran:
            executing.register(config, None)
            return
        _compat.check_selection(config)
        if self._quiet and (more := [str(argument) for argument in config.args if argument != SUITE]):
            raise pytest.UsageError(f"only options of pytest may follow --, not {' '.join(more)!r}")
        self._has_workers = getattr(config.option, "dist", "no") != "no"
        self._open.enter_context(signals.interruptible(self._execution.interrupt))
        self._carry_page(config)
        if self._has_workers:
            config.option.maxfail = 0  # the workers count
            scheduling.prepare(config)
        else:
            executing.register(config, self._execution)
        if self._quiet:
            config.pluginmanager.register(progress.Progress(config, self.setup), "conformance-progress")

    def _carry_page(self, config: pytest.Config) -> None:
        """Let pytest-html write its page to a folder of its own: the report folder may never come to be."""
        self._page = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="conformance-"))) / "report.html"
        config.option.htmlpath = str(self._page)
        config.option.self_contained_html = True
        config.option.css = [str(css_path())]
        config.pluginmanager.register(HtmlCarrier(self._final_results))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Begin before xdist starts the workers: it collects nothing in this process."""
        if self._has_workers:
            self._begin()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """Begin: all arguments were accepted."""
        if self.ran:
            self._begin()

    def _begin(self) -> None:
        """Make the report folder this run's; from here on the run can be reported, however it ends."""
        if self._begun:
            return
        self._begun = True
        try:
            self._open.callback(finalize.claim(self.setup.folder).release)
        except finalize.FolderInUseError as reason:
            raise pytest.UsageError(str(reason)) from None
        remember(self.setup.state, self.setup.remembered)

    # ------------------------------------------------------------ workers

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # Any: xdist has no types
        """Send a worker its set-up."""
        workers = len(node.config.getoption("tx") or [1])
        node.workerinput[WORKER_INPUT] = worker_input(self.setup, workers)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> object:
        """Use the run's own scheduler; the modes of `--dist` would spread changes over the workers."""
        return scheduling.scheduler(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object | None) -> None:
        """Take over the worker's account; a worker that was lost has none, which ends the run."""
        if account := getattr(node, "workeroutput", {}).get(WORKER_ACCOUNT):
            self._accounts.append(account)
        if error:
            self._lose_worker()

    def _lose_worker(self) -> None:
        self._execution.interrupt("a worker process of the run was lost")
        SharedState(self.setup.state).stop()

    # ------------------------------------------------------------ the end

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that the run was cut short, by a signal or by pytest itself; its reports are written all the same."""
        self._execution.interrupt(signals.words_of(excinfo.value))

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note an error outside of any test: in a hook, in xdist, or in the suite itself."""
        if scheduling.is_lost_worker(excinfo.value):  # noticed by a failed send, before xdist announces it
            self._lose_worker()
            return
        crash = self._masked(crash_text(excinfo.value))
        self._execution.interrupt(crash)
        self._accounts.append(Account(left_out={}, crash=crash, traceback=self._masked(str(excrepr))))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Make the results of all records, and from them every report and the exit code."""
        self._wrong_usage = session.exitstatus == pytest.ExitCode.USAGE_ERROR
        if self._wrong_usage or not self.ran:
            return
        if session.shouldfail or session.shouldstop:
            self._execution.interrupt(f"stopped early: {session.shouldfail or session.shouldstop}")
        with signals.undisturbed():
            self._execution.end()  # pytest closes its fixtures only after this, if it was interrupted
            if not self._has_workers:
                self._accounts.append(self._execution.account(session.config))
            if self._begun and not (self.setup.state / LOCK).is_file():
                self.lost = f"{_shown(self.setup.folder)}: was removed during the run, with all that it had recorded"
                session.exitstatus = Verdict.INCONCLUSIVE.exit_code
                return
            try:
                results = self._conclude()
            except OSError as error:
                self._cannot_write(error)
                session.exitstatus = Verdict.INCONCLUSIVE.exit_code
                return
        session.exitstatus = finalize.exit_code(results, self.setup.settings)

    def _conclude(self) -> Results:
        self._begin()
        if self._execution.interruption or self._crashes():
            SharedState(self.setup.state).stop()
            journal.await_ends(self.setup.state, LAST_WORDS_S)
            results = self._final_results()
        else:
            results = self._final_results(self._with_missing_records(journal.read(self.setup.state)))
        assert results is not None, "a wrong usage is not concluded"  # noqa: S101
        write_all(results, self.setup.folder)
        return results

    def _cannot_write(self, error: OSError) -> None:
        """Note that the reports cannot be written; what was recorded stays in the state folder."""
        self.results = None
        folder = _shown(self.setup.folder)
        reason = exhausted(error) or f"this machine: {error}"
        hint = "nothing was recorded"
        if (self.setup.state / FACTS).is_file():
            hint = f"what was recorded is kept: `backups-conformance report {folder}` writes the reports"
        self.lost = f"{folder}: the reports cannot be written: {reason}; {hint}"

    def _crashes(self) -> list[Account]:
        return [account for account in self._accounts if account["crash"]]

    def _ended_early(self) -> bool:
        """Whether pytest was ended before its session had started, such as by a worker that was lost."""
        return bool(self._crashes() or (self._begun and self._execution.interruption))

    def _with_missing_records(self, contents: journal.Contents) -> journal.Contents:
        """Record why a selected check has no record: it was left out, or the suite has lost it."""
        left_out = {check: reason for account in self._accounts for check, reason in account["left_out"].items()}
        recorded = {str(record.id) for record in contents.checks}
        missing = []
        for check_id, check in all_checks().items():
            wanted = check.clause in self.setup.selected and self.setup.effect.fits(check)
            if wanted and check_id not in recorded:
                reason = left_out.get(check_id)
                outcome = Outcome.NOT_TESTED if reason else Outcome.ERROR
                text = reason or "an error of the suite: the check has no record"
                by_others = reason not in (None, depth.LEFT_OUT)
                missing.append(CheckRecord(check.id, outcome, text, left_out=by_others))
        with contextlib.closing(journal.Journal(self.setup.state, "controller")) as book:
            for record in missing:
                book.write(record)
        return replace(contents, checks=[*missing, *contents.checks])

    def _final_results(self, contents: journal.Contents | None = None) -> Results | None:
        if self.results is None and not self._wrong_usage and not self.lost:
            crashes = self._crashes()
            interruption = crashes[0]["crash"] if crashes else self._execution.interruption
            setup = self.setup
            facts = replace(setup.facts, interruption=interruption, finished=datetime.now(UTC))
            contents = contents or journal.read(setup.state)
            self.results = build.build(setup.settings, setup.target, setup.selected, contents, facts)
        return self.results

    def pytest_unconfigure(self) -> None:
        """Sign the folder off, now that all its files are there, and show the verdict."""
        try:
            if self.lost:
                sys.stderr.write(f"backups-conformance: error: {self.lost}\n")
            elif self.results is None and self._ended_early():
                with signals.undisturbed():
                    self._conclude()
            if self.results is not None:
                self._finish(self.results)
        finally:
            self._open.close()

    def _finish(self, results: Results) -> None:
        try:
            with signals.undisturbed():
                problems = finalize.sign_off(self.setup, results, self._page, self._open)
        except OSError as error:
            self._cannot_write(error)
            sys.stderr.write(f"backups-conformance: error: {self.lost}\n")
            return
        for account in self._crashes():
            sys.stderr.write(f"{account['traceback']}\n")
        if self.setup.settings.output is Output.JSON:
            sys.stdout.writelines(events.ending(results, self.setup.folder, problems))
        elif self.setup.settings.output is Output.QUIET:
            sys.stdout.write(f"{one_line(results['headline'])}\n")
            sys.stderr.writelines(f"{problem}\n" for problem in problems)
        else:
            self._show(results, problems)

    def _show(self, results: Results, problems: Sequence[str]) -> None:
        console = Console(soft_wrap=True) if not sys.stdout.isatty() else Console()
        with ci.no_commands(sys.stdout, os.environ):
            show(results, console, _shown(self.setup.folder))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            sys.stdout.write("".join(f"{line}\n" for line in ci.commands(results)))
        for problem in problems:
            console.print(Text(problem, "bold red"))

    def _masked(self, text: str) -> str:
        redactor = Redactor()
        self.setup.target.watch_secrets(redactor.add)
        return redactor.text(text)


def _shown(folder: Path) -> Path:
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
