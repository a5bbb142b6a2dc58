"""Whether the target file pairs hubs and keys as the target does: own hub and key, other hub and key."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.config.secrets import KeyUnavailableError
from conformance.http.clock import TargetGoneError
from conformance.http.exchange import Purpose
from conformance.scenarios.preflight.model import Entry, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.http.client import Client
    from conformance.http.exchange import Exchange
    from conformance.scenarios.request_builder import RequestBuilder

#: The codes with which a target refuses a hub.
UNKNOWN_HUB, WRONG_HUB = "404.hub", "403.wrong-hub"


def swap(client: Client, build: RequestBuilder, refused: Sequence[Exchange]) -> str:
    """Return which members look swapped, as a fix, where a target refuses the hub of every request; empty if none do.

    At most two reads show it: of the two hubs and the two keys, only those that belong together list the container.
    """
    target = client.target
    other = target.keys.other_hub_id
    if target.keys.other_hub is None or other is None or any(not _refuses_hub(exchange) for exchange in refused):
        return ""
    key = refused[0].request.key
    with suppress(KeyUnavailableError, TargetGoneError):
        if client.send(build.list(key=key, hub=other), Purpose.CONTROL).is_success:
            return f"swap target.hub_id and keys.other_hub_id: keys.{key} lists the container in hub {other}"
        if client.send(build.list(key="other_hub", hub=target.hub_id), Purpose.CONTROL).is_success:
            return f"swap keys.{key} and keys.other_hub: keys.other_hub lists the container in hub {target.hub_id}"
    return ""


def other_hub(client: Client, answer: Exchange | None, how_to_give: str) -> Entry:
    """Return the entry of the other hub, as far as the answer to its own key shows it."""
    hub, member = client.target.keys.other_hub_id, "keys.other_hub_id"
    if hub is None:
        return Entry(member, State.MISSING, "not given", how_to_give)
    if answer is not None and _refuses_hub(answer):
        unknown = answer.code == UNKNOWN_HUB
        what = "the target knows no such hub" if unknown else "keys.other_hub is no key of this hub"
        fix = "set keys.other_hub and keys.other_hub_id to a key and its own hub"
        return Entry(member, State.WRONG, f"{what} ({hub}: {answer.status} {answer.code})", fix)
    return Entry(member, State.OK if answer is not None and answer.status != 401 else State.UNKNOWN)


def _refuses_hub(exchange: Exchange) -> bool:
    return exchange.code in (UNKNOWN_HUB, WRONG_HUB)
