"""Faults of restores: the request, the job, the log, the data."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
from contextlib import suppress
from dataclasses import replace as copy_of
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from conformance.reference import restoring
from conformance.reference.editing import (
    edit_answers,
    edit_refusals,
    edited,
    fail_when,
    instead_of_refusing,
    recode,
)
from conformance.reference.errors import RefusalError
from conformance.reference.registry import fault
from conformance.reference.world import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conformance.reference.behaviour import Behaviours
    from conformance.reference.call import Answer, Call
    from conformance.reference.world import Backup, Document, Job, Log

RESTORE = frozenset({"restore"})
FOLLOWED = ("RST-2", "RST-4", "RST-5", "RST-6", "RST-7", "RST-8")
"""What needs a restore that can be followed."""


def _described(server: Behaviours, change: Callable[[Document], object]) -> None:
    server.write_descriptor = edited(server.write_descriptor, change, RESTORE)


@fault(breaks=("JOB-1",))
def restore_is_ok(server: Behaviours) -> None:
    """An accepted restore is a 200."""

    def change(call: Call, answer: Answer) -> None:
        if call.operation == "restore" and answer.status == 202:
            answer.status = 200

    edit_answers(server, change)


@fault(breaks=("JOB-1",), also=("JOB-3", "CAP-6", "RST-1", *FOLLOWED))
def descriptor_without_job(server: Behaviours) -> None:
    """The answer to a restore does not speak of a job."""
    _described(server, lambda one: one.pop("job"))


@fault(breaks=("JOB-1",), also=("CAP-6",))
def descriptor_without_queue(server: Behaviours) -> None:
    """The job in the answer to a restore has no queue."""
    _described(server, lambda one: one["job"].pop("queue"))


@fault(breaks=("JOB-1",), also=("CAP-6",))
def parallel_as_flag(server: Behaviours) -> None:
    """The job in the answer to a restore says of parallel only yes or no."""
    _described(server, lambda one: one["job"].update(parallel=False))


@fault(breaks=("JOB-1",), also=("CAP-6", "JOB-10", "CAP-8", "RST-1", *FOLLOWED))
def never_accepted(server: Behaviours) -> None:
    """A restore is a 202 that says it was not accepted, and nothing happens."""
    server.start = lambda _call, job: job.__setattr__("accepted", False)


@fault(breaks=("JOB-2",))
def action_in_capitals(server: Behaviours) -> None:
    """The answer to a restore writes the action in capitals."""
    _described(server, lambda one: one.update(action="RESTORE"))


@fault(breaks=("JOB-2",))
def action_is_backup(server: Behaviours) -> None:
    """The answer to a restore speaks of a backup."""
    _described(server, lambda one: one.update(action="backup"))


@fault(breaks=("JOB-3",), also=("RST-5", "RST-6"))
def jobs_named_after_the_backup(server: Behaviours) -> None:
    """A job has the id of the backup that it restores."""
    make = server.new_job

    def named(call: Call, kind: str) -> Job:
        job = make(call, kind)
        job.id = job.backup.id if kind == "restore" else job.id
        return job

    server.new_job = named


@fault(breaks=("JOB-3",), also=("JBS-1", "CAP-6", "RST-1", *FOLLOWED))
def jobs_without_id(server: Behaviours) -> None:
    """The id of an accepted job is empty."""
    _described(server, lambda one: one["job"].update(id=""))


def _default_request(call: Call) -> None:
    call.body = {"action": "restore", "contents": {"instance_id": call.backup.instance_id}}


@fault(breaks=("JOB-4",), also=("RST-9",))
def no_json_is_a_default(server: Behaviours) -> None:
    """A body that is not JSON restores to where the backup came from."""
    instead_of_refusing(server, "body", lambda call, _refusal: _default_request(call))


@fault(breaks=("JOB-4",))
def array_of_one_is_taken(server: Behaviours) -> None:
    """A body that is an array of one request is that request."""
    decode = server.decode

    def unwrap(call: Call, body: bytes) -> Any:
        found = decode(call, body)
        return found[0] if isinstance(found, list) and len(found) == 1 else found

    server.decode = unwrap


@fault(breaks=("JOB-4",), also=("RST-9",))
def null_is_a_default(server: Behaviours) -> None:
    """A body that is null restores to where the backup came from."""

    def change(call: Call, refusal: RefusalError) -> None:
        if call.body is not None:
            raise refusal
        _default_request(call)
        call.server.checks["request"](call)

    instead_of_refusing(server, "request", change)


def _lenient_member(server: Behaviours, change: Callable[[Call, Document], object]) -> None:
    """Mend what an object says before it is validated."""
    validate = server.validate

    def mend(call: Call, body: Any) -> tuple[str, str]:
        if isinstance(body, dict):
            with suppress(AttributeError, KeyError, TypeError):
                change(call, body)
        return validate(call, body)

    server.validate = mend


@fault(breaks=("JOB-5",))
def action_may_be_missing(server: Behaviours) -> None:
    """A request without an action is a restore."""
    _lenient_member(server, lambda _call, body: body.setdefault("action", "restore"))


@fault(breaks=("JOB-5",))
def contents_may_be_missing(server: Behaviours) -> None:
    """A request without contents restores to where the backup came from."""
    _lenient_member(server, lambda call, body: body.setdefault("contents", {"instance_id": call.backup.instance_id}))


@fault(breaks=("JOB-5",))
def instance_may_be_null(server: Behaviours) -> None:
    """A request for the instance null restores to where the backup came from."""

    def change(call: Call, body: Document) -> None:
        if "instance_id" in body["contents"] and body["contents"]["instance_id"] is None:
            body["contents"]["instance_id"] = call.backup.instance_id

    _lenient_member(server, change)


@fault(breaks=("JOB-5",))
def instance_may_be_missing(server: Behaviours) -> None:
    """A request without an instance restores to where the backup came from."""
    _lenient_member(server, lambda call, body: body["contents"].setdefault("instance_id", call.backup.instance_id))


@fault(breaks=("JOB-5",))
def instance_may_be_a_list(server: Behaviours) -> None:
    """A list with one instance is that instance."""

    def change(_call: Call, body: Document) -> None:
        found = body["contents"].get("instance_id")
        if isinstance(found, list) and len(found) == 1:
            body["contents"]["instance_id"] = found[0]

    _lenient_member(server, change)


@fault(breaks=("JOB-5",), also=("HTTP-3",))
def contents_of_another_type_break_down(server: Behaviours) -> None:
    """Contents that are no object are a 500."""
    fail_when(
        server,
        "request",
        lambda call: isinstance(call.body, dict) and not isinstance(call.body.get("contents", {}), dict),
    )


@fault(breaks=("JOB-6",))
def any_action_restores(server: Behaviours) -> None:
    """Whatever the action is called, it is a restore."""

    def change(_call: Call, body: Document) -> None:
        if isinstance(body.get("action"), str):
            body["action"] = "restore"

    _lenient_member(server, change)


@fault(breaks=("JOB-6",))
def any_action_restores_with_more(server: Behaviours) -> None:
    """Where the contents have a member that nobody knows, every action is a restore."""

    def change(_call: Call, body: Document) -> None:
        contents = body.get("contents")
        if isinstance(body.get("action"), str) and isinstance(contents, dict) and len(contents) > 1:
            body["action"] = "restore"

    _lenient_member(server, change)


@fault(breaks=("JOB-6",))
def actions_without_case(server: Behaviours) -> None:
    """An action is read without regard to case and to spaces round it."""
    _lenient_member(server, lambda _call, body: body.update(action=body["action"].strip().lower()))


@fault(breaks=("JOB-7",))
def any_content_type_is_taken(server: Behaviours) -> None:
    """A JSON body may call itself anything."""
    server.is_json = lambda _call, _type: True


@fault(breaks=("JOB-7",))
def plain_text_is_taken(server: Behaviours) -> None:
    """A JSON body may call itself text/plain."""
    is_json = server.is_json
    server.is_json = lambda call, kind: kind.startswith("text/plain") or is_json(call, kind)


@fault(breaks=("JOB-7",))
def other_types_are_bad_syntax(server: Behaviours) -> None:
    """A body of another type is a 400."""
    recode(server, "415.invalid-content-type", "400.invalid-syntax")


def _finds_instance(server: Behaviours, find_other: Callable[[Call, str], str | None]) -> None:
    """Take another instance where there is none of that id."""
    validate = server.validate

    def guess(call: Call, body: Any) -> tuple[str, str]:
        action, instance_id = validate(call, body)
        return action, find_other(call, instance_id) or instance_id

    server.validate = guess


@fault(breaks=("JOB-8",), also=("RST-9",))
def unknown_instance_is_the_first(server: Behaviours) -> None:
    """An instance that does not exist anywhere is taken for the one the backup came from."""

    def find(call: Call, instance_id: str) -> str | None:
        known = any(instance_id in one.instances for one in call.world.containers.values())
        return None if known or not instance_id else call.backup.instance_id

    _finds_instance(server, find)


@fault(breaks=("JOB-8",))
def empty_instance_is_the_first(server: Behaviours) -> None:
    """An empty instance id is taken for the one the backup came from."""
    _finds_instance(server, lambda call, instance_id: None if instance_id else call.backup.instance_id)


@fault(breaks=("JOB-8",))
def instances_of_other_containers(server: Behaviours) -> None:
    """An instance of another container of the hub can be restored to."""
    find = server.find_instance
    server.find_instance = lambda call, instance_id: (
        find(call, instance_id)
        or next(
            (
                one.instances[instance_id]
                for one in call.world.containers.values()
                if one.hub_id == call.hub_id and instance_id in one.instances
            ),
            None,
        )
    )


@fault(breaks=("JOB-8",), also=("HTTP-3",))
def unknown_instance_breaks_down(server: Behaviours) -> None:
    """A restore to an instance that does not exist is a 500."""
    edit_refusals(
        server,
        lambda _call, refusal: RefusalError("500.unknown") if refusal.code == "404.instance" else None,
    )


@fault(breaks=("JOB-9",))
def restores_through_any_container(server: Behaviours) -> None:
    """A backup can be restored through any container of the hub, to an instance of that one."""
    find = server.find_backup

    def find_anywhere(call: Call, backup_id: str) -> Backup | None:
        found = find(call, backup_id)
        if found is None and call.operation == "restore":
            containers = [one for one in call.world.containers.values() if one.hub_id == call.hub_id]
            return next((one.backups[backup_id] for one in containers if backup_id in one.backups), None)
        return found

    server.find_backup = find_anywhere


@fault(breaks=("JOB-9",))
def unknown_backup_cannot_be_processed(server: Behaviours) -> None:
    """A restore of a backup that does not exist is a 422."""
    recode(server, "404.container.backup", "422.invalid-argument", RESTORE)


@fault(breaks=("JOB-9",))
def unknown_backup_is_accepted(server: Behaviours) -> None:
    """A restore of a backup that does not exist is accepted, and fails later."""
    ghost = "f" * 24

    def lenient(call: Call, refusal: RefusalError) -> None:
        known = any(call.ids["backup"] in one.backups for one in call.world.containers.values())
        if call.operation != "restore" or known:
            raise refusal
        some = next(iter(call.world.main.backups.values()))
        call.backup = copy_of(some, id=ghost, archive=some.archive.with_name(ghost), current="live", logs=[])

    instead_of_refusing(server, "backup", lenient)


def _refused_and_done(server: Behaviours, step: str, effect: Callable[[Call], None]) -> None:
    def change(call: Call, refusal: RefusalError) -> None:
        if call.operation == "restore":
            effect(call)
        raise refusal

    instead_of_refusing(server, step, change)


def _restore_anyway(call: Call) -> None:
    call.action = "restore"
    call.instance = call.container.instances.get(call.backup.instance_id) or next(
        iter(call.container.instances.values())
    )
    call.server.actions["restore"](call)


@fault(breaks=("JOB-10",))
def refused_types_restore(server: Behaviours) -> None:
    """A body of another type is refused, and what it asks for happens."""

    def restore(call: Call) -> None:
        with suppress(RefusalError):
            for step in ("body", "request"):
                call.server.checks[step](call)
            call.server.actions["restore"](call)

    _refused_and_done(server, "content type", restore)


@fault(breaks=("JOB-10",), also=("RST-9",))
def refused_request_restores(server: Behaviours) -> None:
    """A request for what does not exist is refused, and restores to where the backup came from."""
    _refused_and_done(server, "request", _restore_anyway)


@fault(breaks=("JOB-10",))
def refused_request_is_logged(server: Behaviours) -> None:
    """A refused request leaves a log."""

    def leave_log(call: Call) -> None:
        job = call.server.new_job(call, "refusal")
        job.instance = call.container.instances[call.backup.instance_id]
        call.server.log_restore(call.server, job, "refused")

    _refused_and_done(server, "request", leave_log)


@fault(breaks=("JOB-10",))
def refused_request_touches_the_backup(server: Behaviours) -> None:
    """A refused request leaves the backup locked."""

    def lock(call: Call) -> None:
        call.backup.current = "saving"

    _refused_and_done(server, "request", lock)


@fault(breaks=("JOB-11",), also=("DEL-3",))
def unfinished_backups_restore(server: Behaviours) -> None:
    """A backup that is not live can be restored."""
    server.steps["restore"].remove("state")


@fault(breaks=("RST-1",))
def jobs_never_end(server: Behaviours) -> None:
    """A job does its work and stays running."""
    advance = server.advance
    server.advance = lambda server, job, state: (
        None if job.kind == "restore" and state == "completed" else advance(server, job, state)
    )


@fault(breaks=("RST-1",), also=FOLLOWED)
def jobs_are_forgotten(server: Behaviours) -> None:
    """A job stays queued for good."""
    pace = server.pace

    async def forget(server: Behaviours, job: Job, state: str) -> None:
        if job.kind == "restore" and state == "queued":
            await asyncio.Event().wait()
        await pace(server, job, state)

    server.pace = forget


def _on_log(server: Behaviours, change: Callable[[Job, Log], object], *, failed: bool = False) -> None:
    """Change the log that a restore has just left."""
    log = server.log_restore

    def log_and_change(server: Behaviours, job: Job, problem: str | None) -> None:
        log(server, job, problem)
        if (problem is not None) == failed and job.backup.logs:
            change(job, job.backup.logs[-1])

    server.log_restore = log_and_change


@fault(breaks=("RST-2",), also=("RST-6",))
def no_log(server: Behaviours) -> None:
    """A restore that went well leaves no log."""
    _on_log(server, lambda job, _log: job.backup.logs.pop())


@fault(breaks=("RST-2",), also=("RST-6",))
def two_logs(server: Behaviours) -> None:
    """A restore leaves two logs."""
    _on_log(server, lambda job, log: job.backup.logs.append(copy_of(log, id=new_id())))


@fault(breaks=("RST-2",), also=("RST-6",))
def restore_logged_as_backup(server: Behaviours) -> None:
    """The log of a restore has the type of a backup's."""
    _on_log(server, lambda _job, log: log.__setattr__("type", "backup"))


