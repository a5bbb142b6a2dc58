"""HTTP-1 … HTTP-10: what holds for every request and every answer."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from conformance.contract import strict_json, validation
from conformance.contract.timestamps import is_retry_after
from conformance.http.exchange import UNAVAILABLE
from conformance.judging.answer_shapes import ANSWER_SHAPE, judged, served, shape_of, violations
from conformance.judging.checks import Stage, check, passive
from conformance.judging.expectations import NotTestableError, advised, answered, at, broken, no_verdict, steady, untold
from conformance.scenarios.context import GRANTS, lacks
from conformance.scenarios.side_effects import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange, Operation
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api

LISTS = ("list", "logs")
#: states in which a backup changes by itself
IN_MOTION = ("saving", "deleting")
UNDOCUMENTED: dict[Operation, tuple[str, ...]] = {
    "list": ("PUT", "PATCH", "POST", "DELETE"),
    "get": ("PUT", "PATCH", "POST"),
    "logs": ("PUT", "PATCH", "POST", "DELETE"),
    "restore": ("PUT", "PATCH", "DELETE"),
}
ORIGIN = (("Origin", "https://portal.example.test"),)
POLITE = (401, 403, 404, 405, 501)
ODD_HUBS = ("0", "null", "not a hub", "' OR '1'='1", "%00", "z" * 24, "a" * 500)
ODD_QUERIES = (
    "include=%FF",
    "sort=%00",
    "include=%",
    "sort=%zz",
    "include=%E0%A4%A",
    "%=1",
    "a=" + "b" * 2000,
    "page=1",
    "include[]=integrations",
    "&&=&",
    "%E2%82%AC=1",
    "include=nope%0D%0AX-Nope:%20nope%0D%0A%0D%0A",  # were it put into a header, it would begin the body
)
#: what a browser or a proxy may add: the answer is JSON all the same
PLAIN_HEADERS = (
    ("Accept", "text/html,application/xhtml+xml;q=0.9"),
    ("Accept-Language", "x" * 500),
    ("X-Forwarded-For", "' OR 1=1 --"),
    ("Cookie", "session=nonsense"),
    ("Origin", "null"),
)
#: what asks for another answer than the documented one
ODD_HEADERS = (
    *(("Accept", "*/*;q=0"), ("Content-Type", "application/xml"), ("Prefer", "return=minimal")),
    *(("Range", "bytes=9-1"), ("If-Modified-Since", "yesterday"), ("If-None-Match", "*"), ("Origin", "://")),
)
#: what a body may hold beside its members: nothing that forbids them, much that breaks a careless parser
ODD_MEMBERS = (
    b"[" * 300 + b"]" * 300,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\\u0000"',
    b"1" + b"0" * 400,
    b"1e400",
    b"-0.0000000000000000000000000000001e-400",
    b'"' + b"x" * 100_000 + b'"',
    b'{"":{"\\u0000":null,"__proto__":{"a":1},"constructor":{"prototype":{}}}}',
)
ODD_BODIES = (
    *(b"[" * 50_000, b"{" * 500, b"[]", b"[null]", b"7", b'"restore"', b"null", b"1e999"),
    *(b"\xff\xfe{\x00}\x00", b"\x00", b"\xef\xbb\xbf{}", b"\xed\xa0\x80"),
)
ODD_TYPES = ("", ";", "application/json; charset=nope", "application/json; charset=utf-7", "multipart/form-data", "/")


def has_body(x: Exchange) -> bool:
    """Something that must be JSON: any body, and any success of a documented request but a redirect."""
    redirect = x.status is not None and 300 <= x.status < 400
    return judged(x) and not redirect and (x.succeeded or bool(x.response and (x.response.body or x.response.problem)))


@passive("HTTP-1", when=has_body)
def bodies_are_strict_json(x: Exchange) -> Iterator[Found]:
    content_type = (x.response.header("content-type") if x.response else None) or "no Content-Type"
    media_type, _, parameters = content_type.partition(";")
    if media_type.strip().lower() != "application/json":
        yield broken("Content-Type application/json", content_type, x)
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        yield broken("JSON in UTF-8", f"charset {charset[1]}", x)
    if isinstance(x.parsed, strict_json.NotJSON):
        yield broken("one JSON document in UTF-8", str(x.parsed), x)


@passive("HTTP-2", when=served)
def success_is_an_envelope(x: Exchange) -> Iterator[Found]:
    wanted = "an array" if x.operation in LISTS else "an object"
    if not isinstance(x.value, dict):
        yield broken("an object with data", validation.render(x.value), x, "")
        return
    if "data" not in x.value:
        yield broken(f"data, {wanted}", "nothing", x, "")
    elif not isinstance(x.data, list if x.operation in LISTS else dict):
        yield broken(f"data, {wanted}", validation.render(x.data), x, "/data")
    if x.value.get("error") is not None:
        yield broken("no error beside the data of a success", validation.render(x.value["error"]), x, "/error")


@passive("HTTP-3", when=lambda x: x.response is not None or x.unanswered)
def no_input_draws_a_500(x: Exchange) -> Iterator[Found]:
    if x.unanswered:
        got = x.failure or (x.response.problem if x.response else None) or f"{x.status}"
        yield broken("an answer, as the control requests got one", f"{got}, twice", x)
    elif x.status is not None and x.status >= 500 and x.status not in (*UNAVAILABLE, *_allowed_5xx(x)):
        yield broken("no 5xx, whatever the client sends", f"{x.status}", x)


def _allowed_5xx(x: Exchange) -> tuple[int, ...]:
    return () if x.request.documented else (501,)


@check("HTTP-3", "list", "get", "logs")
def test_http_3_odd_queries_and_headers_are_answered(api: Api, operation: Operation) -> Iterator[Found]:
    """Queries and headers that nobody expects are answered, if only by a refusal."""
    odd = [api.ask.on(operation, query=query) for query in ODD_QUERIES if operation != "logs"]
    odd += [api.ask.on(operation, headers=(header,)) for header in PLAIN_HEADERS]
    odd += [api.ask.on(operation, headers=(header,), documented=False) for header in ODD_HEADERS]
    odd += [api.ask.on(operation, method=method, documented=False) for method in ("HEAD", "OPTIONS")]
    odd += [api.ask.on(operation, hub=hub, ownership="other hub") for hub in ODD_HUBS if operation == "list"]
    for answer in api.send_all(odd):
        yield from answered(answer)


@check("HTTP-3", "restore")
def test_http_3_odd_bodies_are_answered(api: Api) -> Iterator[Found]:
    """Bodies that try a parser, of a restore to an instance that does not exist: none of them can start one."""
    backup = api.world.bystander("HTTP-3")
    instance = api.ask.unknown_id()
    odd = [api.ask.restore(backup, instance, raw=odd_body(instance, extra), refusable=True) for extra in ODD_MEMBERS]
    odd += [api.ask.restore(backup, raw=raw, refusable=True) for raw in ODD_BODIES]
    odd += [api.ask.restore(backup, text, refusable=True) for text in ("\ud800", "\x00", "x" * 100_000, "\u202e", "💩")]
    odd += [api.ask.restore(backup, instance, hub=hub, ownership="other hub", refusable=True) for hub in ODD_HUBS]
    odd += [api.ask.restore(backup, instance, content_type=kind, refusable=True) for kind in ODD_TYPES]
    for answer in refused(api, odd):
        yield from answered(answer)


def odd_body(instance: str, extra: bytes) -> bytes:
    return b'{"action":"restore","contents":{"instance_id":"%b"},"extra":%b}' % (instance.encode(), extra)


@check("HTTP-4", "list", "get", "logs")
def test_http_4_reading_again_gives_the_same(api: Api, operation: Operation) -> Iterator[Found]:
    """Eight readings, and as many more on a doubt: data may move on, but never with each reading, and never back."""
    told: dict[Operation, list[Exchange]] = api.story("readings", readings)
    if not told[operation]:
        raise NotTestableError("set fixtures.container_id to a container with backups")
    yield from unmoved(operation, told[operation])


def readings(api: Api) -> dict[Operation, list[Exchange]]:
    """All that can be read of one backup, again and again: what one read does may show in another."""
    backup = longest_logs(api) if api.world.backups or api.world.target.fixtures.backup_id else None
    told: dict[Operation, list[Exchange]] = {"list": [], "get": [], "logs": []}
    for again in (False, True):
        if again and not any(True for operation in told for _ in unmoved(operation, told[operation])):
            return told
        for turn in range(8):
            answers = api.send_all([api.ask.list(), *([api.ask.get(backup)] if backup else [])])
            answers += [api.logs(backup)] if backup else []  # behind the get, which may have left something
            # some alone, so that no other thread that reads in turns as well keeps step with us
            for x in [*answers, *(api.send(x.request) for x in answers[: turn % 3])]:
                told[x.operation].append(x)
    return told


def unmoved(operation: Operation, answers: list[Exchange]) -> Iterator[Found]:
    """The readings agree, but for backups that come, go or change by themselves meanwhile."""
    moving = moving_ids(answers) if operation == "list" else set()
    return steady(ANSWER_SHAPE[operation], answers, without=moving)


def moving_ids(lists: list[Exchange]) -> set[str]:
    """Backups that came or went for good between two readings, or are being made or deleted."""
    found = {str(item["id"]) for x in lists for item in x.items if at(item, "/state/current") in IN_MOTION}
    for one in {one for x in lists for one in x.ids}:
        if sum(before != after for before, after in pairwise(one in x.ids for x in lists)) == 1:
            found.add(one)
    return found


def longest_logs(api: Api) -> str:
    """The backup with the most logs among some that no restore of this run touches: their order can be seen."""
    answers = api.send_all(api.ask.logs(backup) for backup in api.world.stable_ids()[-16:])
    return max(answers, key=lambda answer: len(answer.ids)).request.resources["backup"]


@check("HTTP-5", "list", "get", "logs", "restore", stage=Stage.CHANGES)
def test_http_5_undocumented_methods_are_refused(api: Api, operation: Operation) -> Iterator[Found]:
    """PUT, PATCH, and POST or DELETE where not documented, on ids that do not exist."""
    ids = {"container": api.ask.unknown_container()}
    if operation != "list":
        ids["backup"] = api.ask.unknown_id()
    if operation == "restore":
        ids["instance"] = api.ask.unknown_id()
    how = {"documented": False, "refusable": True, "ownership": "missing"}
    for method in UNDOCUMENTED[operation]:
        answer = api.send(api.ask.on(operation, method=method, **ids, **how))
        yield from politely_refused(answer)


def politely_refused(x: Exchange) -> Iterator[Found]:
    """Never a success; a status that says so, with Allow on a 405, in the error shape."""
    if why := no_verdict(x):
        yield untold(why, x)
    elif x.succeeded:
        yield broken("no success for an undocumented method", f"{x.status}", x)
    elif x.status not in POLITE:
        yield advised("401, 403, 404, 405 or 501", f"{x.status}", x)
    elif x.status == 405 and header_of(x, "allow") is None:
        yield advised("Allow on a 405", "none", x)
    elif not x.oauth and not isinstance(at(x.value, "/error"), dict):
        yield advised("the error shape", validation.render(x.value), x)


@check("HTTP-6", "list", "get", "logs")
def test_http_6_cross_origin_requests_are_allowed(api: Api, operation: Operation) -> Iterator[Found]:
    """A browser's Origin is answered with Access-Control-Allow-Origin, be it in a success or in a refusal."""
    missing = {"container": api.ask.unknown_container()} if operation == "list" else {"backup": api.ask.unknown_id()}
    hows: list[dict[str, Any]] = [{}, {**missing, "ownership": "missing"}, {"key": "none"}]
    hows += [{"key": key} for key in GRANTS if lacks(key, operation) and api.proofs.states.get(key) == "accepted"][:1]
    for how in hows:
        yield from allows_origin(api.send(api.ask.on(operation, headers=ORIGIN, **how)))


