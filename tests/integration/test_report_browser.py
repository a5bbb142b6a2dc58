"""The report in a browser: its filters, folds and links work, nothing foreign runs, and nothing is complained of."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from support import browser, folders, nodejs, other_pages, reporting

from conformance.judging.outcomes import Outcome
from conformance.report import compare as rendering
from conformance.report import index, write_all
from conformance.results import compare, signoff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: where this is set, as in continuous integration, a machine without a browser is an error
REQUIRE = "CONFORMANCE_REQUIRE_BROWSER"
SHOWN = "[...document.querySelectorAll(`{}`)].filter(e => e.checkVisibility()).map(e => e.textContent.trim())"
ROWS = SHOWN.format(".bc-clauses tr[class^='o-'] th")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_worker,
    pytest.mark.skipif(
        browser.found() is None and not os.environ.get(REQUIRE),
        reason=f"there is no Chromium here; set {REQUIRE} to make that an error",
    ),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    everything = reporting.results({row["id"]: Outcome.FAILED for row in reporting.green()["clauses"]})
    gone = reporting.results({row["id"]: Outcome.ERROR for row in reporting.green()["clauses"]})
    hostile = reporting.hostile("".join(reporting.HOSTILE[:-1]))
    made = {"red": reporting.red(), "green": reporting.green(), "broken": everything, "gone": gone, "hostile": hostile}
    pages = {name: folders.make(folder / name, results) / "report.html" for name, results in made.items()}
    for number, results in enumerate([reporting.red(), hostile]):
        write_all(results, folder / "runs" / str(number))
        signoff.write(results, folder / "runs" / str(number))
    index.write(folder / "runs")
    compared = compare.compare(reporting.green(), hostile)
    (folder / "compared.html").write_text(rendering.page(compared, reporting.green(), hostile))
    return {
        **pages,
        "index": folder / "runs" / "index.html",
        "compared": folder / "compared.html",
        "fleet": other_pages.fleet(folder / "fleet"),
        "qualification": other_pages.qualification_of_two(folder / "qualification"),
    }


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    with browser.started() as started:
        yield started


@pytest.fixture
def reader(chromium: browser.Browser) -> Iterator[browser.Browser]:
    """A reader at a desk, whose browser had nothing to complain of in the end, and stayed on the page."""
    chromium.size(1280, 900)
    yield chromium
    complaints, requests = list(chromium.complaints), list(chromium.requests)
    chromium.complaints.clear()
    chromium.requests.clear()
    assert complaints == []
    assert {url.partition(":")[0] for url in requests} <= {"file", "about", "data"}
    assert all(url.endswith(".html") or "#" in url or url == "about:blank" for url in requests), requests


def click(reader: browser.Browser, selector: str) -> None:
    reader.evaluate(f"document.querySelector({selector!r}).click()")


def expected(outcome: Outcome) -> list[str]:
    return [row["id"] for row in reporting.red()["clauses"] if row["outcome"] == outcome]


def test_filters_show_what_they_say_and_no_empty_chapter(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages["red"])
    assert len(reader.evaluate(ROWS)) == len(reporting.red()["clauses"])
    for outcome in Outcome:
        click(reader, f"label[for=show-{outcome.value}]")
        assert reader.evaluate(ROWS) == expected(outcome)
        chapters = reader.evaluate(SHOWN.format(".bc-clauses .bc-chapter th"))
        assert len(chapters) == len({row.partition("-")[0] for row in expected(outcome)})
    click(reader, "label[for=show-all]")
    assert len(reader.evaluate(ROWS)) == len(reporting.red()["clauses"])


def test_filters_work_from_the_keyboard_and_without_scripts(pages: dict[str, Path]) -> None:
    with browser.started() as reader:
        reader.size(1280, 900)
        reader.without_scripts()
        reader.open(pages["red"])
        reader.evaluate("document.getElementById('show-all').focus()")
        reader.press("ArrowRight")
        assert reader.evaluate(ROWS) == expected(Outcome.FAILED)
        assert reader.evaluate("document.querySelector('.bc-verdict h2').checkVisibility()")


def test_folds_open(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages["red"])
    checks = "document.querySelector('.bc-checks').checkVisibility()"
    assert not reader.evaluate(checks)
    click(reader, "#checks > summary")
    assert reader.evaluate(checks)
    assert len(reader.evaluate(SHOWN.format(".bc-checks tbody tr"))) > 50
    body = "document.querySelector('#CAP-4 .bc-exchange .bc-curl').checkVisibility()"
    assert reader.evaluate(body)
    click(reader, "#CAP-4 .bc-exchange > summary")
    assert not reader.evaluate(body)


def test_a_link_to_a_clause_leads_there(reader: browser.Browser, pages: dict[str, Path]) -> None:
    for clause in ("CAP-4", "AUTH-4", "GET-1", "DEL-4"):  # failed, waived, passed, not tested
        reader.open(pages["red"], clause)
        at = "document.querySelector(':target').getBoundingClientRect()"
        assert reader.evaluate("document.querySelector(':target').id") == clause
        assert reader.evaluate(f"{at}.top >= 0 && {at}.top < innerHeight")
        assert reader.evaluate(f"document.querySelector(':target a[href=\"#{clause}\"]') !== null")


def test_the_first_failure_is_on_the_first_screen(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.size(1280, 800)
    reader.open(pages["red"])
    for part in (".bc-meta", ".bc-got"):
        at = f"document.querySelector('#section-failed .bc-card {part}').getBoundingClientRect()"
        assert reader.evaluate(f"{at}.bottom < innerHeight"), part


def test_search_shows_the_clauses_that_match(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages["red"])
    reader.evaluate("document.getElementById('bc-search').value = 'containers-backups-manage 403'")
    reader.evaluate("document.getElementById('bc-search').dispatchEvent(new Event('input'))")
    shown = reader.evaluate(ROWS)
    assert "CAP-4" in shown
    assert len(shown) < 10
    assert reader.evaluate("document.querySelector('#CAP-4').checkVisibility()")
    assert not reader.evaluate("document.querySelector('#HTTP-1').checkVisibility()")
    assert reader.evaluate("document.getElementById('bc-found').textContent").startswith(f"{len(shown)} clauses")
    reader.evaluate("document.getElementById('bc-search').value = ''")
    reader.evaluate("document.getElementById('bc-search').dispatchEvent(new Event('input'))")
    assert len(reader.evaluate(ROWS)) == len(reporting.red()["clauses"])


def test_every_command_has_a_button_that_copies_it(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages["red"])
    commands = reader.evaluate("document.querySelectorAll('pre.bc-curl').length")
    assert commands == reader.evaluate("document.querySelectorAll('button.bc-copy').length") > 0
    reader.evaluate("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
    click(reader, "#CAP-4 button.bc-copy")
    copied = reader.evaluate("window.copied")
    assert copied == reader.evaluate("document.querySelector('#CAP-4 pre.bc-curl').textContent")
    assert copied.startswith("curl ")


def test_a_link_leads_into_a_fold(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages["gone"], "RST-7")
    assert reader.evaluate("document.querySelectorAll('article').length") == 1
    listed = reader.evaluate("document.querySelectorAll('.bc-alike li').length")
    assert listed == len(reporting.green()["clauses"]) - 1
    assert reader.evaluate("document.querySelectorAll('.bc-alike').length") == 1
    assert reader.evaluate("document.querySelector(':target').checkVisibility()")


def test_every_link_on_the_page_leads_somewhere(reader: browser.Browser, pages: dict[str, Path]) -> None:
    for name in ("red", "green"):
        reader.open(pages[name])
        dead = "[...document.querySelectorAll('.bc a[href^=\"#\"]')].map(a => a.hash.slice(1))"
        assert reader.evaluate(f"{dead}.filter(id => !document.getElementById(id))") == []


@pytest.mark.parametrize("name", ["red", "green", "broken", "hostile", "index", "compared", "fleet", "qualification"])
@pytest.mark.parametrize("width", [400, 1280])
def test_no_page_is_wider_than_its_window(
    name: str, width: int, reader: browser.Browser, pages: dict[str, Path]
) -> None:
    reader.size(width, 900, dark=width == 400)
    reader.open(pages[name])
    assert reader.evaluate("document.documentElement.scrollWidth") <= width


#: places on the page, and files of report folders
OWN_LINK = re.compile(
    r"#[\w-]+|[\w./-]*report\.html|results\.json|junit\.xml|summary\.md|signoff\.json|waivers\.stub\.toml"
    r"|repro/[A-Z]+-\d+\.sh"
)


@pytest.mark.parametrize("name", ["hostile", "index", "compared"])
def test_nothing_foreign_runs_or_leaves(name: str, reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages[name])
    reader.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert (
        reader.evaluate("document.querySelectorAll('img:not([src=\"\"]), iframe, object, embed, link, form').length")
        == 0
    )
    links = reader.evaluate("[...document.querySelectorAll('.bc a')].map(a => a.getAttribute('href'))")
    assert [link for link in links if not OWN_LINK.fullmatch(link)] == []
    assert reader.evaluate("[...document.querySelectorAll('.bc *')].flatMap(e => e.getAttributeNames())"
                           ".filter(n => n.startsWith('on')).length") == 0  # fmt: skip


#: what a screen reader needs, in the page's own terms, for machines on which there is no Node to fetch axe with
FAULTS = """(() => {
  const faults = [];
  const say = (what, e) => faults.push(what + ": " + e.outerHTML.slice(0, 120));
  const name = e => e.getAttribute("aria-label") || e.textContent.trim();
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => faults.push("id twice: " + id));
  document.querySelectorAll(".bc input").forEach(e => { if (!e.labels.length) say("input without label", e) });
  document.querySelectorAll(".bc a, .bc summary, .bc th").forEach(e => { if (!name(e)) say("no name", e) });
  document.querySelectorAll("svg").forEach(e => {
    if (e.getAttribute("aria-hidden") !== "true" && !e.closest("[aria-hidden=true]") && !e.getAttribute("aria-label"))
      say("drawing without a name", e) });
  document.querySelectorAll("[tabindex]").forEach(e => { if (!e.getAttribute("aria-label")) say("stop", e) });
  document.querySelectorAll(".bc section").forEach(e => {
    if (!e.getAttribute("aria-label") && !e.querySelector("h2, summary")) say("section without a heading", e) });
  document.querySelectorAll(".bc table").forEach(e => { if (!e.querySelector("thead th[scope=col]")) say("table", e) });
  let level = 0;
  document.querySelectorAll("h1, h2, h3, h4, h5, h6").forEach(e => {
    const now = Number(e.tagName[1]);
    if (now > level + 1) say("heading skips a level", e);
    level = now });
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (!document.documentElement.lang || !document.title) faults.push("no language or title");
  return faults;
})()"""


@pytest.mark.parametrize("name", ["red", "green", "index", "compared", "fleet", "qualification"])
def test_a_screen_reader_finds_its_way(name: str, reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages[name])
    assert reader.evaluate(FAULTS) == []


AXE = "axe-core@4.14.1"
SERIOUS = """axe.run(document, {resultTypes: ["violations"]}).then(told => told.violations
  .filter(one => ["serious", "critical"].includes(one.impact))
  .map(one => one.id + ": " + one.nodes.map(node => node.html.slice(0, 120)).join(" | ")))"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe, as npm has it."""
    folder = tmp_path_factory.mktemp("axe")
    line = [nodejs.program("npm"), "pack", "--silent", "--prefer-offline", AXE]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        nodejs.unavailable(f"npm cannot fetch {AXE}")
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        script = package.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("name", ["red", "green", "gone", "index", "compared", "fleet", "qualification"])
def test_axe_finds_nothing_serious(
    name: str, width: int, axe: str, reader: browser.Browser, pages: dict[str, Path]
) -> None:
    reader.size(width, 900, dark=width == 400)
    reader.open(pages[name])
    reader.evaluate(f"{axe}; 0")
    assert reader.evaluate(SERIOUS) == []
    reader.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert reader.evaluate(SERIOUS) == []


