"""The lines of the archive are put together of remembered parts, and are what they would be without."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import fields, replace
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.config.secrets import Key
from conformance.config.target import FixtureIds, Keys, Target
from conformance.evidence.lines import LONGEST_REMEMBERED, Lines
from conformance.evidence.memory import Masked, Memory
from conformance.evidence.recorder import Recorder
from conformance.evidence.redaction import Redactor
from conformance.evidence.shown import Shown
from conformance.http.exchange import Exchange, Expected, Request, Response, Sender, Throttled

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, LATE = "Full-Key-of-Ours_0123456789", "key-that-is-known-Later_98765"
TARGET = Target(
    name="a target",
    base_url="https://backups.example/api/",
    hub_id="h",
    fixtures=FixtureIds(container_id="c"),
    headers={"X-Gateway": Key("headers.X-Gateway", "secret of a gateway")},
    keys=Keys(full=Key("full", KEY)),
)
PLAIN = Request("list", "GET", "/v1/containers/c/backups", authorization=f"Bearer {KEY}", hub_id="h")
REQUESTS = (
    PLAIN,
    replace(PLAIN, query=f"page[size]=2&q={quote(LATE)}", asked={"q": LATE, "size": "2"}, check="LIST-1"),
    replace(PLAIN, path=f"/v1/containers/{quote(b64encode(LATE.encode()))}", resources={"container": "\ud800c"}),
    replace(PLAIN, key="none", authorization=None, without=("accept", "user-agent"), sender=Sender.OUTSIDER),
    replace(PLAIN, headers=(("X-Trace", f"a {LATE}"), ("X-Trace", "it's"), ("X-Empty", ""), ("Accept", "*/*"))),
    replace(PLAIN, method="HEAD", hub_id=None, ownership="missing", denied="view", throttled=Throttled.ACCEPT),
    *(
        replace(PLAIN, operation="restore", method="POST", body=body, expected=Expected.REFUSAL)
        for body in (
            None,
            b"",
            b'{"a": "it\'s"}',
            f"@{LATE}\n".encode(),
            b"\xff\x00%",
            "\u20ac\U0001f600".encode(),
            b"x" * 2**16,
        )
    ),
)
#: of each member another value than that of PLAIN, so that requests differ in one member alone
OTHER: dict[str, Any] = {
    "operation": "get", "method": "HEAD", "path": "/v1", "query": "x=1", "key": "view", "authorization": "Bearer x",
    "hub_id": "other", "headers": (("Accept", "*/*"),), "body": b"", "expected": Expected.UNDOCUMENTED,
    "throttled": Throttled.ACCEPT, "sender": Sender.OUTSIDER, "denied": "view", "ownership": "sibling",
    "resources": {"job": "j"}, "asked": {"a": "b"}, "without": ("accept",), "check": "LIST-2",
}  # fmt: skip
REQUESTS += tuple(replace(PLAIN, **{name: value}) for name, value in OTHER.items())
HEADERS = (("content-type", "application/json"), ("x-shown", f"{LATE}, \xe9"))
BODIES = (
    b'{"data": []}',
    f'{{"data": "{LATE}", "hex": "{LATE.encode().hex()}"}}'.encode(),
    b'{"auth": {"secret": "a secret of the target"}}',
    b"\xff\xfe",
    b"",
    b"y" * (LONGEST_REMEMBERED + 1),
)
RESPONSES = (
    None,
    *(Response(200, HEADERS, body, 0.12345) for body in BODIES),
    Response(500, (), BODIES[0], 0.1, problem=f"its length is wrong: {LATE}"),
    Response(200, (), BODIES[0], 1.0, too_large=True),
)


def exchanges() -> Iterator[Exchange]:
    for request, response in product(REQUESTS, RESPONSES):
        exchange = Exchange(request, response, None if response else f"reset: {LATE}", started=1234.5)
        exchange.seen, exchange.unanswered = ((2, 2), True) if response is None else (None, False)
        yield exchange


def stated(exchange: Exchange, redactor: Redactor) -> dict[str, Any]:
    """All but `shown` of an exchange, each text masked by itself, as JSON has it."""
    request, response = exchange.request, exchange.response
    members = {member.name: getattr(request, member.name) for member in fields(Request)}
    members |= {
        "path": redactor.text(request.path),
        "query": redactor.text(request.query),
        "authorization": request.authorization and redactor.header(request.authorization),
        "headers": [[name, redactor.header(value)] for name, value in request.headers],
        "asked": {name: redactor.text(value) for name, value in request.asked.items()},
        "body": None if request.body is None else kept(redactor.body(request.body)),
    }
    whole = response is None or not response.too_large
    answer = None
    if response is not None and whole:
        body = response.content().replace(b'"a secret of the target"', b'"[secret auth.secret]"')
        answer = {
            "status": response.status,
            "headers": [[redactor.text(name), redactor.text(value)] for name, value in response.headers],
            "body": kept(redactor.body(body)),
            "secrets_shown": body != response.body,
            "elapsed_s": round(response.elapsed_s, 4),
            "problem": response.problem and redactor.text(response.problem),
            "too_large": False,
        }
    return {
        "request": members if whole else {**members, "body": None},
        "response": answer,
        "failure": exchange.failure and redactor.text(exchange.failure),
        "started": exchange.started,
        "seen": exchange.seen,
        "unanswered": exchange.unanswered,
        "key_died": exchange.key_died,
        "left_out": not whole,
    }


def kept(data: bytes) -> object:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def test_a_line_says_all_of_an_exchange_masked_whatever_came_before_it() -> None:
    redactor = Redactor({"full": KEY})
    recorder = Recorder(TARGET, redactor)
    lines = Lines(recorder)
    before = [lines.line(exchange, 2**20) for exchange in exchanges()]
    assert sum(LATE in line for line in before) > len(before) // 2, "a secret that is not known yet is ordinary text"
    redactor.add("late", LATE)
    for exchange in [*exchanges(), *exchanges()]:
        line = lines.line(exchange, 2**20)
        fresh = Shown(TARGET, redactor)  # remembers nothing of other requests
        request = exchange.request
        shown = {"url": fresh.url(request), "headers": fresh.headers(request), "curl": fresh.curl(request)}
        assert line == json.dumps({**stated(exchange, redactor), "shown": shown})
        row = recorder.evidence(exchange)
        assert shown == {"url": row["request"]["url"], "headers": row["request"]["headers"], "curl": row["curl"]}
        assert LATE not in line
        assert KEY not in line


def test_every_member_of_a_request_is_varied() -> None:
    assert [member.name for member in fields(Request)] == list(OTHER)
    assert all(getattr(PLAIN, name) != value for name, value in OTHER.items())


def test_the_longest_bodies_are_left_out() -> None:
    lines = Lines(Recorder(TARGET, Redactor({"full": KEY})))
    sent = replace(PLAIN, method="POST", body=b"sent")
    for request, response, longest in [
        (PLAIN, Response(200, (), b"answer", 0.1), 5),
        (sent, Response(200, (), b"", 0.1), 3),
        (sent, None, 3),
    ]:
        record = json.loads(lines.line(Exchange(request, response), longest))
        assert (record["left_out"], record["request"]["body"], record["response"]) == (True, None, None)
        assert not json.loads(lines.line(Exchange(request, response), longest + 1))["left_out"]


def test_a_secret_is_learnt_from_a_body_that_was_unusable_before() -> None:
    redactor = Redactor()
    lines = Lines(Recorder(TARGET, redactor))
    body = b'{"auth": {"secret": "a-secret-of-the-target"}}'
    lines.line(Exchange(PLAIN, Response(200, (), body, 0.1, problem="its length is wrong")), 1000)
    assert redactor.learnt == 0
    lines.line(Exchange(PLAIN, Response(200, (), body, 0.1)), 1000)
    assert redactor.learnt == 1


def test_nothing_that_was_masked_before_a_secret_was_known_is_used_after_it() -> None:
    redactor = Redactor({"full": KEY})
    masked: Masked[str, str] = Masked(redactor, 10_000)
    assert masked.get("text", 10, lambda: redactor.text(LATE)) == LATE
    assert masked.get("text", 10, lambda: pytest.fail("it is remembered")) == LATE
    redactor.add("late", LATE)
    assert masked.get("text", 10, lambda: redactor.text(LATE)) == "[key late]"

    def while_another_thread_adds_a_secret() -> str:
        text = redactor.text("another-Secret")
        redactor.learn("[secret]", "another-Secret")
        return text

    masked.get("other", 10, while_another_thread_adds_a_secret)
    assert masked.get("other", 10, lambda: redactor.text("another-Secret")) == "[secret]"


def test_a_short_secret_makes_forgotten_as_well() -> None:
    redactor = Redactor()
    masked: Masked[str, str] = Masked(redactor, 10_000)
    assert masked.get("header", 10, lambda: redactor.header("Bearer abc")) == "Bearer abc"
    redactor.add("short", "abc")
    assert masked.get("header", 10, lambda: redactor.header("Bearer abc")) == "Bearer [key short]"


def test_a_memory_is_bounded_and_holds_the_last_values() -> None:
    memory: Memory[int, int] = Memory(10_000)
    for number in range(1000):
        memory.keep(number, number, 300)
    known = [number for number in range(1000) if memory.get(number) is not None]
    assert known == list(range(1000 - len(known), 1000))
    assert 10 <= len(known) <= 20
    memory.keep(-1, -1, 10_000)
    assert memory.get(-1) is None


PIECES = st.sampled_from([
    KEY, KEY[:9], KEY[9:], quote(quote(KEY)), b64encode(KEY.encode()).decode(), KEY.encode().hex(), "Bearer abc", "%",
    "\\", "/", "?", "&", "%5c", "%2", "5c", "&#", "\\u00", "2f", ";", "&amp;", "%25", "00", "%00", KEY[0], "\n", "x",
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@settings(max_examples=400, deadline=None, database=None, derandomize=True)
@given(base=TEXTS, path=TEXTS, query=TEXTS)
def test_path_and_query_are_masked_wherever_they_would_be_by_themselves(base: str, path: str, query: str) -> None:
    redactor = Redactor({"full": KEY, "short": "abc"})
    request = replace(PLAIN, path=f"/{path}", query=query)
    target = replace(TARGET, base_url=f"https://backups.example/{base}")
    _, shown_path, shown_query = Shown(target, redactor).address(request)
    assert (shown_path, shown_query) == (redactor.text(f"/{path}"), redactor.text(query))
