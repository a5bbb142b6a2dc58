"""What is kept of an exchange: masked, bounded, and a shell line that sends the same request again."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support import curl, hostile

from conformance.config.target_file import load_target
from conformance.evidence.lines import Lines
from conformance.evidence.recorder import BODY_KEPT, END_KEPT, HEADER_KEPT, MAX_WITH_END, Recorder
from conformance.evidence.redaction import Redactor
from conformance.execution.shared_state import SharedState
from conformance.http import credentials
from conformance.http.client import Client
from conformance.http.exchange import Exchange, Expected, Request, Response
from conformance.reference import launch
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.evidence.rows import ResponseRow

FULL = "Full-Key-of-Ours_0123456789"
GATEWAY = "the gateway's own secret"
MORE = f'[headers]\nX-Gateway-Token = "{GATEWAY}"\n'
PATH = "/v1/containers/c/backups"


@pytest.fixture
def server() -> Iterator[hostile.Hostile]:
    with hostile.serve(hostile.empty) as found:
        yield found


@pytest.fixture
def target(server: hostile.Hostile, tmp_path: Path) -> Target:
    text = hostile.target_toml(f"{server.base_url}/api", key=FULL, more=MORE, allow=True)
    file = tmp_path / "target.toml"
    file.write_text(
        text.replace("[fixtures]", 'view = "view-key-of-ours"\nexpired = "expired-key-of-ours"\n[fixtures]')
    )
    return load_target(file, {})


@pytest.fixture
def recorder(target: Target) -> Recorder:
    return Recorder(target, known(target))


def known(target: Target) -> Redactor:
    redactor = Redactor()
    target.watch_secrets(redactor.add)
    return redactor


def posted(body: bytes, *, typed: bool = True) -> Request:
    headers = (("Content-Type", "application/json"),) if typed else ()
    return Request(
        "restore", "POST", f"{PATH}/b/tasks", hub_id="h", body=body, headers=headers, expected=Expected.REFUSAL
    )


ODD_BODIES = (
    b"", b"{}", b'{"a": "it\'s $HOME `date` $(date) \\\\ %s %% \\n !!"}', b"\x00", b"a\x00b\n\n", b"--x\n",
    b"@/etc/passwd", bytes(range(256)), "é€💩\u202e\u200b".encode(), b"\xff\xfe", b"{\n\t\"a\": 1\r\n}\n",
    b"-", b"[" * 40_000, b"%d\\101\\x41",
)  # fmt: skip
ODD_REQUESTS = (
    Request("list", "GET", PATH, query="page%5Bsize%5D=1&a[]={1..3}&b='x'&&c=%00", hub_id="h"),
    Request("get", "GET", f"{PATH}/%2F..%2F%00%0A%E2%82%AC'%22$HOME;&!*()", hub_id="h"),
    Request("get", "GET", f"{PATH}/a/../b/./c//", hub_id="h"),
    Request("list", "GET", PATH, hub_id=""),
    Request("list", "GET", PATH),
    Request("list", "HEAD", PATH, hub_id="h"),
    Request("list", "OPTIONS", PATH, hub_id="h"),
    Request("list", "DELETE", PATH, hub_id="h"),
    Request("list", "PATCH", PATH, hub_id="h", body=b"{}"),
    Request("list", "GET", PATH, hub_id="h", body=b"{}"),
    Request("list", "GET", PATH, hub_id="h", headers=(("Accept", "*/*;q=0"), ("X-Odd", "$(date) `date` \"'\\ !"))),
    Request("list", "GET", PATH, hub_id="h", headers=(("X-Twice", "1"), ("X-Twice", "2"), ("X-None", ""))),
    Request("list", "GET", PATH, hub_id="h", headers=(("X-Start", "$HOME"),)),
)
SENT = ("authorization", "x-hub-id", "accept", "content-type", "content-length", "x-gateway-token", "x-odd", "x-start")


def same_again(request: Request, server: hostile.Hostile, target: Target, tmp_path: Path) -> tuple[Any, Any]:
    """What the server saw of the client's request, and of the pasted line."""
    client = Client(target, SharedState(tmp_path / "state"), lambda _: None, profile="full")
    client.send(replace(request, authorization=credentials.authorization(target, request.key, 1)))
    client.close()
    line = Recorder(target, known(target)).curl(request)
    assert FULL not in line
    curl.pasted(line, curl.environment_of(target))
    first, second = (
        (one.line, one.body, {name: one.headers[name] for name in SENT if name in one.headers}) for one in server.seen
    )
    return first, second


