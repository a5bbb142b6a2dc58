"""Faults of the error envelope."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from conformance.reference.patching import edit_answers, edit_errors, recode
from conformance.reference.registry import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Answer, Behaviours, Call
    from conformance.reference.data.store import Document
    from conformance.reference.refusals import RefusalError


def _is(*statuses: int) -> Callable[[RefusalError], bool]:
    return lambda refusal: refusal.status in statuses


@fault(breaks=("ERR-1",))
def error_without_data(server: Behaviours) -> None:
    """An error has no `data` member."""
    write = server.write_error
    server.write_error = lambda call, refusal: {"error": write(call, refusal)["error"]}


@fault(breaks=("ERR-1",))
def error_with_empty_data(server: Behaviours) -> None:
    """A 404 has an empty object as `data`, not null."""
    write = server.write_error
    server.write_error = lambda call, refusal: write(call, refusal) | ({"data": {}} if refusal.status == 404 else {})


@fault(breaks=("ERR-1",), also=("ERR-5",))  # which alone judges the answers to addresses that do not exist
def problem_details(server: Behaviours) -> None:
    """A 404 has the shape of RFC 9457, without an envelope."""
    write = server.write_error
    server.write_error = lambda call, refusal: (
        {"type": "about:blank", "status": 404, "title": refusal.title}
        if refusal.status == 404
        else write(call, refusal)
    )


@fault(breaks=("ERR-1",), also=("CAP-7", "CAP-11"))
def oauth_form_for_403(server: Behaviours) -> None:
    """A 403 has the OAuth error shape, which only a 401 may have."""
    write = server.write_error
    server.write_error = lambda call, refusal: (
        {"error": "insufficient_scope"} if refusal.status == 403 else write(call, refusal)
    )


@fault(breaks=("HTTP-5",), also=("HTTP-1",))
def bare_method_refusal(server: Behaviours) -> None:
    """A 405 has no body."""

    def change(_call: Call, answer: Answer) -> None:
        if answer.status == 405:
            answer.body = b""

    edit_answers(server, change)


@fault(breaks=("ERR-2",))
def status_always_400(server: Behaviours) -> None:
    """The `status` member of a 404, 415 or 422 is 400."""
    edit_errors(server, lambda error: error.update(status=400), _is(404, 415, 422))


@fault(breaks=("ERR-2",))
def denial_calls_itself_401(server: Behaviours) -> None:
    """The `status` member of a 403 is 401."""
    edit_errors(server, lambda error: error.update(status=401), _is(403))


@fault(breaks=("ERR-2",))
def status_as_text(server: Behaviours) -> None:
    """The `status` member of an error is a string."""
    edit_errors(server, lambda error: error.update(status=str(error["status"])))


@fault(breaks=("ERR-3",), also=("ERR-5",))
def code_without_status(server: Behaviours) -> None:
    """The code of a 422 lacks its status prefix."""
    edit_errors(server, lambda error: error.update(code=error["code"].partition(".")[2]), _is(422))


@fault(breaks=("ERR-3",), also=("ERR-5",))
def code_of_another_status(server: Behaviours) -> None:
    """The code of a 401 begins with 403."""
    edit_errors(server, lambda error: error.update(code="403.permissions"), _is(401))


@fault(breaks=("ERR-3",), also=("ERR-5",))
def code_as_sentence(server: Behaviours) -> None:
    """The code of a 400 contains spaces."""
    edit_errors(server, lambda error: error.update(code="400.Invalid syntax in request"), _is(400))


@fault(breaks=("ERR-4",))
def empty_title(server: Behaviours) -> None:
    """The title of an error is empty."""
    edit_errors(server, lambda error: error.update(title=""))


@fault(breaks=("ERR-4",))
def detail_as_list(server: Behaviours) -> None:
    """The detail of an error is an array."""
    edit_errors(server, lambda error: error.update(detail=[error.get("detail", "")]))


@fault(breaks=("ERR-4",), also=("ERR-6",))
def source_as_object(server: Behaviours) -> None:
    """The source of an error is an object with a pointer, as in JSON:API."""
    edit_errors(server, lambda error: error.update(source={"pointer": error["source"]}) if "source" in error else None)


@fault(breaks=("ERR-4",), also=("CAP-7", "CAP-11"))
def extra_as_text(server: Behaviours) -> None:
    """The `extra` member of a denial is a string."""
    edit_errors(server, lambda error: error.update(extra=error["extra"]["capability"]) if "extra" in error else None)


@fault(breaks=("ERR-5",))
def unpublished_code_for_401(server: Behaviours) -> None:
    """The code of a 401 is not a published one."""
    edit_errors(server, lambda error: error.update(code="401.unauthorized"), _is(401))


@fault(breaks=("ERR-5",))
def unpublished_code_for_422(server: Behaviours) -> None:
    """The code of a 422 is not a published one."""
    edit_errors(server, lambda error: error.update(code="422.unprocessable-entity"), _is(422))


@fault(breaks=("ERR-6",))
def no_source(server: Behaviours) -> None:
    """An error about a member has no source."""
    edit_errors(server, lambda error: error.pop("source", None))


@fault(breaks=("ERR-6",))
def source_without_slash(server: Behaviours) -> None:
    """The source of an error is a dotted path, not a JSON pointer."""
    edit_errors(
        server,
        lambda error: error.update(source=error["source"][1:].replace("/", ".")) if "source" in error else None,
    )


@fault(breaks=("ERR-6",))
def source_names_another(server: Behaviours) -> None:
    """The source of an error points to the wrong member."""

    def change(error: Document) -> None:
        if "source" in error:
            error["source"] = "/contents" if error["source"] == "/action" else "/action"

    edit_errors(server, change)


@fault(breaks=("ERR-7",))
def unknown_key_echoed(server: Behaviours) -> None:
    """A 401 quotes the unknown key."""
    _echo(server, "401.auth-invalid")


@fault(breaks=("ERR-7",))
def denied_key_echoed(server: Behaviours) -> None:
    """A denial quotes the key."""
    _echo(server, "403.permissions")


def _echo(server: Behaviours, code: str) -> None:
    write = server.write_error

    def echoing(call: Call, refusal: RefusalError) -> Document:
        document = write(call, refusal)
        if refusal.code == code:
            document["error"]["detail"] = f"{call.headers.get('authorization', 'no key')} will not do"
        return document

    server.write_error = echoing


@fault(breaks=("ERR-7",))
def key_in_a_header(server: Behaviours) -> None:
    """A success repeats the key in a response header."""

    def change(call: Call, answer: Answer) -> None:
        if answer.status < 300 and call.caller:
            answer.headers["x-served-to"] = call.caller.token

    edit_answers(server, change)


@fault(breaks=("ERR-7",))
def key_in_a_success(server: Behaviours) -> None:
    """Get returns the request's headers in an extra member."""
    envelope = server.envelope
    server.envelope = lambda call, reply: (
        envelope(call, reply) | ({"request": dict(call.headers)} if call.operation == "get" else {})
    )