@fault(breaks=("RST-2",))
def good_restore_logged_with_error(server: Behaviours) -> None:
    """The log of a restore that went well has an error."""
    _on_log(server, lambda _job, log: log.__setattr__("error", {"message": "no error"}))


@fault(breaks=("RST-2",), also=("RST-6",))
def logged_for_the_instance_of_the_backup(server: Behaviours) -> None:
    """The log of a restore names the instance that is not the one restored to."""

    def change(job: Job, log: Log) -> None:
        log.instance_id = next(one for one in job.container.instances if one != log.instance_id)

    _on_log(server, change)


@fault(breaks=("RST-2",), also=("HTTP-4", "RST-6"))
def log_vanishes(server: Behaviours) -> None:
    """The log of a restore is gone a second after it came."""

    def change(job: Job, log: Log) -> None:
        asyncio.get_running_loop().call_later(1, lambda: job.backup.logs.remove(log))

    _on_log(server, change)


def _after_work(server: Behaviours, change: Callable[[Job], object]) -> None:
    """Do something more when a restore has done its work."""
    work = server.work["restore"]

    def more(server: Behaviours, job: Job) -> None:
        work(server, job)
        change(job)

    server.work["restore"] = more


@fault(breaks=("RST-3",), also=("BKP-1",))
def restored_backup_is_new(server: Behaviours) -> None:
    """A restore sets the backup's time of creation."""
    _after_work(server, lambda job: job.backup.__setattr__("created", job.started))


