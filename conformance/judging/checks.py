"""How checks are declared, and the registry of those that were.

An active check sends requests and yields findings; there is one per clause, operation and kind. A passive judge looks
at every exchange of the run, whichever check sent it. A final review is an active check that looks again, at the end
of the run, at what the run did.

Importing a module declares its checks: `conformance.suite.registry` imports all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

from conformance.contract.check_id import CheckId, CheckKind

if TYPE_CHECKING:
    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding

F = TypeVar("F", bound=Callable[..., "Iterator[Finding]"])
CheckFunction = Callable[..., "Iterator[Finding]"]
JudgeFunction = Callable[["Exchange"], "Iterator[Finding]"]


class Stage(IntEnum):
    """When a check runs. What could change the target runs in one worker, in this order."""

    READS = 0
    #: Requests that must all be refused. Several checks run at once, while no restore of the run goes on: each watches
    #: a backup of its own, and the first restore that is accepted all the same ends that.
    REFUSALS = 1
    #: The restores, one after the other.
    CHANGES = 2
    #: Reads of the jobs that the restores left. Several checks run at once, beside everything that follows.
    JOBS = 3
    #: Generated requests that could change something, one check after the other.
    GENERATED = 4
    #: Like REFUSALS, but generated, or accepted by some targets: behind the scenarios, whose budget they must not use
    #: and which must not wait until they are made.
    LATE_REFUSALS = 5
    #: Deletions that must all be refused, one check after the other, beside REFUSALS.
    REFUSED_DELETES = 6
    #: Deletions. They may change other backups, so they wait for the reads.
    DELETES = 7
    #: The target may lock the sender out after bad keys, so they come last, and the final review before them.
    BAD_KEYS = 8
    #: The final review, which the executor runs before the bad keys and at the end.
    FINAL_REVIEW = 9

    @property
    def changes(self) -> bool:
        """Whether checks of this stage change the target, or need its changes; they run beside the reads."""
        return Stage.READS < self < Stage.BAD_KEYS


#: Clauses about restores that are accepted.
ABOUT_ACCEPTED = frozenset({"JOB-1", "JOB-2", "JOB-3", "CAP-6", *(f"RST-{number}" for number in range(1, 10))})
#: Clauses whose odd restores some targets accept: they go behind the scenarios, whose budget they must not use.
SOMETIMES_ACCEPTED = frozenset({"GET-6"})
#: Clauses whose checks of jobs need restores to end, and not only a job that exists.
ABOUT_ENDED_JOBS = frozenset({"JBS-1", "JBS-5"})
#: Clauses for which schemathesis's cases of a read may be sent by methods that could change something.
BY_OTHER_METHODS = frozenset({"HTTP-3", "HTTP-5"})
READING = frozenset({"list", "get", "logs"})


class Context(Protocol):
    """The context that a check runs in, as far as the registry knows it: `scenarios.context.CheckContext`."""

    @property
    def check(self) -> Check:
        """The check."""
        ...


@dataclass(frozen=True)
class Check:
    """An active check of one clause on one operation."""

    clause: str
    operation: Operation
    function: CheckFunction
    stage: Stage
    takes_operation: bool
    kind: CheckKind = CheckKind.EXAMPLE

    @property
    def id(self) -> CheckId:
        """The ID by which reports and waivers name the check."""
        return CheckId(self.clause, self.operation, self.kind)

    def run(self, context: Context) -> Iterator[Finding]:
        """Run the check, and yield its findings."""
        return self.function(context, self.operation) if self.takes_operation else self.function(context)


@dataclass(frozen=True)
class Judge:
    """A passive judge of one clause: `when` selects the exchanges that it judges.

    Where one of the clauses in `unless_failed` failed in the run, that explains the judge's findings, and they are
    dropped: one cause, one failure.
    """

    clause: str
    when: Callable[[Exchange], bool]
    function: JudgeFunction
    unless_failed: tuple[str, ...] = ()

    def id(self, operation: str | None = None) -> CheckId:
        """The ID of the check that holds its findings on an operation; without one, of all of these checks."""
        return CheckId(self.clause, operation, CheckKind.OBSERVED)


_CHECKS: dict[str, Check] = {}
_REVIEWS: dict[str, Check] = {}
_JUDGES: list[Judge] = []


def check(
    clause: str, *operations: Operation, stage: Stage | None = None, kind: CheckKind = CheckKind.EXAMPLE
) -> Callable[[CheckFunction], object]:
    """Declare the check of a clause, for one or several operations, and make a pytest test of it.

    The test itself checks nothing: the executor runs all checks on threads of its own, in the order of their stages,
    and the test waits for the record of its check, and passes, fails or is skipped by its outcome.

    Checks of restore and delete change the target (or must be refused to), so they run in the stage of changes.
    `kind`: of a check beside the one that is written by hand, how its requests are generated.
    """

    def declare(function: CheckFunction) -> object:
        takes_operation = function.__code__.co_argcount > 1
        declared = []
        for operation in operations:
            given = _default_stage(clause, operation, kind) if stage is None else stage
            declared.append(_register(_CHECKS, Check(clause, operation, function, given, takes_operation, kind)))

        @pytest.mark.parametrize("declared_check", declared, ids=lambda one: str(one.id))
        def test(declared_check: Check, conformance_run: Any) -> None:  # Any: a fixture of a package above this one
            conformance_run.report(declared_check)

        test.__name__ = test.__qualname__ = function.__name__
        test.__doc__ = function.__doc__
        test.__module__ = function.__module__
        return test

    return declare


def _default_stage(clause: str, operation: Operation, kind: CheckKind) -> Stage:
    if operation == "job" and clause not in ABOUT_ENDED_JOBS:
        return Stage.JOBS
    if kind is CheckKind.SCHEMATHESIS:
        reads = operation in READING and clause not in BY_OTHER_METHODS
        return Stage.READS if reads else Stage.LATE_REFUSALS
    if operation in READING:
        return Stage.READS
    if operation == "restore" and clause not in ABOUT_ACCEPTED:
        return Stage.LATE_REFUSALS if kind.is_generated or clause in SOMETIMES_ACCEPTED else Stage.REFUSALS
    return Stage.GENERATED if kind.is_generated else Stage.CHANGES


def _register(checks: dict[str, Check], check: Check) -> Check:
    if str(check.id) in checks:
        raise ValueError(f"two checks have the ID {check.id}")
    checks[str(check.id)] = check
    return check


def final_review(clause: str, operation: Operation) -> Callable[[F], F]:
    """Declare a final review of a clause. It is no pytest test, since it runs whatever pytest selects."""

    def declare(function: F) -> F:
        review = Check(clause, operation, function, Stage.FINAL_REVIEW, False, CheckKind.FINAL_REVIEW)
        _register(_REVIEWS, review)
        return function

    return declare


def passive(
    clause: str, when: Callable[[Exchange], bool], *, unless_failed: tuple[str, ...] = ()
) -> Callable[[JudgeFunction], JudgeFunction]:
    """Declare a judge of every exchange for which `when` holds.

    `unless_failed`: the clauses whose failure anywhere in the run explains what this judge finds.
    """

    def declare(function: JudgeFunction) -> JudgeFunction:
        _JUDGES.append(Judge(clause, when, function, unless_failed))
        return function

    return declare


def declared_checks() -> dict[str, Check]:
    """Every active check that was declared so far, by ID; without the final reviews."""
    return dict(_CHECKS)


def declared_reviews() -> dict[str, Check]:
    """Every final review that was declared so far, by ID."""
    return dict(_REVIEWS)


def declared_judges() -> list[Judge]:
    """Every passive judge that was declared so far."""
    return list(_JUDGES)


def check_ids() -> dict[str, list[CheckId]]:
    """Clause ID to the IDs of its checks that were declared so far; a passive judge is `ERR-2/observed`."""
    by_clause: dict[str, list[CheckId]] = defaultdict(list)
    for declared in (*_CHECKS.values(), *_REVIEWS.values()):
        by_clause[declared.clause].append(declared.id)
    for judge in _JUDGES:
        if judge.id() not in by_clause[judge.clause]:
            by_clause[judge.clause].append(judge.id())
    return dict(by_clause)
