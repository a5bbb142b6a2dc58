"""The whole page as pytest-html writes it, in a run of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from support import reporting
from support.waiting import PATIENCE_S

from conformance.report import html
from conformance.report.carrier import finished_page
from conformance.report.html import css_path

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.process, pytest.mark.one_worker]

_CONFTEST = """
import json, sys
from pathlib import Path
from conformance.report import html
from conformance.report.carrier import HtmlCarrier

def pytest_configure(config):
    config.pluginmanager.register(HtmlCarrier(lambda: json.loads(Path("results.json").read_text())))
"""
_TESTS = """
import pytest

@pytest.fixture
def talkative():
    yield
    print("printed-in-teardown")

@pytest.mark.parametrize("check", ["CAP-4", "CAP-5", "CAP-6", "<img src=x>"])
def test_check(check, talkative):
    print("printed-in-call")
    if check == "CAP-6":
        pytest.skip("set keys.manage <i>")
    if check != "CAP-5":
        pytest.fail("wanted 403 <b>bold</b> \\x1b[31m \\ud800", pytrace=False)
"""


def page_of(results: Any, folder: Path) -> str:
    """The report of a small run whose results are these."""
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_checks.py").write_text(_TESTS)
    (folder / "results.json").write_text(json.dumps(results))
    options = ["--html=report.html", "--self-contained-html", f"--css={css_path()}", "--metadata", "secret", "from-ci"]
    alone = ["-p", "no:cacheprovider", "-p", "no:backups_conformance", "-c", "/dev/null", "--rootdir=."]
    command = [sys.executable, "-m", "pytest", "-q", *alone, *options]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1, done.stdout + done.stderr
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(reporting.red(), tmp_path_factory.mktemp("red-page"))


@pytest.fixture(scope="module")
def blob(page: str) -> Any:
    """What pytest-html's script gets."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if name == "data-jsonblob")

    Reader().feed(page)
    return dict(json.loads(found[0]))


def test_verdict_comes_first(page: str) -> None:
    body = page[page.index("<body>") :]
    assert '<h1 id="title">Container backups conformance: staging-eu</h1>' in body
    assert reporting.red()["headline"] in body
    assert body.index("bc-verdict") < body.index('id="section-failed"') < body.index('id="section-clauses"')
    assert "<title" in page
    assert 'name="viewport"' in page
    assert '<html lang="en">' in page


def digest_of(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_only_our_script_and_the_carriers_may_run(page: str) -> None:
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert page.index("Content-Security-Policy") < page.index("<title")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    assert scripts[0] == html.script()
    assert f"script-src {' '.join(map(digest_of, scripts))};" in policy.group(1)
    assert "default-src 'none'" in policy.group(1)
    assert not re.search(r"<[^>]+\son\w+=", page[: page.index("<script>")])


def test_page_needs_no_network(page: str) -> None:
    assert not re.search(r"<(?:link|iframe|object|embed)\b|<\w+[^>]+\ssrc=\"http|url\(|@import", page)


def test_page_names_no_local_path(page: str) -> None:
    assert str(css_path()) not in page
    assert "red-page" not in page


def test_table_shows_our_words_alone(page: str, blob: dict[str, Any]) -> None:
    assert "printed-in" not in page
    assert "from-ci" not in page
    assert set(blob["environment"]) <= {"Python", "Platform", "Packages", "Plugins"}
    rows = [row for rows in blob["tests"].values() for row in rows]
    assert len(rows) == 4
    assert [row["log"] for row in rows if row["result"] == "Skipped"] == ["set keys.manage &lt;i&gt;"]
    failed = [row for row in rows if row["result"] == "Failed"]
    assert all("wanted 403 &lt;b&gt;bold&lt;/b&gt; \\u001b[31m \\ud800" in row["log"] for row in failed)
    cells = "".join(cell for row in rows for cell in row["resultsTableRow"])
    assert "<img" not in cells
    assert "&lt;img src=x&gt;" in cells


def test_hostile_page_is_written_and_inert(tmp_path: Path) -> None:
    page = page_of(reporting.hostile("".join(reporting.HOSTILE[:-1])), tmp_path)
    assert page.count("<script>") == 2
    assert "<img src=x" not in page
    assert len(page.encode()) < 2_000_000


def test_a_page_without_the_carriers_script_may_run_ours_alone() -> None:
    page = finished_page('<html>\n<head>\n<meta charset="utf-8"/>\n</head></html>')
    assert f"script-src {digest_of(html.script())};" in page


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def palettes() -> list[dict[str, str]]:
    """The light colours, and the dark ones over them."""
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part))
        for part in css_path().read_text().split("@media screen and (prefers-color-scheme: dark)")[:2]
    )
    return [light, {**light, **dark}]


@pytest.mark.parametrize("colours", palettes(), ids=["light", "dark"])
def test_text_has_contrast(colours: dict[str, str]) -> None:
    tones = ("red", "plum", "amber", "blue", "green", "grey")
    pairs = [(tone, f"{tone}-tint") for tone in tones] + [(tone, "panel") for tone in tones]
    pairs += [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("ground", "panel", "sunk")]
    pairs += [("mark-ink", "mark"), ("soft", "green-tint"), ("soft", "red-tint"), ("ink", "amber-tint")]
    for ink, ground in pairs:
        bright, dim = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, f"{ink} on {ground}"
