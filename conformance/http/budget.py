"""The restore budget: any request that could start a restore reserves a place in it before it is sent."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        self._trying = threading.Lock()
        #: how many places are held by requests whose response was lost, and which are being tried again
        self._lost = 0

    def reserve(self, request: Request) -> bool:
        """Reserve a place for a request that needs one, until it is settled. Raises NotAllowedError.

        Waits as long as requests in flight may still give their places back.
        """
        if not asks_for_restore(request):
            return False
        if not self._policy.allow:
            raise NotAllowedError("set restore.allow = true")
        with self._freed:
            if not self._added():
                limit = self._policy.max_restores
                raise NotAllowedError(f"restore.max_restores = {limit} is used up: set it to at least {limit + 1}")
        return True

    @contextmanager
    def one_after_the_other(self) -> Iterator[None]:
        """Let only one thread at a time send a request again whose response was lost."""
        with self._freed:
            self._lost += 1
        try:
            with self._trying:
                yield
        finally:
            with self._freed:
                self._lost -= 1

    def once_more(self, lost: Exchange) -> bool:
        """Reserve a second place for a request without a response, to send it again; False if none is left.

        Waits as `reserve` does. The thread must be inside `one_after_the_other`.
        """
        if not may_have_started(lost):
            return True
        with self._freed:
            if not self._added():
                return False
            self._shared_state.add("restores_accepted")
            return True

    def _added(self) -> bool:
        """Take a place, as soon as there is one; False if none will be given back."""
        limit = self._policy.max_restores
        patience = self._waiting.now() + self._patience_s
        while not self._shared_state.add("restores", limit=limit):
            kept = self._shared_state.read("restores_accepted") + self._lost
            if kept >= limit or self._waiting.now() > patience:
                return False
            self._freed.wait(LOOK_S)
            self._waiting.raise_if_stopped()
        return True

    def settle(self, exchange: Exchange) -> None:
        """Give the place of a refused restore back; one that was accepted, or whose response was lost, keeps it."""
        with self._freed:
            if may_have_started(exchange):
                self._shared_state.add("restores_accepted")
            else:
                self._shared_state.add("restores", -1)
            self._freed.notify_all()
