"""A plain get of a backup proves what a later one would, unless the list or a later get says otherwise."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, Request
from conformance.scenarios.proofs.readings import Readings

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
