"""The reference server answers as the contract says, and does the work that it speaks of."""

from __future__ import annotations

import ast
import json
import socket
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest

from conformance import reference
from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.reference.data.store import Fixtures

Found = TypeVar("Found")
UNKNOWN = "0" * 23 + "1"
OWN = {"conformance.reference", "starlette", "uvicorn", *sys.stdlib_module_names}


@dataclass
class Caller:
    """A running server and the ways to ask it."""

    running: launch.Running
    http: httpx.Client

    @property
    def fixtures(self) -> Fixtures:
        return self.running.store.fixtures

    @property
    def backups(self) -> str:
        return f"/v1/containers/{self.fixtures.container_id}/backups"

    @property
    def backup(self) -> str:
        return f"{self.backups}/{self.fixtures.backup_id}"

    def ask(self, method: str, path: str, key: str = "full", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.running.store.token(key)}", "X-Hub-Id": self.fixtures.hub_id}
        return self.http.request(method, path, headers=headers | more.pop("headers", {}), **more)

    def restore(self, backup_id: str, instance_id: str | None = None) -> httpx.Response:
        body = {"action": "restore", "contents": {"instance_id": instance_id or self.fixtures.instance_id}}
        return self.ask("POST", f"{self.backups}/{backup_id}/tasks", json=body)

    def finished(self, answer: httpx.Response) -> dict[str, Any]:
        """The job of an accepted request, once it has ended."""
        path = f"/v1/jobs/{answer.json()['data']['job']['id']}"

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.ask("GET", path).json()["data"]
            return job if job["state"]["current"] in {"completed", "error"} else None

        return until(ended)


def until(look: Callable[[], Found | None], patience: float = 5) -> Found:
    """What `look` finds, looking again until it finds something."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = look()
        if found:
            return found
    raise AssertionError("it did not come about in time")


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    with launch.serve_in_thread(restore_seconds=0.03) as running, httpx.Client(base_url=running.base_url) as http:
        yield Caller(running, http)


def refused(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refusal in the error's shape."""
    body = answer.json()
    assert body["data"] is None
    assert body["error"]["status"] == answer.status_code
    return answer.status_code, body["error"]["code"]


def test_the_list_shows_every_backup_of_the_container(caller: Caller) -> None:
    answer = caller.ask("GET", caller.backups, "view")
    items = answer.json()["data"]
    assert answer.status_code == 200
    assert {one["id"] for one in items} == set(caller.running.store.main.backups)
    assert {one["container_id"] for one in items} == {caller.fixtures.container_id}
    assert {one["state"]["current"] for one in items} >= {"live", "saving", "deleting", "deleted"}
    assert max(one["target"]["size"] for one in items) > 2**53


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("sort", ["", "&sort=id", "&sort=-id"])
def test_pages_hold_every_backup_once(caller: Caller, size: int, sort: str) -> None:
    found: list[str] = []
    for number in range(1, 50):
        page = caller.ask("GET", f"{caller.backups}?page[size]={size}&page[number]={number}{sort}").json()["data"]
        assert len(page) <= size
        found += [one["id"] for one in page]
        if not page:
            break
    assert len(found) == len(set(found)) == len(caller.running.store.main.backups)
    if sort:
        assert found == sorted(found, reverse="-" in sort)


def test_a_container_without_backups_has_an_empty_list(caller: Caller) -> None:
    answer = caller.ask("GET", f"/v1/containers/{caller.fixtures.empty_container_id}/backups")
    assert (answer.status_code, answer.json()) == (200, {"data": []})


@pytest.mark.parametrize("query", ["sort=nope", "page[number]=0", "page[size]=x", f"page[number]={'9' * 5000}"])
def test_bad_pages_and_sorts_are_refused(caller: Caller, query: str) -> None:
    assert refused(caller.ask("GET", f"{caller.backups}?{query}")) == (400, "400.invalid-syntax")


def test_get_and_list_show_the_same(caller: Caller) -> None:
    for one in caller.ask("GET", caller.backups).json()["data"][:5]:
        assert caller.ask("GET", f"{caller.backups}/{one['id']}").json()["data"] == one


