"""Helpers for faults and variants: common ways to change behaviours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from conformance.reference.core import Answer
from conformance.reference.refusals import RefusalError

if TYPE_CHECKING:
    from collections.abc import Container

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from conformance.reference.core import Behaviours, Call, Check
    from conformance.reference.data.store import Backup, Document, Job, Log

Rest = ParamSpec("Rest")
When = Callable[["Call", "Answer"], bool]
READS = ("list", "get", "logs")
ALL = frozenset({"list", "get", "logs", "restore", "delete", "job"})
DROP = "x-drop"


def edited(
    writer: Callable[Concatenate[Call, Rest], Document],
    change: Callable[[Document], object],
    operations: Container[str] = ALL,
) -> Callable[Concatenate[Call, Rest], Document]:
    """Wrap a writer so that its documents are changed in place, in the answers to these operations."""

    def write(call: Call, /, *rest: Rest.args, **more: Rest.kwargs) -> Document:
        document = writer(call, *rest, **more)
        if call.operation in operations:
            change(document)
        return document

    return write


def edit_errors(
    server: Behaviours, change: Callable[[Document], object], when: Callable[[RefusalError], bool] = lambda _: True
) -> None:
    """Change the `error` member of the error envelopes that match."""
    write = server.write_error

    def write_error(call: Call, refusal: RefusalError) -> Document:
        document = write(call, refusal)
        if when(refusal):
            change(document["error"])
        return document

    server.write_error = write_error


def edit_answers(server: Behaviours, change: Callable[[Call, Answer], object]) -> None:
    """Change every answer in place."""
    finish = server.finish

    def finish_changed(call: Call, answer: Answer) -> Answer:
        change(call, answer)
        return finish(call, answer)

    server.finish = finish_changed


def edit_refusals(server: Behaviours, change: Callable[[Call, RefusalError], RefusalError | None]) -> None:
    """Replace refusals; None keeps one."""
    refuse = server.refuse
    server.refuse = lambda call, refusal: refuse(call, change(call, refusal) or refusal)


def recode(server: Behaviours, old: str, new: str, operations: Container[str] = ALL) -> None:
    """Replace one error code, and its status, with another."""
    edit_refusals(
        server,
        lambda call, refusal: (
            RefusalError(new, refusal.detail, source=refusal.source, headers=refusal.headers)
            if refusal.code == old and call.operation in operations
            else None
        ),
    )


def skip(server: Behaviours, step: str, *operations: str) -> None:
    """Remove a step from some operations."""
    for operation in operations:
        server.steps[operation].remove(step)


def move(server: Behaviours, step: str, *, before: str, operations: tuple[str, ...]) -> None:
    """Run a step earlier than it should."""
    for operation in operations:
        steps = server.steps[operation]
        steps.remove(step)
        steps.insert(steps.index(before), step)


def wrap_check(server: Behaviours, step: str, change: Callable[[Call, Check], None]) -> None:
    """Replace the check of a step; the new one receives the old one."""
    check = server.checks[step]
    server.checks[step] = lambda call: change(call, check)


def bypass(
    server: Behaviours, when: Callable[[Call], bool], steps: tuple[str, ...] = ("key", "hub", "scope", "capability")
) -> None:
    """Skip these steps for some requests, which are then for the sample hub."""

    def sometimes(call: Call, check: Check) -> None:
        if when(call):
            call.hub_id = call.hub_id or call.store.fixtures.hub_id
        else:
            check(call)

    for step in steps:
        wrap_check(server, step, sometimes)


def on_refusal(server: Behaviours, step: str, change: Callable[[Call, RefusalError], None]) -> None:
    """Call `change` when a step refuses; the request goes on unless that raises."""

    def lenient(call: Call, check: Check) -> None:
        try:
            check(call)
        except RefusalError as refusal:
            change(call, refusal)

    wrap_check(server, step, lenient)


def crash_when(server: Behaviours, step: str, test: Callable[[Call], bool]) -> None:
    """Crash (500) in a step for some requests."""

    def fragile(call: Call, check: Check) -> None:
        if test(call):
            raise RuntimeError("crash of a fault")
        check(call)

    wrap_check(server, step, fragile)


def execute_anyway(call: Call) -> None:
    """Execute a refused request as far as possible, ignoring who sent it."""
    steps = [name for name in call.server.steps[call.operation] if name not in {"key", "hub", "scope", "capability"}]
    call.hub_id = call.store.fixtures.hub_id
    with suppress(RefusalError, AttributeError):
        for name in steps:
            call.server.checks[name](call)
        call.server.handlers[call.operation](call)


def drop_when(server: Behaviours, test: Callable[[Call], bool]) -> None:
    """Reset the connection instead of answering some requests."""
    edit_answers(server, lambda call, answer: answer.headers.update({DROP: "1"}) if test(call) else None)
    inner = server.wrap_app

    def wrap(app: ASGIApp) -> ASGIApp:
        wrapped = inner(app)

        async def dropping(scope: Scope, receive: Receive, send: Send) -> None:
            gone = False

            async def send_or_drop(message: Message) -> None:
                nonlocal gone
                if any(name == DROP.encode() for name, _ in message.get("headers", ())):
                    gone = True
                    scope["extensions"]["transport"]["transport"].abort()
                    await asyncio.sleep(0)  # let the connection notice
                if not gone:
                    await send(message)

            await wrapped(scope, receive, send_or_drop)

        return dropping

    server.wrap_app = wrap


def answer_instead(server: Behaviours, when: Callable[[Call], bool], make: Callable[[Call], Answer]) -> None:
    """Answer some requests with something else than their operation or refusal."""
    respond = server.respond
    server.respond = lambda call, allowed: server.finish(call, make(call)) if when(call) else respond(call, allowed)


def page_of(status: int, html: str, **headers: str) -> Answer:
    """An HTML page."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "text/html; charset=utf-8"} | more, html.encode())