def response_of(recorder: Recorder, exchange: Exchange) -> ResponseRow:
    response = recorder.evidence(exchange)["response"]
    assert response is not None
    return response


@pytest.mark.process
@pytest.mark.parametrize("request_", [*ODD_REQUESTS, *map(posted, ODD_BODIES), posted(b"{}", typed=False)])
def test_the_line_sends_the_same_request(
    request_: Request, server: hostile.Hostile, target: Target, tmp_path: Path
) -> None:
    first, second = same_again(request_, server, target, tmp_path)
    assert first == second


#: keys that are made anew each time: there is nothing to compare
MADE_ANEW = ("unknown", "not ASCII")
CREDENTIALS = ("none", "full", "view", "expired", *(name for name in credentials.ALTERATIONS if name not in MADE_ANEW))


@pytest.mark.process
@pytest.mark.parametrize("key", CREDENTIALS)
def test_the_line_presents_the_same_credential(
    key: str, server: hostile.Hostile, target: Target, tmp_path: Path
) -> None:
    first, second = same_again(Request("list", "GET", PATH, key=key, hub_id="h"), server, target, tmp_path)
    assert first == second


@pytest.mark.process
def test_certificates_are_verified_as_the_target_file_says(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=x",
            "-keyout",
            os.devnull,
            "-out",
            bundle,
        ],
        check=True,
        capture_output=True,
    )
    text = hostile.target_toml("https://api.example.test")
    for value, wanted in (("true", ""), ("false", " --insecure"), (f'"{bundle}"', f" --cacert {bundle}")):
        file = tmp_path / "target.toml"
        file.write_text(text.replace("[target]", f"[target]\nverify_tls = {value}"))
        line = Recorder(load_target(file, {}), Redactor()).curl(Request("list", "GET", "/v1/x"))
        assert line.startswith(f"curl -sS -i --http1.1 --globoff --path-as-is{wanted} -H")


# ---------------------------------------------------------------- masks and bounds


def exchange_with(body: bytes, *headers: tuple[str, str]) -> Exchange:
    return Exchange(Request("list", "GET", PATH), Response(200, headers, body, 0.1))


def test_a_body_is_masked_before_it_is_cut(recorder: Recorder) -> None:
    for start in (BODY_KEPT - 5, BODY_KEPT - len(FULL), BODY_KEPT - 1):
        body = response_of(recorder, exchange_with(b"x" * start + FULL.encode() + b"y" * 100))["body"]
        assert FULL[:5] not in body
        assert body.startswith("x" * start)
        assert body.endswith(f" … [{start + len(FULL) + 100} bytes in all]")


def test_headers_are_masked_before_they_are_cut_and_none_is_lost(recorder: Recorder) -> None:
    given = (("X-A", "v" * (HEADER_KEPT - 5) + FULL), ("x-b", f"Bearer {FULL}"), ("x-b", "2"), (f"x-{FULL}", "3"))
    shown = response_of(recorder, exchange_with(b"", *given))["headers"]
    assert shown == {"X-A": "v" * (HEADER_KEPT - 5) + "[key ", "x-b": "Bearer [key full], 2", "x-[key full]": "3"}


def test_words_that_were_cut_in_the_midst_of_a_key_show_nothing_of_it(recorder: Recorder) -> None:
    encoded = base64.b64encode(FULL.encode()).decode()
    for secret in (FULL, encoded):
        for length in range(6, len(secret)):
            assert recorder.text(f'"and {secret[:length]}… (3 places)') == '"and [key full]… (3 places)'
    assert recorder.text("nothing of ours… at all…") == "nothing of ours… at all…"
    assert recorder.text(f"{FULL} and {FULL[:9]}") == f"[key full] and {FULL[:9]}"


def test_the_targets_own_secrets_are_masked_and_learnt(recorder: Recorder) -> None:
    auth = {"secret": "s3cr3t-of-theirs", "api_key": "****1234", "region": "eu"}
    body = json.dumps({"includes": {"integrations": {"1": {"auth": auth}}}}).encode()
    shown = json.loads(response_of(recorder, exchange_with(body))["body"])
    assert shown["includes"]["integrations"]["1"]["auth"] == {**auth, "secret": "[secret auth.secret]"}
    assert recorder.text("it says s3cr3t-of-theirs") == "it says [secret auth.secret]"


def test_requests_show_variables_in_the_place_of_keys(recorder: Recorder, target: Target) -> None:
    evidence = recorder.evidence(Exchange(Request("list", "GET", PATH, hub_id="h"), None, failure="connection reset"))
    assert evidence["request"]["headers"] == {
        "X-Gateway-Token": "$BACKUPS_KEY_X_GATEWAY_TOKEN",
        "Authorization": "Bearer $BACKUPS_KEY_FULL",
        "X-Hub-Id": "h",
        "Accept": "application/json",
    }
    assert (evidence["response"], evidence["failure"]) == (None, "connection reset")


