"""Faults of frameworks' default errors, which reach the client where a server does not replace them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.reference.core import Answer
from conformance.reference.patching import json_of, page_of
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call
    from conformance.reference.refusals import RefusalError


def _default_error(server: Behaviours, status: int, make: Callable[[Call], Answer]) -> None:
    """Answer the refusals of a status that concern a documented operation with a framework's default."""
    failure = server.failure

    def default(call: Call, refusal: RefusalError) -> Answer:
        answer = failure(call, refusal)
        if answer.status != status or call.operation not in server.handlers:
            return answer
        framework = make(call)
        headers = {name: value for name, value in answer.headers.items() if name != "content-type"}
        return Answer(framework.status, headers | framework.headers, framework.body)

    server.failure = default


@fault(breaks=("ERR-1",))
def fastapi_validation_errors(server: Behaviours) -> None:
    """A 422 has the shape of FastAPI's validation errors."""
    item = {"type": "missing", "loc": ["body", "action"], "msg": "Field required", "input": None}
    _default_error(server, 422, lambda _: json_of(422, {"detail": [item]}))


@fault(breaks=("ERR-1",), also=("CAP-7", "CAP-11"))
def django_permission_errors(server: Behaviours) -> None:
    """A 403 has the shape of Django REST framework's errors."""
    _default_error(
        server, 403, lambda _: json_of(403, {"detail": "You do not have permission to perform this action."})
    )


@fault(breaks=("HTTP-1",), also=("ERR-1",))
def express_error_pages(server: Behaviours) -> None:
    """A 404 is Express's HTML page."""
    _default_error(server, 404, lambda call: page_of(404, f"<!DOCTYPE html><pre>Cannot {call.method}</pre>"))


@fault(breaks=("ERR-1",))
def nest_errors(server: Behaviours) -> None:
    """A 404 has the shape of NestJS's errors."""
    _default_error(
        server, 404, lambda _: json_of(404, {"statusCode": 404, "message": "Not found", "error": "Not Found"})
    )


@fault(breaks=("ERR-1",))
def fastify_errors(server: Behaviours) -> None:
    """A 400 has the shape of Fastify's errors."""
    document = {"statusCode": 400, "code": "FST_ERR_VALIDATION", "error": "Bad Request", "message": "Invalid input"}
    _default_error(server, 400, lambda _: json_of(400, document))


@fault(breaks=("ERR-1",))
def spring_errors(server: Behaviours) -> None:
    """A 415 has the shape of Spring Boot's errors."""
    document = {"timestamp": "2026-03-01T10:00:00.000+00:00", "status": 415, "error": "Unsupported Media Type"}
    _default_error(server, 415, lambda _: json_of(415, document | {"path": "/v1/containers"}))


@fault(breaks=("HTTP-1",), also=("ERR-1",))
def aspnet_problem_details(server: Behaviours) -> None:
    """A 400 is an ASP.NET problem of RFC 9457."""
    document = {"type": "https://tools.ietf.org/html/rfc9110#section-15.5.1", "title": "Bad Request", "status": 400}
    _default_error(server, 400, lambda _: json_of(400, document, content_type="application/problem+json"))


@fault(breaks=("HTTP-1",), also=("ERR-1",))
def go_plain_text_errors(server: Behaviours) -> None:
    """A 401 is plain text, as of Go's `http.Error`."""
    plain = {"content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff"}
    _default_error(server, 401, lambda _: Answer(401, plain, b"unauthorized\n"))


@fault(breaks=("ERR-1",))
def rails_errors(server: Behaviours) -> None:
    """A 404 has the shape of Rails' errors."""
    _default_error(server, 404, lambda _: json_of(404, {"status": 404, "error": "Not Found"}))


@fault(breaks=("ERR-1",))
def laravel_errors(server: Behaviours) -> None:
    """A 401 has the shape of Laravel's errors."""
    _default_error(server, 401, lambda _: json_of(401, {"message": "Unauthenticated."}))


@fault(breaks=("ERR-1",))
def json_api_errors(server: Behaviours) -> None:
    """A 422 has the shape of JSON:API's errors."""
    error = {"status": "422", "title": "Invalid", "source": {"pointer": "/action"}}
    _default_error(server, 422, lambda _: json_of(422, {"errors": [error]}))


@fault(breaks=("ERR-1",))
def error_is_a_message(server: Behaviours) -> None:
    """The `error` member of a 422 is a string beside null data."""
    _default_error(server, 422, lambda _: json_of(422, {"error": "invalid argument", "data": None}))


@fault(breaks=("ERR-3",), also=("ERR-5",))
def code_ends_with_a_dot(server: Behaviours) -> None:
    """The code of a 404 ends with a dot."""
    _recode(server, 404, lambda code: f"{code}.")


@fault(breaks=("ERR-3",), also=("ERR-5",))
def code_is_only_a_status(server: Behaviours) -> None:
    """The code of a 422 is its status."""
    _recode(server, 422, lambda _: "422")


@fault(breaks=("ERR-3",), also=("ERR-5",))
def code_with_a_slash(server: Behaviours) -> None:
    """The code of a 404 separates its words with slashes."""
    _recode(server, 404, lambda code: code.replace(".", "/"))


def _recode(server: Behaviours, status: int, change: Callable[[str], str]) -> None:
    write = server.write_error

    def recoded(call: Call, refusal: RefusalError) -> dict[str, object]:
        document = write(call, refusal)
        if refusal.status == status:
            document["error"]["code"] = change(document["error"]["code"])
        return document

    server.write_error = recoded