@fault(breaks=("ERR-5",))
def unpublished_code_for_400(server: Behaviours) -> None:
    """The code of a 400 is not a published one."""
    recode(server, "400.invalid-syntax", "400.bad-request")


@fault(breaks=("ERR-1",))
def bare_401(server: Behaviours) -> None:
    """A 401 has an error without an envelope."""
    write = server.write_error
    server.write_error = lambda call, refusal: (
        write(call, refusal)["error"] if refusal.status == 401 else write(call, refusal)
    )


@fault(breaks=("ERR-2",))
def status_of_the_gateway(server: Behaviours) -> None:
    """The `status` member of a 415 is 400."""
    edit_errors(server, lambda error: error.update(status=400), _is(415))


@fault(breaks=("ERR-6",))
def source_from_the_root(server: Behaviours) -> None:
    """The source of an error begins with /body."""
    edit_errors(server, lambda error: error.update(source=f"/body{error['source']}") if "source" in error else None)


@fault(breaks=("ERR-7",))
def key_in_the_challenge(server: Behaviours) -> None:
    """A 401 repeats the key, base64-encoded, in WWW-Authenticate."""

    def change(call: Call, answer: Answer) -> None:
        word = call.headers.get("authorization", "").rpartition(" ")[2]
        if answer.status == 401 and word:
            answer.headers["WWW-Authenticate"] = f'Bearer error="{base64.b64encode(word.encode()).decode()}"'

    edit_answers(server, change)
