"""Small tools for faults and variants: the ways in which behaviours are usually changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from conformance.reference.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from conformance.reference.behaviour import Behaviours, Check
    from conformance.reference.call import Answer, Call
    from conformance.reference.world import Document

Rest = ParamSpec("Rest")
READS = ("list", "get", "logs")
ALL = frozenset({"list", "get", "logs", "restore", "delete", "job"})
DROP = "x-drop"


def edited(
    writer: Callable[Concatenate[Call, Rest], Document],
    change: Callable[[Document], object],
    operations: Container[str] = ALL,
) -> Callable[Concatenate[Call, Rest], Document]:
    """A writer whose documents are changed in place, in the answers to these operations."""

    def write(call: Call, /, *rest: Rest.args, **more: Rest.kwargs) -> Document:
        document = writer(call, *rest, **more)
        if call.operation in operations:
            change(document)
        return document

    return write


def edit_errors(
    server: Behaviours, change: Callable[[Document], object], when: Callable[[RefusalError], bool] = lambda _: True
) -> None:
    """Change the `error` member of the refusals that it is about."""
    write = server.write_error

    def write_error(call: Call, refusal: RefusalError) -> Document:
        document = write(call, refusal)
        if when(refusal):
            change(document["error"])
        return document

    server.write_error = write_error


def edit_answers(server: Behaviours, change: Callable[[Call, Answer], object]) -> None:
    """Change answers in place."""
    finish = server.finish

    def finish_changed(call: Call, answer: Answer) -> Answer:
        change(call, answer)
        return finish(call, answer)

    server.finish = finish_changed


def edit_refusals(server: Behaviours, change: Callable[[Call, RefusalError], RefusalError | None]) -> None:
    """Put other refusals in the place of some: None lets one stand."""
    refuse = server.refuse
    server.refuse = lambda call, refusal: refuse(call, change(call, refusal) or refusal)


def recode(server: Behaviours, old: str, new: str, operations: Container[str] = ALL) -> None:
    """Refuse with another code, and its status, what is refused with this one."""
    edit_refusals(
        server,
        lambda call, refusal: (
            RefusalError(new, refusal.detail, source=refusal.source, headers=refusal.headers)
            if refusal.code == old and call.operation in operations
            else None
        ),
    )


def skip(server: Behaviours, step: str, *operations: str) -> None:
    """Leave a step out."""
    for operation in operations:
        server.steps[operation].remove(step)


def move(server: Behaviours, step: str, *, before: str, operations: tuple[str, ...]) -> None:
    """Take a step earlier than it should be."""
    for operation in operations:
        steps = server.steps[operation]
        steps.remove(step)
        steps.insert(steps.index(before), step)


def wrap_check(server: Behaviours, step: str, change: Callable[[Call, Check], None]) -> None:
    """Put another check in a step's place; it is given the one that was there."""
    check = server.checks[step]
    server.checks[step] = lambda call: change(call, check)


def instead_of_refusing(server: Behaviours, step: str, change: Callable[[Call, RefusalError], None]) -> None:
    """Do something when a step refuses: what it does not refuse itself goes on."""

    def lenient(call: Call, check: Check) -> None:
        try:
            check(call)
        except RefusalError as refusal:
            change(call, refusal)

    wrap_check(server, step, lenient)


def fail_when(server: Behaviours, step: str, test: Callable[[Call], bool]) -> None:
    """Break down (a 500) in a step for some requests."""

    def fragile(call: Call, check: Check) -> None:
        if test(call):
            raise RuntimeError("a fault breaks down here")
        check(call)

    wrap_check(server, step, fragile)


def carry_out(call: Call) -> None:
    """Do what the request asks for although it is refused, as far as it can be done at all."""
    steps = [name for name in call.server.steps[call.operation] if name not in {"key", "hub", "scope", "capability"}]
    call.hub_id = call.world.stock.hub_id
    with suppress(RefusalError, AttributeError):
        for name in steps:
            call.server.checks[name](call)
        call.server.actions[call.operation](call)


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
                    await asyncio.sleep(0)  # the connection learns of its end
                if not gone:
                    await send(message)

            await wrapped(scope, receive, send_or_drop)

        return dropping

    server.wrap_app = wrap


def every(server: Behaviours, nth: int) -> Callable[[], bool]:
    """A test that is true for every nth request, counted from now on."""
    counters = server.world.counters
    return lambda: counters.requests % nth == 0