def test_includes_resolve_by_id_and_by_identifier(caller: Caller) -> None:
    answer = caller.ask("GET", f"{caller.backups}?include=integrations").json()
    included = answer["includes"]["integrations"]
    names = set(included) | {one["identifier"] for one in included.values()}
    assert all(one["target"]["integration_id"] in names for one in answer["data"])
    assert all(one["id"] == key and one["hub_id"] == caller.fixtures.hub_id for key, one in included.items())
    assert "includes" not in caller.ask("GET", caller.backup).json()
    assert caller.ask("GET", f"{caller.backup}?include=nope").status_code == 200


def test_unknown_things_are_not_found(caller: Caller) -> None:
    assert refused(caller.ask("GET", f"/v1/containers/{UNKNOWN}/backups")) == (404, "404.container")
    assert refused(caller.ask("GET", f"{caller.backups}/{UNKNOWN}")) == (404, "404.container.backup")
    assert refused(caller.ask("GET", f"{caller.backups}/{UNKNOWN}/logs")) == (404, "404.container.backup")
    assert refused(caller.ask("GET", f"/v1/jobs/{UNKNOWN}")) == (404, "404.job")
    assert refused(caller.ask("GET", "/v1/nothing")) == (404, "404.uri")
    through_another = f"/v1/containers/{caller.fixtures.other_container_id}/backups/{caller.fixtures.backup_id}"
    assert refused(caller.ask("GET", through_another)) == (404, "404.container.backup")


@pytest.mark.parametrize("bad", ["abc", "g" * 24, "%00", "a%2Fb", "1" * 2000, "%20" + UNKNOWN, UNKNOWN + "%0a", "%ff"])
@pytest.mark.parametrize("rest", ["", "/logs", "/tasks"])
def test_malformed_ids_are_refused(caller: Caller, bad: str, rest: str) -> None:
    method = "POST" if rest == "/tasks" else "GET"
    assert refused(caller.ask(method, f"{caller.backups}/{bad}{rest}")) == (400, "400.invalid-syntax")


@pytest.mark.parametrize("header", [None, "Bearer nope", "Basic {key}", "{key}", "Bearer", "Token {key}"])
def test_bad_credentials_are_401(caller: Caller, header: str | None) -> None:
    headers = {"X-Hub-Id": caller.fixtures.hub_id}
    if header is not None:
        headers["Authorization"] = header.format(key=caller.running.store.token("full"))
    answer = caller.http.get(caller.backups, headers=headers)
    assert refused(answer) == (401, "401.auth-invalid")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_scheme_may_be_spelled_in_any_way(caller: Caller) -> None:
    key = caller.running.store.token("full")
    assert caller.ask("GET", caller.backup, headers={"Authorization": f"bEaReR {key}"}).status_code == 200


def test_keys_belong_to_a_hub(caller: Caller) -> None:
    fixtures = caller.fixtures
    assert refused(caller.ask("GET", caller.backups, "expired")) == (401, "401.auth-expired")
    assert refused(caller.ask("GET", caller.backups, "other_hub")) == (403, "403.wrong-hub")
    for hub in (fixtures.other_hub_id, UNKNOWN, "x"):
        assert refused(caller.ask("GET", caller.backups, headers={"X-Hub-Id": hub})) == (403, "403.wrong-hub")
    foreign = caller.ask("GET", caller.backups, "other_hub", headers={"X-Hub-Id": fixtures.other_hub_id})
    assert refused(foreign) == (404, "404.container")
    assert refused(caller.ask("GET", caller.backups, headers={"X-Hub-Id": ""})) == (400, "400.invalid-syntax")


