"""Generated bodies of job requests: broken keyword by keyword, no JSON at all, or good and strange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.generation import batches, bodies, requests
from conformance.generation.engine import explore
from conformance.judging.checks import check
from conformance.judging.expectations import (
    ANY_4XX,
    CannotTellError,
    NotTestableError,
    answered,
    broken,
    no_verdict,
    status,
    success,
    untold,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.follower import last_look
from conformance.scenarios.side_effects import effects, refused
from conformance.suite.test_restore import probed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.generation.batches import Kind
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api
    from conformance.scenarios.follower import Restore


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
    yield from success(unusual(api).answer)


def unusual(api: Api) -> Restore:
    """The one restore that is asked for in another spelling."""
    valid = requests.valid_body(api.world.instance_id)
    raw = batches.drawn(bodies.respelled(valid), api.run.rng("unusual").getrandbits(64))[-1]
    return api.story("unusual", lambda api: restore_scenarios.unusual(api, raw))


@check("RST-8", "restore", kind="generated")
def test_rst_8_a_backup_that_is_restored_again_is_restored(api: Api) -> Iterator[Found]:
    """What the instance held after the first restore of a backup it holds after the second, with others in between."""
    told, expected = probed(api)
    if told.digests.own_after != expected:
        raise CannotTellError("because RST-8 failed on the first restore already")
    first, second, known = api.story("manage", restore_scenarios.manage), unusual(api), told.digests.own_before
    same_backup = first.backup == second.backup != told.restore.backup  # of the main one the first check speaks
    if second.digest is None or not (first.went_well and second.went_well and same_backup):
        raise NotTestableError("does not apply: no backup was restored twice")
    if second.digest != known:
        yield broken(f"the data {known}, as after its first restore", second.digest, last_look(second))


@check("JOB-4", "restore", kind="generated")
def test_job_4_generated_bodies_that_are_no_json_object_are_refused(api: Api) -> Iterator[Found]:
    """A good body cut, continued, in another language; JSON that is no object."""
    valid = requests.valid_body(api.world.instance_id)
    yield from all_refused(api, requests.with_raw_bodies(api, api.world.bystander("JOB-4"), bodies.no_json(valid)))


@check("JOB-5", "restore", kind="generated")
def test_job_5_generated_members_are_refused(api: Api) -> Iterator[Found]:
    """Each member left out, null, of each other type; then two of them."""
    backup = api.world.bystander("JOB-5")
    kinds = requests.with_broken_bodies(
        api, backup, lambda one: bool(one.pointer) and one.keyword not in ("enum", "minLength")
    )
    yield from all_refused(api, kinds)


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