@fault(breaks=("RST-3",))
def restored_backup_moves(server: Behaviours) -> None:
    """A restore gives the backup another path."""
    _after_work(server, lambda job: job.backup.__setattr__("path", "/restored"))


@fault(breaks=("RST-3",), also=("JOB-1",))
def restored_backup_stays_busy(server: Behaviours) -> None:
    """A restored backup is being saved from then on."""
    _after_work(server, lambda job: job.backup.__setattr__("current", "saving"))


@fault(breaks=("RST-3",))
def restored_backup_changes_instance(server: Behaviours) -> None:
    """A restored backup belongs to another instance from then on."""

    def change(job: Job) -> None:
        job.backup.instance_id = list(job.container.instances)[-1]

    _after_work(server, change)


@fault(breaks=("RST-4",))
def failure_logged_without_error(server: Behaviours) -> None:
    """The log of a restore that failed has no error."""
    _on_log(server, lambda _job, log: log.__setattr__("error", None), failed=True)


@fault(breaks=("RST-4",))
def failure_logged_without_message(server: Behaviours) -> None:
    """The error in the log of a restore that failed has an empty message."""
    _on_log(server, lambda _job, log: log.__setattr__("error", {"message": ""}), failed=True)


@fault(breaks=("RST-4",))
def failure_leaves_no_log(server: Behaviours) -> None:
    """A restore that failed leaves no log."""
    _on_log(server, lambda job, _log: job.backup.logs.pop(), failed=True)


