"""Faults of response headers and redirects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.core import Answer
from conformance.reference.patching import edit_answers, every, wrap_check
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from conformance.reference.core import Behaviours, Call, Check


@fault(breaks=("HTTP-6",))
def no_cors(server: Behaviours) -> None:
    """Responses have no Access-Control-Allow-Origin."""
    edit_answers(server, lambda _call, answer: answer.headers.pop("access-control-allow-origin", None))


@fault(breaks=("HTTP-6",))
def no_cors_on_errors(server: Behaviours) -> None:
    """Errors have no Access-Control-Allow-Origin."""
    edit_answers(
        server,
        lambda _call, answer: answer.headers.pop("access-control-allow-origin", None) if answer.status >= 400 else None,
    )


@fault(breaks=("HTTP-8",))
def hurried_without_a_word(server: Behaviours) -> None:
    """An occasional 429 has no Retry-After."""
    _sometimes_429(server, {})


@fault(breaks=("HTTP-8",))
def retry_after_some_time(server: Behaviours) -> None:
    """An occasional 429 has a Retry-After that is neither seconds nor a date."""
    _sometimes_429(server, {"Retry-After": "soon"})


def _sometimes_429(server: Behaviours, headers: dict[str, str]) -> None:
    now = every(server, 211)
    authenticate = server.checks["key"]

    def check(call: Call) -> None:
        if now():
            raise RefusalError("429.rate-limiting", headers=headers)
        authenticate(call)

    server.checks["key"] = check


@fault(breaks=("HTTP-9",), also=("LIST-7", "LIST-5"))
def sorted_lists_are_elsewhere(server: Behaviours) -> None:
    """A list with a sort is a redirect."""
    finish = server.finish
    server.finish = lambda call, answer: (
        Answer(307, {"location": f"{call.path}/"}, b"")
        if call.operation == "list" and "sort" in call.query and answer.status == 200
        else finish(call, answer)
    )


@fault(breaks=("HTTP-9",), also=("LOG-1", "RST-2", "RST-4", "RST-6", "RST-7"))
def logs_are_elsewhere(server: Behaviours) -> None:
    """Logs are a redirect to the address with a trailing slash."""
    finish = server.finish
    server.finish = lambda call, answer: (
        Answer(308, {"location": f"{call.path}/", "content-type": "application/json"}, b"{}")
        if call.operation == "logs" and answer.status == 200
        else finish(call, answer)
    )


@fault(breaks=("HTTP-9",), also=("GET-6",))
def every_address_needs_a_slash(server: Behaviours) -> None:
    """Every documented address is a redirect to the one with a slash behind it."""
    finish = server.finish
    server.finish = lambda call, answer: (
        Answer(308, {"location": f"{call.path}/", "content-type": "text/html"}, b"")
        if call.operation in server.handlers
        else finish(call, answer)
    )


@fault(breaks=("HTTP-8",))
def retry_after_is_negative(server: Behaviours) -> None:
    """An occasional 429 has a negative Retry-After."""
    _sometimes_429(server, {"Retry-After": "-1"})


@fault(breaks=("HTTP-9",))
def unknown_containers_are_elsewhere(server: Behaviours) -> None:
    """An unknown container is a redirect."""
    finish = server.finish
    server.finish = lambda call, answer: (
        Answer(302, {"location": "/v1/containers"}, b"")
        if answer.status == 404 and b'"404.container"' in answer.body
        else finish(call, answer)
    )


def _allow_origin(server: Behaviours, **headers: str) -> None:
    """Replace the Access-Control-Allow-Origin of every response to a request with an Origin."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.headers.pop("access-control-allow-origin", None):
            answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})

    edit_answers(server, change)


@fault(breaks=("HTTP-6",))
def cors_twice(server: Behaviours) -> None:
    """Access-Control-Allow-Origin is set by the server and once more by a proxy."""
    _allow_origin(server, **{"access-control-allow-origin": "*", "Access-Control-Allow-Origin": "*"})


@fault(breaks=("HTTP-6",))
def cors_as_a_list(server: Behaviours) -> None:
    """Access-Control-Allow-Origin is a list of origins."""
    _allow_origin(server, access_control_allow_origin="https://portal.example.test, *")


@fault(breaks=("HTTP-6",))
def cors_for_the_portal(server: Behaviours) -> None:
    """Access-Control-Allow-Origin is always the vendor's own portal."""
    _allow_origin(server, access_control_allow_origin="https://portal.example.test")


@fault(breaks=("HTTP-6",))
def cors_without_scheme(server: Behaviours) -> None:
    """Access-Control-Allow-Origin is the host of the origin, without its scheme."""
    edit_answers(
        server,
        lambda call, answer: (
            answer.headers.update({"access-control-allow-origin": call.headers["origin"].rpartition("/")[2]})
            if "access-control-allow-origin" in answer.headers
            else None
        ),
    )


@fault(breaks=("HTTP-6",), also=("CAP-9", "JOB-7"))
def unreadable_bodies_allow_no_origin(server: Behaviours) -> None:
    """A body that is not JSON is refused without Access-Control-Allow-Origin: the body parser comes first."""

    def parse(call: Call, check: Check) -> None:
        check(call)
        if call.operation == "restore":
            call.server.decode(call, call.raw_body)

    wrap_check(server, "scope", parse)
    edit_answers(
        server,
        lambda call, answer: (
            answer.headers.pop("access-control-allow-origin", None)
            if call.operation == "restore" and answer.status == 400
            else None
        ),
    )
