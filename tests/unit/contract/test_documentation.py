"""Reports link to the page of a clause, if the distribution states where its documentation is."""

from __future__ import annotations

import json
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from support.reporting import results

from conformance.cli import target_template
from conformance.contract import documentation
from conformance.judging.outcomes import Outcome
from conformance.report import html

if TYPE_CHECKING:
    from collections.abc import Iterator


class Metadata:
    """What an installed distribution states."""

    def __init__(self, *urls: str) -> None:
        self.urls = list(urls)

    def get_all(self, name: str) -> list[str] | None:
        """The values of a field."""
        assert name == "Project-URL"
        return self.urls or None


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    documentation.address.cache_clear()
    yield
    documentation.address.cache_clear()


def stated(monkeypatch: pytest.MonkeyPatch, *urls: str) -> None:
    monkeypatch.setattr(metadata, "metadata", lambda _name: Metadata(*urls))


def test_the_page_of_a_clause_is_beneath_the_stated_address(monkeypatch: pytest.MonkeyPatch) -> None:
    stated(monkeypatch, "Source, https://code.conformance.dev/x", "Documentation, https://docs.conformance.dev/latest/")
    assert documentation.clause_page("CAP-4") == "https://docs.conformance.dev/latest/clauses/CAP-4/"


@pytest.mark.parametrize(
    "urls", [(), ("Source, https://code.conformance.dev/x",), ("Documentation, https://docs.x.example/",)]
)
def test_there_is_no_page_where_no_address_or_a_placeholder_is_stated(
    monkeypatch: pytest.MonkeyPatch, urls: tuple[str, ...]
) -> None:
    stated(monkeypatch, *urls)
    assert documentation.clause_page("CAP-4") is None


def test_there_is_no_page_in_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", missing)
    assert documentation.clause_page("CAP-4") is None


def test_the_page_of_a_failed_clause_leads_to_its_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    stated(monkeypatch, "Documentation, https://docs.conformance.dev/")
    page = html.render_summary(results({"CAP-4": Outcome.FAILED}))
    assert '<a href="https://docs.conformance.dev/clauses/CAP-4/">' in page


def test_written_files_name_the_published_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    stated(monkeypatch, "Documentation, https://docs.conformance.dev/latest/")
    line = documentation.schema_comment("target.json")
    assert line == "#:schema https://docs.conformance.dev/latest/schemas/target.json"


@pytest.mark.parametrize("urls", [(), ("Documentation, https://docs.x.example/",)])
def test_written_files_name_the_installed_schema_where_none_is_published(
    urls: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    stated(monkeypatch, *urls)
    directive, _, url = documentation.schema_comment("target.json").partition(" ")
    assert directive == "#:schema"
    assert json.loads(Path(unquote(urlsplit(url).path)).read_text("utf-8"))["properties"].keys() >= {"target", "keys"}


def test_a_written_target_file_begins_with_its_schema() -> None:
    text = target_template.render(target_template.Answers("t", "http://t", "h", (), None, {"container_id": "c"}))
    assert text.splitlines()[0] == documentation.schema_comment("target.json")
    assert tomllib.loads(text)["target"]["hub_id"] == "h"
