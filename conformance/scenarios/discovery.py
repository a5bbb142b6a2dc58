"""The first look at the own container's list: what there is to test with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.http.client import Client
    from conformance.http.exchange import Exchange
    from conformance.scenarios.fixtures import Fixtures
    from conformance.scenarios.request_builder import RequestBuilder

MAX_PAGES = 400
PAGE_SIZE = 100


def discover_fixtures(fixtures: Fixtures, client: Client, build: RequestBuilder) -> None:
    """Read the list as it is, then its pages until an empty one: the default page may be small."""
    first = client.send(build.list())
    pages: list[Exchange] = []
    seen: set[str] = set(first.ids)
    for number in range(1, MAX_PAGES):
        page = client.send(build.list(page=number, size=PAGE_SIZE))
        if not page.ids or (number > 1 and set(page.ids) <= seen):
            break
        seen |= set(page.ids)
        pages.append(page)
    fixtures.discover(first, pages)
