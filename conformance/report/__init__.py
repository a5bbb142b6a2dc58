"""One table of outcomes to files, a page, a screen: every writer starts from the same results dict, so all agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.report import badge, html, junit, markdown, repro
from conformance.results.files import write_atomically, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.results.model import Results


def write_all(results: Results, folder: Path) -> None:
    """Write all files of the report folder that follow from results.json alone, report.html apart."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", results)
    write_atomically(folder / "junit.xml", junit.render(results))
    write_atomically(folder / "summary.md", markdown.render(results))
    write_atomically(folder / "badge.svg", badge.render(results))
    repro.write(results, folder)


def write_page(results: Results, folder: Path) -> None:
    """Write report.html of finished results; a run inside pytest has pytest-html write it."""
    write_atomically(folder / "report.html", html.page(results))