@pytest.mark.parametrize("backup_id", ["", "/" + UNKNOWN, "/nonsense"])
@pytest.mark.parametrize(
    "denied",
    [
        ("GET", "", "manage", "containers-backups-view"),
        ("GET", "/logs", "unrelated", "containers-backups-view"),
        ("POST", "/tasks", "view", "containers-backups-manage"),
        ("DELETE", "", "view", "containers-backups-manage"),
    ],
)
def test_denials_tell_nothing_but_what_is_missing(
    caller: Caller, denied: tuple[str, str, str, str], backup_id: str
) -> None:
    method, rest, key, missing = denied
    path = caller.backups + (backup_id or f"/{caller.fixtures.backup_id}") + rest
    answer = caller.ask(method, path, key, content=b"{")
    assert refused(answer) == (403, "403.permissions")
    assert answer.json()["error"]["extra"] == {"capability": missing}


def test_other_methods_are_refused_with_what_is_allowed(caller: Caller) -> None:
    answer = caller.ask("PATCH", f"{caller.backups}/{UNKNOWN}", headers={"Origin": "https://app.example.test"})
    assert refused(answer) == (405, "405.method-not-allowed")
    assert answer.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert caller.ask("OPTIONS", caller.backup).status_code == 204
    assert caller.ask("HEAD", caller.backup).status_code == 200


def test_what_is_not_http_is_refused_in_the_errors_shape(caller: Caller) -> None:
    address = (launch.HOST, int(caller.running.base_url.rpartition(":")[2]))
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n")
        with connection.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "400.invalid-syntax"


@pytest.mark.parametrize(
    ("body", "status", "source"),
    [
        (b"{", 400, None),
        (b"\xff", 400, None),
        (b"NaN", 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"a":' * 100_000, 400, None),
        (b"1" * 5000, 400, None),
        (b"[]", 422, None),
        (b"null", 422, None),
        (b"{}", 422, "/action"),
        (b'{"action":"restore"}', 422, "/contents"),
        (b'{"action":"\\ud800","contents":{}}', 422, "/action"),
        (b'{"action":"backup","contents":{"instance_id":"x"}}', 422, "/action"),
        (b'{"action":"restore","contents":[]}', 422, "/contents"),
        (b'{"action":"restore","contents":{"instance_id":null}}', 422, "/contents/instance_id"),
        (b'{"action":"restore","contents":{"instance_id":""}}', 422, "/contents/instance_id"),
        (b'{"action":"restore","contents":{"instance_id":"\xff"}}', 422, "/contents/instance_id"),
        (b'{"action":"restore","contents":{"instance_id":"000000000000000000000001"}}', 404, "/contents/instance_id"),
        (b" " * 2_000_000, 413, None),
    ],
)
def test_bad_job_requests_are_refused(caller: Caller, body: bytes, status: int, source: str | None) -> None:
    accepted = caller.running.store.counters.accepted_restores
    answer = caller.ask("POST", f"{caller.backup}/tasks", content=body)
    assert refused(answer)[0] == status
    assert answer.json()["error"].get("source") == source
    assert caller.running.store.counters.accepted_restores == accepted


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/plain", 415), ("application/json; charset=utf-16", 415), ("application/x+json", 422), ("", 422)],
)
def test_bodies_must_be_json(caller: Caller, kind: str, status: int) -> None:
    answer = caller.ask("POST", f"{caller.backup}/tasks", content=b"{}", headers={"Content-Type": kind})
    assert refused(answer)[0] == status


def test_only_live_backups_are_restored(caller: Caller) -> None:
    assert refused(caller.restore(caller.fixtures.not_live_backup_id)) == (403, "403.invalid-state")
    assert refused(caller.restore(caller.fixtures.backup_id, caller.fixtures.foreign_instance_id)) == (
        404,
        "404.instance",
    )


def probe(caller: Caller, instance_id: str) -> tuple[str, str]:
    """What the probe of the target file says of an instance, and what it says is expected."""
    table = tomllib.loads(caller.running.target_toml)["probe"]
    line = [part.replace("{instance_id}", instance_id) for part in table["command"]]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip(), table["expected"]