@fault(breaks=("RST-4",))
def failed_jobs_complete(server: Behaviours) -> None:
    """The job of a restore that failed is completed."""
    advance = server.advance

    def complete(server: Behaviours, job: Job, state: str) -> None:
        job.error = None
        advance(server, job, "completed" if state == "error" else state)

    server.advance = complete


@fault(breaks=("RST-4",))
def failure_marks_the_backup(server: Behaviours) -> None:
    """A backup whose restore failed is deleted from then on."""
    _on_log(server, lambda job, _log: job.backup.__setattr__("current", "deleted"), failed=True)


@fault(breaks=("RST-5",))
def jobs_queue_again(server: Behaviours) -> None:
    """A job that runs is queued once more before it ends."""
    finish = server.finish_job

    async def requeue(server: Behaviours, job: Job) -> None:
        job.current = "queued"
        await server.pace(server, job, "running")
        await finish(server, job)

    server.finish_job = requeue


@fault(breaks=("RST-5",))
def late_jobs_queue_again(server: Behaviours) -> None:
    """From the eighth restore on, a job that runs is queued once more before it ends."""
    finish = server.finish_job

    async def requeue(server: Behaviours, job: Job) -> None:
        if server.world.counters.accepted_restores >= 8:
            await asyncio.sleep(0.3)
            job.current = "queued"
            await asyncio.sleep(0.3)
        await finish(server, job)

    server.finish_job = requeue


