"""A plain get of a backup proves what a later one would, unless the list or a later get says otherwise."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, Request
from conformance.scenarios.proofs.final_readings import gets_of_now
from conformance.scenarios.proofs.readings import Readings

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = Request("get", "GET", "/backups/a", resources={"backup": "a"})


def got(request: Request = PLAIN, status: int = 200, **members: object) -> Exchange:
    exchange = answer(status, {"data": {"id": "a", **members}}, resources=request.resources)
    return replace(exchange, request=request)


def test_the_last_plain_get_is_kept_until_one_shows_nothing() -> None:
    readings = Readings()
    readings.observe(first := got())
    assert readings.get("a") is first
    readings.observe(second := replace(got(size=2), started=time.time() - 60))
    assert readings.get("a") is second
    assert readings.get("a", within_s=30) is None
    readings.observe(got(status=404))
    assert readings.get("a") is None


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAIN, key="view"),
        replace(PLAIN, query="include=integrations"),
        replace(PLAIN, ownership="crossed"),
        replace(PLAIN, headers=(("Accept", "*/*"),)),
        replace(PLAIN, method="HEAD"),
        replace(PLAIN, operation="logs"),
    ],
)
def test_any_other_request_proves_nothing_about_a_plain_get(other: Request) -> None:
    readings = Readings()
    readings.observe(got(other))
    assert readings.get("a") is None


class Reviewed:
    """A context that reviews backups: `items` are those that the list shows; what get shows now has size 3."""

    def __init__(self, items: Iterable[dict[str, object]], *kept: Exchange) -> None:
        self.items = list(items)
        self.sent: list[str] = []
        state = SimpleNamespace(reviews=1, last_refused_change=None, restores=[])
        self.run = SimpleNamespace(readings=Readings(), state=state, is_quick=False)
        self.fixtures = SimpleNamespace(whole_page=frozenset({"a", "b"}), largest_page=100)
        self.fixtures.holds_whole_list = lambda _page: True
        self.build = SimpleNamespace(get=lambda _backup: PLAIN, list=lambda **_: Request("list", "GET", "/backups"))
        for exchange in kept:
            self.run.readings.observe(exchange)

    def run_once(self, _name: str, scenario: Any) -> Any:
        return scenario(self)

    def send(self, request: Request) -> Exchange:
        self.sent.append(request.operation)
        if request.operation == "list":
            return answer(200, {"data": self.items}, operation="list")
        return got(size=3)

    def send_all(self, requests: Iterable[Request]) -> list[Exchange]:
        return [self.send(request) for request in requests]


def test_what_the_list_still_agrees_with_is_not_read_again() -> None:
    kept = got(target={"size": 2})
    context: Any = Reviewed([{"id": "a", "target": {"size": 2}}], kept)
    assert gets_of_now(context, ["a"]) == [kept]
    assert context.sent == ["list"]


@pytest.mark.parametrize("items", [[{"id": "a", "target": {"size": 3}}], []])
def test_what_the_list_shows_otherwise_or_not_at_all_is_read_again(items: list[dict[str, object]]) -> None:
    context: Any = Reviewed(items, got(target={"size": 2}))
    assert [get.data for get in gets_of_now(context, ["a"])] == [{"id": "a", "size": 3}]
    assert context.sent == ["list", "get"]


def test_a_backup_that_no_get_has_shown_is_read() -> None:
    context: Any = Reviewed([{"id": "a", "target": {"size": 2}}])
    gets_of_now(context, ["a"])
    assert context.sent == ["list", "get"]
