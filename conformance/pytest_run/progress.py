"""What the terminal shows while a run goes on: a bar. Without a terminal there is nothing: a log would keep it all."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._io import TerminalWriter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from collections.abc import Sequence


class Progress:
    """Takes the place of pytest's own reporter, which speaks of tests where our readers think in clauses."""

    def __init__(self, config: pytest.Config, target: str) -> None:
        self._config = config
        self._console = Console(file=sys.stderr)
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._target = target
        self._task: TaskID | None = None
        self._red = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Silences pytest's reporter; it stays registered, since other plugins ask for it."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter._tw = TerminalWriter(io.StringIO())  # noqa: SLF001 - pytest has no option that silences all of it

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Now it is known how many checks there are."""
        self._begin(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """The controller of several workers collects nothing itself."""
        del node
        self._begin(len(ids))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One check more."""
        if self._task is None or (report.when != "call" and report.outcome == "passed") or report.when == "teardown":
            return
        self._red += report.outcome == "failed"
        red = f", {self._red} failed or unclear" if self._red else ""
        self._bar.update(self._task, advance=1, description=f"checking {self._target}{red}")

    def pytest_sessionfinish(self) -> None:
        """The bar goes, the results take its place."""
        self._bar.stop()

    def _begin(self, total: int) -> None:
        if self._task is None and total:
            self._bar.start()
            self._task = self._bar.add_task(f"checking {self._target}", total=total)
