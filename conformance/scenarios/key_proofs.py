"""Proves that each key works before anything is concluded from it: a dead key looks like perfect access control.

A key is alive when any operation, with the right hub id, answers it with something other than 401: denied (403),
not found (404) and served all show that the target knows it.
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from conformance.config.secrets import KeyUnavailableError
from conformance.config.target import KEY_NAMES
from conformance.config.threads import Background
from conformance.contract.operations import UNAVAILABLE
from conformance.http import credentials
from conformance.http.budget import NotAllowedError
from conformance.http.exchange import Expected, Purpose, Sender
from conformance.judging.expectations import CannotTellError, NotTestableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.http.client import Client
    from conformance.http.exchange import Exchange, Request
    from conformance.scenarios.request_builder import RequestBuilder

PROVABLE = ("full", "view", "manage", "unrelated", "other_hub")
UNPROVABLE = "offered: set keys.other_hub_id"
WRONG = "wrong: "


class KeyProofs:
    """The state of each key, for the report.

    "accepted", "missing", "offered" (cannot be proved), "refused: …" (dead), "wrong: …" (a mistake of the file).
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.states: dict[str, str] = {}
        #: The first response to each key; to keys of this hub it answers the container's list.
        self.first_answers: dict[str, Exchange] = {}
        #: whether GET /v1/jobs/{id} is there for the full key; None: not known
        self.jobs: bool | None = None

    @property
    def problem(self) -> str:
        """Why no key can be used: none of the given ones is accepted. Empty if one is."""
        states = {name: self.states.get(name, "missing") for name in PROVABLE}
        dead = {name: state for name, state in states.items() if state.startswith("refused")}
        if not dead or "accepted" in states.values():
            return ""
        name, state = next(iter(dead.items()))
        others = f", nor any of the other {len(dead) - 1}" if len(dead) > 1 else ""
        return f"no key is accepted: {name} is {state}{others}"

    def require(self, name: str) -> None:
        """Raise NotTestableError if the target file has no such key, CannotTellError if it is dead."""
        if name == "none":
            return
        state = self.states.get(name, "accepted")
        if state == "missing":
            member = f"keys.{name}"
            raise NotTestableError(f"set {member}")
        if state == UNPROVABLE:
            raise NotTestableError(state.removeprefix("offered: "))
        if state.startswith("refused"):
            raise CannotTellError(f"the key {name} is not accepted anywhere ({state})")
        if state.startswith(WRONG):
            raise CannotTellError(state.removeprefix(WRONG))

    def reject(self, name: str, reason: str) -> None:
        """Keep every check from using a key that is a mistake of the target file; `reason` names its member."""
        self.states[name] = f"{WRONG}{reason}"

    def prove_all(self, build: RequestBuilder) -> None:
        """Prove every key of the target file side by side, at the start of a run."""
        proofs: dict[str, Callable[[], str]] = {}
        for name in KEY_NAMES:
            if self._client.target.keys.get(name) is None:
                self.states[name] = "missing"
            elif name not in PROVABLE:
                self.states[name] = "offered"
            elif name == "other_hub" and self._client.target.keys.other_hub_id is None:
                self.states[name] = UNPROVABLE
            else:
                proofs[name] = self._proof(build, name)
        with closing(Background[str]("keys", len(PROVABLE))) as threads:
            states = threads.map(lambda prove: prove(), proofs.values())
        self.states.update(zip(proofs, states, strict=True))

    def handle_unauthorized(self, build: RequestBuilder, exchange: Exchange) -> Request | None:
        """Handle a 401 to a key that was accepted: fetch it again if a command gives it, else test whether it is dead.

        Returns the request with the key's new value, or None if the 401 is final. `exchange.key_died` then says
        whether the target no longer accepts the key.
        """
        request, name = exchange.request, exchange.request.key
        if name not in PROVABLE or not (request.sender is Sender.MEMBER or name == "other_hub"):
            return None
        with self._lock:
            if self.states.get(name) == "accepted":
                renewed = self._renewed(request)
                if renewed is not None:
                    return renewed
                state = self._prove(build, name)
                if state != "accepted" and (renewed := self._fetched(request)) is not None:
                    state = self._prove(build, name)
                self.states[name] = state if state == "accepted" else f"{state} (it was accepted before)"
                if state == "accepted":
                    return renewed
            exchange.key_died = self.states.get(name, "").startswith("refused")
            return None

    def _renewed(self, request: Request) -> Request | None:
        """The request with the key as it is now, if that is another value than it was sent with."""
        value = credentials.authorization(self._client.target, request.key)
        return None if value == request.authorization else replace(request, authorization=value)

    def _fetched(self, request: Request) -> Request | None:
        key = self._client.target.keys.get(request.key)
        try:
            return self._renewed(request) if key is not None and key.refresh() else None
        except KeyUnavailableError:
            return None

    def _prove(self, build: RequestBuilder, name: str) -> str:
        return self._proof(build, name)()

    def _proof(self, build: RequestBuilder, name: str) -> Callable[[], str]:
        """Make the requests that prove a key; what is returned sends them, and returns the key's state."""
        try:
            return partial(self._ask, name, self._requests(build, name))
        except KeyUnavailableError as reason:
            state = f"refused: {reason}"
            return lambda: state

    def _ask(self, name: str, requests: Sequence[Request]) -> str:
        answer = ""
        try:
            for request in requests:
                exchange = self._client.send(request, Purpose.CONTROL)
                self.first_answers.setdefault(name, exchange)
                if exchange.status not in (None, 401, 429, *UNAVAILABLE):
                    return "accepted"
                answer = answer or _words(exchange)
        except (KeyUnavailableError, NotAllowedError) as reason:
            answer = answer or str(reason)
        return f"refused: {answer}"

    def _requests(self, build: RequestBuilder, name: str) -> list[Request]:
        if name == "other_hub":
            hub = self._client.target.keys.other_hub_id
            unknown = build.unknown_id()
            return [build.list(unknown, key=name, hub=hub), build.job(key=name, hub=hub), build.list(key=name, hub=hub)]
        requests = [build.list(key=name), build.job(key=name), build.list(build.unknown_id(), key=name)]
        if self._client.profile == "full" and self._client.target.restore.allow:
            nothing = build.unknown_id()
            requests.append(build.restore(nothing, nothing, key=name, expected=Expected.REFUSAL))
        return requests


def _words(exchange: Exchange) -> str:
    return f"{exchange.status or exchange.failure} on {exchange.request.line}"
