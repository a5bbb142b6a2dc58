"""Jobs: accepted, queued, run one at a time per lane, and ended with or without an error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conformance.reference.data.store import Job
from conformance.reference.operations.access import creator_id

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call

#: the share of a job's duration that it spends in each state
SHARES = {"new": 0.1, "queued": 0.2, "running": 0.7}


def new_job(call: Call, kind: str) -> Job:
    """The job of an accepted request."""
    return Job(
        kind=kind,
        container=call.container,
        backup=call.backup,
        instance=call.instance if kind == "restore" else None,
        creator_id=creator_id(call),
        created=call.server.clock(),
    )


def start_job(call: Call, job: Job) -> None:
    """Store the job and run it in the background."""
    server, store = call.server, call.store
    store.jobs[job.id] = job
    job.changed = job.created
    if job.kind == "restore":
        store.counters.accepted_restores += 1
    task = asyncio.get_running_loop().create_task(server.run_job(server, job))
    store.tasks.add(task)
    task.add_done_callback(store.tasks.discard)


async def run_job(server: Behaviours, job: Job) -> None:
    """Run a job from its acceptance to its end."""
    await server.pace(server, job, "new")
    server.advance(server, job, "queued")
    await server.pace(server, job, "queued")
    counters = server.store.counters
    async with server.store.lanes[job.lane]:
        counters.running += 1
        counters.max_running = max(counters.max_running, counters.running)
        try:
            server.advance(server, job, "running")
            await server.pace(server, job, "running")
            await server.finish_job(server, job)
        finally:
            counters.running -= 1


async def finish_job(server: Behaviours, job: Job) -> None:
    """Do the work, log the result and end the job, without awaiting in between: observers see one change."""
    problem = None
    try:
        server.work[job.kind](server, job)
    except Exception as error:  # a failure of the work is the job's error, not the server's
        problem = str(error) or type(error).__name__
    if job.kind == "restore":
        server.log_restore(server, job, problem)
    job.error = problem
    server.advance(server, job, "error" if problem else "completed")


async def pace(server: Behaviours, _job: Job, state: str) -> None:
    """Wait for as long as a job stays in a state."""
    await asyncio.sleep(server.store.restore_seconds * SHARES[state])


def advance(server: Behaviours, job: Job, state: str) -> None:
    """Move the job to the next state and record the time."""
    job.current = state
    job.changed = server.clock()
    if state == "queued":
        job.queued = job.changed
    elif state == "running":
        job.started = job.changed
    else:
        job.completed = job.changed
