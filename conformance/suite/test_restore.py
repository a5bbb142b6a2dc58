"""JOB-1 … JOB-11 and RST-1 … RST-9: what may start a restore, and that a restore restores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from conformance.contract import ids
from conformance.judging.answer_shapes import serves, violations_at
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    SHAPE_CLAUSE,
    CannotTellError,
    NotTestableError,
    at,
    broken,
    equal,
    no_verdict,
    same,
    shown,
    shown_status,
    status,
    success,
    unique,
    untold,
)
from conformance.scenarios import restore_scenarios
from conformance.scenarios.follower import Follower, last_look, message_of
from conformance.scenarios.job_lifecycle import moves_forward
from conformance.scenarios.side_effects import effects, refused
from conformance.suite.test_capabilities import taken_on
from conformance.suite.test_get import crossed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api
    from conformance.scenarios.follower import Restore

#: what a restore may move on the backup that it restores
MAY_MOVE = ("/events/updated", "/events/deleted", "/state/changed", "/state/error")
BUSY = (403, 409, 422, 423, 429)
NOT_LIVE = ("saving", "deleting", "deleted")
#: restores enough for it to be no chance that each of them has one more log than its own
NO_CHANCE = 3
FORM = "application/x-www-form-urlencoded"
SAME_DATA = (
    "the instance held this data before the restore, so one that does nothing would look the same: "
    "set fixtures.backup_id to a backup whose data differs from the instance's and from the other live backups'"
)


# ---------------------------------------------------------------- the request and its answer


@passive("JOB-1", when=serves("restore"))
def restore_is_answered_with_a_descriptor(x: Exchange) -> Iterator[Found]:
    yield from shown_status(x)
    for violation in violations_at(x, "/data"):
        if isinstance(x.data, dict):
            yield broken(violation.wanted, violation.got, x, violation.pointer)


@check("JOB-1", "restore")
def test_job_1_a_valid_request_is_accepted(api: Api) -> Iterator[Found]:
    """A restore by the full key while nothing else runs on the instance."""
    yield from taken_on(api.story("main", restore_scenarios.main).restore)


@passive("JOB-2", when=serves("restore"))
def descriptor_names_the_action(x: Exchange) -> Iterator[Found]:
    action = at(x.data, "/action")
    if isinstance(action, str):
        yield from equal(action, "restore", x, "/data/action")


@passive("JOB-3", when=lambda x: serves("restore")(x) and at(x.data, "/job/accepted") is not False)
def accepted_job_has_an_id(x: Exchange) -> Iterator[Found]:
    if at(x.data, "/job/id") == "":
        yield broken("the id of the job", "an empty string", x, "/data/job/id")


# ---------------------------------------------------------------- requests that must be refused


def valid_body(api: Api, **other: Any) -> dict[str, Any]:
    return {"action": "restore", "contents": {"instance_id": api.world.instance_id}, **other}


def refuse_bodies(api: Api, bodies: list[Any]) -> Iterator[Found]:
    """JSON bodies that must be refused, for a backup that exists: as they are, and some with members nobody knows."""
    backup = api.world.bystander(api.check.clause)
    sent = [*bodies, *(with_more(body) for body in bodies[::3] if isinstance(body, dict))]
    for answer in refused(api, [api.ask.restore(backup, body=body, refusable=True) for body in sent]):
        yield from status(answer, ANY_4XX)


def with_more(body: dict[str, Any]) -> dict[str, Any]:
    """The body with members that nobody knows, beside the others and in its contents: legal, and no excuse."""
    contents = body.get("contents")
    more = {"contents": {**contents, "note": "x"}} if isinstance(contents, dict) else {}
    return {**body, "note": {"by": "x"}, **more}


@check("JOB-4", "restore")
def test_job_4_bodies_that_are_no_json_object_are_refused(api: Api) -> Iterator[Found]:
    """Nothing, cut short, two documents, other JSON values, other languages."""
    good = json.dumps(valid_body(api)).encode()
    raw = [b"", b" ", b"{", good[:-1], good + b"}", good + good, good + b" x", good[1:], good.replace(b'"', b"'")]
    raw += [b"null", b"true", b"7", b'"restore"', b"[]", b"[" + good + b"]", json.dumps(good.decode()).encode()]
    raw += [b"restore", b"<action>restore</action>", b"NaN", good.replace(b'"restore"', b"restore"), b"\xff\xfe" + good]
    raw += [good.replace(b'"action"', b"action"), good[:-1] + b",}", b"//\n" + good, b"[" * 5000, b"\x00" + good]
    backup = api.world.bystander("JOB-4")
    for answer in refused(api, [api.ask.restore(backup, raw=body, refusable=True) for body in raw]):
        yield from status(answer, ANY_4XX)


@check("JOB-5", "restore")
def test_job_5_missing_null_and_mistyped_members_are_refused(api: Api) -> Iterator[Found]:
    """Each of the three members missing, null, and of every other type, the right value wrapped among them."""
    instance = api.world.instance_id
    contents = {"instance_id": instance}
    bodies: list[Any] = [{}, {"action": "restore"}, {"contents": contents}, valid_body(api, contents={})]
    bodies += [valid_body(api, action=value) for value in (None, 1, True, False, [], ["restore"], {}, {"restore": 1})]
    wrapped = ([contents], json.dumps(contents), instance, [instance], {"contents": contents}, {"instance": instance})
    bodies += [valid_body(api, contents=value) for value in (None, 1, True, [], "", *wrapped)]
    ids: list[Any] = [None, 0, 7, -1, 1.5, True, False, [], {}, [instance], {"id": instance}, contents]
    bodies += [valid_body(api, contents={"instance_id": value}) for value in ids]
    bodies += [{"action": "restore", "instance_id": instance}, {"task": valid_body(api)}, {"data": valid_body(api)}]
    yield from refuse_bodies(api, bodies)


@check("JOB-6", "restore")
def test_job_6_other_actions_are_refused(api: Api) -> Iterator[Found]:
    """Other words, and this one written otherwise."""
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
    yield from refuse_bodies(api, [valid_body(api, action=action) for action in (*actions, *odd)])


@check("JOB-7", "restore")
def test_job_7_other_content_types_are_refused(api: Api) -> Iterator[Found]:
    """A good JSON body under another type's name, and bodies of other types."""
    good = json.dumps(valid_body(api)).encode()
    form = f"action=restore&contents[instance_id]={api.world.instance_id}".encode()
    sent = [(kind, good) for kind in ("text/plain", "application/xml", "application/octet-stream", FORM, "text/html")]
    sent += [(FORM, form), ("application/xml", b"<action>restore</action>")]
    backup = api.world.bystander("JOB-7")
    asked = [api.ask.restore(backup, raw=body, content_type=kind, refusable=True) for kind, body in sent]
    for answer in refused(api, asked):
        yield from status(answer, ANY_4XX, advise=(415,))


