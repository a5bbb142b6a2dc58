"""JBS-1 … JBS-4: the companion that shows how a restore is getting on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.judging.answer_shapes import serves, violations_at
from conformance.judging.checks import check, passive
from conformance.judging.expectations import NotTestableError, at, broken, code, equal, shown_status, status, success
from conformance.scenarios import restore_scenarios
from conformance.suite.test_capabilities import keys_without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api


@passive("JBS-1", when=serves("job"))
def jobs_are_jobs(x: Exchange) -> Iterator[Found]:
    yield from shown_status(x)
    for violation in violations_at(x, "/data"):
        if isinstance(x.data, dict):
            yield broken(violation.wanted, violation.got, x, violation.pointer)
    shown_id = at(x.data, "/id")
    if isinstance(shown_id, str) and x.request.ownership != "malformed":
        yield from equal(shown_id, x.request.resources["job"], x, "/data/id")


@check("JBS-1", "job")
def test_jbs_1_jobs_are_shown_to_the_end_of_the_run(api: Api) -> Iterator[Found]:
    """The job of every accepted restore: where jobs exist it is there, and stays."""
    api.need_jobs()
    restore = api.story("main", restore_scenarios.main).restore
    if not restore.readable and api.proofs.jobs is None:
        raise NotTestableError("does not apply: the target shows no jobs")
    for one in api.run.restores:
        if one.accepted and one.job_id:
            yield from success(api.job(one.job_id))


@check("JBS-2", "job")
def test_jbs_2_jobs_need_their_capability(api: Api) -> Iterator[Found]:
    """A job that exists, asked for with keys that have other capabilities."""
    job = api.real_job()
    for answer in api.send_all(api.ask.job(job, key=key) for key in keys_without(api, "job")):
        yield from status(answer, 403)


@check("JBS-3", "job")
def test_jbs_3_an_unknown_job_is_not_found(api: Api) -> Iterator[Found]:
    """A well-formed id that names no job, once it is known that there are jobs."""
    if api.proofs.jobs is not True:
        api.real_job()
    answer = api.job(ownership="missing")
    yield from status(answer, 404)
    yield from code(answer, "404.job")


@passive("JBS-4", when=serves("restore", "delete", "job"))
def schedule_is_a_time(x: Exchange) -> Iterator[Found]:
    place = "/schedule" if x.operation == "job" else "/job/schedule"
    if at(x.data, place) == "":
        yield broken("a time", "an empty string", x, f"/data{place}")
