"""Follows an accepted restore to its end: by its job where jobs can be read, else by its log.

One follower for all scenarios. It stops at once on a terminal state, tells on its deadline what it saw last, is not
put off by 429 or an unavailable target, and after completion waits for the log within what is left of the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.contract.operations import TERMINAL_STATES
from conformance.contract.pointers import value_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext

#: the vendor's own client gives a new job this long to appear
JOB_APPEARS_S = 10.0
#: how long to wait for a log where one was missing before: that clause has failed already
LOG_LATE_S = 1.0
#: an answer that says that the instance is busy is believed for as long as a restore may take; one that may say so
#: among other things no longer than this
BUSY_S = 10.0
BUSY_STATUSES = (409, 423)
POSSIBLY_BUSY_STATUSES = (403, 422)
#: rounds of reads and polls that are made without a pause
EAGER_POLLS = 15


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
    reads_before: list[Exchange] = field(default_factory=list)
    reads: list[Exchange] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    logs_exchange: Exchange | None = None
    polls: int = 0
    took_s: float = 0.0
    #: what the probe said of the instance when the end was first seen, where the story asked it
    digest: str | None = None
    #: refused as busy until our patience was over
    stayed_busy: bool = False

    @property
    def job_id(self) -> str | None:
        """The job that the answer names."""
        value = value_at(self.answer.data, "/job/id")
        return value if isinstance(value, str) and value else None

    @property
    def accepted(self) -> bool:
        """A 2xx that does not say `accepted: false`."""
        return self.answer.is_success and value_at(self.answer.data, "/job/accepted") is not False

    @property
    def own_logs(self) -> list[dict[str, Any]]:
        """The new logs that speak of this instance: others may restore the same backup to theirs meanwhile."""
        return of_instance(self.logs, self.instance)

    @property
    def new_logs(self) -> list[dict[str, Any]]:
        """The logs to be judged: those of this instance; where there is none, whatever came instead."""
        return self.own_logs or self.logs

    @property
    def readable(self) -> bool:
        """Its job was seen at least once."""
        return any(job.is_success for job in self.jobs)

    @property
    def states(self) -> list[str]:
        """The job's states in the order in which they were seen."""
        states = [value_at(job.data, "/state/current") for job in self.jobs if job.is_success]
        return [state for state in states if isinstance(state, str)]

    @property
    def terminal(self) -> str | None:
        """The first terminal state that was seen."""
        return next((state for state in self.states if state in TERMINAL_STATES), None)

    @property
    def ended(self) -> bool:
        """It came to an end that can be seen: a terminal state, or without jobs a log."""
        return self.terminal is not None if self.readable else bool(self.own_logs)

    @property
    def logless(self) -> bool:
        """It ended, was looked at to the last, and left no log."""
        return self.accepted and self.after is not None and self.terminal is not None and not self.own_logs

    @property
    def failed(self) -> str:
        """Why it failed, where it ended so and says so in the log; empty where it did not."""
        said = next(filter(None, map(message_of, self.own_logs)), "")
        return said if self.ended and self.terminal in (None, "error") else ""

    @property
    def went_well(self) -> bool:
        """It ended, and nothing says that it failed."""
        return self.ended and self.terminal in (None, "completed") and not self.failed

    @property
    def last_seen(self) -> str:
        """Where it stood when we stopped looking, in words."""
        state = self.states[-1] if self.states else "no readable job"
        polls, logs = _counted(self.polls, "poll"), _counted(len(self.new_logs), "new log")
        return f"{state} after {self.took_s:.1f} s and {polls}, {logs}"


