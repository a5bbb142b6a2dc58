"""The progress of a run: a bar on a terminal; in a pipe lines of text, or events as JSON."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from conformance import _compat
from conformance.config.settings import Output
from conformance.contract import catalogue
from conformance.pytest_run import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.pytest_run.setup import RunSetup


class Progress:
    """Replaces pytest's terminal reporter, which shows tests instead of clauses."""

    def __init__(self, config: pytest.Config, setup: RunSetup) -> None:
        self._config = config
        self._setup = setup
        self._lines = _lines(setup)
        console = Console(file=sys.stderr)
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._failed = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Silence pytest's reporter."""
        _compat.silence_terminal(self._config)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin: the number of checks is known."""
        self._begin([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: Sequence[str]) -> None:
        """Begin with what a worker has collected; the controller of workers collects nothing."""
        del node
        self._begin(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one more check."""
        if self._task is None or (report.when != "call" and report.outcome == "passed") or report.when == "teardown":
            return
        self._failed += report.outcome == "failed"
        failed = f", {self._failed} failed or inconclusive" if self._failed else ""
        self._bar.update(self._task, advance=1, description=f"testing {self._setup.target.name}{failed}")
        if self._lines is not None:
            self._lines.count(report.nodeid, report.outcome)

    def pytest_sessionfinish(self) -> None:
        """Remove the bar: the results take its place."""
        self._bar.stop()

    def _begin(self, nodes: Iterable[str]) -> None:
        nodes = list(nodes)
        if self._task is not None or not nodes:
            return
        self._bar.start()
        self._task = self._bar.add_task(f"testing {self._setup.target.name}", total=len(nodes))
        if self._lines is not None:
            self._lines.begin(nodes)


class Lines(Protocol):
    """What a run writes to standard output while it lasts."""

    def begin(self, nodes: Sequence[str]) -> None:
        """Write what is being run; `nodes` are the node IDs of the tests."""

    def count(self, node: str, outcome: str) -> None:
        """Count one test, with pytest's outcome."""


def _lines(setup: RunSetup) -> Lines | None:
    if setup.settings.output is Output.JSON:
        return EventLines(setup)
    if setup.settings.output is Output.QUIET or sys.stdout.isatty():
        return None
    return ChapterLines(setup)


class EventLines:
    """The events of a run for programs, each written at once."""

    def __init__(self, setup: RunSetup) -> None:
        self._setup = setup

    def begin(self, nodes: Sequence[str]) -> None:
        """Write the event `start`."""
        setup = self._setup
        members = {"target": setup.target.name, "base_url": setup.target.base_url, "profile": setup.profile}
        _write(
            events.line("start", {**members, "seed": setup.seed, "report_dir": str(setup.folder), "checks": len(nodes)})
        )

    def count(self, node: str, outcome: str) -> None:
        """Write the event `check`."""
        check_id = node.rpartition("[")[2].removesuffix("]")
        _write(events.line("check", {"id": check_id, "outcome": "not_tested" if outcome == "skipped" else outcome}))


class ChapterLines:
    """The progress of a run without a terminal, in lines that are written at once, so that a killed run leaves them."""

    def __init__(self, setup: RunSetup) -> None:
        self._setup = setup
        self._left: Counter[str] = Counter()
        self._counted: dict[str, Counter[str]] = {}

    def begin(self, nodes: Sequence[str]) -> None:
        """Write what is being run, and count the checks of each chapter."""
        self._left.update(map(_chapter, nodes))
        setup, folder = self._setup, self._setup.folder
        shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
        target = f"{setup.target.name} ({setup.target.base_url})"
        _write(f"Testing {target}, profile {setup.profile}, seed {setup.seed}; report: {shown}\n")

    def count(self, node: str, outcome: str) -> None:
        """Count one check of a chapter; after the last one write the chapter's line."""
        chapter = _chapter(node)
        self._counted.setdefault(chapter, Counter())[outcome] += 1
        self._left[chapter] -= 1
        if self._left[chapter] == 0:
            counted = self._counted[chapter]
            words = {"passed": "passed", "failed": "failed or inconclusive", "skipped": "not tested"}
            parts = ", ".join(f"{counted[name]} {word}" for name, word in words.items() if counted[name])
            _write(f"  {chapter:<5} {catalogue.load().chapters.get(chapter, '')}: {parts}\n")


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _chapter(node: str) -> str:
    """Return the chapter of a test, by the check ID in its parameters; empty for a foreign test."""
    return node.rpartition("[")[2].partition("-")[0] if "[" in node else ""
