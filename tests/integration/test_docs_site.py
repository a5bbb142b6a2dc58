"""The built site in a browser: it fits a narrow window, loads nothing from elsewhere, and its search works."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import browser

from conformance import __version__
from conformance.contract import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("material", reason="the documentation's theme is not installed: tox -e docs runs these tests")
pytestmark = pytest.mark.one_worker  # one build for all of them

ROOT = Path(__file__).parents[2]
PAGES = (
    "",
    "start/",
    "guides/ci/",
    "contract/",
    "clauses/",
    "clauses/CAP-4/",
    "clauses/INC-2/",
    "reference/cli/",
    "reference/target-file/",
)
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a broken link or a page that no navigation leads to is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without writing of it."""

    def log_message(self, *_arguments: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The address under which the site is served."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def reader() -> Iterator[browser.Browser]:
    if browser.found() is None:
        pytest.skip("no browser here")
    with browser.started() as started:
        yield started


def test_every_clause_has_a_page_that_reports_can_link_to(site: Path) -> None:
    missing = [clause.id for clause in catalogue.load() if not (site / "clauses" / clause.id / "index.html").is_file()]
    assert missing == []


def test_the_schemas_are_there_to_download(site: Path) -> None:
    published = {path.name for path in (ROOT / "schemas").iterdir()}
    assert {path.name for path in (site / "schemas").iterdir()} == published


def test_llms_txt_names_every_page_that_exists(site: Path) -> None:
    text = (site / "llms.txt").read_text("utf-8")
    assert text.count("](") >= len(list(catalogue.load())) + 25
    assert (site / "llms-full.txt").stat().st_size > 200_000


def test_no_page_links_to_an_address_that_the_project_does_not_have(site: Path) -> None:
    texts = {
        path.relative_to(site): path.read_text("utf-8") for path in site.rglob("*") if path.suffix in (".html", ".txt")
    }
    assert len(texts) > 130
    dead = re.compile(r"(?:href=[\"']?|\]\()https://[\w.-]*\.example\b(?!\.)")
    assert [str(name) for name, text in texts.items() if dead.search(text)] == []


def test_figures_of_another_version_are_named_so(site: Path) -> None:
    score = json.loads((ROOT / "conformance/qualification.json").read_text("utf-8"))
    note = f"These figures are of version {score['suite']['version']}"
    is_older = score["suite"]["version"] != __version__
    assert (note in (site / "qualification/index.html").read_text("utf-8")) == is_older


def test_pages_are_dark_or_light_as_the_reader_prefers(reader: browser.Browser, address: str) -> None:
    reader.size(1280, 900)
    reader.visit(address)
    reader.evaluate("localStorage.clear()")
    for dark, scheme in ((False, "default"), (True, "slate")):
        reader.size(1280, 900, dark=dark)
        reader.visit(address)
        assert reader.evaluate("document.body.getAttribute('data-md-color-scheme')") == scheme


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_window_and_loads_nothing_from_elsewhere(
    reader: browser.Browser, address: str, page: str, width: int
) -> None:
    reader.size(width, 900)
    reader.complaints.clear()
    reader.requests.clear()
    reader.visit(address + page)
    assert reader.evaluate("document.scrollingElement.scrollWidth") <= width
    elsewhere = [url for url in reader.requests if not url.startswith((address, "about:", "data:", "blob:"))]
    assert elsewhere == []
    assert reader.complaints == []


def test_the_search_finds_a_clause(reader: browser.Browser, address: str) -> None:
    reader.size(1280, 900)
    reader.visit(f"{address}?q=CAP-4")
    results = "Array.from(document.querySelectorAll('.md-search-result__link')).map(link => link.href).join(' ')"
    end = time.monotonic() + PATIENCE_S
    while "/clauses/CAP-4/" not in (found := reader.evaluate(results)):
        assert time.monotonic() < end, f"the search found {found or 'nothing'}"
        time.sleep(0.2)


def test_every_generator_is_used_and_every_marker_has_one() -> None:
    hooks = pytest.importorskip("sitegen.hooks")
    pages = [path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")]
    used = {match["name"] for page in pages for match in hooks.MARKER.finditer(page)}
    assert used == set(hooks.GENERATORS)
