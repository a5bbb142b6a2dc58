"""Faults of the jobs endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.core import Answer, Reply
from conformance.reference.data.store import MANAGE, VIEW
from conformance.reference.patching import edit_answers, edited, on_refusal, recode, skip
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.data.store import Document, Job
    from conformance.reference.refusals import RefusalError

JOB = frozenset({"job"})
#: clauses whose checks follow jobs
FOLLOWED = ("RST-1", "RST-4", "RST-5", "RST-6")


def _written(server: Behaviours, change: Callable[[Document], object]) -> None:
    server.write_job = edited(server.write_job, change)


def _forgotten(server: Behaviours, seconds: float) -> None:
    """Forget a job some seconds after its end."""
    find = server.find_job

    def hide(call: Call, job_id: str) -> Job | None:
        job = find(call, job_id)
        over = job and job.completed and (call.server.clock() - job.completed).total_seconds() > seconds
        return None if over else job

    server.find_job = hide


@fault(breaks=("JBS-1",), also=FOLLOWED)
def job_without_creator(server: Behaviours) -> None:
    """A job has no creator."""
    _written(server, lambda document: document.pop("creator"))


@fault(breaks=("JBS-1",), also=FOLLOWED)
def job_is_done(server: Behaviours) -> None:
    """A completed job has the unknown state `done`."""
    _written(
        server,
        lambda document: (
            document["state"].update({"current": "done"}) if document["state"]["current"] == "completed" else 0
        ),
    )


@fault(breaks=("JBS-1",), also=FOLLOWED)
def job_tasks_are_null(server: Behaviours) -> None:
    """The tasks of a job are null."""
    _written(server, lambda document: document.update(tasks=None))


@fault(breaks=("JBS-1",), also=FOLLOWED)
def job_of_another_id(server: Behaviours) -> None:
    """A job has the id of its hub."""
    _written(server, lambda document: document.update(id=document["hub_id"]))


@fault(breaks=("JBS-1",), also=FOLLOWED)
def finished_jobs_vanish(server: Behaviours) -> None:
    """A job is a 404 half a second after its end."""
    _forgotten(server, 0.5)


@fault(breaks=("JBS-1",), also=FOLLOWED)
def job_is_accepted(server: Behaviours) -> None:
    """A job is a 202."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "job" and answer.status == 200:
            answer.status = 202

    edit_answers(server, change)


@fault(breaks=("JBS-2",), also=("CAP-10",))
def jobs_for_everyone(server: Behaviours) -> None:
    """A job requires no capability."""
    skip(server, "capability", "job")


@fault(breaks=("JBS-2",))
def jobs_with_manage(server: Behaviours) -> None:
    """The view and manage capabilities also allow to read jobs."""
    holds = server.has_capability
    server.has_capability = lambda call, key, needed: (
        holds(call, key, needed) or (call.operation == "job" and not key.capabilities.isdisjoint({VIEW, MANAGE}))
    )


@fault(breaks=("JBS-3",))
def unknown_job_is_forbidden(server: Behaviours) -> None:
    """An unknown job is a 403."""
    recode(server, "404.job", "403.mismatch", JOB)


@fault(breaks=("JBS-3",), also=("HTTP-2", "JBS-1", "AUTH-6"))
def unknown_job_is_null(server: Behaviours) -> None:
    """An unknown job is a 200 with null."""
    get = server.handlers["job"]

    def lenient(_call: Call, _refusal: RefusalError) -> None:
        return

    on_refusal(server, "job", lenient)
    server.handlers["job"] = lambda call: get(call) if hasattr(call, "job") else Reply(200, None)


@fault(breaks=("JBS-3",))
def unknown_job_is_an_unknown_address(server: Behaviours) -> None:
    """An unknown job is a 404 with the code of an unknown container."""
    recode(server, "404.job", "404.container", JOB)


@fault(breaks=("JBS-4",))
def schedule_is_empty(server: Behaviours) -> None:
    """The schedule of a job is an empty string."""
    _written(server, lambda document: document.update(schedule=""))


@fault(breaks=("JBS-4",))
def described_schedule_is_empty(server: Behaviours) -> None:
    """The schedule in the descriptor of a restore is an empty string."""
    server.write_descriptor = edited(server.write_descriptor, lambda document: document["job"].update(schedule=""))


@fault(breaks=("JBS-1",), also=("RST-5",))
def old_jobs_vanish(server: Behaviours) -> None:
    """A job is a 404 three seconds after its end."""
    _forgotten(server, 3)


def _completed(server: Behaviours, change: Callable[[Document], object]) -> None:
    """Change the documents of completed jobs."""
    _written(server, lambda job: change(job) if job["state"]["current"] == "completed" else None)


@fault(breaks=("JBS-5",))
def completed_job_with_a_failed_task(server: Behaviours) -> None:
    """A task of a completed job is in state error."""
    _completed(server, lambda job: [task["state"].update(current="error") for task in job["tasks"]])


@fault(breaks=("JBS-5",))
def completed_job_with_an_error(server: Behaviours) -> None:
    """A completed job has an error with a message."""
    _completed(server, lambda job: job["state"].update(error={"message": "exit status 1"}))


@fault(breaks=("JBS-5",))
def completed_job_with_an_error_in_a_task(server: Behaviours) -> None:
    """A task of a completed job has an error with a message, and is in state error."""

    def change(job: Document) -> None:
        for task in job["tasks"]:
            task["state"].update(current="error")
            task["error"] = {"message": "the volume was busy"}

    _completed(server, change)


@fault(breaks=("JBS-5",))
def one_completed_job_with_a_failed_task(server: Behaviours) -> None:
    """A task of the first completed job is in state error."""
    first: list[str] = []

    def change(job: Document) -> None:
        first.append(job["id"])
        if job["id"] == first[0]:
            job["tasks"][0]["state"].update(current="error")

    _completed(server, change)
