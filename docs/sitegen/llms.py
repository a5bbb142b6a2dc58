"""llms.txt, a map of the site for language models, and llms-full.txt, its pages as one text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUMMARY = (
    "backups-conformance checks whether a server conforms to the container-backups API contract: list backups, get "
    "one, restore one, read its logs. It sends requests, judges every response by numbered clauses, and writes reports."
)
#: section titles by the first folder of a page
SECTIONS = {
    "": "Start",
    "guides": "Guides",
    "how-to": "How-tos",
    "reference": "Reference",
    "clauses": "Clauses",
    "about": "About",
}


@dataclass(frozen=True)
class SitePage:
    """A page as the site publishes it; `path` is its source beneath docs/."""

    path: str
    title: str
    summary: str
    url: str
    text: str

    @property
    def section(self) -> str:
        """The folder that decides where the page is listed."""
        folder = self.path.partition("/")[0] if "/" in self.path else ""
        return folder if folder in SECTIONS else ""


def write(site: Path, pages: Sequence[SitePage]) -> None:
    """Write both files into the folder of the built site."""
    lines = ["# backups-conformance", "", f"> {SUMMARY}"]
    for folder, title in SECTIONS.items():
        members = [page for page in pages if page.section == folder]
        listed = [f"- [{page.title}]({page.url}){f': {page.summary}' if page.summary else ''}" for page in members]
        lines += ["", f"## {title}", "", *listed]
    (site / "llms.txt").write_text("\n".join(lines) + "\n", "utf-8")
    texts = [f"<!-- {page.url} -->\n\n{page.text.strip()}\n" for page in pages]
    (site / "llms-full.txt").write_text("\n".join(texts), "utf-8")
