"""Executes checks on threads, in the order of their stages, and turns their findings into records."""

from __future__ import annotations

import time
import traceback
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from conformance.config.machine import exhausted
from conformance.config.target import Limits
from conformance.config.threads import Background, going_first
from conformance.contract.check_id import CheckKind
from conformance.execution.changes import Changes
from conformance.execution.order import soonest_first
from conformance.http.budget import NotAllowedError
from conformance.http.exchange import Purpose, Sender
from conformance.judging.checks import Stage
from conformance.judging.expectations import NotApplicableError, NotTestableError, inconclusive
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.judging.passive import FindingSet, attach
from conformance.scenarios.context import CheckContext
from conformance.scenarios.final_review import read_ahead
from conformance.scenarios.preflight.requirements import in_one_line
from conformance.scenarios.proofs.final_readings import NothingToReviewError
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.scenarios.side_effects import FORBID_EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from concurrent.futures import Future

    from conformance.contract.catalogue import Catalogue
    from conformance.contract.check_id import CheckId
    from conformance.evidence.recorder import Recorder
    from conformance.http.exchange import Exchange
    from conformance.judging.checks import Check
    from conformance.scenarios.context import RunContext
    from conformance.scenarios.preflight.requirements import Situation

#: How long to wait for the reads of other workers before the bad keys, in seconds.
READS_PATIENCE_S = 300.0
#: Counted in the state that workers share once the failure was seen that ends the run (`-x`, `--maxfail`).
LAST_FAILURE = "last_failure"
READS_POLL_S = 0.1
#: How many checks that read run at once: while one waits for its answer, others send.
READERS = 4
#: How long a stopped run still waits for its threads, in seconds; what they would send is refused by then.
STOPPED_PATIENCE_S = 5.0


