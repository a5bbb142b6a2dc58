"""Proves every key before anything is concluded from it: a dead key would look like perfect access control.

A key is alive when any operation, with the right hub id, answers it with something other than 401: denied (403),
not found (404) and served all show that the target knows it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from conformance import credentials
from conformance.expectations import CannotTellError, NotTestableError

if TYPE_CHECKING:
    from conformance.api import Ask
    from conformance.client import Client
    from conformance.exchange import Exchange, Request

PROVABLE = ("full", "view", "manage", "unrelated", "other_hub")


class Proofs:
    """The state of each key, in words: "accepted", "missing", "offered" (expired: not provable), "refused: …"."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.states: dict[str, str] = {}
        #: whether GET /v1/jobs/{id} is there for the full key; None: not known
        self.jobs: bool | None = None

    def need(self, name: str) -> None:
        """Raises NotTestableError where the target file has no such key, CannotTellError where it is dead."""
        if name == "none":
            return
        state = self.states.get(name, "accepted")
        if state == "missing":
            member = f"keys.{name}"
            raise NotTestableError(f"set {member}")
        if state.startswith("refused"):
            raise CannotTellError(f"the key {name} is not accepted anywhere ({state})")

    def prove_all(self, ask: Ask) -> None:
        """Proves every key of the target file, at the start of a run."""
        for name in credentials.KEY_NAMES:
            if credentials.key_of(self._client.target, name) is None:
                self.states[name] = "missing"
            elif name not in PROVABLE:
                self.states[name] = "offered"
            else:
                self.states[name] = self._prove(ask, name)

    def died(self, ask: Ask, name: str) -> bool:
        """A key that was accepted drew a 401: is it dead now? Fetched once more where a command gives it."""
        with self._lock:
            if self.states.get(name) != "accepted":
                return self.states.get(name, "").startswith("refused")
            state = self._prove(ask, name)
            key = credentials.key_of(self._client.target, name)
            if state != "accepted" and key is not None and key.refresh():
                state = self._prove(ask, name)
            self.states[name] = state if state == "accepted" else f"{state} (it was accepted before)"
            return state != "accepted"

    def _prove(self, ask: Ask, name: str) -> str:
        answer = ""
        for request in self._requests(ask, name):
            exchange = self._client.send(request, judged=False)
            if exchange.status not in (None, 401, 429, 502, 503, 504):
                return "accepted"
            answer = answer or _words(exchange)
        return f"refused: {answer}"

    def _requests(self, ask: Ask, name: str) -> list[Request]:
        if name == "other_hub":
            hub = self._client.target.keys.other_hub_id
            unknown = ask.unknown_id()
            return [ask.list(unknown, key=name, hub=hub), ask.job(key=name, hub=hub), ask.list(key=name, hub=hub)]
        requests = [ask.list(key=name), ask.job(key=name), ask.list(ask.unknown_id(), key=name)]
        if self._client.profile == "full":
            nothing = ask.unknown_id()
            requests.append(ask.restore(nothing, nothing, key=name, refusable=True))
        return requests


def _words(exchange: Exchange) -> str:
    return f"{exchange.status or exchange.failure} on {exchange.request.line}"
