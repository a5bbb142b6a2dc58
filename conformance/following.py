"""Follows an accepted restore to its end: by its job where jobs can be read, else by its log.

One follower for all scenarios. It stops at once on a terminal state, tells on its deadline what it saw last, is not
put off by 429 or an unavailable target, and after completion waits for the log within what is left of the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.expectations import at

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.api import Api
    from conformance.exchange import Exchange

TERMINAL = frozenset({"completed", "error", "expired"})
#: the vendor's own client gives a new job this long to appear
JOB_APPEARS_S = 10.0
#: how long to wait for a log where one was missing before: that clause has failed already
LOG_LATE_S = 1.0


@dataclass
class Restore:
    """One request for a restore and all that was seen of it."""

    answer: Exchange
    backup: str
    instance: str
    logs_before: frozenset[str]
    asked_at: float
    before: Exchange | None = None
    after: Exchange | None = None
    jobs: list[Exchange] = field(default_factory=list)
    reads: list[Exchange] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    logs_exchange: Exchange | None = None
    polls: int = 0
    took_s: float = 0.0
    digest_at_end: str | None = None

    @property
    def job_id(self) -> str | None:
        """The job that the answer names."""
        value = at(self.answer.data, "/job/id")
        return value if isinstance(value, str) and value else None

    @property
    def accepted(self) -> bool:
        """A 2xx that does not say `accepted: false`."""
        return self.answer.succeeded and at(self.answer.data, "/job/accepted") is not False

    @property
    def readable(self) -> bool:
        """Its job was seen at least once."""
        return any(job.succeeded for job in self.jobs)

    @property
    def states(self) -> list[str]:
        """The job's states in the order in which they were seen."""
        states = [at(job.data, "/state/current") for job in self.jobs if job.succeeded]
        return [state for state in states if isinstance(state, str)]

    @property
    def terminal(self) -> str | None:
        """The first terminal state that was seen."""
        return next((state for state in self.states if state in TERMINAL), None)

    @property
    def ended(self) -> bool:
        """It came to an end that can be seen: a terminal state, or without jobs a log."""
        return self.terminal is not None if self.readable else bool(self.logs)

    @property
    def logless(self) -> bool:
        """It ended, was looked at to the last, and left no log."""
        return self.accepted and self.after is not None and self.terminal is not None and not self.logs

    @property
    def last_seen(self) -> str:
        """Where it stood when we stopped looking, in words."""
        state = self.states[-1] if self.states else "no readable job"
        return f"{state} after {self.took_s:.1f} s and {self.polls} polls, {len(self.logs)} new logs"


class Follower:
    """Follows restores for one check; `while_running` is called once a poll, `at_end` once when the end is seen."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._policy = api.world.target.restore

    def follow(
        self,
        restore: Restore,
        *,
        while_running: Callable[[Restore], None] | None = None,
        at_end: Callable[[Restore], None] | None = None,
        logs_wanted: int = 1,
    ) -> Restore:
        """Polls until the restore has ended and its log is there, or `restore.timeout_s` is over."""
        ended = False
        if while_running:
            while_running(restore)
        while True:
            self._poll(restore)
            if self._ended(restore) and not ended:
                ended = True
                self._api.tell("ended", restore.jobs[-1] if restore.jobs else restore.logs_exchange, restore.last_seen)
                if at_end:
                    at_end(restore)
            if (ended and len(restore.logs) >= logs_wanted) or self._over(restore, ended=ended):
                break
            if while_running and not ended:
                while_running(restore)
            self._api.run.wait(self._policy.poll_s)
        if not ended:
            self._api.tell("gave up", restore.logs_exchange, restore.last_seen)
        self._settle(restore)
        return restore

    def _poll(self, restore: Restore) -> None:
        api = self._api
        restore.polls += 1
        if not restore.ended:
            restore.took_s = time.monotonic() - restore.asked_at
        if self._by_job(restore):
            job = api.job(restore.job_id)
            restore.jobs.append(job)
            if job.succeeded:
                api.proofs.jobs = True
            elif job.status == 403 and api.proofs.jobs is None:
                api.proofs.jobs = False
        if restore.terminal or not restore.readable:
            self.read_logs(restore)

    def _ended(self, restore: Restore) -> bool:
        """A job that must still appear (the vendor's own client waits for it) is waited for, log or no log."""
        return restore.ended and (restore.readable or not (self._api.proofs.jobs and self._by_job(restore)))

    def _settle(self, restore: Restore) -> None:
        """A last look: a terminal state must be final, and no second log may have come."""
        if self._by_job(restore) and restore.readable:
            restore.jobs.append(self._api.job(restore.job_id))
        self.read_logs(restore)
        restore.after = self._api.get(restore.backup)

    def _by_job(self, restore: Restore) -> bool:
        """Jobs are asked for where the target file says so, the key may, and as long as one can still appear."""
        if not self._api.world.target.jobs.follow or self._api.proofs.jobs is False or restore.job_id is None:
            return False
        return restore.readable or time.monotonic() - restore.asked_at < JOB_APPEARS_S

    def read_logs(self, restore: Restore) -> None:
        """The new logs of this backup that speak of a restore, or of this instance."""
        exchange = self._api.logs(restore.backup)
        if exchange.succeeded:
            restore.logs_exchange = exchange
            new = [log for log in exchange.items if log.get("id") not in restore.logs_before]
            restore.logs = new

    def _over(self, restore: Restore, *, ended: bool) -> bool:
        """The time is over; sooner where an earlier restore has ended and left no log: that clause failed already."""
        waited = time.monotonic() - restore.asked_at
        if ended and any(one is not restore and one.logless for one in self._api.run.restores):
            return waited > restore.took_s + LOG_LATE_S
        return waited > self._policy.timeout_s