class Follower:
    """Follows the restores of one check to their ends; `clock` gives seconds that only ever grow."""

    def __init__(self, context: CheckContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = context
        self._policy = context.fixtures.target.restore
        self._clock = clock

    def follow(
        self,
        restore: Restore,
        *,
        while_running: Callable[[Restore], None] | None = None,
        at_end: Callable[[Restore], None] | None = None,
    ) -> Restore:
        """Follows one restore: to its end, then to its log, within `restore.timeout_s` for both together.

        `while_running` is called once a poll, `at_end` once when the end is first seen.
        """
        self._to_end(restore, restore.asked_at, while_running)
        if restore.ended and at_end:
            at_end(restore)
        self._await_logs(restore, 1, restore.asked_at)
        self._settle(restore)
        return restore

    def follow_all(self, restores: list[Restore]) -> None:
        """Follows restores that were asked for at once: a target may run them one after the other, in any order.

        So the time begins anew with each end that is seen, and with each log that comes.
        """
        since = max(restore.asked_at for restore in restores)
        running = list(restores)
        while running:
            ended = [restore for restore in running if self._looked_at(restore)]
            running = [restore for restore in running if restore not in ended]
            if ended:
                since = self._clock()
            elif self._clock() - since > self._policy.timeout_s:
                break
            if running:
                self._api.run.wait(self._policy.poll_s)
        for restore in running:
            self._api.record_step("gave up", last_look(restore), restore.last_seen)
        for backup in dict.fromkeys(restore.backup for restore in restores):
            self._share_logs([restore for restore in restores if restore.backup == backup], since)

    def let_end(self, answer: Exchange) -> None:
        """Waits for the end of a restore that should not have been accepted, lest others meet it."""
        backup, instance = answer.request.resources["backup"], answer.request.resources["instance"]
        known = frozenset(str(log.get("id")) for log in self._api.logs(backup).items)
        restore = Restore(answer, backup, instance, known, self._clock())
        if restore.accepted:
            self._to_end(restore, restore.asked_at)

    def await_message(self, restore: Restore) -> None:
        """Waits until the log of a failed restore says why: a log may be there before its restore has ended."""
        while restore.own_logs and not any(message_of(log) for log in restore.own_logs):
            if self._clock() - restore.asked_at > self._policy.timeout_s:
                return
            self._api.run.wait(self._policy.poll_s)
            self.read_logs(restore)

    # ------------------------------------------------------------ waiting

    def _looked_at(self, restore: Restore) -> bool:
        """One poll; says whether the end was seen."""
        self._poll(restore)
        if ended := self._ended(restore):
            self._api.record_step("ended", last_look(restore), restore.last_seen)
        return ended

    def _share_logs(self, restores: list[Restore], since: float) -> None:
        """The logs of restores of one backup: as many as were accepted, each waited for since the one before."""
        last = restores[-1]
        while len(last.own_logs) < len(restores) and self._await_logs(last, len(last.own_logs) + 1, since):
            since = self._clock()
        for restore in restores:
            restore.logs, restore.logs_exchange = last.logs, last.logs_exchange
            self._settle(restore)

    def _to_end(self, restore: Restore, since: float, while_running: Callable[[Restore], None] | None = None) -> None:
        """Polls until an end is seen, or the time is over. The first reads come before the first poll.

        Where reads are to be made meanwhile, the first rounds follow each other at once: a quick restore is over soon.
        """
        while True:
            if while_running:
                while_running(restore)
            if self._looked_at(restore):
                return
            if self._clock() - since > self._policy.timeout_s:
                self._api.record_step("gave up", last_look(restore), restore.last_seen)
                return
            if not while_running or restore.polls > EAGER_POLLS:
                self._api.run.wait(self._policy.poll_s)

    def _await_logs(self, restore: Restore, count: int, since: float) -> bool:
        """Waits for so many new logs; says whether they came in time.

        Where an earlier restore ended and left none, that clause failed already: this one is not waited for as long.
        """
        patience = self._policy.timeout_s
        if any(one is not restore and one.logless for one in self._api.run.restores):
            since, patience = self._clock(), min(LOG_LATE_S, patience)
        while len(restore.own_logs) < count:
            self.read_logs(restore)
            if len(restore.own_logs) >= count:
                self._api.record_step("logged", restore.logs_exchange, _counted(len(restore.own_logs), "new log"))
                break
            if not restore.ended or self._clock() - since > patience:
                return False
            self._api.run.wait(self._policy.poll_s)
        return True

    # ------------------------------------------------------------ looking

    def _poll(self, restore: Restore) -> None:
        restore.polls += 1
        if self._by_job(restore):
            job, before = self._api.job(restore.job_id), restore.states[-1:]
            restore.jobs.append(job)
            if restore.states[-1:] != before and restore.terminal is None:
                self._api.record_step(f"job {restore.states[-1]}", job, "seen so")
            if job.is_success:
                self._api.key_proofs.jobs = True
            elif job.status == 403 and self._api.key_proofs.jobs is None:
                self._api.key_proofs.jobs = False
        if not restore.readable:
            self.read_logs(restore)
        restore.took_s = self._clock() - restore.asked_at

    def _ended(self, restore: Restore) -> bool:
        """A job that must still appear (the vendor's own client waits for it) is waited for, log or no log."""
        return restore.ended and (restore.readable or not (self._api.key_proofs.jobs and self._by_job(restore)))

    def _settle(self, restore: Restore) -> None:
        """A last look: a terminal state must be final, and no second log may have come."""
        if self._by_job(restore) and restore.readable:
            restore.jobs.append(self._api.job(restore.job_id))
        self.read_logs(restore)
        restore.after = self._api.get(restore.backup)

    def _by_job(self, restore: Restore) -> bool:
        """Jobs are asked for where the target file says so, the key may, and as long as one can still appear."""
        if not self._api.fixtures.target.jobs.follow or self._api.key_proofs.jobs is False or restore.job_id is None:
            return False
        return restore.readable or self._clock() - restore.asked_at < JOB_APPEARS_S

    def read_logs(self, restore: Restore) -> None:
        """The logs of this backup that were not there before."""
        exchange = self._api.logs(restore.backup)
        if exchange.is_success:
            restore.logs_exchange = exchange
            restore.logs = [log for log in exchange.items if log.get("id") not in restore.logs_before]


def of_instance(logs: list[dict[str, Any]], instance: str) -> list[dict[str, Any]]:
    """Those logs that speak of this instance."""
    return [log for log in logs if log.get("instance_id") == instance]


def message_of(log: dict[str, Any]) -> str:
    """The error message of a log; empty where there is none."""
    message = value_at(log, "/error/message")
    return message.strip() if isinstance(message, str) else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def last_look(restore: Restore) -> Exchange:
    """The exchange that shows best where a restore stood at the end."""
    return restore.jobs[-1] if restore.jobs else (restore.logs_exchange or restore.answer)
