"""Takes the pictures of docs/report.md.

`PYTHONPATH=tests python -m support.screenshots GREEN RED INCONCLUSIVE READ WAIVED docs/screenshots`: the first five are
report folders. The pages are rendered again from their results, so that they look as they do today. The page of a
fleet is made from results of tests.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from conformance.report import write_page
from support import browser, other_pages

KINDS = ("green", "red", "inconclusive", "read", "waived")
#: width, height, whether it is dark, and how much it is reduced
VIEWS = ((1280, 800, False, 0.8), (1280, 800, True, 0.8), (400, 900, False, 0.8), (400, 900, True, 0.8))
#: sections that are shown by themselves, with their heights: of the red page, or of the green one (OF_GREEN)
SECTIONS = {
    "failed": 1500,
    "clauses": 900,
    "matrix": 900,
    "coverage": 800,
    "footprint": 600,
    "timelines": 900,
}
OF_GREEN = frozenset({"timelines", "coverage", "footprint"})
ALONE = (
    "document.querySelectorAll('.bc > *:not(#section-{0}):not(#section-checks)').forEach(e => e.remove());"
    "document.querySelector('#section-checks').style.visibility = 'hidden';"
    "document.querySelectorAll('#section-timelines details:nth-of-type(-n+2)').forEach(d => d.open = true)"
)


def main(folders: list[Path], into: Path) -> None:
    """Every kind of page in every view, then the sections."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browser.started() as reader:
        pages = {}
        for kind, folder in zip(KINDS, folders, strict=True):
            (Path(scratch) / kind).mkdir()
            shutil.copy(folder / "results.json", Path(scratch) / kind)
            write_page(json.loads((folder / "results.json").read_bytes()), Path(scratch) / kind)
            pages[kind] = Path(scratch) / kind / "report.html"
        pages["fleet"] = other_pages.fleet(Path(scratch) / "fleet")
        for kind, page in pages.items():
            for width, height, dark, scale in VIEWS:
                reader.size(width, height, dark=dark)
                reader.open(page)
                reader.picture(into / f"{kind}-{width}-{'dark' if dark else 'light'}.png", width, height, scale)
        for section, height in SECTIONS.items():
            for width, scale in ((1280, 0.7), (400, 0.8)):
                reader.size(width, 1000, dark=width == 400)
                reader.open(pages["green" if section in OF_GREEN else "red"])
                reader.evaluate(ALONE.format(section))
                reader.picture(into / f"section-{section}-{width}.png", width, height, scale)


if __name__ == "__main__":
    *given, target = map(Path, sys.argv[1:])
    main(given, target)