@fault(breaks=("RST-5",))
def jobs_run_after_the_end(server: Behaviours) -> None:
    """A job that is completed runs once more, and is completed again."""
    finish = server.finish_job

    async def run_again(server: Behaviours, job: Job) -> None:
        await finish(server, job)
        end = job.current
        for state in ("running", end):
            await server.pace(server, job, "running")
            job.current = state

    server.finish_job = run_again


@fault(breaks=("RST-5",))
def started_before_queued(server: Behaviours) -> None:
    """The start of a job lies before its queueing."""

    def change(one: Document) -> None:
        events = one["events"]
        events["queued"], events["started"] = events["started"], events["queued"]

    server.write_job = edited(server.write_job, change)


@fault(breaks=("RST-5",))
def completed_before_started(server: Behaviours) -> None:
    """The end of a job lies a minute before its start."""
    advance = server.advance

    def step(server: Behaviours, job: Job, state: str) -> None:
        advance(server, job, state)
        if job.completed and job.started:
            job.completed = job.started - timedelta(minutes=1)

    server.advance = step


def _busy(call: Call) -> bool:
    return any(
        one.kind == "restore" and one.completed is None and one.lane == call.instance.id
        for one in call.world.jobs.values()
    )


def _admission(server: Behaviours, check: Callable[[Call], None]) -> None:
    server.checks["admission"] = lambda call: check(call) if _busy(call) else None


