"""The order of the checks that could change the target."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conformance.config.threads import goes_first
from conformance.contract.check_id import CheckKind
from conformance.execution.changes import REFUSED, Changes
from conformance.judging.checks import Check, Stage
from conformance.judging.outcomes import CheckRecord, Outcome

if TYPE_CHECKING:
    from conformance.contract.operations import Operation

PATIENCE_S = 30


def check_of(number: int, stage: Stage) -> Check:
    operation: Operation = "job" if stage is Stage.JOBS else "restore"
    return Check(f"JOB-{number}", operation, lambda _: iter(()), stage, False)


class Target:
    """Records the order of the checks; `accepts`: the clause whose check has a restore accepted."""

    def __init__(self, accepts: str = "") -> None:
        self.begun: list[str] = []
        self.is_disturbed = False
        self.has_jobs = True
        self.together = threading.Barrier(REFUSED, timeout=PATIENCE_S)
        #: Checks of which each ends once all have begun.
        self.beside: dict[str, threading.Event] = {}
        self._accepts = accepts
        self._lock = threading.Lock()
        self.changes = Changes(self.execute, lambda: float(self.is_disturbed), lambda: self.has_jobs, self.await_reads)

    def await_reads(self) -> None:
        self.begun.append("reads awaited")

    def execute(self, check: Check) -> CheckRecord:
        assert goes_first()
        with self._lock:
            self.begun.append(check.clause)
        if check.stage in (Stage.REFUSALS, Stage.LATE_REFUSALS) and not self.is_disturbed:
            self.together.wait()
            self.is_disturbed = bool(self._accepts)
        if check.clause in self.beside:
            self.beside[check.clause].set()
            assert all(begun.wait(PATIENCE_S) for begun in self.beside.values())
        return CheckRecord(check.id, Outcome.PASSED)

    def run(self, checks: list[Check]) -> list[str]:
        self.changes.begin(checks)
        self.changes.finish()
        records = [self.changes.record_of(check) for check in checks]
        assert [record.result() for record in records if record] == [
            CheckRecord(check.id, Outcome.PASSED) for check in checks
        ]
        self.changes.close(None)
        return self.begun


def test_refused_restores_go_at_once_and_before_all_restores() -> None:
    refusals = [check_of(number, Stage.REFUSALS) for number in range(REFUSED)]
    order = Target().run(
        [check_of(22, Stage.DELETES), check_of(21, Stage.GENERATED), check_of(20, Stage.CHANGES), *refusals]
    )
    assert sorted(order[:REFUSED]) == [check.clause for check in refusals]
    assert order[REFUSED:] == ["JOB-20", "JOB-21", "reads awaited", "JOB-22"]


def test_late_refused_restores_go_at_once_behind_the_scenarios() -> None:
    late = [check_of(number, Stage.LATE_REFUSALS) for number in range(REFUSED)]
    others = [check_of(22, Stage.DELETES), check_of(21, Stage.GENERATED), check_of(20, Stage.CHANGES)]
    order = Target().run([*others, *late])
    assert order[:2] == ["JOB-20", "JOB-21"]
    assert sorted(order[2:-2]) == [check.clause for check in late]
    assert order[-2:] == ["reads awaited", "JOB-22"]


def test_refused_deletions_go_one_after_the_other_beside_refused_restores_and_before_all_restores() -> None:
    deletions = [check_of(number, Stage.REFUSED_DELETES) for number in range(3)]
    refusals = [check_of(number, Stage.REFUSALS) for number in range(10, 10 + REFUSED)]
    target = Target()
    target.beside = {"JOB-0": threading.Event(), "JOB-10": threading.Event()}
    target.together = threading.Barrier(1)
    order = target.run([check_of(22, Stage.DELETES), *deletions, *refusals, check_of(21, Stage.CHANGES)])
    assert [clause for clause in order if len(clause) == len("JOB-0")] == ["JOB-0", "JOB-1", "JOB-2"]
    assert order[-3:] == ["JOB-21", "reads awaited", "JOB-22"]


def test_after_an_acceptance_the_other_refused_restores_go_behind_the_scenarios() -> None:
    refusals = [check_of(number, Stage.REFUSALS) for number in range(REFUSED + 2)]
    target = Target(accepts="JOB-0")
    scenario, generated = check_of(20, Stage.CHANGES), check_of(21, Stage.GENERATED)
    order = target.run([*refusals, scenario, generated])
    assert sorted(order[:REFUSED]) == [check.clause for check in refusals[:REFUSED]]
    assert order[REFUSED:] == [check.clause for check in (scenario, *refusals[REFUSED:], generated)]


@pytest.mark.parametrize("stage", [Stage.REFUSALS, Stage.LATE_REFUSALS])
def test_after_an_acceptance_the_other_refused_restores_go_one_by_one(stage: Stage) -> None:
    refusals = [check_of(number, stage) for number in range(REFUSED + 3)]
    order = Target(accepts="JOB-0").run([check_of(22, Stage.DELETES), *refusals])
    assert order[REFUSED:] == [*(check.clause for check in refusals[REFUSED:]), "reads awaited", "JOB-22"]


def test_generated_reads_of_jobs_go_behind_the_others() -> None:
    generated, other = replace(check_of(1, Stage.JOBS), kind=CheckKind.GENERATED), check_of(2, Stage.JOBS)
    target = Target()
    target.has_jobs = False
    assert target.run([generated, other]) == ["JOB-2", "JOB-1"]


@pytest.mark.parametrize("has_jobs", [True, False])
def test_a_check_of_a_job_that_must_make_its_restore_goes_before_generated_ones(has_jobs: bool) -> None:
    target = Target()
    target.has_jobs = has_jobs
    order = target.run([check_of(1, Stage.JOBS), check_of(2, Stage.GENERATED)])
    assert sorted(order) == ["JOB-1", "JOB-2"]
    assert has_jobs or order == ["JOB-1", "JOB-2"]


def test_what_has_not_begun_is_not_started_after_the_end() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def execute(check: Check) -> CheckRecord:
        begun.set()
        go_on.wait(PATIENCE_S)
        return CheckRecord(check.id, Outcome.PASSED)

    changes = Changes(execute, lambda: 0.0, lambda: True, lambda: None)
    first, second = check_of(1, Stage.CHANGES), check_of(2, Stage.CHANGES)
    changes.begin([first, second])
    assert begun.wait(PATIENCE_S)
    changes.close(0)
    go_on.set()
    record = changes.record_of(second)
    assert record is not None
    with pytest.raises(CancelledError):
        record.result(PATIENCE_S)
