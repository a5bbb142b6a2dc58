"""Where the documentation explains a clause: reports link to its page."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from urllib.parse import urljoin, urlsplit

from conformance.contract.schemas import schemas_dir

DISTRIBUTION = "backups-conformance"
#: RFC 2606: a name that nobody can own, as a project without an address states it
PLACEHOLDER = ".example"


@cache
def address() -> str | None:
    """The address of the documentation that the installed distribution states; None if it states none."""
    try:
        stated = metadata.metadata(DISTRIBUTION).get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return None
    urls = dict(entry.split(", ", 1) for entry in stated if ", " in entry)
    url = urls.get("Documentation")
    return None if url is None or is_placeholder(url) else url


def is_placeholder(url: str) -> bool:
    """Whether a URL is a placeholder for an address that the project does not have yet: no page should link to it."""
    return (urlsplit(url).hostname or "").endswith(PLACEHOLDER)


def schema_comment(name: str) -> str:
    """The first line of a TOML file that is written, by which editors find its schema, such as `target.json`.

    It names the published schema, or the installed one where the documentation has no address.
    """
    base = address()
    url = (schemas_dir() / name).as_uri() if base is None else urljoin(base, f"schemas/{name}")
    return f"#:schema {url}"


def clause_page(clause_id: str) -> str | None:
    """The page that says why a clause matters, what is allowed all the same and how to fix a failure."""
    base = address()
    return None if base is None else urljoin(base, f"clauses/{clause_id}/")