def test_a_body_over_the_limit_is_said_to_be_cut(recorder: Recorder) -> None:
    exchange = exchange_with(b"[")
    exchange.response = Response(200, (), b"[", 0.1, problem="a body of more than 16 MB (limits.max_body_mb)")
    response = response_of(recorder, exchange)
    assert response["body_cut"] is True
    assert response["problem"] == "a body of more than 16 MB (limits.max_body_mb)"


def test_the_end_of_a_long_body_that_is_not_json_is_kept(recorder: Recorder) -> None:
    start = b'{"data": ["' + b"x" * BODY_KEPT
    assert response_of(recorder, exchange_with(start + b'", "the l'))["body_end"].endswith('xxx", "the l')
    assert "body_end" not in response_of(recorder, exchange_with(start + b'"]}'))
    assert "body_end" not in response_of(recorder, exchange_with(b'{"data": [')), "the evidence holds all of it"
    assert "body_end" not in response_of(recorder, exchange_with(start + b"x" * MAX_WITH_END))


def test_the_end_of_a_body_shows_no_part_of_a_key(recorder: Recorder) -> None:
    for after in range(END_KEPT - len(FULL), END_KEPT + 1):
        end = response_of(recorder, exchange_with(b"x" * BODY_KEPT + FULL.encode() + b"y" * after))["body_end"]
        assert not any(FULL[start : start + 6] in end for start in range(len(FULL) - 5))
    for length in range(6, len(FULL)):
        end = response_of(recorder, exchange_with(b"x" * BODY_KEPT + FULL[:length].encode()))["body_end"]
        assert FULL[:6] not in end


def test_the_end_of_a_body_begins_with_a_whole_character(recorder: Recorder) -> None:
    body = b"x" * BODY_KEPT + ("\u20ac" * END_KEPT).encode()
    assert set(response_of(recorder, exchange_with(body))["body_end"]) == {"\u20ac"}


@pytest.mark.parametrize("where", ["the same body", "a later body", "an earlier body"])
def test_a_body_that_masking_altered_is_not_judged_again(recorder: Recorder, where: str) -> None:
    """The secret stands in a path, which would be another one."""
    secret, path = b'{"auth": {"secret": "/srv/backups"}}', b'{"path": "/srv/backups/2026"}'
    shown, other = exchange_with(b"[" + secret + b"]"), exchange_with(path)
    lines = Lines(recorder)
    if where == "the same body":
        both = exchange_with(b"[" + secret + b"," + path + b"]")
        assert is_left_out(lines.line(both, 1000))
    elif where == "a later body":
        assert not is_left_out(lines.line(shown, 1000))
        assert is_left_out(lines.line(other, 1000))
    else:
        before = lines.line(other, 1000)
        assert not is_left_out(before)
        lines.line(shown, 1000)
        assert is_left_out(lines.clean_again(before))
        assert is_left_out(lines.line(other, 1000)), "what was made of the body before is not used again"


def is_left_out(line: str) -> bool:
    return bool(json.loads(line)["left_out"])


@pytest.mark.process
def test_what_ask_makes_can_be_pasted_against_the_reference(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        file = tmp_path / "target.toml"
        file.write_text(server.target_toml)
        target = load_target(file, {})
        ask = RequestBuilder(Fixtures(target), random.Random(1), lambda _: None)
        client = Client(target, SharedState(tmp_path / "state"), lambda _: None, profile="full")
        recorder, env = Recorder(target, known(target)), curl.environment_of(target)
        asked = [
            *(ask.list(key=key) for key in (*CREDENTIALS, "unknown", "unrelated", "other_hub")),
            *(ask.list(hub=hub) for hub in ("", None, "nope")),
            *(ask.get(f"{target.fixtures.backup_id}{end}") for end in ("\x00", " ", "/", "'", "\n", "%00", "é")),
            *(ask.restore(raw=raw, expected=Expected.REFUSAL) for raw in (b"\x00", b"{", b"'$HOME'\n", b"\xff", b"")),
            ask.restore(content_type=None, expected=Expected.REFUSAL, body={"action": "restore"}),
            ask.restore(content_type="text/plain", expected=Expected.REFUSAL),
        ]
        for request in asked:
            assert curl.status_of(curl.pasted(recorder.curl(request), env)) == client.send(request).status, request.line
        client.close()