class Executor:
    """Executes the checks of one worker.

    Checks that change the target run from the start on threads of their own, so that waiting for restores overlaps with
    the reads of the other checks. `on_record` receives each record of a selected clause.
    """

    def __init__(
        self,
        run: RunContext,
        *,
        catalogue: Catalogue,
        recorder: Recorder,
        selected: Collection[str],
        reviews: Sequence[Check],
        on_record: Callable[[CheckRecord], None],
        shows_passed: bool = True,
    ) -> None:
        """`shows_passed`: whether the record of a check without findings shows its first exchanges."""
        self._run = run
        self._catalogue = catalogue
        self._recorder = recorder
        self._selected = frozenset(selected)
        self._reviews = reviews
        self._on_record = on_record
        self._shows_passed = shows_passed
        self._reads: Background[CheckRecord] = Background("reads", READERS)
        self._reading: dict[CheckId, Future[CheckRecord]] = {}
        self._changes = Changes(
            self.execute,
            accepted=lambda: run.client.shared_state.read("restores_accepted"),
            has_jobs=lambda: run.state.has_run("main"),
            await_reads=self._await_own_reads,
        )
        self._reviewed = False
        #: What the target file and the target provide, once preflight has run: checks that need more do not begin.
        self.situation: Situation | None = None

    @property
    def stopped(self) -> bool:
        """Whether the run was ended early."""
        return self._run.client.waiting.stopped

    # ------------------------------------------------------------ order

    def begin_changes(self, checks: Iterable[Check]) -> None:
        """Start the checks that change the target, in the order of their stages, beside whatever else runs.

        Deletions wait for the reads that were started before.
        """
        self._changes.begin(checks)

    def begin_reads(self, checks: Iterable[Check]) -> None:
        """Start the checks that only read, several at once, in the order in which they are likely to find something."""
        for check in soonest_first(checks):
            self._reading[check.id] = self._reads.submit(partial(self.execute, check))

    def result(self, check: Check) -> CheckRecord:
        """Return the record of a check: wait for it if the check was started, else execute the check now."""
        started = self._changes.record_of(check) or self._reading.get(check.id)
        if started is None and check.stage is Stage.BAD_KEYS:
            self.finish_changes()  # the check may restore, beside which no refused restore may go on
        return started.result() if started else self.execute(check)

    def finish_changes(self) -> None:
        """Wait until everything that changes the target has happened."""
        self._changes.finish()

    def await_reads(self, count: int) -> None:
        """Wait until this number of reads of all workers is done, so that a lockout by bad keys disturbs none of them.

        After the failure that ends the run, no worker does its reads any more.
        """
        deadline = time.monotonic() + READS_PATIENCE_S
        shared_state = self._run.client.shared_state
        while shared_state.read("reads_done") < count and time.monotonic() < deadline:
            if shared_state.read(LAST_FAILURE):
                return
            self._run.wait(READS_POLL_S)

    def _await_own_reads(self) -> None:
        """Wait until the reads of this worker are over, for a limited time."""
        deadline = time.monotonic() + READS_PATIENCE_S
        for record in list(self._reading.values()):
            with suppress(CancelledError, TimeoutError):
                record.exception(max(0.0, deadline - time.monotonic()))

    def before_bad_keys(self, reads: int = 0) -> None:
        """Finish and review everything else before the first bad key, since bad keys may lock the run out.

        What happens to restores long after their end is left to the last review, which waits for it, unless the target
        allows few bad keys, so that the last review may read nothing any more.

        `reads`: how many checks of all workers read.
        """
        if not self._reviewed:
            self._reviewed = True
            self.finish_changes()
            self.await_reads(reads)
            self.final_review(is_last=not self._allows_many_bad_keys())

    def begin_bad_keys(self, checks: Iterable[Check]) -> None:
        """Start the checks that send bad keys, several at once, but for those that would restore to have a job.

        Where the target file allows few bad keys, none is started: the first checks use them up, in their order.
        """
        if self._allows_many_bad_keys():
            has_jobs = self._run.state.has_run("main")
            self._changes.begin(check for check in checks if has_jobs or check.operation != "job")

    def _allows_many_bad_keys(self) -> bool:
        return self._run.client.target.limits.bad_auth_max >= Limits().bad_auth_max

    def final_review(self, *, is_last: bool = True) -> None:
        """Review everything that the run did since the last review.

        Each review is executed by itself: one that fails is an error of its own clause, and of no other. After the bad
        keys of a quick run only their effects are reviewed.
        """
        is_again = self._run.state.reviews > 0
        self._run.state.begin_review(is_last=is_last)
        reviews = [review for review in self._reviews if review.clause in self._selected]
        if is_again and self._run.is_quick:
            reviews = [review for review in reviews if review.clause in FORBID_EFFECTS]
        with going_first():
            if reviews:
                read_ahead(CheckContext(reviews[0], self._run), {review.clause for review in reviews})
            for review in reviews:
                self.execute(review)

    def close(self) -> None:
        """Wait for the checks in progress; those that have not begun are not started."""
        for threads in (self._reads, self._changes):
            threads.close(STOPPED_PATIENCE_S if self.stopped else None)

    # ------------------------------------------------------------ one check

    def execute(self, check: Check) -> CheckRecord:
        """Run a check, and pass its record to `on_record` if its clause is selected."""
        try:
            record = self._without_running(check) or self._run_check(check)
        except NothingToReviewError as reason:
            return CheckRecord(check.id, Outcome.NOT_TESTED, str(reason))
        if check.clause in self._selected:
            self._on_record(record)
        return record

    def _without_running(self, check: Check) -> CheckRecord | None:
        """The record of a check that does not begin: preflight stopped the run, or found that something is missing."""
        situation = self.situation
        if situation is None or check.kind is CheckKind.FINAL_REVIEW:
            return None
        if problem := situation.preflight.problem:
            return CheckRecord(check.id, Outcome.ERROR, self._recorder.text(problem))
        if not (gaps := situation.gaps(check)):
            return None
        wrong = [gap for gap in gaps if gap.wrong]
        exempting = [gap for gap in gaps if gap.exempts]
        outcome = Outcome.ERROR if wrong and not exempting else Outcome.NOT_TESTED
        reason = self._recorder.text(in_one_line(exempting or wrong or gaps))
        return CheckRecord(check.id, outcome, reason, applies=not exempting)

    def _run_check(self, check: Check) -> CheckRecord:
        started = time.monotonic()
        record = CheckRecord(check.id, Outcome.PASSED)
        context = CheckContext(check, self._run)
        findings = FindingSet()
        try:
            for finding in check.run(context):
                findings.add(finding)
            if not context.exchanges.count and not findings.defects:
                findings.add(inconclusive("the check sent nothing: an error of the suite"))
        except NothingToReviewError:
            raise
        except CANNOT_GO_ON as reason:
            if isinstance(reason, NotTestableError | NotAllowedError):
                record.outcome, record.reason = Outcome.NOT_TESTED, self._recorder.text(str(reason))
                record.applies = not isinstance(reason, NotApplicableError)
            elif self.stopped:  # everything else that could not be determined follows from that
                record.outcome, record.reason = Outcome.NOT_TESTED, "not run: the run ended first"
            else:
                findings.add(inconclusive(str(reason), context.exchanges.last))
        except Exception as error:  # an error of ours is never the target's failure
            findings.add(inconclusive(_error_of_ours(error)))
        record.duration_s = round(time.monotonic() - started, 4)
        self._complete(record, context, findings)
        return record

    def _complete(self, record: CheckRecord, context: CheckContext, findings: FindingSet) -> None:
        record.requests = context.exchanges.count
        record.inputs = len(context.exchanges.inputs)
        record.timeline = context.timeline
        attach(record, self._catalogue, findings.defects.values(), self._recorder, self.look_again)
        if not record.exchanges and self._shows_passed:
            record.exchanges = [self._recorder.evidence(exchange) for exchange in context.exchanges.first]

    def look_again(self, exchange: Exchange) -> None:
        """Repeat a failed read, to distinguish "seen 2 of 2" from "seen 1 of 2"; the outcome stays."""
        request = exchange.request
        if exchange.seen or exchange.status is None or request.method != "GET" or request.sender is not Sender.MEMBER:
            return
        try:
            again = self._run.client.send(request, Purpose.CONTROL)
        except CANNOT_GO_ON:
            return
        exchange.seen = (2 if again.status == exchange.status else 1, 2)


def _error_of_ours(error: Exception) -> str:
    if shortage := exhausted(error):
        return shortage
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"a bug of the suite: {type(error).__name__}: {error} ({place.name}, line {place.lineno})"
