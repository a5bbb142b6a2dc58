"""Faults of queues and workers: retries, what a failed restore leaves behind, and transactions that are not undone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.core import Reply
from conformance.reference.patching import busy, edited, on_refusal, on_restore_log
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Document, Job


def _later(seconds: float, change: Callable[..., object], *arguments: object) -> None:
    asyncio.get_running_loop().call_later(seconds, change, *arguments)


@fault(breaks=("RST-2",), also=("RST-6",))
def each_attempt_is_logged(server: Behaviours) -> None:
    """The first attempt of a restore fails and is logged with its error, the second one succeeds and is logged too."""
    log = server.log_restore

    def twice(server: Behaviours, job: Job, problem: str | None) -> None:
        if problem is None:
            log(server, job, "the volume was busy")
        log(server, job, problem)

    server.log_restore = twice


def _after_failure(server: Behaviours, change: Callable[[Job], object]) -> None:
    advance = server.advance

    def step(server: Behaviours, job: Job, state: str) -> None:
        advance(server, job, state)
        if job.kind == "restore" and state == "error":
            change(job)

    server.advance = step


@fault(breaks=("RST-5",))
def failed_jobs_are_tried_again(server: Behaviours) -> None:
    """A failed job is queued again a second later, and fails again."""

    def again(job: Job) -> None:
        _later(1, job.__setattr__, "current", "queued")

    _after_failure(server, again)


@fault(breaks=("RST-1",), also=("RST-4",))
def failed_jobs_never_end(server: Behaviours) -> None:
    """The job of a failed restore stays in state running."""
    advance = server.advance
    server.advance = lambda server, job, state: (
        None if job.kind == "restore" and state == "error" else advance(server, job, state)
    )


@fault(breaks=("RST-5",))
def failed_jobs_end_before_they_start(server: Behaviours) -> None:
    """The end of a failed job is when it was queued, as the row is written before the work."""

    def change(job: Job) -> None:
        job.completed = job.created

    _after_failure(server, change)


@fault(breaks=("RST-4",))
def damaged_backup_is_quarantined_later(server: Behaviours) -> None:
    """Two seconds after a failed restore the backup is in state deleting."""
    _after_failure(server, lambda job: _later(2, job.backup.__setattr__, "current", "deleting"))


@fault(breaks=("RST-4",))
def failure_loses_its_error_later(server: Behaviours) -> None:
    """Two seconds after a failed restore the error of its log is removed."""
    on_restore_log(server, lambda _job, log: _later(2, log.__setattr__, "error", None), failed=True)


@fault(breaks=("RST-2",), also=("RST-6", "HTTP-4"))
def good_log_gets_an_error_later(server: Behaviours) -> None:
    """Two seconds after a restore its log gets an error: the worker's lease has lapsed."""
    on_restore_log(server, lambda _job, log: _later(2, log.__setattr__, "error", {"message": "the lease has lapsed"}))


@fault(breaks=("RST-5",), also=("RST-4",))
def jobs_are_read_from_a_replica(server: Behaviours) -> None:
    """Every second reading of a job comes from a replica that lags two readings behind."""
    write, turn = server.write_job, count(1)
    written: defaultdict[str, list[Document]] = defaultdict(list)

    def lagging(call: Call, job: Job) -> Document:
        written[job.id].append(write(call, job))
        behind = 3 if next(turn) % 2 == 0 and len(written[job.id]) >= 3 else 1
        return written[job.id][-behind]

    server.write_job = lagging


@fault(breaks=("JOB-10",), also=("RST-9", "RST-2", "RST-6", "HTTP-4"))
def refused_restore_is_committed_with_the_next(server: Behaviours) -> None:
    """A session is not rolled back: the last refused restore is executed when the next one is accepted."""
    pending: list[tuple[Call, Job]] = []
    start = server.start_job

    def keep(call: Call, refusal: RefusalError) -> None:
        if call.operation == "restore":
            call.instance = next(iter(call.container.instances.values()))
            pending[:] = [(call, server.new_job(call, "restore"))]
        raise refusal

    def commit(call: Call, job: Job) -> None:
        while pending:
            start(*pending.pop())
        start(call, job)

    on_refusal(server, "request", keep)
    server.start_job = commit


@fault(breaks=("CAP-8",), also=("JOB-10", "HTTP-4"))
def denied_restore_is_logged_with_the_next(server: Behaviours) -> None:
    """A session is not rolled back: the log of a denied restore is stored with the next log."""
    pending: list[Job] = []
    log = server.log_restore

    def keep(call: Call, refusal: RefusalError) -> None:
        backup = call.store.main.backups.get(call.ids.get("backup", ""))
        if call.operation == "restore" and backup:
            call.container, call.backup = call.store.main, backup
            call.instance = next(iter(call.container.instances.values()))
            pending.append(server.new_job(call, "restore"))
        raise refusal

    def commit(server: Behaviours, job: Job, problem: str | None) -> None:
        while pending:
            log(server, pending.pop(), "denied")
        log(server, job, problem)

    on_refusal(server, "capability", keep)
    server.log_restore = commit


@fault(breaks=("RST-6",))
def declined_restore_runs_anyway(server: Behaviours) -> None:
    """A restore that is requested while another runs is a 202 with `accepted: false` but runs anyway."""
    restore = server.handlers["restore"]

    def decline(call: Call) -> Reply:
        if not busy(call):
            return restore(call)
        job = server.new_job(call, call.action)
        server.start_job(call, job)
        return Reply(202, server.write_descriptor(call, replace(job, accepted=False)))

    server.handlers["restore"] = decline


def _deduplicated(server: Behaviours) -> None:
    make, start = server.new_job, server.start_job

    def join(call: Call, kind: str) -> Job:
        same = (
            job
            for job in call.store.jobs.values()
            if kind == "restore" and job.kind == kind and job.backup is call.backup and job.instance is call.instance
        )
        return next(same, None) or make(call, kind)

    server.new_job = join
    server.start_job = lambda call, job: None if job.id in call.store.jobs else start(call, job)


@fault(breaks=("JOB-3",), also=("RST-2", "RST-5", "RST-6", "RST-8"))
def a_restore_is_a_duplicate_for_ever(server: Behaviours) -> None:
    """A restore of the same backup to the same instance gets the earlier job, which has ended and limits duplicates."""
    _deduplicated(server)
    server.write_job = edited(server.write_job, lambda document: document.update(limit_duplicates=True))


@fault(breaks=("JOB-1",), also=("RST-2", "RST-5", "RST-6", "RST-8", "CAP-6"))
def failed_restore_keeps_the_lock(server: Behaviours) -> None:
    """After a failed restore its instance stays locked: later restores to it are a 409."""
    locked = set[str]()
    _after_failure(server, lambda job: locked.add(job.lane))

    def check(call: Call) -> None:
        if call.instance.id in locked:
            raise RefusalError("409.duplicate-found")

    server.checks["admission"] = check


@fault(breaks=("RST-9",), needs_probe=True)
def failed_restore_clears_another_instance(server: Behaviours) -> None:
    """A failed restore removes a file from the container's other instances."""

    def clear(job: Job) -> None:
        for instance in job.container.instances.values():
            if instance is not job.instance:
                (instance.folder / "data" / "state.json").unlink(missing_ok=True)

    _after_failure(server, clear)