@fault(breaks=("RST-6",))
def second_restore_is_lost(server: Behaviours) -> None:
    """A restore that is accepted while another runs never happens."""
    start = server.start

    def start_first(call: Call, job: Job) -> None:
        if job.kind == "restore" and _busy(call):
            call.world.jobs[job.id] = job
            job.current, job.completed = "completed", call.server.clock()
        else:
            start(call, job)

    server.start = start_first


@fault(breaks=("RST-6",), also=("JOB-3",))
def second_restore_joins_the_first(server: Behaviours) -> None:
    """A restore that is asked for while another runs is given the job of that one."""
    make, start = server.new_job, server.start

    def join(call: Call, kind: str) -> Job:
        if kind == "restore" and _busy(call):
            return next(
                one for one in call.world.jobs.values() if one.completed is None and one.lane == call.instance.id
            )
        return make(call, kind)

    server.new_job = join
    server.start = lambda call, job: None if job.id in call.world.jobs else start(call, job)


@fault(breaks=("RST-6",))
def second_restore_is_refused_and_done(server: Behaviours) -> None:
    """A restore that is asked for while another runs is a 409, and happens."""

    def refuse(call: Call) -> None:
        call.server.actions["restore"](call)
        raise RefusalError("409.duplicate-found")

    _admission(server, refuse)


@fault(breaks=("RST-6",))
def second_restore_is_bad_syntax(server: Behaviours) -> None:
    """A restore that is asked for while another runs is a 400."""

    def refuse(_call: Call) -> None:
        raise RefusalError("400.invalid-syntax")

    _admission(server, refuse)


@fault(breaks=("RST-6",), also=("HTTP-3",))
def second_restore_breaks_down(server: Behaviours) -> None:
    """A restore that is asked for while another runs is a 500."""

    def refuse(_call: Call) -> None:
        raise RefusalError("500.unknown")

    _admission(server, refuse)


def _is_restoring(backup: Backup, server: Behaviours) -> bool:
    return any(one.backup is backup and one.current == "running" for one in server.world.jobs.values())


@fault(breaks=("RST-7",))
def busy_backup_is_not_listed(server: Behaviours) -> None:
    """A backup that is being restored is not in the list."""
    visible = server.visible
    server.visible = lambda call: [one for one in visible(call) if not _is_restoring(one, server)]


@fault(breaks=("RST-7",))
def busy_backup_is_not_found(server: Behaviours) -> None:
    """A backup that is being restored is a 404 in get."""
    find = server.find_backup

    def hide(call: Call, backup_id: str) -> Backup | None:
        found = find(call, backup_id)
        return None if found and call.operation == "get" and _is_restoring(found, server) else found

    server.find_backup = hide


@fault(breaks=("RST-7",), also=("LOG-1",))
def busy_logs_are_forbidden(server: Behaviours) -> None:
    """The logs of a backup that is being restored are not ready."""
    visible = server.visible_logs

    def refuse(call: Call) -> list[Log]:
        if _is_restoring(call.backup, server):
            raise RefusalError("403.not-ready")
        return visible(call)

    server.visible_logs = refuse