@check("HTTP-6", "restore")
def test_http_6_cross_origin_restores_are_allowed(api: Api) -> Iterator[Found]:
    """So is that of a restore, here in refusals alone."""
    for key in ("full", "none"):
        backup, instance = api.ask.unknown_id(), api.ask.unknown_id()
        how = {"key": key, "ownership": "missing", "refusable": True, "headers": ORIGIN}
        yield from allows_origin(api.restore(backup, instance, **how))


def allows_origin(answer: Exchange) -> Iterator[Found]:
    if why := no_verdict(answer):
        yield untold(why, answer)
    elif (answer.succeeded or answer.refused) and header_of(answer, "access-control-allow-origin") is None:
        yield broken("Access-Control-Allow-Origin", "no such header", answer)


def header_of(x: Exchange, name: str) -> str | None:
    return x.response.header(name) if x.response else None


@passive("HTTP-7", when=lambda x: judged(x) and isinstance(x.parsed, strict_json.Parsed))
def no_member_twice(x: Exchange) -> Iterator[Found]:
    if isinstance(x.parsed, strict_json.Parsed):
        for pointer in x.parsed.duplicates[:3]:
            yield broken("each member once", "a member that occurs twice", x, pointer)


@passive("HTTP-8", when=lambda x: x.status == 429)
def throttling_says_how_long(x: Exchange) -> Iterator[Found]:
    given = header_of(x, "retry-after")
    if given is None or not is_retry_after(given):
        yield broken("Retry-After on a 429: seconds or a date", given or "no such header", x)


@passive("HTTP-9", when=judged)
def no_redirects(x: Exchange) -> Iterator[Found]:
    if x.status is not None and 300 <= x.status < 400:
        yield broken("an answer, not a redirect", f"{x.status} to {header_of(x, 'location') or 'nowhere'}", x)


@passive("HTTP-10", when=lambda x: shape_of(x) is not None)
def no_null_where_it_is_not_allowed(x: Exchange) -> Iterator[Found]:
    for violation in violations(x):
        if violation.null_optional:
            yield broken("the member absent, or a value", "null", x, violation.pointer)
