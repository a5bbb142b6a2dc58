"""Every kind of page is valid HTML by html-validate, and no larger than people can open."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support import folders, nodejs, other_pages, reporting

from conformance.judging.outcomes import Outcome
from conformance.report import compare as rendering
from conformance.report import index, write_all
from conformance.results import compare, signoff

pytestmark = pytest.mark.one_worker  # the pages are made once

HTML_VALIDATE = "html-validate@10.17.0"
#: what pytest-html's own template has
OF_THE_CARRIER = ('Attribute "checked" has invalid value "true"', 'Attribute "src" has invalid value ""')
EXAMPLES = Path(__file__).parents[2] / "reports"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind, and the published ones."""
    folder = tmp_path_factory.mktemp("pages")
    ids = [row["id"] for row in reporting.green()["clauses"]]
    made = {
        "green": reporting.green(),
        "red": reporting.red(),
        "broken": reporting.results(dict.fromkeys(ids, Outcome.FAILED)),
        "gone": reporting.results(dict.fromkeys(ids, Outcome.ERROR)),
        "hostile": reporting.hostile("".join(reporting.HOSTILE[:-1])),
        "long": reporting.hostile(reporting.HOSTILE[-1]),
    }
    pages = {name: folders.make(folder / name, results) / "report.html" for name, results in made.items()}
    write_all(made["red"], folder / "runs" / "0")
    signoff.write(made["red"], folder / "runs" / "0")
    index.write(folder / "runs")
    comparison = compare.compare(made["green"], made["hostile"])
    (folder / "compared.html").write_text(rendering.page(comparison, made["green"], made["hostile"]))
    return {
        **pages,
        "index": folder / "runs" / "index.html",
        "compared": folder / "compared.html",
        "fleet": other_pages.fleet(folder / "fleet"),
        "qualification": other_pages.qualification_of_two(folder / "qualification"),
        "example green": EXAMPLES / "example-green" / "report.html",
        "example red": EXAMPLES / "example-red" / "report.html",
    }


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with html-validate, as npm has it."""
    folder = tmp_path_factory.mktemp("html-validate")
    line = [nodejs.program("npm"), "install", "--silent", "--prefer-offline", "--prefix", str(folder), HTML_VALIDATE]
    if subprocess.run(line, cwd=folder, capture_output=True, check=False).returncode:
        nodejs.unavailable(f"npm cannot fetch {HTML_VALIDATE}")
    (folder / ".htmlvalidate.json").write_text(json.dumps({"root": True, "extends": ["html-validate:standard"]}))
    return folder


@pytest.mark.node
@pytest.mark.process
@pytest.mark.slow
def test_every_page_is_valid_html(pages: dict[str, Path], validator: Path) -> None:
    copies = []
    for name, page in pages.items():
        copies.append(validator / f"{name.replace(' ', '-')}.html")
        copies[-1].write_bytes(page.read_bytes())
    out = validator / "found.json"
    with out.open("w") as stream:
        program = validator / "node_modules" / ".bin" / "html-validate"
        line = [str(program), "--formatter", "json", *(copy.name for copy in copies)]
        subprocess.run(line, cwd=validator, stdout=stream, check=False)
    problems = [
        f"{Path(page['filePath']).name}:{message['line']}: {message['ruleId']}: {message['message']}"
        for page in json.loads(out.read_text())
        for message in page["messages"]
        if message["message"] not in OF_THE_CARRIER
    ]
    assert problems == []


def test_pages_are_small_enough_to_open(pages: dict[str, Path]) -> None:
    sizes = {name: page.stat().st_size for name, page in pages.items()}
    assert all(size <= 5_000_000 for size in sizes.values()), sizes
    assert sizes["green"] <= 2_000_000
    assert sizes["example green"] <= 2_000_000
