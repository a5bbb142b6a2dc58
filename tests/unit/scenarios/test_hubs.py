"""Own and other hub, or their keys, may be swapped in the target file: the message says so where reads show it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest
from support.exchanges import answer

from conformance.config.secrets import Key
from conformance.config.target import FixtureIds, Keys, Target
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.preflight import hubs
from conformance.scenarios.preflight.base_url import stopping_cause
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    from conformance.http.client import Client
    from conformance.http.exchange import Exchange, Request

#: The hub of each key's value, as the server knows them.
HUB_OF = {"a-key-of-a": "hub-a", "a-key-of-b": "hub-b"}


@dataclass
class Server:
    """A client of a server whose container is in hub-a. It refuses the key of another hub with `code`."""

    target: Target
    code: str
    sent: list[Request] = field(default_factory=list)

    def send(self, request: Request, _purpose: object) -> Exchange:
        self.sent.append(request)
        key = self.target.keys.get(request.key)
        assert key is not None
        hub = HUB_OF[key.reveal()]
        status, code = (200, "")
        if hub != request.hub_id:
            status, code = int(self.code[:3]), self.code
        elif hub != "hub-a":
            status, code = 404, "404.container"
        exchange = answer(status, {"data": []} if status == 200 else {"error": {"code": code}}, operation="list")
        exchange.request = request
        return exchange


def cause(hub: str, other_hub_id: str | None, full: str, other: str | None, code: str) -> tuple[str, int]:
    """Return the cause that preflight gives, and how many requests it took to find out about a swap."""
    other_key = Key("other_hub", other) if other else None
    keys = Keys(full=Key("full", full), other_hub=other_key, other_hub_id=other_hub_id)
    target = Target("t", "http://127.0.0.1", hub, fixtures=FixtureIds("c"), keys=keys)
    client = Server(target, code)
    build = RequestBuilder(Fixtures(target), random.Random(1), lambda _: None)
    addresses = [client.send(build.list(key="full"), None) for _ in range(3)]
    fix = hubs.swap(cast("Client", client), build, addresses)
    return stopping_cause(target, addresses, fix)[0], len(client.sent) - 3


@pytest.mark.parametrize("code", ["403.wrong-hub", "404.hub"])
def test_swapped_members_are_named(code: str) -> None:
    words, requests = cause("hub-b", "hub-a", "a-key-of-a", "a-key-of-b", code)
    assert words.endswith("; swap target.hub_id and keys.other_hub_id: keys.full lists the container in hub hub-a")
    assert requests == 1
    words, requests = cause("hub-a", "hub-b", "a-key-of-b", "a-key-of-a", code)
    assert words.endswith("; swap keys.full and keys.other_hub: keys.other_hub lists the container in hub hub-a")
    assert requests == 2


def test_a_hub_that_is_only_wrong_is_no_swap() -> None:
    words, requests = cause("hub-c", "hub-b", "a-key-of-a", "a-key-of-b", "403.wrong-hub")
    assert words.endswith("; set target.hub_id to the hub of the key")
    assert requests == 2
    words, requests = cause("hub-c", "hub-b", "a-key-of-a", "a-key-of-b", "404.hub")
    assert words.endswith("; set target.hub_id to one that exists")
    words, requests = cause("hub-b", None, "a-key-of-a", None, "403.wrong-hub")
    assert (words.endswith("the hub of the key"), requests) == (True, 0)


def test_a_right_file_costs_no_request() -> None:
    assert cause("hub-a", "hub-b", "a-key-of-a", "a-key-of-b", "403.wrong-hub") == ("", 0)