@pytest.mark.process
def test_a_restore_brings_the_data_back(caller: Caller) -> None:
    fixtures = caller.fixtures
    before = caller.ask("GET", caller.backup).json()
    logs = caller.ask("GET", f"{caller.backup}/logs").json()["data"]
    second = probe(caller, fixtures.second_instance_id)[0]

    answer = caller.restore(fixtures.backup_id)
    job = caller.finished(answer)

    assert answer.status_code == 202
    assert answer.json()["data"]["action"] == "restore"
    assert job["state"]["current"] == "completed"
    assert job["events"]["queued"] <= job["events"]["started"] <= job["events"]["completed"]
    found, expected = probe(caller, fixtures.instance_id)
    assert found == expected
    assert probe(caller, fixtures.second_instance_id)[0] == second
    assert caller.ask("GET", caller.backup).json() == before
    old, new = logs, caller.ask("GET", f"{caller.backup}/logs").json()["data"]
    assert new[:-1] == old
    assert (new[-1]["type"], new[-1]["instance_id"], "error" in new[-1]) == ("restore", fixtures.instance_id, False)


@pytest.mark.process
def test_a_restore_of_a_damaged_archive_says_so(caller: Caller) -> None:
    fixtures = caller.fixtures
    data = probe(caller, fixtures.instance_id)[0]
    job = caller.finished(caller.restore(fixtures.failing_backup_id))
    log = caller.ask("GET", f"{caller.backups}/{fixtures.failing_backup_id}/logs").json()["data"][-1]
    assert job["state"]["current"] == "error"
    assert job["state"]["error"]["message"] == log["error"]["message"] != ""
    assert probe(caller, fixtures.instance_id)[0] == data


def test_restores_to_one_instance_run_one_after_the_other(caller: Caller) -> None:
    counters = caller.running.store.counters
    accepted = counters.accepted_restores
    answers = [caller.restore(caller.fixtures.backup_id) for _ in range(4)]
    jobs = [caller.finished(answer) for answer in answers]
    assert len({job["id"] for job in jobs}) == 4
    assert {job["state"]["current"] for job in jobs} == {"completed"}
    assert counters.accepted_restores == accepted + 4
    assert counters.max_running == 1


def test_a_variant_runs_them_side_by_side() -> None:
    with (
        launch.serve_in_thread([], ["restores_run_side_by_side"], restore_seconds=0.2) as running,
        httpx.Client(base_url=running.base_url) as http,
    ):
        caller = Caller(running, http)
        jobs = [caller.finished(answer) for answer in [caller.restore(caller.fixtures.backup_id) for _ in range(4)]]
        assert {job["state"]["current"] for job in jobs} == {"completed"}
        assert running.store.counters.max_running > 1


def test_jobs_need_their_capability_and_their_hub(caller: Caller) -> None:
    path = f"/v1/jobs/{caller.restore(caller.fixtures.backup_id).json()['data']['job']['id']}"
    assert refused(caller.ask("GET", path, "view")) == (403, "403.permissions")
    other = {"X-Hub-Id": caller.fixtures.other_hub_id}
    assert refused(caller.ask("GET", path, "other_hub", headers=other)) == (404, "404.job")


def test_a_deleted_backup_is_gone_when_its_job_has_ended(caller: Caller) -> None:
    path = f"{caller.backups}/{caller.fixtures.deletable_backup_ids[0]}"
    answer = caller.ask("DELETE", path, "manage")
    assert (answer.status_code, answer.json()["data"]["action"]) == (202, "delete")
    assert caller.ask("GET", path).json()["data"]["state"]["current"] == "deleting"
    assert refused(caller.ask("DELETE", path)) == (403, "403.invalid-state")
    caller.finished(answer)
    assert refused(caller.ask("GET", path)) == (404, "404.container.backup")


def test_no_answer_holds_a_key(caller: Caller) -> None:
    key = caller.running.store.token("full")
    for path in (caller.backups, "/v1/nothing", f"{caller.backups}/{key}", f"{caller.backups}?sort={key}"):
        assert key not in caller.ask("GET", path).text
    assert key not in repr(caller.running.store.keys.values())


def test_the_server_shares_no_code_with_the_suite() -> None:
    for file in Path(reference.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] in OWN or name.startswith("conformance.reference"), f"{file}: {name}"