@check("JOB-8", "restore")
def test_job_8_other_instances_are_refused(api: Api) -> Iterator[Found]:
    """Unknown ones, none, the right one written otherwise, and one of another container."""
    own = api.world.instance_id
    wrong = [api.ask.unknown_id(), "", " ", f" {own}", f"{own} ", f"{own}\x00", f"{own},{own}", "*"]
    wrong += [api.world.container_id, api.world.backup_id, f"{own}\n", "null", f"../{own}"]
    # one character less or more might be the name of another instance, where names are not of a fixed length
    wrong += [own[:-1], f"{own}0"] if ids.form(own) in ("oid", "uuid") else [f"{own}-{api.ask.unknown_id()}"]
    if foreign := api.world.target.fixtures.foreign_instance_id:
        wrong.append(foreign)
    backup = api.world.bystander("JOB-8")
    requests = [api.ask.restore(backup, instance, refusable=True) for instance in wrong if instance != own]
    for answer in refused(api, requests):
        yield from status(answer, ANY_4XX)


@check("JOB-9", "restore")
def test_job_9_other_backups_are_not_found(api: Api) -> Iterator[Found]:
    """An unknown backup; ours through the sibling's path, the sibling's through ours."""
    unknown = api.ask.restore(api.ask.unknown_id(), refusable=True, ownership="missing")
    yield from status(api.send(unknown), 404)
    try:
        paths = [*crossed(api, "restore")]
    except NotTestableError:
        return
    for answer in refused(api, paths):
        if answer.request.resources["container"] == api.world.container_id:
            yield from status(answer, 403, 404, advise=(404,))
        else:  # the instance is not of that container either, so any refusal of JOB-8 is right as well
            yield from status(answer, ANY_4XX)


