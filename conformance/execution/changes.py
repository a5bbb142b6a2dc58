"""Executes the checks that could change the target: in the order of their stages, beside the reads; and the bad keys.

Checks whose requests must all be refused come first, several at once; the late ones come behind the restores of the
scenarios, whose places in the budget they must not use up with lost responses or accepted requests. As soon as a
restore was accepted among them, or may have been since its response was lost, the instance is no longer at rest: those
that have not begun wait until the restores of the scenarios are over, and then run one after the other, so that each
effect has one cause. Deletions that must be refused go beside the late restores that must be, and the others wait for
the reads: they may change other backups.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from conformance.config.threads import Background
from conformance.judging.checks import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from conformance.contract.check_id import CheckId
    from conformance.judging.checks import Check
    from conformance.judging.outcomes import CheckRecord

#: How many checks whose requests must be refused run at once.
REFUSED = 6
#: How many checks that read jobs run at once.
READING_JOBS = 2


class Changes:
    """The threads of these checks, which go before the reads: the run takes as long as they do.

    `execute` runs one check. `accepted`: how many restores were accepted, or may have been, so far. `has_jobs`: whether
    the restore is over whose job all checks read. `await_reads`: wait until the checks that only read are over.
    """

    def __init__(
        self,
        execute: Callable[[Check], CheckRecord],
        accepted: Callable[[], float],
        has_jobs: Callable[[], bool],
        await_reads: Callable[[], None],
    ) -> None:
        self._execute = execute
        self._accepted = accepted
        self._has_jobs = has_jobs
        self._await_reads = await_reads
        self._refusals: Background[None] = Background("refusals", REFUSED, first=True)
        self._jobs: Background[None] = Background("jobs", READING_JOBS, first=True)
        self._order: Background[None] = Background("changes", first=True)
        self._records: dict[CheckId, Future[CheckRecord]] = {}
        self._closed = threading.Event()

    def begin(self, checks: Iterable[Check]) -> None:
        """Start those of these checks that were not started before."""
        stages: dict[Stage, list[Check]] = {}
        for check in checks:
            if check.id not in self._records:
                self._records[check.id] = Future()
                stages.setdefault(check.stage, []).append(check)
        if stages:
            self._order.submit(partial(self._run, stages))

    def record_of(self, check: Check) -> Future[CheckRecord] | None:
        """Return the record to come of a check; None if the check was not started."""
        return self._records.get(check.id)

    def finish(self) -> None:
        """Wait until all of them are over."""
        for record in list(self._records.values()):
            record.exception()

    def close(self, patience_s: float | None) -> None:
        """Wait up to this number of seconds for the checks in progress; those that have not begun are not started."""
        self._closed.set()
        for threads in (self._order, self._refusals, self._jobs):
            threads.close(patience_s)
        for record in self._records.values():
            record.cancel()

    # ------------------------------------------------------------ order

    def _run(self, stages: Mapping[Stage, Sequence[Check]]) -> None:
        deletions = self._refusals.submit(partial(self._in_turn, stages.get(Stage.REFUSED_DELETES, ())))
        postponed = self._side_by_side(stages.get(Stage.REFUSALS, ()))
        deletions.result()  # beside a restore a target may refuse them because it is busy
        self._in_turn([*stages.get(Stage.CHANGES, ()), *postponed])
        for check in sorted(stages.get(Stage.JOBS, ()), key=lambda check: check.kind.is_generated):
            if self._has_jobs():
                self._jobs.submit(partial(self._settle, check))
            else:  # it makes the restore, beside which no other may go on
                self._settle(check)
        self._in_turn(stages.get(Stage.GENERATED, ()))  # they take long, so they go beside most reads
        self._in_turn(self._side_by_side(stages.get(Stage.LATE_REFUSALS, ())))
        if Stage.DELETES in stages:
            self._await_reads()
            self._in_turn(stages[Stage.DELETES])
        self._in_turn(self._side_by_side(stages.get(Stage.BAD_KEYS, ())))

    def _in_turn(self, checks: Iterable[Check]) -> None:
        for check in checks:
            self._settle(check)

    def _side_by_side(self, checks: Sequence[Check]) -> list[Check]:
        """Execute checks several at once, and return those that were not begun, once a restore was accepted."""
        postponed: list[Check] = []
        accepted_before = self._accepted()

        def settle(check: Check) -> None:
            if self._accepted() > accepted_before:
                postponed.append(check)
            else:
                self._settle(check)

        self._refusals.map(settle, checks)
        return [check for check in checks if check in postponed]

    def _settle(self, check: Check) -> None:
        """Execute a check, and hand its record to whoever waits for it."""
        record = self._records[check.id]
        if self._closed.is_set() or not record.set_running_or_notify_cancel():
            return
        try:
            record.set_result(self._execute(check))
        except BaseException as error:  # raised again in the thread that waits
            record.set_exception(error)