@fault(breaks=("RST-7",), also=("LIST-1", "GET-1"))
def busy_backup_is_restoring(server: Behaviours) -> None:
    """A backup that is being restored is in a state that does not exist."""
    write = server.write_backup

    def restoring_state(call: Call, one: Backup) -> Document:
        document = write(call, one)
        if _is_restoring(one, server):
            document["state"]["current"] = "restoring"
        return document

    server.write_backup = restoring_state


@fault(breaks=("RST-8",), needs_probe=True)
def nothing_is_unpacked(server: Behaviours) -> None:
    """A restore looks at the archive and leaves the instance as it was."""
    replace = restoring.replace

    def pretend(folder: Path, fresh: Path) -> None:
        if not fresh.exists():
            replace(folder, fresh)

    server.replace = pretend


@fault(breaks=("RST-8",), needs_probe=True)
def old_files_stay(server: Behaviours) -> None:
    """A restore leaves what the instance had beside what the backup has."""

    def mix(folder: Path, fresh: Path) -> None:
        (folder / "newer.txt").write_text("not in the backup\n")
        shutil.copytree(fresh, folder, dirs_exist_ok=True)

    server.replace = mix


@fault(breaks=("RST-8",), needs_probe=True)
def another_archive_is_unpacked(server: Behaviours) -> None:
    """A restore unpacks the archive of another backup."""
    unpack = server.unpack

    def other(archive: Path, folder: Path) -> None:
        unpack(archive, folder)  # a damaged one still fails
        others = sorted(one for one in archive.parent.iterdir() if one != archive and tarfile.is_tarfile(one))
        unpack(others[0], folder)

    server.unpack = other


@fault(breaks=("RST-8",), needs_probe=True)
def data_comes_later(server: Behaviours) -> None:
    """A restore says that it is completed three seconds before the data is there."""
    replace = server.replace

    def later(folder: Path, fresh: Path) -> None:
        kept = fresh.with_name(f"{fresh.name}.kept")
        fresh.rename(kept)
        asyncio.get_running_loop().call_later(3, replace, folder, kept)

    server.replace = later


@fault(breaks=("RST-9",), needs_probe=True)
def all_instances_are_restored(server: Behaviours) -> None:
    """A restore puts the data into every instance of the container."""

    def spread(job: Job) -> None:
        for instance in job.container.instances.values():
            if instance is not job.instance:
                restoring.unpack(job.backup.archive, instance.folder)

    _after_work(server, spread)


@fault(breaks=("RST-9",), needs_probe=True)
def others_lose_a_file(server: Behaviours) -> None:
    """A restore removes a file from the other instances of the container."""

    def remove(job: Job) -> None:
        for instance in job.container.instances.values():
            if instance is not job.instance:
                (instance.folder / "data" / "state.json").unlink(missing_ok=True)

    _after_work(server, remove)


@fault(breaks=("JOB-10",), also=("JOB-11",))
def refused_unfinished_backups_restore(server: Behaviours) -> None:
    """A restore of a backup that is not live is refused, and happens."""
    check = server.checks["state"]

    def refuse(call: Call) -> None:
        try:
            check(call)
        except RefusalError:
            if call.operation == "restore":
                call.server.actions["restore"](call)
            raise

    server.checks["state"] = refuse


@fault(breaks=("JOB-10",))
def restore_of_an_unknown_instance_happens(server: Behaviours) -> None:
    """A restore to an instance of another container is refused, and happens."""

    def change(call: Call, refusal: RefusalError) -> None:
        if refusal.code == "404.instance":
            _restore_anyway(call)
        raise refusal

    instead_of_refusing(server, "request", change)


@fault(breaks=("JOB-11",))
def deleted_backups_restore(server: Behaviours) -> None:
    """A backup that is deleted can be restored as long as it is kept."""
    check = server.checks["state"]

    def lenient(call: Call) -> None:
        if call.operation != "restore" or call.backup.current != "deleted":
            check(call)

    server.checks["state"] = lenient


