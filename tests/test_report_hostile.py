"""Whatever a target answers, every writer shows it as text."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import reporting
from rich.console import Console

from conformance.report import compare, html, junit, markdown, terminal, text, write_all

CASES = [*reporting.HOSTILE, "".join(reporting.HOSTILE[:-1]), ""]
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


@pytest.fixture(params=CASES, ids=[f"hostile-{index}" for index in range(len(CASES))])
def results(request: pytest.FixtureRequest) -> dict[str, Any]:
    return reporting.hostile(request.param)


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_page_has_our_tags_alone(results: dict[str, Any]) -> None:
    page, ours = html.render_summary(results), Tags(html.render_summary(reporting.red()))
    theirs = Tags(page)
    assert theirs.found <= ours.found
    assert theirs.attributes <= ours.attributes
    assert not INVISIBLE.search(page)
    assert len(page.encode()) < 2_000_000


def test_junit_parses(results: dict[str, Any]) -> None:
    document = junit.render(results)
    root = reporting.parse_xml(document)
    assert {element.tag for element in root.iter()} == {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped", "system-out",
    }  # fmt: skip
    assert len(list(root.iter("failure"))) == 5
    assert max(map(len, document.splitlines())) < 10_000


def test_json_reads_back(results: dict[str, Any], tmp_path: Path) -> None:
    write_all(results, tmp_path)
    assert json.loads((tmp_path / "results.json").read_bytes().decode("ascii")) == results


def test_markdown_is_text(results: dict[str, Any]) -> None:
    document = markdown.render(results)
    assert not INVISIBLE.search(document)
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", document, flags=re.DOTALL)
    tags = set(re.findall(r"(?<!\\)<(/?\w+)", outside))
    assert tags <= {"details", "/details", "summary", "/summary"}
    assert not re.search(r"(?<!\\)!?\[[^\]]*\]\(|@everyone|\bhttps?://", outside)
    rows = [line for line in document.splitlines() if re.match(r"\| [A-Z]+-\d+ \| (MUST|SHOULD) ", line)]
    assert len(rows) == 11
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


@pytest.mark.parametrize("verbose", [False, True])
def test_terminal_obeys_us_alone(results: dict[str, Any], verbose: bool) -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    terminal.show(results, Console(file=plain, width=80), Path("x"), verbose)
    terminal.show(results, Console(file=coloured, width=80, force_terminal=True), Path("x"), verbose)
    assert not INVISIBLE.search(plain.getvalue())
    sequences = set(re.findall("\x1b[^m]*m", coloured.getvalue()))
    assert all(re.fullmatch("\x1b\\[[0-9;]*m", sequence) for sequence in sequences)
    assert not INVISIBLE.search(re.sub("\x1b\\[[0-9;]*m", "", coloured.getvalue()))


def test_comparison_obeys_us_alone(results: dict[str, Any]) -> None:
    stream = io.StringIO()
    compare.render(compare.compare(reporting.green(), results), Console(file=stream, width=80))
    assert not INVISIBLE.search(stream.getvalue())


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("a\x1b[31m", "a\\u001b[31m"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("größer ≤ 漢字 \ufffd 😀\n\t", "größer ≤ 漢字 \ufffd 😀\n\t"),
    ],
)
def test_visible(given: str, seen: str) -> None:
    assert text.visible(given) == seen


def test_cut_says_how_long_it_was() -> None:
    assert text.one_line("x" * 1000, 10) == "xxxxxxxxxx… (1,000 characters)"
    assert text.block("a\nb\nc", lines=2) == "a\nb\n… 1 more lines"