@check("JOB-10", "restore")
def test_job_10_rejected_requests_do_nothing(api: Api) -> Iterator[Found]:
    """One rejection of each kind on a backup of their own: looked at right after it, and at the end of the run."""
    backup, own = api.world.bystander("JOB-10"), api.world.instance_id
    for request in _rejections(api, backup, own):
        for answer in refused(api, [request]):
            if why := no_verdict(answer):
                yield untold(why, answer)
    yield from effects(api)


def _rejections(api: Api, backup: str, own: str) -> Iterator[Request]:
    good = valid_body(api)
    yield api.ask.restore(backup, raw=json.dumps(good).encode()[:-1], refusable=True)
    yield api.ask.restore(backup, body=[good], refusable=True)
    yield api.ask.restore(backup, body={**good, "action": "backup"}, refusable=True)
    yield api.ask.restore(backup, body={**good, "contents": {"instance_id": [own]}}, refusable=True)
    yield api.ask.restore(backup, body={"contents": good["contents"]}, refusable=True)
    yield api.ask.restore(backup, api.ask.unknown_id(), refusable=True)
    yield api.ask.restore(backup, raw=json.dumps(good).encode(), content_type="text/plain", refusable=True)


@check("JOB-11", "restore")
def test_job_11_backups_that_are_not_live_are_refused(api: Api) -> Iterator[Found]:
    """A restore of a backup that is being saved, being deleted, or deleted: the target file's, and one of each."""
    there = [backup for backup in not_live(api) if api.get(backup).status != 404]  # a deleted one need not be shown
    if not there:
        raise NotTestableError("set fixtures.not_live_backup_id to a backup that get shows")
    for backup in there:
        if at(shown(api.get(backup)), "/state/current") == "live":
            raise NotTestableError("set fixtures.not_live_backup_id to a backup that is not live (it is live now)")
        for answer in refused(api, [api.ask.restore(backup)]):
            yield from status(answer, ANY_4XX)
            if answer.succeeded:  # whatever comes of it, what is asked for next must not meet it
                Follower(api).let_end(answer)


def not_live(api: Api) -> list[str]:
    """The target file's backup that is not live, and one in each other such state that was seen in the list."""
    named = api.world.target.fixtures.not_live_backup_id
    lasting = {str(backup["id"]): at(backup, "/state/current") for backup in api.world.lasting()}
    one_each = {state: backup for backup, state in lasting.items() if state in NOT_LIVE}
    one_each.pop(lasting.get(str(named)), None)
    if not one_each:
        return [api.world.fixture("not_live_backup_id")]
    return [*([named] if named else []), *one_each.values()]


# ---------------------------------------------------------------- the restore itself


def told_restores(api: Api) -> list[Restore]:
    """The restores that ought to succeed, each followed to its end."""
    found = [api.story("main", restore_scenarios.main).followed]
    found += [one for one in (api.story_if_affordable("manage", restore_scenarios.manage),) if one and one.accepted]
    return found