@fault(breaks=("RST-6",), also=("RST-2",))
def second_restore_of_another_backup_is_lost(server: Behaviours) -> None:
    """A restore that is accepted while one of another backup runs on the instance never happens."""
    start = server.start

    def start_first(call: Call, job: Job) -> None:
        running = [one for one in call.world.jobs.values() if one.completed is None and one.lane == job.lane]
        if job.kind == "restore" and any(one.backup is not job.backup for one in running):
            call.world.jobs[job.id] = job
            job.current, job.completed = "completed", call.server.clock()
        else:
            start(call, job)

    server.start = start_first


@fault(breaks=("RST-8",), needs_probe=True)
def restores_of_two_backups_mix(server: Behaviours) -> None:
    """Restores of different backups that are asked for at once write over each other's files."""
    start, replace, mixed = server.start, server.replace, set[str]()

    def note(call: Call, job: Job) -> None:
        running = [one.backup for one in call.world.jobs.values() if one.completed is None and one.lane == job.lane]
        if any(backup is not job.backup for backup in running):
            mixed.add(job.lane)
        start(call, job)

    def mix(folder: Path, fresh: Path) -> None:
        if folder.name in mixed:
            (fresh / "data" / "state.json").write_bytes(b"of the other one")
        replace(folder, fresh)

    server.start, server.replace = note, mix


@fault(breaks=("RST-1",), also=("RST-6", "RST-2"))
def second_restore_never_begins(server: Behaviours) -> None:
    """A restore that is accepted while another runs stays queued for good."""
    pace = server.pace
    first: list[Job] = []

    async def wait(server: Behaviours, job: Job, state: str) -> None:
        if job.kind == "restore" and state == "new":
            if any(one.completed is None for one in first):
                await asyncio.Event().wait()
            first.append(job)
        await pace(server, job, state)

    server.pace = wait


@fault(breaks=("RST-3",))
def restored_backup_moves_later(server: Behaviours) -> None:
    """Two seconds after a restore the backup has another path."""

    def move(backup: Backup) -> None:
        backup.path = "/restored"

    _after_work(server, lambda job: asyncio.get_running_loop().call_later(2, move, job.backup))


@fault(breaks=("RST-2",), also=("RST-6",))
def a_log_for_each_instance(server: Behaviours) -> None:
    """A restore leaves a log for the instance restored to, and one more for another."""

    def more(job: Job, log: Log) -> None:
        other = next(one for one in job.container.instances if one != log.instance_id)
        job.backup.logs.append(copy_of(log, id=new_id(), instance_id=other))

    _on_log(server, more)


@fault(breaks=("RST-5",))
def completed_jobs_expire(server: Behaviours) -> None:
    """A job that is completed is expired two seconds later."""
    advance = server.advance

    def expire(server: Behaviours, job: Job, state: str) -> None:
        advance(server, job, state)
        if state == "completed":
            asyncio.get_running_loop().call_later(2, job.__setattr__, "current", "expired")

    server.advance = expire


@fault(breaks=("RST-8",), needs_probe=True)
def a_backup_is_restored_once(server: Behaviours) -> None:
    """A backup that was restored before is taken for restored, whatever happened since."""
    work, done = server.work["restore"], set[str]()

    def once(server: Behaviours, job: Job) -> None:
        if job.backup.id not in done:
            work(server, job)
            done.add(job.backup.id)

    server.work["restore"] = once


@fault(breaks=("RST-9",), needs_probe=True)
def first_restore_clears_the_others(server: Behaviours) -> None:
    """The first restore of all removes a file from the other instances of the container."""
    done: list[str] = []

    def remove(job: Job) -> None:
        for instance in job.container.instances.values():
            if instance is not job.instance and not done:
                (instance.folder / "data" / "state.json").unlink(missing_ok=True)
        done.append(job.id)

    _after_work(server, remove)
