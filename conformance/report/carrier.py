"""Hooks that make pytest-html write our report, without anything that is unsafe to show.

pytest-html escapes neither test ids nor the environment's values, and it can show whatever a test printed. So the ids
are escaped here, the environment is cut down to what describes this installation, and of a test's output only our own
long repr is shown. When the file is written, a content security policy is put in that lets nothing run but the
script that pytest-html itself brought, by its hash.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.evidence.text import block
from conformance.report.html import content_security_policy, page_title, render_summary, script
from conformance.results.files import write_atomically
from conformance.results.signoff import page_marks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from conformance.results.model import Results

_ENVIRONMENT = ("Python", "Platform", "Packages", "Plugins")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_CSS_ORIGIN = re.compile(r"/\*{10,}\n \* CUSTOM CSS\n \* .*\n \*{10,}/\n")
#: pytest-html gives its filters no names
_FILTER = re.compile(r'<input [^<>]*class="filter"[^<>]*data-test-result="(\w+)"')
_HEAD = '<meta charset="utf-8"/>'


class HtmlCarrier:
    """The plugin to register in a run with `--html`; the supplier is asked once, when the run has ended."""

    def __init__(self, results_supplier: Callable[[], Results | None]) -> None:
        self._supply = results_supplier
        self._page: Any = None  # Any: pytest-html has no types

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep out of the page what continuous integration and command lines put among the metadata."""
        plugin = session.config.pluginmanager.get_plugin("metadata")
        metadata = session.config.stash[plugin.metadata_key] if plugin else {}
        for name in [name for name in metadata if name not in _ENVIRONMENT]:
            del metadata[name]
        # pytest-html would render these as nested lists, which confuse screen readers.
        for name, versions in metadata.items():
            if isinstance(versions, dict):
                metadata[name] = ", ".join(f"{library} {version}" for library, version in sorted(versions.items()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: Any) -> None:  # Any: pytest-html has no types
        """Remember the page: its title needs the target's name, which is known for sure at the end."""
        self._page = report
        report.title = "Container backups conformance"

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Add our part of the page."""
        results = self._supply()
        if results is None:
            return
        if self._page is not None:
            self._page.title = page_title(results)
        prefix.append(render_summary(results))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Without the column of links, which checks do not have."""
        cells[1] = cells[1].replace(">Test<", ">Check<")
        del cells[3:]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        """The id as text."""
        test_id = report.nodeid if report.when == "call" else f"{report.nodeid}::{report.when}"
        cells[1] = f'<td class="col-testId">{escape(block(test_id, lines=1))}</td>'
        del cells[3:]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_html(self, report: pytest.TestReport, data: list[str]) -> None:
        """Show our own long repr, and no captured output or logs."""
        text = report.longreprtext
        if isinstance(report.longrepr, tuple):  # of a skip: a place in our own code, and then the reason
            text = report.longrepr[2].removeprefix("Skipped: ")
        data[:] = [escape(block(text, lines=200))] if text else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remove the output of teardowns, which pytest-html would add without a hook."""
        report.sections[:] = [section for section in report.sections if "teardown" not in section[0]]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Finish the page once pytest-html has written it."""
        outcome = yield
        path = session.config.getoption("htmlpath", None)
        if path and Path(path).is_file() and not hasattr(session.config, "workerinput"):
            page = Path(path)
            results = self._supply()
            marks = page_marks(results["run"]["id"], results["verdict"]) if results else ""
            write_atomically(page, finished_page(page.read_text(encoding="utf-8"), marks))
        return outcome


def finished_page(page: str, marked: str = "") -> str:
    """The page with language, viewport, names, content security policy and marks, no inline handlers or local paths."""
    page = page.replace("<html>", '<html lang="en">', 1).replace(' onclick="location.reload()"', "", 1)
    page = _CSS_ORIGIN.sub("", page, count=1)
    page = _FILTER.sub(r'\g<0> aria-label="show \g<1>"', page)
    viewport = '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
    head = "\n    ".join([_HEAD, viewport, _policy(page), marked])
    return page.replace(_HEAD, head, 1)


def _policy(page: str) -> str:
    # Only pytest-html's template has an unescaped script element, so the last one is its own whatever else the page
    # shows; anything that slipped through unescaped has another hash and does not run.
    return content_security_policy(script(), *_SCRIPT.findall(page)[-1:])