@check("RST-1", "restore")
def test_rst_1_restores_come_to_an_end(api: Api) -> Iterator[Found]:
    """Every accepted restore, the failing one included, within `restore.timeout_s`."""
    restore_scenarios.tell_all(api)
    followed = [restore for restore in api.run.restores if restore.accepted and restore.after is not None]
    if not followed:
        told_restores(api)  # tells why there is none
    for restore in followed:
        if restore.ended:
            continue
        if not restore.readable:
            raise CannotTellError("because RST-2 failed: without jobs the end of a restore shows by its log alone")
        wanted = f"a terminal state within {api.world.target.restore.timeout_s:g} s"
        yield broken(wanted, restore.last_seen, last_look(restore), "/data/state/current")


@check("RST-2", "restore")
def test_rst_2_a_restore_leaves_one_log(api: Api) -> Iterator[Found]:
    """One new log, of type restore, for this backup and instance, without error."""
    judged = [restore for restore in told_restores(api) if not failed_by_itself(api, restore)]
    if not judged:
        raise NotTestableError("set fixtures.backup_id to a backup whose restore is known to go well")
    for restore in judged:
        yield from left_one_log(api, restore)
    ended = [restore for restore in api.run.restores if restore.accepted and restore.ended and restore.logs_exchange]
    if len(ended) >= NO_CHANCE and all(len(one.logs) > len(one.own_logs) > 0 for one in ended):
        yield broken("no log but its own", "one more with each restore", ended[0].logs_exchange, "/data")


def failed_by_itself(api: Api, restore: Restore) -> bool:
    """A restore may fail, and say so, where nobody has told us that it would not: only RST-4 speaks of that."""
    return bool(restore.failed) and restore.backup != api.world.target.fixtures.backup_id


def left_one_log(api: Api, restore: Restore) -> Iterator[Found]:
    """What the logs of a restore should say otherwise."""
    on = restore.logs_exchange or restore.answer
    if restore.readable and restore.terminal is None:
        raise CannotTellError("because RST-1 failed: the restore did not come to an end")
    if restore.terminal not in (None, "completed"):
        message = at(last_look(restore).data, "/state/error/message")
        yield broken("a good restore to complete", f"{restore.terminal}: {message}", last_look(restore))
    if len(restore.told_logs) != 1:
        within = f"one new log within {api.world.target.restore.timeout_s:g} s"
        yield broken(within, f"{len(restore.told_logs)} ({restore.last_seen})", on, "/data")
    for log in restore.told_logs:
        yield from speaks_of(log, restore, on)
        if log.get("error") is not None:
            yield broken("no error", f"{at(log, '/error/message')}", on, "/data")


def speaks_of(log: dict[str, Any], restore: Restore, on: Exchange) -> Iterator[Found]:
    """The log is a restore's, of this backup to this instance."""
    for name, wanted in {"type": "restore", "backup_id": restore.backup, "instance_id": restore.instance}.items():
        yield from equal(log.get(name), wanted, on, f"/data/{_index(log, on)}/{name}")


def _index(log: dict[str, Any], on: Exchange) -> int:
    return next((index for index, one in enumerate(on.items) if one.get("id") == log.get("id")), 0)


@check("RST-3", "restore")
def test_rst_3_a_restore_leaves_the_backup_as_it_was(api: Api) -> Iterator[Found]:
    """The backup before the request and after the end, but for what may move."""
    at_once = api.story_if_affordable("at once", restore_scenarios.at_once)
    last = {one.backup: one for one in at_once.accepted} if at_once else {}
    for restore in [*told_restores(api), *last.values()]:
        yield from unchanged(restore)


def unchanged(restore: Restore) -> Iterator[Found]:
    """Get shows the same before and after."""
    looks = (restore.before, restore.after)
    if any(look is not None and at(look.data, "/id") not in (None, restore.backup) for look in looks):
        raise CannotTellError("because GET-2 failed: get shows another backup")
    if restore.before is not None and restore.after is not None:
        yield from same("backup", shown(restore.before), shown(restore.after), restore.after, ignore=MAY_MOVE)


