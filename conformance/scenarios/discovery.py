"""Reads the list of the target's own container, to discover fixtures."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from conformance.judging.expectations import CannotTellError, NotTestableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.client import Client
    from conformance.http.exchange import Exchange
    from conformance.scenarios.fixtures import Fixtures
    from conformance.scenarios.request_builder import RequestBuilder

MAX_PAGES = 400
#: Page sizes to try, since a target may refuse those above its maximum.
PAGE_SIZES = (100, 50, 30, 20, 10, 5, 2, 1)
#: How many requests preflight may send to read the list.
REQUESTS_OF_PREFLIGHT = 6


class Discovery:
    """Reads the list as it is, then its pages until an empty one, since the default page may be small.

    `begin` reads as much as preflight may, and `complete` the rest, which only a run needs.
    """

    def __init__(self, fixtures: Fixtures, client: Client, build: RequestBuilder) -> None:
        self._fixtures = fixtures
        self._client = client
        self._build = build
        self._first: Exchange | None = None
        self._pages: list[Exchange] = []
        self._steps = self._read()

    def begin(self) -> None:
        """Discover what a few requests show."""
        self._advance(REQUESTS_OF_PREFLIGHT)

    def complete(self) -> None:
        """Discover everything else, if there is more."""
        if not self._fixtures.is_list_whole and self._fixtures.problem is None:
            self._advance(None)

    def _advance(self, requests: int | None) -> None:
        try:
            steps = list(islice(self._steps, requests))
            if self._first is not None:
                is_whole = requests is None or len(steps) < requests
                self._fixtures.discover(self._first, self._pages, is_whole=is_whole)
        except (NotTestableError, CannotTellError) as reason:
            self._fixtures.problem = str(reason)

    def _read(self) -> Iterator[None]:
        """Read the list; each step is a request, but the first two go side by side."""
        sizes = iter(PAGE_SIZES)
        size = next(sizes)
        self._first, page = self._client.send_all([self._build.list(), self._build.list(page=1, size=size)])
        yield
        while page.is_refusal and (smaller := next(sizes, None)):
            yield
            size = smaller
            page = self._client.send(self._build.list(page=1, size=size))
        if not page.is_refusal:
            self._fixtures.largest_page = size
        seen = set(self._first.ids)
        for number in range(2, MAX_PAGES + 1):
            if not page.ids or (number > 2 and set(page.ids) <= seen):
                return
            seen |= set(page.ids)
            self._pages.append(page)
            yield
            page = self._client.send(self._build.list(page=number, size=self._fixtures.largest_page))
