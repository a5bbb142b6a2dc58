"""JBS-1 … JBS-5: jobs, the optional endpoint that shows the progress of a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.pointers import value_at
from conformance.http.exchange import is_addressable
from conformance.judging.answer_shapes import mismatches_at, serves, succeeds
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    NotApplicableError,
    expect_code,
    expect_content,
    expect_documented_status,
    expect_equal,
    expect_status,
    naming_key,
    violation,
)
from conformance.judging.job_lifecycle import parts_agree
from conformance.scenarios import restore_scenarios
from conformance.suite.support import keys_without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


@passive("JBS-1", when=succeeds("job"))
def jobs_are_jobs(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if isinstance(exchange.data, dict):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)
    shown_id = value_at(exchange.data, "/id")
    if isinstance(shown_id, str) and exchange.request.ownership != "malformed":
        yield from expect_equal(shown_id, exchange.request.resources["job"], exchange, "/data/id")


@check("JBS-1", "job")
def test_jbs_1_jobs_are_shown_to_the_end_of_the_run(context: CheckContext) -> Iterator[Finding]:
    """The job of every accepted restore can be read until the end of the run, if the target has jobs."""
    context.require_jobs()
    restore = context.run_once("main", restore_scenarios.main).restore
    named = [accepted for accepted in context.run.state.restores if accepted.accepted and accepted.job_id]
    for accepted in named:
        if not is_addressable(accepted.job_id or ""):
            yield violation("an id that an address can hold", repr(accepted.job_id), accepted.answer, "/data/job/id")
            return
    if not restore.readable and context.key_proofs.jobs is None:
        if not context.fixtures.target.claims.jobs:
            raise NotApplicableError("does not apply: the target shows no jobs")
        yield violation("a job, since claims.jobs = true", "no restore shows one", restore.answer, "/data/job/id")
        return
    shown = {accepted.job_id: job for accepted, job in restore_scenarios.jobs_afterwards(context)}
    for accepted in named:
        yield from expect_content(shown.get(accepted.job_id) or context.job(accepted.job_id))


@check("JBS-2", "job")
def test_jbs_2_jobs_need_their_capability(context: CheckContext) -> Iterator[Finding]:
    """A job that exists, requested with keys that have other capabilities."""
    job = restore_scenarios.real_job(context)
    for answer in context.send_all(context.build.job(job, key=key) for key in keys_without(context, "job")):
        yield from naming_key(expect_status(answer, 403))


@check("JBS-3", "job")
def test_jbs_3_an_unknown_job_is_not_found(context: CheckContext) -> Iterator[Finding]:
    """A well-formed id that names no job, once a restore has shown that jobs exist."""
    if context.key_proofs.jobs is not True:
        restore_scenarios.real_job(context)
    answer = context.job(ownership="missing")
    yield from expect_status(answer, 404)
    yield from expect_code(answer, "404.job")


@check("JBS-5", "job")
def test_jbs_5_the_parts_of_a_job_agree(context: CheckContext) -> Iterator[Finding]:
    """The jobs of all restores that were followed, as last read."""
    restore_scenarios.real_job(context)
    restore_scenarios.try_all(context)
    for restore, last in restore_scenarios.jobs_afterwards(context):
        yield from parts_agree(last if last.is_success else restore.jobs[-1])


@passive("JBS-4", when=serves("restore", "delete", "job"))
def schedule_is_a_time(exchange: Exchange) -> Iterator[Finding]:
    place = "/schedule" if exchange.operation == "job" else "/job/schedule"
    if value_at(exchange.data, place) == "":
        yield violation("a time", "an empty string", exchange, f"/data{place}")
