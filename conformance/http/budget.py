"""The restore budget: any request that could start a restore reserves a place in it before it is sent."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.config.target import Target
    from conformance.http.clock import Clock
    from conformance.http.exchange import Exchange, Request
    from conformance.http.shared_state import SharedState

LOOK_S = 0.05


class NotAllowedError(RuntimeError):
    """A request that this run must not send (profile, budget, bad keys); the message says what would allow it."""


def asks_for_restore(request: Request) -> bool:
    """Whether a request could start a restore, even if only through a fault of the target."""
    return request.method == "POST" and request.operation == "restore"


def may_have_started(exchange: Exchange) -> bool:
    """Whether a restore was accepted, or its response lost; `accepted: false` is a refusal."""
    if exchange.status is None:
        return exchange.request.ownership != "missing"  # a missing backup cannot be restored
    job = exchange.data.get("job") if exchange.is_success and isinstance(exchange.data, dict) else None
    return exchange.is_success and not (isinstance(job, dict) and job.get("accepted") is False)


class Budget:
    """`restore.max_restores`, for all threads and workers of the run together."""

    def __init__(self, target: Target, shared_state: SharedState, waiting: Clock) -> None:
        self._policy = target.restore
        self._patience_s = 2 * target.limits.timeout_s
        self._shared_state = shared_state
        self._waiting = waiting
        self._freed = threading.Condition()

    def reserve(self, request: Request) -> bool:
        """Reserve a place for a request that needs one, until it is settled. Raises NotAllowedError.

        Waits as long as requests in flight may still give their places back.
        """
        if not asks_for_restore(request):
            return False
        if not self._policy.allow:
            raise NotAllowedError("set restore.allow = true")
        limit = self._policy.max_restores
        patience = self._waiting.now() + self._patience_s
        with self._freed:
            while not self._shared_state.add("restores", limit=limit):
                if self._shared_state.read("restores_accepted") >= limit or self._waiting.now() > patience:
                    raise NotAllowedError(f"restore.max_restores = {limit} is used up: set it to at least {limit + 1}")
                self._freed.wait(LOOK_S)
                self._waiting.raise_if_stopped()
        return True

    def once_more(self, lost: Exchange) -> bool:
        """Reserve a second place for a request without a response, to send it again; False if none is left."""
        if not may_have_started(lost):
            return True
        with self._freed:
            if not self._shared_state.add("restores", limit=self._policy.max_restores):
                return False
            self._shared_state.add("restores_accepted")
            return True

    def settle(self, exchange: Exchange) -> None:
        """Give the place of a refused restore back; one that was accepted, or whose response was lost, keeps it."""
        with self._freed:
            if may_have_started(exchange):
                self._shared_state.add("restores_accepted")
            else:
                self._shared_state.add("restores", -1)
            self._freed.notify_all()
