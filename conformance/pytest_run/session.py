"""One run of the suite inside pytest: what is run in which order, on which worker, and what is made of it.

The controller (or the only process) owns the target, the report folder and the results. Each process that executes
checks has a `Run`; what it finds goes through the journal in the run's state folder to the controller.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from rich.console import Console
from rich.text import Text

from conformance.config.target_file import load_target, target_from_options
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.evidence.redaction import Redactor
from conformance.execution import journal
from conformance.execution.executor import Run
from conformance.execution.shared_state import SharedState
from conformance.judging.checks import Check, Stage, registry
from conformance.judging.outcomes import CheckRecord, Outcome, Verdict
from conformance.plugin import SESSION, SUITE, settings_of
from conformance.pytest_run import finalize, progress, signals
from conformance.report import ci, write_all
from conformance.report.carrier import HtmlCarrier
from conformance.report.html import css_path
from conformance.report.terminal import show
from conformance.results import build
from conformance.results.recovery import LOCK, STATE, Remembered, remember
from conformance.results.sealing import SealError
from conformance.results.signoff import sha256

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from conformance.config.settings import Settings
    from conformance.config.target import Target

INI = Path(__file__).parents[1] / "pytest.ini"
#: other packages' pytest plugins, and rewriting of asserts that we do not have, would cost seconds at every start
LEAN = ("--assert=plain", *(f"-pno:{name}" for name in ("cacheprovider", "schemathesis", "hypothesispytest", "anyio")))
#: how long the workers of a run that is over get for their last words
LAST_WORDS_S = 7.0
TOO_LATE = "the run ended before it"


def main(settings: Settings, pytest_args: list[str]) -> int:
    """`backups-conformance run`: the suite in pytest, with our own progress and our own exit code."""
    if settings.plan:
        from conformance.execution import plan  # noqa: PLC0415 - only this option needs it

        return plan.show(settings)
    session = Session(settings, quiet=True)
    os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)  # the report and the workers are plugins
    arguments = ["-c", str(INI), "--rootdir", str(INI.parent), *LEAN, "--pyargs", SUITE]
    code = pytest.main([*arguments, *pytest_args], plugins=[session])
    if session.results is None:
        return 2 if code == pytest.ExitCode.USAGE_ERROR else Verdict.INCONCLUSIVE.exit_code
    return Verdict(session.results["verdict"]).exit_code


def from_pytest(config: pytest.Config) -> Session:
    """The session of `pytest --pyargs conformance.suite`, or of one of its workers."""
    worker = getattr(config, "workerinput", {}).get("conformance")
    return Session(settings_of(config), worker=worker) if worker is None else Session.of_worker(worker)


class Session:
    """The pytest plugin that makes a run of the suite out of a pytest session."""

    def __init__(self, settings: Settings, *, quiet: bool = False, worker: dict[str, Any] | None = None) -> None:
        self.__name__ = SESSION
        self.settings = settings
        self.results: dict[str, Any] | None = None
        self.interruption = ""
        self._quiet = quiet
        self._worker = worker
        self._run: Run | None = None
        self._items: list[pytest.Item] = []
        self._begun = False
        self._ending = threading.Lock()
        self._open = contextlib.ExitStack()

    @classmethod
    def of_worker(cls, given: dict[str, Any]) -> Session:
        """A worker's session: the controller decided everything, but keys do not travel, so they are read here."""
        from conformance.config.settings import Settings  # noqa: PLC0415 - only workers build their own

        if given["target_file"]:
            target = load_target(Path(given["target_file"]), os.environ)
        else:
            target = target_from_options(given["base_url"], given["hub"], given["container"], os.environ)
        same = {name: given[name] for name in ("seed", "examples", "profile", "only", "skip")}
        settings = Settings(target=target, **same)
        return cls(settings, worker=given)

    # ------------------------------------------------------------ configuration

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """The controller makes everything ready; a worker takes it as it is given."""
        self._open.enter_context(signals.interruptible(self._interrupt))
        if self._worker is not None:
            self._take(self._worker)
        else:
            self._prepare(config)

    def _take(self, given: dict[str, Any]) -> None:
        assert self.settings.target is not None  # noqa: S101 - `of_worker` loaded it
        self.target: Target = self.settings.target
        self.seed, self.profile, self.selected = given["seed"], given["profile"], set(given["selected"])
        self.state = Path(given["state"])

    def _prepare(self, config: pytest.Config) -> None:
        settings = self.settings
        self.seed = settings.seed if settings.seed is not None else secrets.randbelow(2**31)
        self.started = datetime.now(UTC)
        self.selected = catalogue.load().select(settings.only, settings.skip)
        if settings.target is None:
            self.target, found = embedded(self._open)
            self.target_file: Path | None = found
        else:
            self.target, self.target_file = settings.target, settings.target_file
        self.profile = settings.profile or self.target.default_profile
        self.folder = (settings.report_dir or self._default_folder()).absolute()
        self.state = self.folder / STATE
        finalize.clear(self.folder)
        self.state.mkdir(parents=True)
        self._remember()
        config.option.htmlpath = str(self.folder / "report.html")
        config.option.self_contained_html = True
        config.option.css = [str(css_path())]
        config.pluginmanager.register(HtmlCarrier(self._final_results))
        if getattr(config.option, "dist", "no") != "no":
            config.option.maxworkerrestart = "0"  # what a lost worker had begun nobody can take over
        if self._quiet:
            config.pluginmanager.register(progress.Progress(config, self.target.name), "conformance-progress")

    def _remember(self) -> None:
        """From here on the run can be told of, however it ends."""
        settings = replace(self.settings, seed=self.seed)
        facts = build.RunFacts(
            id=secrets.token_hex(8),
            started=self.started,
            seed=self.seed,
            profile=self.profile,
            command=self._command(),
            subjects=settings.subjects,
            waivers_sha256=sha256(settings.waivers_file) if settings.waivers_file else None,
        )
        redactor = Redactor()
        self.target.watch_secrets(redactor.add)
        shown = redactor.value(self.target.without_keys())
        self.known = Remembered(settings, self.target, shown, frozenset(self.selected), facts)
        self._open.enter_context(FileLock(self.state / LOCK).acquire())
        remember(self.state, self.known)

    def _default_folder(self) -> Path:
        return Path("reports") / self.target.name / self.started.strftime("%Y%m%dT%H%M%S.%fZ")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """What a worker needs to know; no key is among it."""
        target = self.target
        node.workerinput["conformance"] = {
            "target_file": str(self.target_file.absolute()) if self.target_file else None,
            "base_url": target.base_url,
            "hub": target.hub_id,
            "container": target.fixtures.container_id,
            "seed": self.seed,
            "examples": self.settings.examples,
            "profile": self.profile,
            "selected": sorted(self.selected),
            "only": list(self.settings.only),
            "skip": list(self.settings.skip),
            "state": str(self.state),
            "workers": len(node.config.getoption("tx") or [1]),
        }

    # ------------------------------------------------------------ what runs, in which order

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Which of several workers executes what; the mode that was asked for would spread the changes."""
        from conformance.pytest_run.scheduling import Scheduling  # noqa: PLC0415 - only runs with workers need it

        return Scheduling(config, log)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keeps the selected clauses, and puts changes behind reads."""
        found = [(item, check) for item in items if (check := check_of(item))]
        left_out = [item for item, one in found if one.clause not in self.selected and not self._is_traffic(one)]
        items[:] = sorted((item for item in items if item not in left_out), key=_stage)
        if left_out:
            config.hook.pytest_deselected(items=left_out)

    def _is_traffic(self, check: Check) -> bool:
        """Whether it is executed for its exchanges alone: by `--only`, with a clause that only judges exchanges."""
        if not self.settings.only or not judged_only(self.selected):
            return False
        skipped = catalogue.load().matching(self.settings.skip)
        return check.stage is Stage.READS and not check.kind and check.clause not in skipped

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remembers what is left after everybody's selection (`-k` as well)."""
        self._items = session.items

    @contextlib.contextmanager
    def running(self) -> Iterator[Session]:
        """Executes checks in this process, from its first test to its last."""
        self._run = self._start_run()
        try:
            yield self
        finally:
            self._end_run()

    def _end_run(self) -> None:
        """Ends this process's part, if it is not over: with a last look, unless it was cut short."""
        with self._ending:
            run, self._run = self._run, None
            if run is None:
                return
            try:
                if self.interruption:
                    run.stop()
                else:
                    run.final_review()
            except BaseException:
                run.stop()
                raise
            finally:
                run.close()

    def _interrupt(self, reason: str) -> None:
        """Says why the run is over before its end; the first reason stands."""
        self.interruption = self.interruption or reason

    def _end_with_the_others(self) -> None:
        """Some other process of the run has ended it."""
        self._interrupt("interrupted")
        self._end_run()

    def _start_run(self) -> Run:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        run = Run(
            self.target,
            seed=self.seed,
            profile=self.profile,
            selected=self.selected,
            state=self.state,
            worker=worker,
            workers=self._worker["workers"] if self._worker else 1,
            examples=self.settings.examples,
            archived=True,
        )
        planned = filter(None, map(check_of, self._items))
        run.journal.entry("planned", [str(check.id) for check in planned if check.clause in self.selected])
        run.start()
        if self._worker is None:
            self._begin_changes(run)
            run.begin_reads(check for item in self._items if (check := check_of(item)) and check.stage is Stage.READS)
        else:
            watcher = signals.Watcher(run.shared_state, self._end_with_the_others)
            self._open.callback(watcher.close)
        return run

    def _begin_changes(self, run: Run) -> None:
        """From here on the changes happen on their own thread; their tests wait for what they came to."""
        if not self._begun:
            self._begun = True
            found = [check for item in self._items if (check := check_of(item))]
            run.begin_changes(check for check in found if check.stage.changes)

    def report(self, check: Check) -> None:
        """The test of a check: executes it, and passes, fails or skips as it came out."""
        run = self._run
        if run is None or run.shared_state.stopped:
            pytest.skip(TOO_LATE)
        if check.stage > Stage.READS:
            self._begin_changes(run)
        else:
            run.shared_state.add("reads_done")
        if check.stage is Stage.BAD_KEYS:
            run.before_bad_keys(sum(1 for item in self._items if _stage(item) is Stage.READS))
        record = run.result(check)
        if check.clause not in self.selected:
            return
        if record.outcome in (Outcome.FAILED, Outcome.ERROR):
            pytest.fail(in_words(record), pytrace=False)
        if record.outcome is Outcome.NOT_TESTED:
            pytest.skip(record.reason)

    # ------------------------------------------------------------ the end

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """The run is cut short, by a signal or by pytest itself (-x); its reports are written all the same."""
        words = str(excinfo.value)
        self._interrupt(f"stopped early: {words}" if words else "interrupted (SIGINT)")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object | None) -> None:
        """A worker ended; where it was lost, so is what it knew, and nobody can do its part."""
        if error:
            self._interrupt("a worker process of the run was lost")
            SharedState(self.state).stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All outcomes into one table, and from it every report and the exit code."""
        if session.shouldfail or session.shouldstop:
            self._interrupt(f"stopped early: {session.shouldfail or session.shouldstop}")
        with signals.undisturbed():
            self._end_run()  # pytest closes its fixtures only after this, where it was cut short
            if self._worker is None:
                self._conclude(session)

    def _conclude(self, session: pytest.Session) -> None:
        if self.interruption:
            SharedState(self.state).stop()
            journal.await_ends(self.state, LAST_WORDS_S)
        else:
            self._look_for_losses()
        results = self._final_results()
        write_all(results, self.folder)
        session.exitstatus = Verdict(results["verdict"]).exit_code

    def _look_for_losses(self) -> None:
        """A check that was planned and of which nothing was heard must not look like one that does not apply."""
        entries = list(journal.read(self.state))
        planned = {name for kind, value in entries if kind == "planned" for name in value}
        lost = planned - {str(value.id) for kind, value in entries if kind == "check"}
        book = journal.Journal(self.state, "controller")
        for name in sorted(lost):
            reason = "could not tell: the check was not executed to its end"
            book.record(CheckRecord(CheckId.parse(name), Outcome.ERROR, reason))
        book.close()

    def pytest_unconfigure(self) -> None:
        """Signs the folder off, now that all its files are there, and shows how it ended."""
        self._open.close()
        if self._worker is not None or self.results is None:
            return
        console = Console(soft_wrap=True) if not sys.stdout.isatty() else Console()
        with signals.undisturbed():
            problems = self._sign_off(self.results)
        with ci.no_commands(sys.stdout, os.environ):
            show(self.results, console, _shown(self.folder))
        if os.environ.get("GITHUB_ACTIONS") == "true":
            sys.stdout.write("".join(f"{line}\n" for line in ci.commands(self.results)))
        for problem in problems:
            console.print(Text(problem, "bold red"))

    def _sign_off(self, results: dict[str, Any]) -> list[str]:
        """The folder whole, and found by those who look for the newest; gives what went wrong, which is no verdict."""
        problems = []
        try:
            finalize.complete(self.folder, results, self.known.shown_target, self.settings.sign)
        except SealError as problem:
            problems.append(f"not signed: {problem}")
        if self.settings.report_dir is None:
            finalize.point_latest(self.folder)
            finalize.list_with_others(self.folder)
        unsaid = ci.append_summary((self.folder / "summary.md").read_text(encoding="utf-8"), os.environ)
        return [*problems, unsaid] if unsaid else problems

    def _final_results(self) -> dict[str, Any]:
        if self.results is None:
            facts = replace(self.known.facts, interruption=self.interruption, finished=datetime.now(UTC))
            self.results = build.build(self.known.settings, self.target, self.selected, self.state, facts)
        return self.results

    def _command(self) -> str:
        """How to do this run again."""
        settings, parts = self.settings, ["backups-conformance", "run"]
        if settings.target_file:
            parts += ["--target", str(settings.target_file)]
        elif settings.target:
            target = settings.target
            parts += [
                "--base-url",
                target.base_url,
                "--hub",
                target.hub_id,
                "--container",
                target.fixtures.container_id,
            ]
        for name, values in (("--only", settings.only), ("--skip", settings.skip)):
            parts += [name, ",".join(values)] if values else []
        parts += ["--waivers", str(settings.waivers_file)] if settings.waivers_file else []
        parts += ["--strict"] if settings.strict else []
        parts += ["--profile", self.profile, "--seed", str(self.seed), "--examples", str(settings.examples)]
        return shlex.join(parts)


def embedded(open_until: contextlib.ExitStack) -> tuple[Target, Path]:
    """The reference server in a process of its own, for a run without a target: the target and its file."""
    from conformance.reference import launch  # noqa: PLC0415 - the suite itself never needs the server

    server = open_until.enter_context(launch.spawn())
    return load_target(server.target_file, os.environ), server.target_file


def check_of(item: pytest.Item) -> Check | None:
    """The check that a test of the suite executes."""
    check = item.callspec.params.get("declared_check") if hasattr(item, "callspec") else None
    return check if isinstance(check, Check) else None


def judged_only(selected: Collection[str]) -> bool:
    """Whether one of the clauses has no checks that ask for exchanges, and lives on those of others."""
    observed = (CheckId(clause, kind=CheckKind.OBSERVED) for clause in selected)
    return any(registry().get(check.clause) == [check] for check in observed)


def in_words(record: CheckRecord) -> str:
    """A failed check for pytest's own output: masked, like everything on a record."""
    lines = [f"{record.id}: {catalogue.load()[record.clause].text}"]
    lines += [f"  {finding.outcome}: {finding.sentence}" for finding in record.findings]
    lines += [f"  {exchange['curl']}" for exchange in record.exchanges[:1]]
    return "\n".join(lines)


def _stage(item: pytest.Item) -> Stage:
    check = check_of(item)
    return check.stage if check else Stage.READS


def _shown(folder: Path) -> Path:
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
