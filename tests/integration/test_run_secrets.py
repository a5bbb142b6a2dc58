"""No secret leaves the suite: a whole run against a server that gives every key back, and our own crashes beside it."""

from __future__ import annotations

import base64
import gzip
import json
import signal
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from support import running
from support.waiting import PATIENCE_S, wait_until

from conformance.evidence.secret_members import SECRET_MEMBERS, is_masked
from conformance.reference import launch
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from conformance.reference.core import Answer, Behaviours, Call

pytestmark = [pytest.mark.process, pytest.mark.one_worker]  # one server for all of them

SHOWN_SECRETS = ("secret_in_clear", "config_in_clear")
#: checks with every kind of credential, and with included integrations
FEW = ("--only", "AUTH-2,AUTH-4,CAP-1,INC-2,INC-7,LOG-1,ERR-7", "--examples", "1", "--seed", "1")

#: checks that send everything in every way
BROAD = "ERR,AUTH,CAP,INC,GET-6,JOB-1,JOB-5,HTTP-5,JBS-1,DEL-1"

CRASHES = """
import conformance.http.client, conformance.execution.executor
from conformance.http.exchange import Purpose

send, attach = conformance.http.client.Client.send, conformance.execution.executor.attach

seen = []

def sending(self, request, purpose=Purpose.EVIDENCE):
    exchange = send(self, request, purpose)
    seen.append(exchange)
    if request.operation == "logs" and purpose is Purpose.EVIDENCE:
        raise ZeroDivisionError(f"in a check, with {request.authorization} and {exchange!r} of {request!r}")
    return exchange

def attaching(record, *rest):
    if record.clause == "INC-2":
        around = seen[-3:]
        raise ZeroDivisionError("outside of a check, with what stands around")
    return attach(record, *rest)

conformance.http.client.Client.send, conformance.execution.executor.attach = sending, attaching
"""


def cut_base64(secret: str) -> set[str]:
    """What of the secret's base64 is the same whatever stands beside it, in each alignment."""
    return {base64.b64encode(b"\0" * before + secret.encode()).decode()[4:-4] for before in range(3)}


def encodings(secret: str) -> set[str]:
    """The secret as servers write it down; independent of how the suite looks for it."""
    raw = secret.encode()
    escaped = "".join(f"\\u{byte:04x}" for byte in raw)
    percent = "".join(f"%{byte:02X}" for byte in raw)
    return {
        secret,
        quote(secret, safe=""),
        escaped,
        percent,
        percent.lower(),
        raw.hex(),
        raw.hex().upper(),
        *cut_base64(secret),
    }


@variant("none: it is for what must not be shown that this is served")
def gives_every_key_back(server: Behaviours) -> None:
    """Every answer has the request's Authorization in its headers and in its body, in many encodings."""
    finish = server.finish

    def echoing(call: Call, answer: Answer) -> Answer:
        answer = finish(call, answer)
        sent = call.headers.get("authorization", "")
        whole = [base64.b64encode(b"\0" * before + sent.encode()).decode() for before in range(3)]
        echoes = [*(encodings(sent) - cut_base64(sent)), *whole, f"<{sent}>", json.dumps({"key": sent})]
        answer.headers |= {f"x-echo-{index}": text for index, text in enumerate(echoes)}
        if answer.body.startswith(b'{"') and "content-encoding" not in answer.headers:
            raw = f'"{sent}": "{" ".join(whole)}", '.encode()
            escaped = "".join(f"\\u{ord(char):04x}" for char in sent).encode()
            filling = b"x" * (16300 if call.operation == "logs" else 0)  # so that a cut goes through a key
            answer.body = b'{"filling": "' + filling + b'", "echo": "' + escaped + b'", ' + raw + answer.body[1:]
        return answer

    server.finish = echoing


@pytest.fixture(scope="module")
def server() -> Iterator[launch.Running]:
    with launch.serve_in_thread(SHOWN_SECRETS, [gives_every_key_back], restore_seconds=0.02) as running_server:
        yield running_server


@pytest.fixture
def target(server: launch.Running, tmp_path: Path) -> Path:
    file = tmp_path / "target.toml"
    file.write_text(server.target_toml)
    return file