@check("RST-4", "restore")
def test_rst_4_a_failed_restore_says_so(api: Api) -> Iterator[Found]:
    """An error message in the log, job state error with one, the backup as it was."""
    restore = api.story("failing", restore_scenarios.failing)
    on = last_look(restore)
    if restore.readable:
        if restore.terminal is None:
            raise CannotTellError("because RST-1 failed: the failing restore did not come to an end")
        yield from equal(restore.terminal, "error", on, "/data/state/current")
        if restore.terminal == "error" and not str(at(on.data, "/state/error/message") or "").strip():
            yield broken("an error message", "none", on, "/data/state/error")
    logs, logged_in = restore.told_logs, restore.logs_exchange or on
    if not any(message_of(log) for log in logs):
        yield broken("a log with an error message", f"{len(logs)} without", logged_in, "/data")
    for log in logs:
        yield from speaks_of(log, restore, logged_in)
    yield from unchanged(restore)


@check("RST-5", "restore")
def test_rst_5_jobs_only_move_forward(api: Api) -> Iterator[Found]:
    """The states and times of every job that was followed, sampled while it ran and looked at again."""
    api.real_job()
    restore_scenarios.tell_all(api)
    for restore in api.run.restores:
        if restore.accepted and restore.readable:
            seen = [*restore.jobs, api.job(restore.job_id)]
            yield from moves_forward([job for job in seen if job.succeeded])


@check("RST-6", "restore")
def test_rst_6_restores_at_once_do_not_mix(api: Api) -> Iterator[Found]:
    """Each accepted one has its own job and its own log; the others are refused and leave nothing."""
    told = api.story("at once", restore_scenarios.at_once)
    for restore in told.restores:
        if not restore.accepted and not restore.answer.succeeded:
            yield from status(restore.answer, *BUSY)
    if not told.accepted:
        yield broken("at least one accepted", "none", told.restores[0].answer)
        return
    last = told.accepted[-1]
    yield from unique([one.job_id for one in told.accepted if one.job_id], last.answer, "job")
    for backup in dict.fromkeys(one.backup for one in told.accepted):
        yield from a_log_each([one for one in told.accepted if one.backup == backup])
    for one in told.accepted:
        if not one.ended:
            yield broken("every accepted restore to end", one.last_seen, last_look(one), "/data/state/current")


def a_log_each(restores: list[Restore]) -> Iterator[Found]:
    """As many new logs as accepted restores of the one backup."""
    last = restores[-1]
    if len(last.own_logs) != len(restores):
        wanted = f"{len(restores)} new logs, one for each accepted restore"
        yield broken(wanted, f"{len(last.own_logs)} ({last.last_seen})", last.logs_exchange or last.answer, "/data")


@check("JOB-3", "restore")
def test_job_3_every_job_has_its_own_id(api: Api) -> Iterator[Found]:
    """All restores that were accepted in this run, those asked for at once among them."""
    api.story("main", restore_scenarios.main)
    restore_scenarios.tell_all(api)
    ids = [restore.job_id for restore in api.run.restores if restore.accepted and restore.job_id]
    yield from unique(ids, api.run.restores[-1].answer, "job")


@check("RST-7", "restore")
def test_rst_7_reads_go_on_while_a_restore_runs(api: Api) -> Iterator[Found]:
    """List, get and logs while the main restore runs; what is as wrong before it is another clause's."""
    restore = api.story("main", restore_scenarios.main).followed
    wrong_before = {answer.operation: answer for answer in restore.reads_before if any(disturbed(api, restore, answer))}
    for answer in restore.reads:
        if answer.operation not in wrong_before:
            yield from disturbed(api, restore, answer)
    for operation, answer in wrong_before.items():
        yield untold(f"because {SHAPE_CLAUSE[operation]} or a more basic clause failed before the restore", answer)


