"""The data of a replay: what failed in the recorded run, and the result of sending it again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from conformance.judging.outcomes import Outcome

if TYPE_CHECKING:
    from conformance.evidence.rows import ExchangeRow

#: outcomes of findings that can be replayed
BROKEN = frozenset({Outcome.FAILED, Outcome.WARNED})
#: How often everything is sent by default, so that an intermittent failure shows.
DEFAULT_TRIES = 2
MAX_TRIES = 20


class ReplayError(Exception):
    """There is nothing to replay; the message is one line."""


class Status(StrEnum):
    """The result of replaying a check, or a whole report."""

    FAILING = "still failing"
    FLAKY = "flaky"
    UNKNOWN = "could not tell"
    FIXED = "fixed"

    @property
    def exit_code(self) -> int:
        """The exit code of `replay`."""
        return {Status.FIXED: 0, Status.FAILING: 1, Status.UNKNOWN: 3, Status.FLAKY: 4}[self]


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that broke a clause in the recorded run, with the requests that a passive judge found wrong."""

    clause: str
    title: str
    check: str
    reason: str
    exchanges: tuple[ExchangeRow, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one try of a check; `outcome` is not_tested or error if it could not be judged."""

    outcome: Outcome
    reason: str = ""

    @property
    def is_judged(self) -> bool:
        """Whether the try shows that the clause holds or that it is broken."""
        return self.outcome in BROKEN or self.outcome is Outcome.PASSED


@dataclass(frozen=True, slots=True)
class Replayed:
    """A failure and all tries of its check."""

    failure: Failure
    attempts: tuple[Attempt, ...]

    @property
    def status(self) -> Status:
        """The status that follows from all tries."""
        broken = [attempt for attempt in self.attempts if attempt.outcome in BROKEN]
        judged = [attempt for attempt in self.attempts if attempt.is_judged]
        if not judged:
            return Status.UNKNOWN
        if not broken:
            return Status.FIXED
        return Status.FAILING if len(broken) == len(judged) else Status.FLAKY

    @property
    def reason(self) -> str:
        """The reason of the try that decided; empty where the clause holds now."""
        reasons = [attempt.reason for attempt in self.attempts if attempt.outcome is not Outcome.PASSED]
        broken = [attempt.reason for attempt in self.attempts if attempt.outcome in BROKEN]
        return "" if self.status is Status.FIXED else next(iter(broken or reasons), "")


@dataclass(frozen=True, slots=True)
class Replay:
    """The replay of a report. `recorded`, `replayed`: the base URLs of the run and of the target now.

    `changes`: the libraries whose versions are not those of the run, a line each.
    """

    recorded: str
    replayed: str
    checks: tuple[Replayed, ...]
    changes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The worst of the checks: a failure before flakiness before an inconclusive result."""
        statuses = {check.status for check in self.checks}
        return next(status for status in Status if status in statuses)
