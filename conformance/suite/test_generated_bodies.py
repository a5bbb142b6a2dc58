"""Generated bodies of job requests: broken keyword by keyword, no JSON at all, or good and strange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance import stories
from conformance.checks import check
from conformance.expectations import ANY_4XX, answered, no_verdict, status, success, untold
from conformance.generation import batches, bodies, requests
from conformance.generation.engine import explore
from conformance.refusals import effects, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.api import Api
    from conformance.exchange import Exchange
    from conformance.expectations import Found
    from conformance.generation.batches import Kind


def all_refused(api: Api, kinds: list[Kind]) -> Iterator[Found]:
    return explore(api, kinds, lambda on: status(on, ANY_4XX), send=lambda batch: refused(api, batch))


@check("HTTP-3", "restore", kind="generated")
def test_http_3_generated_members_are_answered(api: Api) -> Iterator[Found]:
    """Members that try a parser, in a restore to an instance that does not exist: none of them can start one."""
    kinds = requests.with_strange_members(api, api.world.bystander("HTTP-3"))
    yield from explore(api, kinds, answered, send=lambda batch: refused(api, batch))


@check("JOB-1", "restore", kind="generated")
def test_job_1_an_unusual_request_is_accepted(api: Api) -> Iterator[Found]:
    """A valid request in another spelling of JSON: one, since it starts a restore."""
    valid = requests.valid_body(api.world.instance_id)
    raw = batches.drawn(bodies.respelled(valid), api.run.rng("unusual").getrandbits(64))[-1]
    restore = api.story("unusual", lambda api: stories.unusual(api, raw))
    yield from success(restore.answer)


@check("JOB-4", "restore", kind="generated")
def test_job_4_generated_bodies_that_are_no_json_object_are_refused(api: Api) -> Iterator[Found]:
    """A good body cut, continued, in another language; JSON that is no object."""
    valid = requests.valid_body(api.world.instance_id)
    yield from all_refused(api, requests.with_raw_bodies(api, api.world.bystander("JOB-4"), bodies.no_json(valid)))


@check("JOB-5", "restore", kind="generated")
def test_job_5_generated_members_are_refused(api: Api) -> Iterator[Found]:
    """Each member left out, null, of each other type; then two of them."""
    backup = api.world.bystander("JOB-5")
    broken = lambda one: bool(one.pointer) and one.keyword not in ("enum", "minLength")  # noqa: E731
    yield from all_refused(api, requests.with_broken_bodies(api, backup, broken))


@check("JOB-6", "restore", kind="generated")
def test_job_6_generated_actions_are_refused(api: Api) -> Iterator[Found]:
    """Other words, and this one respelled."""
    yield from all_refused(api, requests.with_other_actions(api, api.world.bystander("JOB-6")))


@check("JOB-8", "restore", kind="generated")
def test_job_8_generated_instances_are_refused(api: Api) -> Iterator[Found]:
    """Instances that do not exist, the right one respelled, and the ids of other things."""
    yield from all_refused(api, requests.with_other_instances(api, api.world.bystander("JOB-8")))


@check("JOB-10", "restore", kind="generated")
def test_job_10_refused_requests_do_nothing_however_often(api: Api) -> Iterator[Found]:
    """Rejections of every sort, each asked for three times over: the backup and its logs stay as they were."""
    kinds = requests.without_effect(api, api.world.bystander("JOB-10"))

    def thrice(on: Exchange) -> Iterator[Found]:
        if why := no_verdict(on):
            yield untold(why, on)
        elif on.refused:
            api.send_all([on.request] * 2)

    yield from explore(api, kinds, thrice, send=lambda batch: refused(api, batch))
    yield from effects(api)