#: contrast of every text with what is behind it, as both are computed
CONTRAST = """(() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
  const lum = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c[3] === 1) return c } return [255, 255, 255, 1] };
  const bad = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest("svg, script, style")) continue;
    const [a, b] = [lum(parse(getComputedStyle(e).color)), lum(ground(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) bad.add(e.tagName + "." + e.className + " " + walk.currentNode.data.slice(0, 30));
  }
  return [...bad];
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["red", "green", "index", "compared", "fleet", "qualification"])
def test_all_text_has_contrast(name: str, dark: bool, reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.size(1280, 900, dark=dark)
    reader.open(pages[name])
    reader.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert reader.evaluate(CONTRAST) == []


def test_it_prints(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.open(pages["red"])
    document = reader.pdf()
    assert document.startswith(b"%PDF-")
    assert 10_000 < len(document) < 5_000_000


def test_it_prints_dark_on_light_in_every_colour_scheme(reader: browser.Browser, pages: dict[str, Path]) -> None:
    reader.size(1280, 900, dark=True)
    reader.open(pages["red"])
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    reader.call("Emulation.setEmulatedMedia", media="print", features=dark)
    try:
        assert reader.evaluate("document.querySelector('#CAP-4 .bc-curl').checkVisibility()")
        assert reader.evaluate(CONTRAST) == []
    finally:
        reader.call("Emulation.setEmulatedMedia", media="", features=[])


def test_pages_are_bounded(pages: dict[str, Path]) -> None:
    sizes: dict[str, Any] = {name: path.stat().st_size for name, path in pages.items()}
    assert sizes["green"] < 2_000_000
    assert sizes["broken"] < 6_000_000
    assert sizes["hostile"] < 2_000_000