@pytest.fixture(scope="module")
def secrets(server: launch.Running) -> dict[str, str]:
    """All that must not be shown: keys, what is made of them, and what the target shows of its integrations."""
    target = tomllib.loads(server.target_toml)
    keys = {name: value for name, value in target["keys"].items() if name != "other_hub_id"}
    full = keys["full"]
    bent = {"full, cut": full[:-1], "full, swapped": full.swapcase(), "full, user": f":{full}"}
    headers = {"Authorization": f"Bearer {full}", "X-Hub-Id": target["target"]["hub_id"]}
    path = f"/v1/containers/{target['fixtures']['container_id']}/backups?include=integrations"
    included = httpx.get(f"{server.base_url}{path}", headers=headers).json()["includes"]["integrations"]
    auths = {one["name"]: one.get("auth") or {} for one in included.values()}
    members = [(owner, name, auth.get(name)) for owner, auth in auths.items() for name in SECRET_MEMBERS]
    shown = {f"{owner} {name}": value for owner, name, value in members if value and not is_masked(value)}
    assert shown
    return {**keys, **bent, **shown}


def leaks(secrets: Mapping[str, str], told: Mapping[str, bytes]) -> list[str]:
    """Where a secret stands, in whatever encoding."""
    forms = {name: {form.encode() for form in encodings(secret)} for name, secret in secrets.items()}
    return [
        f"{name} in {place}: {form!r}"
        for place, data in told.items()
        for name, known in forms.items()
        for form in known
        if form in data
    ]


def left_by(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones as well, unpacked."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: gzip.decompress(data) if name.endswith(".gz") else data for name, data in files.items()}


def told_by(ran: running.Ran) -> dict[str, bytes]:
    """All that a run has left and printed."""
    return {**left_by(ran.folder), "stdout": ran.out.encode(), "stderr": ran.err.encode()}


def test_the_search_finds_what_is_there(secrets: dict[str, str]) -> None:
    for encoded in encodings(secrets["view"]):
        assert leaks(secrets, {"a file": f"…{encoded}…".encode()})


def test_a_whole_run(target: Path, secrets: dict[str, str], tmp_path: Path) -> None:
    ran = running.run(tmp_path / "out", "--target", target, "--only", BROAD, "--examples", "1", "--seed", "1")
    assert ran.outcomes["ERR-7"] == "failed"
    assert ran.outcomes["INC-7"] == "warned"
    assert leaks(secrets, told_by(ran)) == []
    assert b"[key full]" in told_by(ran)["results.json"]


def test_with_workers_and_all_that_pytest_can_print(target: Path, secrets: dict[str, str], tmp_path: Path) -> None:
    arguments = ("--target", target, *FEW, "--", "-n", "2", "-vv", "--tb=long", "-l", "-rA", "--capture=no")
    ran = running.run(tmp_path / "out", *arguments)
    assert ran.outcomes["ERR-7"] == "failed"
    assert leaks(secrets, told_by(ran)) == []


def test_in_pytest_with_crashes_of_our_own(target: Path, secrets: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "crashes.py").write_text(CRASHES)
    printing = ("-p", "crashes", "-vv", "--tb=long", "-l", "-rA")
    ran = running.suite(tmp_path / "out", "--target", target, *FEW, *printing, env={"PYTHONPATH": str(tmp_path)})
    assert "outside of a check, with what stands around" in ran.out
    assert "around     = [Exchange(request=Request(operation=" in ran.out
    assert "a bug of the suite: ZeroDivisionError: in a check, with Bearer [key full]" in ran.out
    assert ran.outcomes["INC-2"] == ran.outcomes["LOG-1"] == "error"
    assert leaks(secrets, told_by(ran)) == []


def test_what_a_killed_run_leaves(target: Path, secrets: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = running.start(["run", "--target", target, "--report-dir", out, "--seed", "1", "--", "-n", "2"])
    wait_until(lambda: len(running.journal_of(out).checks) >= 20)
    process.send_signal(signal.SIGKILL)
    ran_out, ran_err = process.communicate(timeout=PATIENCE_S)
    outputs = {**left_by(out), "stdout": ran_out.encode(), "stderr": ran_err.encode()}
    assert any(name.startswith(".state") for name in outputs)
    assert leaks(secrets, outputs) == []
