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

from conformance.contract import catalogue  # noqa: E402
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
    within = re.sub(r"\]\(docs/", "](../", text)
    return re.sub(r"\]\((?!https?://|#|\.\./)", f"]({blob_url()}", within)


def project_urls() -> dict[str, str]:
    """The addresses of the project, which only pyproject.toml states."""
    urls: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    return urls


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the addresses from pyproject.toml, and put a page for each clause into the navigation."""
    PAGES.clear()
    config.site_url = project_urls()["Documentation"]
    config.repo_url = project_urls()["Source"]
    config.repo_name = "Source"
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

    filled = MARKER.sub(generate, markdown)
    text = re.sub(r"\]\((?:\.\./)+(?=(?:reports|conformance|tests|benchmarks)/|[A-Z]+\.md)", f"]({blob_url()}", filled)
    summary = str(page.meta.get("description", ""))
    PAGES.append(llms.SitePage(page.file.src_uri, str(page.title), summary, str(page.canonical_url), text))
    return text


def blob_url() -> str:
    """Where the repository shows a file of the main branch."""
    return f"{project_urls()['Source']}/blob/main/"


def on_post_build(config: MkDocsConfig) -> None:
    """Write llms.txt and llms-full.txt beside the pages."""
    llms.write(Path(config.site_dir), PAGES)
