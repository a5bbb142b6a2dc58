"""ERR-1 … ERR-7: one error shape, everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.config.credentials import echoes, is_telling
from conformance.contract import strict_json, validation
from conformance.http.exchange import same_code, well_coded
from conformance.judging.answer_shapes import coded, has_envelope, is_error, violations
from conformance.judging.checks import check, passive
from conformance.judging.expectations import NotTestableError, advised, at, broken
from conformance.scenarios.side_effects import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.validation import Violation
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api

OPTIONAL = ("/error/detail", "/error/source", "/error/extra")
PUBLISHED = (
    *("400.invalid-syntax", "401.auth-invalid", "401.auth-expired", "403.permissions", "403.wrong-hub"),
    *("403.mismatch", "403.not-ready", "403.invalid-state", "404.hub", "404.uri", "404.container"),
    *("404.container.backup", "404.instance", "404.job", "409.duplicate-found", "415.invalid-content-type"),
    *("422.missing-argument", "422.invalid-argument", "422.invalid-input", "429.rate-limiting"),
    *("500.unknown", "503.not-ready"),
)
PUBLISHED_STATUSES = frozenset(code.partition(".")[0] for code in PUBLISHED)


def about_title(violation: Violation) -> bool:
    return violation.pointer == "/error/title" or (violation.pointer, violation.wanted) == (
        "/error",
        "the member title",
    )


@passive("ERR-1", when=is_error)
def errors_have_the_envelope(x: Exchange) -> Iterator[Found]:
    if isinstance(x.parsed, strict_json.NotJSON):
        if x.response and not x.response.body and not x.response.problem:
            yield broken("an error envelope", "an empty body", x)
        return
    for violation in violations(x):
        empty_title = violation.pointer == "/error/title" and violation.keyword != "type"
        if not violation.null_optional and not violation.pointer.startswith(OPTIONAL) and not empty_title:
            yield broken(violation.wanted, violation.got, x, violation.pointer)


@passive("ERR-2", when=has_envelope)
def error_status_is_the_http_status(x: Exchange) -> Iterator[Found]:
    got = x.error.get("status")
    if isinstance(got, bool) or got != x.status:
        yield broken(f"{x.status}, the HTTP status", validation.render(got), x, "/error/status")


@passive("ERR-3", when=has_envelope)
def error_code_starts_with_the_status(x: Exchange) -> Iterator[Found]:
    if not well_coded(x):
        yield broken(f"{x.status}.<words>", validation.render(x.error.get("code")), x, "/error/code")


@passive("ERR-4", when=has_envelope)
def error_title_says_something(x: Exchange) -> Iterator[Found]:
    for violation in violations(x):
        if not violation.null_optional and (about_title(violation) or violation.pointer.startswith(OPTIONAL)):
            yield broken(violation.wanted, violation.got, x, violation.pointer)
    title = x.error.get("title")
    if isinstance(title, str) and title and not title.strip():
        yield broken("a title that says something", "white space", x, "/error/title")


@passive("ERR-5", when=lambda x: coded(x) and str(x.status) in PUBLISHED_STATUSES)
def error_code_is_published(x: Exchange) -> Iterator[Found]:
    if not any(same_code(str(x.code), known) for known in PUBLISHED):
        yield broken(f"a published {x.status} code", str(x.code), x, "/error/code")


@check("ERR-6", "restore")
def test_err_6_the_wrong_member_is_named(api: Api) -> Iterator[Found]:
    """A 400 or 422 about a member of the body points to it; for a missing member its parent will do."""
    good = {"action": "restore", "contents": {"instance_id": api.ask.unknown_id()}}
    instance = "/contents/instance_id"  # an unknown one, so that it may be what the answer is about
    wrong: list[tuple[Any, tuple[str, ...]]] = [
        ({"contents": good["contents"]}, ("/action", "", instance)),
        ({**good, "action": 7}, ("/action", instance)),
        ({**good, "action": "destroy"}, ("/action", instance)),
        ({"action": "restore"}, ("/contents", "", instance)),
        ({**good, "contents": "everything"}, ("/contents",)),
        ({**good, "contents": {}}, (instance, "/contents")),
        ({**good, "contents": {"instance_id": 7}}, (instance,)),
    ]
    backup = api.world.bystander("ERR-6")
    requests = [api.ask.restore(backup, body=body, refusable=True) for body, _ in wrong]
    places = {request.body: places for request, (_, places) in zip(requests, wrong, strict=True)}
    told = [answer for answer in refused(api, requests) if answer.status in (400, 422)]
    for answer in told:
        if has_envelope(answer):
            yield from names_member(answer, places[answer.request.body])
    if not told:
        raise NotTestableError("does not apply: no refusal of a body is a 400 or a 422")


def names_member(x: Exchange, places: tuple[str, ...]) -> Iterator[Found]:
    got = at(x.value, "/error/source")
    if not isinstance(got, str) or got.removeprefix("#").rstrip("/") not in places:
        yield advised(f"source {places[0]}", validation.render(got), x, "/error/source")


@passive("ERR-7", when=lambda x: x.response is not None and is_telling(x.request.authorization))
def no_answer_echoes_the_key(x: Exchange) -> Iterator[Found]:
    if x.response and (where := echoes(x.request.authorization, x.response)):
        yield broken("no trace of the key in the answer", f"the key in {where}", x)
