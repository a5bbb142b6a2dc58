"""MkDocs hooks: adds the generated pages and fills the generated parts of hand-written pages.

A line `<!-- generated: NAME -->` in a page is replaced by the output of the generator of that name in `GENERATORS`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))  # MkDocs loads this file by its path

from mkdocs.exceptions import PluginError  # noqa: E402
from mkdocs.plugins import event_priority  # noqa: E402
from mkdocs.structure.files import File, Files, InclusionLevel  # noqa: E402

from conformance.contract import catalogue, documentation  # noqa: E402
from sitegen import clauses, llms, openapi, reference  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

CLAUSES_IN_NAV = "Clauses"
#: the pages of the build that is under way, in the order in which they are read
PAGES: list[llms.SitePage] = []


def without_title(name: str) -> str:
    """A document of the repository's top folder, as a part of a page in `about/`."""
    text = (ROOT / name).read_text("utf-8").partition("\n")[2]
    return repository_links(re.sub(r"\]\(docs/", "](../", text))


def address(name: str) -> str | None:
    """An address of the project, which only pyproject.toml states; None while it is a placeholder."""
    url = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"][name]
    return None if documentation.is_placeholder(url) else str(url)


REPOSITORY_LINK = re.compile(
    r"\[(?P<text>[^\]]+)\]\((?:\.\./)*(?P<path>(?:reports|conformance|tests|benchmarks|deploy|schemas)/[^)]+|[A-Z]+\.md|LICENSE)\)"
)


def repository_links(text: str) -> str:
    """Lead links to files outside of the site to the repository; without an address, name the files instead."""
    source = address("Source")

    def link(match: re.Match[str]) -> str:
        if source is not None:
            return f"[{match['text']}]({source}/blob/main/{match['path']})"
        path = f"`{match['path'].replace('#L', ':')}`"
        return path if match["text"] in (path, "Source") else f"{match['text']} ({path})"

    return REPOSITORY_LINK.sub(link, text)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the addresses from pyproject.toml, and put a page for each clause into the navigation."""
    PAGES.clear()
    config.site_url = address("Documentation")
    config.repo_url = address("Source")
    config.repo_name = "Source" if config.repo_url else None
    entry: list[Any] = ["clauses/index.md"]
    for prefix, title, members in clauses.by_chapter(catalogue.load()):
        entry.append({f"{prefix}: {title}": [f"clauses/{clause.id}.md" for clause in members]})
    config.nav = [{CLAUSES_IN_NAV: entry} if section == CLAUSES_IN_NAV else section for section in config.nav or ()]
    listed = str(config.nav)
    further = [path.name for path in sorted(Path(config.docs_dir).glob("*.md")) if f"'{path.name}'" not in listed]
    config.nav[-1]["About"] += further
    return config


MARKER = re.compile(r"^<!-- generated: (?P<name>[a-z-]+)(?: (?P<argument>\S+))? -->$", re.MULTILINE)
GENERATORS: dict[str, Callable[..., str]] = {
    "cli": reference.cli,
    "faults": reference.faults,
    "operations": reference.operations,
    "shapes": reference.shapes,
    "schema": reference.schema_table,
    "clauses": lambda: clauses.chapters("clauses/", "###"),
    "file": without_title,
    "action-inputs": reference.action_inputs,
    "editions": reference.editions,
    "error-codes": reference.error_codes,
    "score": reference.score,
    "schema-if-published": reference.schema_if_published,
}


@event_priority(100)  # before the plugin that checks links lists the files
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the clause pages, and the schemas as files to download."""
    generated = {"clauses/index.md": clauses.index_page()}
    generated |= {f"clauses/{clause.id}.md": clauses.clause_page(clause) for clause in catalogue.load()}
    for path, text in generated.items():
        files.append(File.generated(config, path, content=text))
    for schema in sorted(openapi.SCHEMAS.iterdir()):
        if schema.suffix in (".json", ".yaml"):
            file = File.generated(config, f"schemas/{schema.name}", abs_src_path=str(schema))
            file.inclusion = InclusionLevel.INCLUDED
            files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Fill the generated parts, and lead links to files outside of the site to the repository."""

    def generate(match: re.Match[str]) -> str:
        name, argument = match["name"], match["argument"]
        if name not in GENERATORS:
            raise PluginError(f"{page.file.src_uri}: unknown generator {name!r}")
        return GENERATORS[name](*filter(None, [argument]))

    text = repository_links(MARKER.sub(generate, markdown))
    if page.file.src_uri == "qualification.md":
        text = text.replace("\n", f"\n\n{reference.score_note()}\n", 1)
    summary = str(page.meta.get("description", ""))
    PAGES.append(llms.SitePage(page.file.src_uri, str(page.title), summary, page.canonical_url or page.url, text))
    return text


def on_post_build(config: MkDocsConfig) -> None:
    """Write llms.txt and llms-full.txt beside the pages."""
    llms.write(Path(config.site_dir), PAGES)
