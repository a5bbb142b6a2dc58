"""JOB-1 … JOB-11: what may start a restore, and what must not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from conformance.contract import ids
from conformance.contract.operations import NOT_LIVE_STATES
from conformance.contract.pointers import value_at
from conformance.generation import fixed_inputs
from conformance.http.exchange import Expected, encoded
from conformance.judging.answer_shapes import mismatches_at, serves, succeeds
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    NotTestableError,
    expect_content,
    expect_documented_status,
    expect_equal,
    expect_status,
    expect_unique,
    inconclusive,
    inconclusive_reason,
    object_of,
    violation,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.follower import Follower
from conformance.scenarios.proofs import restore_evidence
from conformance.scenarios.side_effects import observed_effects, send_expecting_refusal
from conformance.suite.support import crossed_requests, expect_not_declined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


FORM = "application/x-www-form-urlencoded"
BOUNDARY = "form-field-boundary"


@passive("JOB-1", when=succeeds("restore"))
def restore_is_answered_with_a_descriptor(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if isinstance(exchange.data, dict):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@check("JOB-1", "restore")
def test_job_1_a_valid_request_is_accepted(context: CheckContext) -> Iterator[Finding]:
    """A restore by the full key while nothing else runs on the instance."""
    restore = context.run_once("main", restore_scenarios.main).restore
    yield from expect_content(restore.answer)
    yield from expect_not_declined(restore)


@passive("JOB-2", when=serves("restore"))
def descriptor_names_the_action(exchange: Exchange) -> Iterator[Finding]:
    action = value_at(exchange.data, "/action")
    if isinstance(action, str):
        yield from expect_equal(action, "restore", exchange, "/data/action")


@passive(
    "JOB-3", when=lambda exchange: serves("restore")(exchange) and value_at(exchange.data, "/job/accepted") is not False
)
def accepted_job_has_an_id(exchange: Exchange) -> Iterator[Finding]:
    if value_at(exchange.data, "/job/id") == "":
        yield violation("the id of the job", "an empty string", exchange, "/data/job/id")


@check("JOB-3", "restore")
def test_job_3_every_job_has_its_own_id(context: CheckContext) -> Iterator[Finding]:
    """All restores that were accepted in this run, those asked for at once among them."""
    context.run_once("main", restore_scenarios.main)
    restore_scenarios.try_all(context)
    accepted = [restore for restore in context.run.state.restores if restore.accepted]
    ids = [restore.job_id for restore in restore_evidence.own_jobs(context, accepted) if restore.job_id]
    yield from expect_unique(ids, context.run.state.restores[-1].answer, "job")


def valid_body(context: CheckContext, **other: object) -> JsonObject:
    """The body of a valid restore request, with `other` members added or replaced."""
    return {"action": "restore", "contents": {"instance_id": context.fixtures.instance_id}, **other}


def refuse_bodies(
    context: CheckContext, bodies: Sequence[object], with_queries: Sequence[tuple[object, str]] = ()
) -> Iterator[Finding]:
    """JSON bodies that must be refused, for an existing backup; some of them again with unknown members.

    `with_queries`: bodies that must be refused with any query, each with one.
    """
    backup = context.fixtures.dedicated_backup(context.check.clause)
    sent = [*bodies, *(with_more(body) for body in bodies[::5] if isinstance(body, dict))]
    requests = [context.build.restore(backup, body=body, expected=Expected.REFUSAL) for body in sent]
    requests += [
        context.build.restore(backup, body=body, query=query, expected=Expected.REFUSAL) for body, query in with_queries
    ]
    for answer in send_expecting_refusal(context, context.chosen(requests)):
        yield from expect_status(answer, ANY_4XX)


def with_more(body: JsonObject) -> JsonObject:
    """The body with unknown members, at its top level and in its contents; they are legal and change no verdict."""
    contents = body.get("contents")
    more = {"contents": {**contents, "note": "x"}} if isinstance(contents, dict) else {}
    return {**body, "note": {"by": "x"}, **more}


@check("JOB-4", "restore")
def test_job_4_bodies_that_are_no_json_object_are_refused(context: CheckContext) -> Iterator[Finding]:
    """Nothing, cut short, two documents, other JSON values, other languages."""
    good = json.dumps(valid_body(context)).encode()
    raw = [b"", b" ", b"{", good[:-1], good + b"}", good + good, good + b" x", good[1:], good.replace(b'"', b"'")]
    raw += [b"null", b"true", b"7", b'"restore"', b"[]", b"[" + good + b"]", json.dumps(good.decode()).encode()]
    raw += [b"restore", b"<action>restore</action>", b"NaN", good.replace(b'"restore"', b"restore"), b"\xff\xfe" + good]
    raw += [good.replace(b'"action"', b"action"), good[:-1] + b",}", b"//\n" + good, b"[" * 5000, b"\x00" + good]
    backup = context.fixtures.dedicated_backup("JOB-4")
    requests = [context.build.restore(backup, raw=body, expected=Expected.REFUSAL) for body in raw]
    for answer in send_expecting_refusal(context, context.chosen(requests)):
        yield from expect_status(answer, ANY_4XX)


@check("JOB-5", "restore")
def test_job_5_missing_null_and_mistyped_members_are_refused(context: CheckContext) -> Iterator[Finding]:
    """Each of the three members missing, null, and of every other type, the right value wrapped among them."""
    instance = context.fixtures.instance_id
    contents = {"instance_id": instance}
    bodies: list[object] = [{}, {"action": "restore"}, {"contents": contents}, valid_body(context, contents={})]
    bodies += [
        valid_body(context, action=value) for value in (None, 1, True, False, [], ["restore"], {}, {"restore": 1})
    ]
    wrapped = ([contents], json.dumps(contents), instance, [instance], {"contents": contents}, {"instance": instance})
    bodies += [valid_body(context, contents=value) for value in (None, 1, True, [], "", *wrapped)]
    ids: list[object] = [None, 0, 7, -1, 1.5, True, False, [], {"$ne": ""}, [instance], {"id": instance}, contents]
    bodies += [valid_body(context, contents={"instance_id": value}) for value in ids]
    bodies += [
        {"action": "restore", "instance_id": instance},
        {"task": valid_body(context)},
        {"data": valid_body(context)},
    ]
    # some frameworks merge the query into the body
    action, whole = "action=restore", f"action=restore&contents%5Binstance_id%5D={encoded(instance)}"
    yield from refuse_bodies(context, bodies, [({}, whole), ({"contents": contents}, action)])


@check("JOB-6", "restore")
def test_job_6_other_actions_are_refused(context: CheckContext) -> Iterator[Finding]:
    """Other actions, and other spellings of `restore`."""
    actions = ("", "destroy", "backup", "delete", "Restore", "RESTORE", " restore", "restore ", "restores", "restor")
    odd = (
        "restore\x00",
        "restore\n",
        "re\u200bstore",
        "rest\u043ere",
        "restore,backup",
        "null",
        "true",
        "*",
        "x" * 500,
    )
    bodies = [valid_body(context, action=action) for action in (*actions, *odd)]
    unknown = {"instance_id": context.build.unknown_id()}
    bodies += [{"action": text, "contents": unknown} for _, text in fixed_inputs.odd_texts()]
    yield from refuse_bodies(context, bodies)


@check("JOB-7", "restore")
def test_job_7_other_content_types_are_refused(context: CheckContext) -> Iterator[Finding]:
    """A valid JSON body with another Content-Type, and bodies of other types."""
    good = json.dumps(valid_body(context)).encode()
    form = f"action=restore&contents[instance_id]={context.fixtures.instance_id}".encode()
    sent = [(kind, good) for kind in ("text/plain", "application/xml", "application/octet-stream", FORM, "text/html")]
    sent += [(FORM, form), ("application/xml", b"<action>restore</action>")]
    fields = {"action": "restore", "contents[instance_id]": context.fixtures.instance_id}
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    sent.append((f"multipart/form-data; boundary={BOUNDARY}", f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()))
    backup = context.fixtures.dedicated_backup("JOB-7")
    requests = [
        context.build.restore(backup, raw=body, content_type=kind, expected=Expected.REFUSAL) for kind, body in sent
    ]
    for answer in send_expecting_refusal(context, context.chosen(requests)):
        yield from expect_status(answer, ANY_4XX, advise=(415,))


@check("JOB-8", "restore")
def test_job_8_other_instances_are_refused(context: CheckContext) -> Iterator[Finding]:
    """Unknown and empty ids, other spellings of the right one, and an instance of another container."""
    own = context.fixtures.instance_id
    wrong = [context.build.unknown_id(), "", " ", f" {own}", f"{own} ", f"{own}\x00", f"{own},{own}", "*"]
    wrong += [context.fixtures.container_id, context.fixtures.backup_id, f"{own}\n", "null", f"../{own}"]
    # one character less or more might be the name of another instance, where names are not of a fixed length
    wrong += [own[:-1], f"{own}0"] if ids.form(own) in ("oid", "uuid") else [f"{own}-{context.build.unknown_id()}"]
    wrong += [text for _, text in fixed_inputs.odd_texts()]
    if foreign := context.fixtures.target.fixtures.foreign_instance_id:
        wrong.append(foreign)
    backup = context.fixtures.dedicated_backup("JOB-8")
    requests = [
        context.build.restore(backup, instance, expected=Expected.REFUSAL) for instance in wrong if instance != own
    ]
    for answer in send_expecting_refusal(context, context.chosen(requests)):
        yield from expect_status(answer, ANY_4XX)


@check("JOB-9", "restore")
def test_job_9_other_backups_are_not_found(context: CheckContext) -> Iterator[Finding]:
    """An unknown backup; ours through the sibling's path, the sibling's through ours."""
    unknown = context.build.restore(context.build.unknown_id(), expected=Expected.REFUSAL, ownership="missing")
    yield from expect_status(context.send(unknown), 404)
    try:
        paths = [*crossed_requests(context, "restore")]
    except NotTestableError:
        return
    for answer in send_expecting_refusal(context, paths):
        if answer.request.resources["container"] == context.fixtures.container_id:
            yield from expect_status(answer, 403, 404, advise=(404,))
        else:  # the instance is not of that container either, so any refusal of JOB-8 is right as well
            yield from expect_status(answer, ANY_4XX)


@check("JOB-10", "restore")
def test_job_10_rejected_requests_do_nothing(context: CheckContext) -> Iterator[Finding]:
    """One rejection of each kind on a dedicated backup, which is read right after them and at the end of the run."""
    backup, own = context.fixtures.dedicated_backup("JOB-10"), context.fixtures.instance_id
    for answer in send_expecting_refusal(context, [*_rejections(context, backup, own)]):
        if why := inconclusive_reason(answer):
            yield inconclusive(why, answer)
    yield from observed_effects(context)


def _rejections(context: CheckContext, backup: str, own: str) -> Iterator[Request]:
    good = valid_body(context)
    yield context.build.restore(backup, raw=json.dumps(good).encode()[:-1], expected=Expected.REFUSAL)
    yield context.build.restore(backup, body=[good], expected=Expected.REFUSAL)
    yield context.build.restore(backup, body={**good, "action": "backup"}, expected=Expected.REFUSAL)
    yield context.build.restore(backup, body={**good, "contents": {"instance_id": [own]}}, expected=Expected.REFUSAL)
    yield context.build.restore(backup, body={"contents": good["contents"]}, expected=Expected.REFUSAL)
    yield context.build.restore(backup, context.build.unknown_id(), expected=Expected.REFUSAL)
    yield context.build.restore(
        backup, raw=json.dumps(good).encode(), content_type="text/plain", expected=Expected.REFUSAL
    )


@check("JOB-11", "restore")
def test_job_11_backups_that_are_not_live_are_refused(context: CheckContext) -> Iterator[Finding]:
    """A restore of a backup that is being saved, being deleted, or deleted: the target file's, and one of each."""
    shown = {backup: context.get(backup) for backup in not_live(context)}
    there = {backup: get for backup, get in shown.items() if get.status != 404}  # a deleted one need not be shown
    if not there:
        raise NotTestableError("set fixtures.not_live_backup_id to a backup that get shows")
    for backup, get in there.items():
        if value_at(object_of(get), "/state/current") == "live":
            raise NotTestableError("set fixtures.not_live_backup_id to a backup that is not live (it is live now)")
        for answer in send_expecting_refusal(context, [context.build.restore(backup)]):
            yield from expect_status(answer, ANY_4XX)
            if answer.is_success:  # whatever comes of it, what is asked for next must not meet it
                Follower(context).let_end(answer)


def not_live(context: CheckContext) -> list[str]:
    """The target file's backup that is not live, and one in each other such state that was seen in the list."""
    named = context.fixtures.target.fixtures.not_live_backup_id
    lasting = {str(backup["id"]): value_at(backup, "/state/current") for backup in context.fixtures.lasting()}
    one_each = {state: backup for backup, state in lasting.items() if state in NOT_LIVE_STATES}
    one_each.pop(lasting.get(str(named)), None)
    if not one_each:
        return [context.fixtures.fixture("not_live_backup_id")]
    return [*([named] if named else []), *one_each.values()]
