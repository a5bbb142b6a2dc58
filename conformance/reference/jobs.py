"""How a job lives: accepted, queued, run one after the other in its lane, and ended, well or not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from conformance.reference.access import creator_id
from conformance.reference.world import Job

if TYPE_CHECKING:
    from conformance.reference.behaviour import Behaviours
    from conformance.reference.call import Call

SHARES = {"new": 0.1, "queued": 0.2, "running": 0.7}
"""How the time of a job is shared between its states."""


def new_job(call: Call, kind: str) -> Job:
    """The job that an accepted request makes."""
    return Job(
        kind=kind,
        container=call.container,
        backup=call.backup,
        instance=call.instance if kind == "restore" else None,
        creator_id=creator_id(call),
        created=call.server.clock(),
    )


def start(call: Call, job: Job) -> None:
    """Put the job down and let it run in the background."""
    server, world = call.server, call.world
    world.jobs[job.id] = job
    job.changed = job.created
    if job.kind == "restore":
        world.counters.accepted_restores += 1
    task = asyncio.get_running_loop().create_task(server.run(server, job))
    world.tasks.add(task)
    task.add_done_callback(world.tasks.discard)


async def run(server: Behaviours, job: Job) -> None:
    """The life of a job. Whatever goes wrong in its work is the job's error, not the server's."""
    await server.pace(server, job, "new")
    server.advance(server, job, "queued")
    await server.pace(server, job, "queued")
    counters = server.world.counters
    async with server.world.lanes[job.lane]:
        counters.running += 1
        counters.max_running = max(counters.max_running, counters.running)
        try:
            server.advance(server, job, "running")
            await server.pace(server, job, "running")
            await server.finish_job(server, job)
        finally:
            counters.running -= 1


async def finish_job(server: Behaviours, job: Job) -> None:
    """Do the work, put down how it went, and end the job: for an observer all in one moment."""
    problem = None
    try:
        server.work[job.kind](server, job)
    except Exception as error:  # the work's failure is a result
        problem = str(error) or type(error).__name__
    if job.kind == "restore":
        server.log_restore(server, job, problem)
    job.error = problem
    server.advance(server, job, "error" if problem else "completed")


async def pace(server: Behaviours, _job: Job, state: str) -> None:
    """How long a job stays in a state."""
    await asyncio.sleep(server.world.restore_seconds * SHARES[state])


def advance(server: Behaviours, job: Job, state: str) -> None:
    """Move the job on, and note when."""
    job.current = state
    job.changed = server.clock()
    if state == "queued":
        job.queued = job.changed
    elif state == "running":
        job.started = job.changed
    else:
        job.completed = job.changed
