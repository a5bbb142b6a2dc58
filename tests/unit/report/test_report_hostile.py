"""Whatever a target answers, every writer shows it as text."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support import reporting

from conformance.evidence import text
from conformance.report import badge, ci, html, index, junit, markdown, terminal, write_all
from conformance.report import compare as rendering
from conformance.results import compare, signoff

CASES = [*reporting.HOSTILE, "".join(reporting.HOSTILE[:-1]), ""]
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


@pytest.fixture(params=CASES, ids=[f"hostile-{index}" for index in range(len(CASES))])
def results(request: pytest.FixtureRequest) -> Any:
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


@pytest.fixture(scope="module")
def our_tags() -> Tags:
    return Tags(html.render_summary(reporting.red()))


def test_page_has_our_tags_alone(results: Any, our_tags: Tags) -> None:
    page = html.render_summary(results)
    theirs = Tags(page)
    assert theirs.found <= our_tags.found
    assert theirs.attributes <= our_tags.attributes
    assert not INVISIBLE.search(page)
    assert len(page.encode()) < 2_000_000


def test_junit_parses(results: Any) -> None:
    document = junit.render(results)
    root = reporting.parse_xml(document)
    assert {element.tag for element in root.iter()} == {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped", "system-out",
    }  # fmt: skip
    assert len(list(root.iter("failure"))) == 5
    assert max(map(len, document.splitlines())) < 10_000


def test_json_reads_back(results: Any, tmp_path: Path) -> None:
    write_all(results, tmp_path)
    assert json.loads((tmp_path / "results.json").read_bytes().decode("ascii")) == results


def test_markdown_is_text(results: Any) -> None:
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
def test_terminal_obeys_us_alone(results: Any, verbose: bool) -> None:
    plain, coloured = io.StringIO(), io.StringIO()
    terminal.show(results, Console(file=plain, width=80), Path("x"), verbose)
    terminal.show(results, Console(file=coloured, width=80, force_terminal=True), Path("x"), verbose)
    assert not INVISIBLE.search(plain.getvalue())
    sequences = set(re.findall("\x1b[^m]*m", coloured.getvalue()))
    assert all(re.fullmatch("\x1b\\[[0-9;]*m", sequence) for sequence in sequences)
    assert not INVISIBLE.search(re.sub("\x1b\\[[0-9;]*m", "", coloured.getvalue()))


def test_badge_is_ours_alone(results: Any) -> None:
    root = reporting.parse_xml(badge.render(results))
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "title", "clipPath", "rect", "g", "text"}


def test_a_job_obeys_us_alone(results: Any, tmp_path: Path) -> None:
    foreign = f"% first\r\n::error title=x::y\n##[error]z{results['notes'][0]}"
    results["clauses"][0].update(outcome="failed", reason=foreign)
    lines = ci.commands(results)
    assert len(lines) == 8
    for line in lines:
        assert re.fullmatch(r"::(?:error|warning) title=[^:,\n]+::[^\r\n]+", line)
        assert not INVISIBLE.search(line)
        assert len(line) < 3_000
    path = tmp_path / "summary.md"
    assert ci.append_summary("x\n" * 600_000, {"GITHUB_STEP_SUMMARY": str(path)}) is None
    assert path.stat().st_size < 1_048_576
    assert path.read_text().endswith("the whole summary is in the report folder.\n\n")


def test_what_is_printed_gives_a_job_no_commands() -> None:
    stream = io.StringIO()
    with ci.no_commands(stream, {"GITHUB_ACTIONS": "true"}):
        stream.write("::error::foreign\n")
    first, foreign, last = stream.getvalue().splitlines()
    assert first.removeprefix("::stop-commands::") == last.strip(":")
    assert (foreign, len(last)) == ("::error::foreign", 36)
    quiet = io.StringIO()
    with ci.no_commands(quiet, {}):
        pass
    assert quiet.getvalue() == ""


def test_a_summary_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    assert ci.append_summary("x", {}) is None
    message = ci.append_summary("x", {"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert message == "the job's summary cannot be written: Is a directory"


def test_record_reads_back(results: Any) -> None:
    record = signoff.render(results, {"results.json": "a" * 64})
    target = json.loads(record)["predicate"]["configuration"][0]["annotations"]["target"]
    assert target == text.one_line(results["target"]["name"])
    assert record.isascii()
    assert len(record) < 10_000


def index_of_two_runs(results: Any, folder: Path) -> str:
    for number in range(2):
        write_all(results, folder / str(number))
        signoff.write(results, folder / str(number))
    assert index.write(folder).runs == 2
    return (folder / "index.html").read_text()


@pytest.fixture(scope="module")
def our_index_tags(tmp_path_factory: pytest.TempPathFactory) -> Tags:
    return Tags(index_of_two_runs(reporting.red(), tmp_path_factory.mktemp("ours")))


def test_index_has_our_tags_alone(results: Any, our_index_tags: Tags, tmp_path: Path) -> None:
    page = index_of_two_runs(results, tmp_path)
    theirs = Tags(page)
    assert (theirs.found, theirs.attributes) == (our_index_tags.found, our_index_tags.attributes)
    assert not INVISIBLE.search(page)
    assert len(page) < 200_000


def test_compared_pages_have_our_tags_alone(results: Any) -> None:
    for old, new in ((reporting.green(), results), (results, reporting.green())):
        ours = Tags(rendering.page(compare.compare(reporting.green(), reporting.red()), old, new))
        page = rendering.page(compare.compare(old, new), old, new)
        assert Tags(page).found <= ours.found
        assert Tags(page).attributes <= ours.attributes
        assert not INVISIBLE.search(page)
        document = rendering.markdown(compare.compare(old, new))
        assert not INVISIBLE.search(document)
        rows = [line for line in document.splitlines() if re.match(r"\| [A-Z]+-\d+ \| (MUST|SHOULD) ", line)]
        assert rows
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_comparison_obeys_us_alone(results: Any) -> None:
    stream = io.StringIO()
    rendering.render(compare.compare(reporting.green(), results), Console(file=stream, width=80))
    assert not INVISIBLE.search(stream.getvalue())


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("".join(map(chr, range(32, 127))), "".join(map(chr, range(32, 127)))),
        ("\x7f", "\\u007f"),
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
