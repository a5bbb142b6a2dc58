"""One requested restore, and everything that was observed about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.contract.operations import TERMINAL_STATES, UNAVAILABLE
from conformance.contract.pointers import value_at
from conformance.judging.expectations import inconclusive_reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange


@dataclass(frozen=True)
class InstanceData:
    """What the probe printed for the instance once restores had ended; `digest` is None where the probe failed.

    `doubt`: why the digest proves nothing about these restores; empty where they alone can have written the data.
    """

    digest: str | None
    doubt: str = ""


@dataclass
class Restore:
    """One request for a restore, its answer, and what the follower saw until its end.

    `requested_at` is a time of the follower's clock, in seconds.
    """

    answer: Exchange
    backup: str
    instance: str
    #: The ids of the backup's logs before the request.
    logs_before: frozenset[str]
    requested_at: float
    #: Get of the backup, before the request and after the end.
    before: Exchange | None = None
    after: Exchange | None = None
    jobs: list[Exchange] = field(default_factory=list)
    #: List, get and logs, before the request and while the restore ran.
    reads_before: list[Exchange] = field(default_factory=list)
    reads: list[Exchange] = field(default_factory=list)
    #: The logs that are new since the request, and the answer that showed them.
    logs: list[JsonObject] = field(default_factory=list)
    logs_exchange: Exchange | None = None
    polls: int = 0
    took_s: float = 0.0
    #: How much of that time had passed before the first poll.
    unwatched_s: float = 0.0
    #: The instance's data when the end was first seen, if the scenario ran the probe.
    data: InstanceData | None = None
    #: How many restores of the run had been accepted before the request, or may have been.
    started_before: int = 0
    #: The instance was reported busy for as long as the scenario waited.
    stayed_busy: bool = False
    #: Others were requested at the same time.
    at_once: bool = False

    @property
    def watched_s(self) -> float:
        """How many seconds passed from the first poll on: one left alone until then may have ended much earlier."""
        return self.took_s - self.unwatched_s

    @property
    def job_id(self) -> str | None:
        """The job that the answer names."""
        value = value_at(self.answer.data, "/job/id")
        return value if isinstance(value, str) and value else None

    @property
    def accepted(self) -> bool:
        """Whether the answer is a 2xx that does not say `accepted: false`."""
        return self.answer.is_success and value_at(self.answer.data, "/job/accepted") is not False

    @property
    def lost(self) -> bool:
        """Whether the target's answer was lost: the restore may run nevertheless."""
        return self.answer.status is None or self.answer.status in UNAVAILABLE

    @property
    def why_not_accepted(self) -> str:
        """Why a restore that was not accepted allows no conclusion."""
        line = self.answer.request.line
        if why := inconclusive_reason(self.answer):
            return f"{line}: {why}"
        clause = "JOB-1" if self.answer.request.key == "full" else "CAP-6"
        return f"{clause} failed first on {line}: {self.answer.status}"

    @property
    def own_logs(self) -> list[JsonObject]:
        """The new logs of this instance; other clients may restore the same backup to other instances meanwhile."""
        return of_instance(self.logs, self.instance)

    @property
    def new_logs(self) -> list[JsonObject]:
        """The logs to judge: those of this instance, or if there are none, all other new logs."""
        return self.own_logs or self.logs

    @property
    def readable(self) -> bool:
        """Whether its job was read at least once."""
        return any(job.is_success for job in self.jobs)

    @property
    def states(self) -> list[str]:
        """The states of its job, in the order in which they were seen."""
        states = [value_at(job.data, "/state/current") for job in self.jobs if job.is_success]
        return [state for state in states if isinstance(state, str)]

    @property
    def terminal(self) -> str | None:
        """The first terminal state that was seen."""
        return next((state for state in self.states if state in TERMINAL_STATES), None)

    @property
    def ended(self) -> bool:
        """Whether its end was seen: a terminal state of its job or, without a readable job, a log."""
        return self.terminal is not None if self.readable else bool(self.own_logs)

    @property
    def followed_alone(self) -> bool:
        """Whether it was followed to its end while no other restore of this run was under way."""
        return self.accepted and self.ended and self.after is not None and not self.at_once

    @property
    def logless(self) -> bool:
        """Whether it was followed to the last, and its job ended without leaving a log."""
        return self.accepted and self.after is not None and self.terminal is not None and not self.own_logs

    @property
    def jobless(self) -> bool:
        """Whether it was followed to the last, and none of the readings of its job was a success."""
        return self.accepted and self.after is not None and bool(self.jobs) and not self.readable

    @property
    def failed(self) -> str:
        """The error message of a restore that failed and says so in its log; empty for any other."""
        message = next(filter(None, map(message_of, self.own_logs)), "")
        return message if self.ended and self.terminal in (None, "error") else ""

    @property
    def went_well(self) -> bool:
        """Whether it ended, and nothing says that it failed."""
        return self.ended and self.terminal in (None, "completed") and not self.failed

    @property
    def last_seen(self) -> str:
        """The last observation, for messages: `running after 1.2 s and 3 polls, 0 new logs`."""
        state = self.states[-1] if self.states else "no readable job"
        polls, logs = counted(self.polls, "poll"), counted(len(self.new_logs), "new log")
        return f"{state} after {self.took_s:.1f} s and {polls}, {logs}"


def of_instance(logs: Iterable[JsonObject], instance: str) -> list[JsonObject]:
    """Return the logs that name this instance."""
    return [log for log in logs if log.get("instance_id") == instance]


def log_ids(logs: Iterable[JsonObject]) -> frozenset[str]:
    """Return the ids of these logs."""
    return frozenset(str(log.get("id")) for log in logs)


def message_of(log: JsonObject) -> str:
    """Return the error message of a log; empty if it has none."""
    message = value_at(log, "/error/message")
    return message.strip() if isinstance(message, str) else ""


def last_look(restore: Restore) -> Exchange:
    """Return the exchange that best shows the last observation of a restore."""
    return restore.jobs[-1] if restore.jobs else (restore.logs_exchange or restore.answer)


def counted(number: int, noun: str) -> str:
    """Return `1 poll`, `3 polls`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
