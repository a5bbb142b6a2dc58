"""Reads the list of the target's own container, to discover fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.http.client import Client
    from conformance.http.exchange import Exchange
    from conformance.scenarios.fixtures import Fixtures
    from conformance.scenarios.request_builder import RequestBuilder

MAX_PAGES = 400
#: Page sizes to try, since a target may refuse those above its maximum.
PAGE_SIZES = (100, 50, 30, 20, 10, 5, 2, 1)


def discover_fixtures(fixtures: Fixtures, client: Client, build: RequestBuilder) -> None:
    """Read the list as it is, then its pages until an empty one: the default page may be small."""
    first = client.send(build.list())
    pages: list[Exchange] = []
    seen: set[str] = set(first.ids)
    fixtures.largest_page = next((size for size in PAGE_SIZES if _accepts(client, build, size)), PAGE_SIZES[0])
    for number in range(1, MAX_PAGES):
        page = client.send(build.list(page=number, size=fixtures.largest_page))
        if not page.ids or (number > 1 and set(page.ids) <= seen):
            break
        seen |= set(page.ids)
        pages.append(page)
    fixtures.discover(first, pages)


def _accepts(client: Client, build: RequestBuilder, size: int) -> bool:
    return not client.send(build.list(page=1, size=size)).is_refusal