def disturbed(api: Api, restore: Restore, answer: Exchange) -> Iterator[Found]:
    """What is wrong with a read: not served, not valid, or without the backup that is being restored."""
    yield from success(answer)
    if not answer.succeeded:
        return
    if not answer.served:
        yield broken("an answer as before the restore", "one that is not JSON", answer)
        return
    for violation in violations_at(answer, ""):
        yield broken(f"{violation.wanted}, as before the restore", violation.got, answer, violation.pointer)
    if answer.operation == "get" and at(answer.data, "/id") != restore.backup:
        yield broken(f"the backup {restore.backup}", "another one", answer, "/data/id")
    if answer.operation == "list" and restore.backup not in answer.ids and shows_all(api, restore, answer):
        yield broken("the backup in the list", "not listed", answer, "/data")


def shows_all(api: Api, restore: Restore, answer: Exchange) -> bool:
    """Would the plain list show the backup, if it were there? Others' new ones may have moved it off the first page."""
    most = max(len(one.ids) for one in (*restore.reads_before, *restore.reads) if one.operation == "list")
    return api.world.plain_list_is_whole and len(answer.ids) < most


@check("RST-8", "restore")
def test_rst_8_the_instance_holds_the_backups_data(api: Api) -> Iterator[Found]:
    """The probe's digest when the restore was first seen completed; before it the instance held something else."""
    told, expected = probed(api)
    if told.digests.own_after != expected:
        yield broken(f"the data {expected}", f"{told.digests.own_after}", last_look(told.restore))
        return
    yield from one_of_them(api, told, expected)


def probed(api: Api) -> tuple[restore_scenarios.Main, str]:
    """The main restore and the data that it must bring. Raises where one that does nothing would look the same."""
    probe = api.world.target.probe
    if probe is None or probe.expected is None:
        raise NotTestableError("set probe.command and probe.expected" if probe is None else "set probe.expected")
    api.world.fixture("backup_id")  # the one that `expected` speaks of: any other holds other data
    told = api.story("main", restore_scenarios.main)
    if told.digests.own_after is None or told.digests.own_before is None:
        raise CannotTellError(told.digests.problem or "because RST-1 failed: the restore did not come to an end")
    if told.digests.own_before == probe.expected:
        raise NotTestableError(SAME_DATA)
    return told, probe.expected


def one_of_them(api: Api, told: restore_scenarios.Main, expected: str) -> Iterator[Found]:
    """After restores at once that all went well the instance holds what one of the backups holds, and no mixture."""
    at_once = api.story_if_affordable("at once", restore_scenarios.at_once)
    manage = api.story_if_affordable("manage", restore_scenarios.manage)
    known = {manage.backup: told.digests.own_before} if manage and manage.went_well else {}
    known[told.restore.backup] = expected
    if at_once is None or at_once.own_after is None or not all(one.went_well for one in at_once.accepted):
        return
    wanted = {known.get(one.backup) or at_once.own_after for one in at_once.accepted}
    if at_once.own_after not in wanted:
        yield broken(f"the data {' or '.join(sorted(wanted))}", at_once.own_after, last_look(at_once.accepted[-1]))


@check("RST-9", "restore")
def test_rst_9_other_instances_are_untouched(api: Api) -> Iterator[Found]:
    """The probe's digest of the second instance before the first restore, after the main one, and after all."""
    if api.world.target.probe is None:
        raise NotTestableError("set probe.command")
    second = api.world.fixture("second_instance_id")
    told = api.story("main", restore_scenarios.main)
    before = api.story("second instance", restore_scenarios.second_instance)
    restore_scenarios.tell_all(api)
    for digest in (told.digests.second_after, api.digest_of(second)):
        if digest is not None and digest != before:
            yield broken(f"the data {before} as before", digest, last_look(told.restore))
            return
