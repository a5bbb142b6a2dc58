"""report.html of results that are there already: the carrier's page, for a run that pytest did not see to its end."""

from __future__ import annotations

import io
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._io import TerminalWriter

from conformance.config import hermetic
from conformance.contract.check_id import CheckId, CheckKind
from conformance.judging.outcomes import Outcome
from conformance.report.carrier import HtmlCarrier
from conformance.report.html import css_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.judging.outcomes import CheckRow
    from conformance.results.model import Results

_ALONE = ("-pno:cacheprovider", "-pmetadata", "-phtml", "--noconftest", "-c", "/dev/null", "--capture=no")
_PYTESTS = {Outcome.FAILED: "failed", Outcome.ERROR: "failed", Outcome.NOT_TESTED: "skipped"}


def write_page(results: Results, folder: Path) -> None:
    """Write report.html into the folder: a run of pytest that executes nothing and tells what these results say."""
    with tempfile.TemporaryDirectory(prefix="conformance-page-") as empty:
        where = ["--rootdir", empty, empty]
        page = [f"--html={folder / 'report.html'}", "--self-contained-html", f"--css={css_path()}"]
        with hermetic.environment():
            pytest.main([*_ALONE, *page, *where], plugins=[HtmlCarrier(lambda: results), _Told(results)])


class _Told:
    """Reports each active check of the results in the place of tests."""

    def __init__(self, results: Results) -> None:
        self._results = results

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Nothing is printed: whoever asked for the page prints what is to be said."""
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter._tw = TerminalWriter(io.StringIO())  # noqa: SLF001 - pytest has no option that silences all of it

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running tests."""
        for report in self._reports():
            session.config.hook.pytest_runtest_logreport(report=report)
        return True

    def _reports(self) -> Iterator[pytest.TestReport]:
        for row in self._results["clauses"]:
            for check in row["checks"]:
                if CheckId.kind_of(check["id"]) is not CheckKind.OBSERVED:
                    yield _report(check, "call", _PYTESTS.get(Outcome(check["outcome"]), "passed"))
                    yield _report(check, "teardown", "passed")


def _report(check: CheckRow, when: Any, outcome: Any) -> pytest.TestReport:
    told = str(check["reason"])
    skipped = ("", 0, told) if outcome == "skipped" else told
    return pytest.TestReport(
        nodeid=check["id"],
        location=("", None, check["id"]),
        keywords={},
        outcome=outcome,
        longrepr=None if outcome == "passed" else skipped,
        when=when,
        duration=check["duration_s"] if when == "call" else 0,
    )
