"""Generated bodies of job requests: invalid by one keyword at a time, not JSON at all, or unusual but valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation import batches, request_bodies, requests
from conformance.generation.explorer import explore
from conformance.judging.checks import check
from conformance.judging.expectations import (
    ANY_4XX,
    CannotTellError,
    NotTestableError,
    expect_answer,
    expect_status,
    expect_success,
    inconclusive,
    inconclusive_reason,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.proofs.instance_data import other_data
from conformance.scenarios.proofs.other_clients import unless_restored_by_others
from conformance.scenarios.side_effects import observed_effects, send_expecting_refusal
from conformance.suite.support import probed_main_restore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.generation.batches import Kind
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore


def all_refused(context: CheckContext, kinds: list[Kind]) -> Iterator[Finding]:
    """Every generated request is refused with a 4xx, and changes nothing."""
    return explore(
        context,
        kinds,
        lambda exchange: expect_status(exchange, ANY_4XX),
        send=lambda batch: send_expecting_refusal(context, batch),
    )


@check("HTTP-3", "restore", kind=CheckKind.GENERATED)
def test_http_3_generated_members_are_answered(context: CheckContext) -> Iterator[Finding]:
    """Members that try a parser, in a restore to an instance that does not exist: none of them can start one."""
    kinds = requests.with_strange_members(context, context.fixtures.dedicated_backup("HTTP-3"))
    yield from explore(context, kinds, expect_answer, send=lambda batch: send_expecting_refusal(context, batch))


@check("JOB-1", "restore", kind=CheckKind.GENERATED)
def test_job_1_an_unusual_request_is_accepted(context: CheckContext) -> Iterator[Finding]:
    """A valid request in another spelling of JSON: one, since it starts a restore."""
    yield from expect_success(unusual(context).answer)


def unusual(context: CheckContext) -> Restore:
    """The restore whose valid body is written unusually."""
    valid = requests.valid_body(context.fixtures.instance_id)
    raw = batches.draw_values(request_bodies.respelled(valid), context.run.rng("unusual").getrandbits(64))[-1]
    return context.run_once("unusual", lambda context: restore_scenarios.unusual(context, raw))


@check("RST-8", "restore", kind=CheckKind.GENERATED)
def test_rst_8_a_backup_that_is_restored_again_is_restored(context: CheckContext) -> Iterator[Finding]:
    """What the instance held after the first restore of a backup it holds after the second, with others in between."""
    main, after_main, expected = probed_main_restore(context)
    if after_main.digest != expected:
        raise CannotTellError("RST-8 failed first, on the first restore")
    first, second = context.run_once("manage", restore_scenarios.manage), unusual(context)
    same_backup = first.backup == second.backup != main.backup  # the first check judges the main one
    if not (first.went_well and second.went_well and same_backup):
        raise NotTestableError("does not apply: no backup was restored twice")
    for held in (first.data, second.data):
        if held is None or held.digest is None:
            raise CannotTellError(held.doubt if held else "RST-1 failed first: the restore did not come to an end")
    if first.data and second.data and first.data.digest != second.data.digest:
        changed = other_data(second, f"{first.data.digest}, as after its first restore", second.data, first.data)
        yield unless_restored_by_others(context, second.instance, changed)


@check("JOB-4", "restore", kind=CheckKind.GENERATED)
def test_job_4_generated_bodies_that_are_no_json_object_are_refused(context: CheckContext) -> Iterator[Finding]:
    """A good body cut, continued, in another language; JSON that is no object."""
    valid = requests.valid_body(context.fixtures.instance_id)
    yield from all_refused(
        context,
        requests.with_raw_bodies(
            context, context.fixtures.dedicated_backup("JOB-4"), request_bodies.not_json_objects(valid)
        ),
    )


@check("JOB-5", "restore", kind=CheckKind.GENERATED)
def test_job_5_generated_members_are_refused(context: CheckContext) -> Iterator[Finding]:
    """Each member left out, null, of each other type; then two of them."""
    backup = context.fixtures.dedicated_backup("JOB-5")
    kinds = requests.with_broken_bodies(
        context,
        backup,
        lambda schema_break: bool(schema_break.pointer) and schema_break.keyword not in ("enum", "minLength"),
    )
    yield from all_refused(context, kinds)


@check("JOB-6", "restore", kind=CheckKind.GENERATED)
def test_job_6_generated_actions_are_refused(context: CheckContext) -> Iterator[Finding]:
    """Other words, and this one respelled."""
    yield from all_refused(context, requests.with_other_actions(context, context.fixtures.dedicated_backup("JOB-6")))


@check("JOB-8", "restore", kind=CheckKind.GENERATED)
def test_job_8_generated_instances_are_refused(context: CheckContext) -> Iterator[Finding]:
    """Instances that do not exist, the right one respelled, and the ids of other things."""
    yield from all_refused(context, requests.with_other_instances(context, context.fixtures.dedicated_backup("JOB-8")))


@check("JOB-10", "restore", kind=CheckKind.GENERATED)
def test_job_10_refused_requests_do_nothing_however_often(context: CheckContext) -> Iterator[Finding]:
    """Rejections of some kinds, each asked for twice: the backup and its logs stay as they were."""
    kinds = requests.without_effect(context, context.fixtures.dedicated_backup("JOB-10"))
    # the checks of JOB-4, JOB-5 and JOB-7 send each kind once, and their effects are observed as well
    kinds = context.rng.sample(kinds, min(len(kinds), max(4, context.run.examples // 5)))

    def twice(batch: Sequence[Request]) -> Sequence[Exchange]:
        answers = send_expecting_refusal(context, batch)
        context.send_all(answer.request for answer in answers if answer.is_refusal and not inconclusive_reason(answer))
        return answers

    def answered(exchange: Exchange) -> Iterator[Finding]:
        if why := inconclusive_reason(exchange):
            yield inconclusive(why, exchange)

    yield from explore(context, kinds, answered, send=twice)
    yield from observed_effects(context)
