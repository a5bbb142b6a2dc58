"""Renders results as files, a page and text on a terminal. All writers start from the same data, so they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.report import badge, html, junit, markdown, repro
from conformance.results import waivers
from conformance.results.files import write_atomically, write_json
from conformance.results.verify import Rendering

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.results.model import Results


STUB_HEAD = """\
# A waiver for each new failure. For a deviation that is known and accepted, give its reason and pass the file with
# --waivers; delete the others.
"""


def write_all(results: Results, folder: Path) -> None:
    """Write all files of the report folder that follow from results.json alone, report.html apart."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", results)
    repro.write(results, folder)
    for name, text in _files(results).items():
        write_atomically(folder / name, text)


def write_page(results: Results, folder: Path) -> None:
    """Write report.html of finished results; a run inside pytest has pytest-html write it."""
    write_atomically(folder / "report.html", html.page(results))


def rendering(results: Results) -> Rendering:
    """Return the content of the reports of these results, byte for byte."""
    scripts = {f"{repro.FOLDER}/{name}": text for name, text in repro.scripts(results).items()}
    files = {
        name: text if text.endswith("\n") else f"{text}\n" for name, text in {**_files(results), **scripts}.items()
    }
    parts = tuple(html.render_summary(results, with_checks=with_checks) for with_checks in (False, True))
    return Rendering(files, parts)


def _files(results: Results) -> dict[str, str]:
    files = {
        "junit.xml": junit.render(results),
        "summary.md": markdown.render(results),
        "badge.svg": badge.render(results),
    }
    stubs = waivers.stubs(results)
    return {**files, waivers.STUB_FILE: f"{STUB_HEAD}\n{stubs}"} if stubs else files
