"""RST-5 and JBS-5: how the state of a job may change from one reading to the next, and the order of its times."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from conformance.contract.operations import JOB_PROGRESS, TERMINAL_STATES
from conformance.contract.pointers import value_at
from conformance.contract.timestamps import parse_time
from conformance.judging.expectations import violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding


def moves_forward(jobs: Sequence[Exchange]) -> Iterator[Finding]:
    """Expect states in their order, no change of a terminal state, and times in their order."""
    for earlier, later in pairwise(jobs):
        before, after = (str(value_at(job.data, "/state/current")) for job in (earlier, later))
        back = JOB_PROGRESS.get(after, 0) < JOB_PROGRESS.get(before, 0)
        if back or (before in TERMINAL_STATES and after != before):
            wanted = f"{before}, a final state" if before in TERMINAL_STATES else f"{before} or a later state"
            yield violation(wanted, f"{after}", later, "/data/state/current")
    for job in jobs:
        yield from times_in_order(job)


def error_messages(job: object) -> list[str]:
    """The messages of a job's own error and of its tasks' errors; an empty message does not count."""
    tasks = value_at(job, "/tasks")
    errors = [value_at(job, "/state/error"), *(value_at(task, "/error") for task in _documents(tasks))]
    messages = [value_at(error, "/message") for error in errors]
    return [message for message in messages if isinstance(message, str) and message.strip()]


def parts_agree(job: Exchange) -> Iterator[Finding]:
    """Expect no error of a completed job, and no task of it in state error or with an error."""
    if value_at(job.data, "/state/current") != "completed":
        return
    for message in error_messages(job.data):
        yield violation("a completed job without an error", message, job, "/data/state/error")
    for index, task in enumerate(_documents(value_at(job.data, "/tasks"))):
        if value_at(task, "/state/current") == "error":
            yield violation("no task of a completed job in error", "error", job, f"/data/tasks/{index}/state/current")


def _documents(value: object) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def times_in_order(job: Exchange) -> Iterator[Finding]:
    """Expect queued, started and completed in this order, as far as they are set."""
    names = ("queued", "started", "completed")
    texts = {name: value_at(job.data, f"/events/{name}") for name in names}
    times = {name: parse_time(text) for name, text in texts.items() if isinstance(text, str)}
    known = [(name, when) for name, when in times.items() if when is not None and not when.unset]
    for (first, earlier), (second, later) in pairwise(known):
        if later < earlier:
            yield violation(f"{second} not before {first}", f"{texts[second]}", job, f"/data/events/{second}")
