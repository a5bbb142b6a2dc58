"""Faults of the jobs of restores: whether they end, and in which states they are seen."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from conformance.reference.patching import edited
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours
    from conformance.reference.data.store import Document, Job

#: clauses that need a restore that can be followed
FOLLOWED = ("RST-2", "RST-4", "RST-5", "RST-6", "RST-7", "RST-8")


@fault(breaks=("RST-1",))
def jobs_never_end(server: Behaviours) -> None:
    """A job does its work but stays in state running."""
    advance = server.advance
    server.advance = lambda server, job, state: (
        None if job.kind == "restore" and state == "completed" else advance(server, job, state)
    )


@fault(breaks=("RST-1",), also=FOLLOWED)
def jobs_are_forgotten(server: Behaviours) -> None:
    """A job stays in state queued."""
    pace = server.pace

    async def forget(server: Behaviours, job: Job, state: str) -> None:
        if job.kind == "restore" and state == "queued":
            await asyncio.Event().wait()
        await pace(server, job, state)

    server.pace = forget


@fault(breaks=("RST-5",))
def jobs_queue_again(server: Behaviours) -> None:
    """A running job returns to queued before it ends."""
    finish = server.finish_job

    async def requeue(server: Behaviours, job: Job) -> None:
        job.current = "queued"
        await server.pace(server, job, "running")
        await finish(server, job)

    server.finish_job = requeue


@fault(breaks=("RST-5",))
def late_jobs_queue_again(server: Behaviours) -> None:
    """From the eighth restore on, a running job returns to queued before it ends."""
    finish = server.finish_job

    async def requeue(server: Behaviours, job: Job) -> None:
        if server.store.counters.accepted_restores >= 8:
            await asyncio.sleep(0.3)
            job.current = "queued"
            await asyncio.sleep(0.3)
        await finish(server, job)

    server.finish_job = requeue


@fault(breaks=("RST-5",))
def jobs_run_after_the_end(server: Behaviours) -> None:
    """A completed job returns to running and completes again."""
    finish = server.finish_job

    async def run_again(server: Behaviours, job: Job) -> None:
        await finish(server, job)
        end = job.current
        for state in ("running", end):
            await server.pace(server, job, "running")
            job.current = state

    server.finish_job = run_again


@fault(breaks=("RST-5",))
def started_before_queued(server: Behaviours) -> None:
    """The times `queued` and `started` of a job are swapped."""

    def change(document: Document) -> None:
        events = document["events"]
        events["queued"], events["started"] = events["started"], events["queued"]

    server.write_job = edited(server.write_job, change)


@fault(breaks=("RST-5",))
def completed_before_started(server: Behaviours) -> None:
    """The completion time of a job is a minute before its start."""
    advance = server.advance

    def step(server: Behaviours, job: Job, state: str) -> None:
        advance(server, job, state)
        if job.completed and job.started:
            job.completed = job.started - timedelta(minutes=1)

    server.advance = step


@fault(breaks=("RST-1",), also=("RST-6", "RST-2"))
def second_restore_never_begins(server: Behaviours) -> None:
    """A restore that is accepted while another runs stays queued."""
    pace = server.pace
    first: list[Job] = []

    async def wait(server: Behaviours, job: Job, state: str) -> None:
        if job.kind == "restore" and state == "new":
            if any(job.completed is None for job in first):
                await asyncio.Event().wait()
            first.append(job)
        await pace(server, job, state)

    server.pace = wait


@fault(breaks=("RST-5",))
def completed_jobs_expire(server: Behaviours) -> None:
    """A completed job becomes expired two seconds later."""
    advance = server.advance

    def expire(server: Behaviours, job: Job, state: str) -> None:
        advance(server, job, state)
        if state == "completed":
            asyncio.get_running_loop().call_later(2, job.__setattr__, "current", "expired")

    server.advance = expire