def json_of(status: int, document: object, **headers: str) -> Answer:
    """A JSON document that is not in the envelope of the API."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/json"} | more, json.dumps(document).encode())


def every(server: Behaviours, nth: int) -> Callable[[], bool]:
    """A predicate that is true for every nth request."""
    counters = server.store.counters
    return lambda: counters.requests % nth == 0


def to(operation: str, status: int = 200) -> When:
    """Match the answers to an operation with this status."""
    return lambda call, answer: call.operation == operation and answer.status == status


def listed_with_integrations(call: Call, answer: Answer) -> bool:
    """Match lists with integrations: long bodies on which few other checks depend."""
    return to("list")(call, answer) and "integrations" in call.query.get("include", "")


def busy(call: Call) -> bool:
    """Whether a restore to the instance of the request is in progress."""
    return any(
        job.kind == "restore" and job.completed is None and job.lane == call.instance.id
        for job in call.store.jobs.values()
    )


def after_restore(server: Behaviours, change: Callable[[Job], object]) -> None:
    """Do something more after the work of each restore."""
    work = server.work["restore"]

    def more(server: Behaviours, job: Job) -> None:
        work(server, job)
        change(job)

    server.work["restore"] = more


def on_restore_log(server: Behaviours, change: Callable[[Job, Log], object], *, failed: bool = False) -> None:
    """Change the log of each successful restore, or of each failed one."""
    log = server.log_restore

    def log_and_change(server: Behaviours, job: Job, problem: str | None) -> None:
        log(server, job, problem)
        if (problem is not None) == failed and job.backup.logs:
            change(job, job.backup.logs[-1])

    server.log_restore = log_and_change


def before_reads(server: Behaviours, act: Callable[[], object]) -> None:
    """Call `act` before each listing of backups and each search for one: what happens by itself shows from then on."""
    visible, find = server.visible, server.find_backup

    def list_after(call: Call) -> list[Backup]:
        act()
        return visible(call)

    def find_after(call: Call, backup_id: str) -> Backup | None:
        act()
        return find(call, backup_id)

    server.visible, server.find_backup = list_after, find_after
