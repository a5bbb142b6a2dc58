"""The reference server conforms to the contract, and really restores data."""

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
from support.waiting import PATIENCE_S

from conformance import reference
from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.reference.data.store import Fixtures

Found = TypeVar("Found")
UNKNOWN = "0" * 23 + "1"
OWN = {"conformance.reference", "starlette", "uvicorn", *sys.stdlib_module_names}


@dataclass
class Client:
    """A client of a running server."""

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
        """The job of an accepted request, after it has ended."""
        path = f"/v1/jobs/{answer.json()['data']['job']['id']}"

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.ask("GET", path).json()["data"]
            return job if job["state"]["current"] in {"completed", "error"} else None

        return until(ended)


def until(look: Callable[[], Found | None]) -> Found:
    """Call `look` until it returns something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
    raise AssertionError("it did not happen in time")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with launch.serve_in_thread(restore_seconds=0.03) as running, httpx.Client(base_url=running.base_url) as http:
        yield Client(running, http)


def refused(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of a response that must be an error envelope."""
    body = answer.json()
    assert body["data"] is None
    assert body["error"]["status"] == answer.status_code
    return answer.status_code, body["error"]["code"]


def test_the_list_shows_every_backup_of_the_container(client: Client) -> None:
    answer = client.ask("GET", client.backups, "view")
    items = answer.json()["data"]
    assert answer.status_code == 200
    assert {one["id"] for one in items} == set(client.running.store.main.backups)
    assert {one["container_id"] for one in items} == {client.fixtures.container_id}
    assert {one["state"]["current"] for one in items} >= {"live", "saving", "deleting", "deleted"}
    assert max(one["target"]["size"] for one in items) > 2**53


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("sort", ["", "&sort=id", "&sort=-id"])
def test_following_the_pages_lists_every_backup_once(client: Client, size: int, sort: str) -> None:
    found: list[str] = []
    for number in range(1, 50):
        page = client.ask("GET", f"{client.backups}?page[size]={size}&page[number]={number}{sort}").json()["data"]
        assert len(page) <= size
        found += [one["id"] for one in page]
        if not page:
            break
    assert len(found) == len(set(found)) == len(client.running.store.main.backups)
    if sort:
        assert found == sorted(found, reverse="-" in sort)


def test_a_container_without_backups_has_an_empty_list(client: Client) -> None:
    answer = client.ask("GET", f"/v1/containers/{client.fixtures.empty_container_id}/backups")
    assert (answer.status_code, answer.json()) == (200, {"data": []})


@pytest.mark.parametrize("query", ["sort=nope", "page[number]=0", "page[size]=x", f"page[number]={'9' * 5000}"])
def test_bad_pages_and_sorts_are_refused(client: Client, query: str) -> None:
    assert refused(client.ask("GET", f"{client.backups}?{query}")) == (400, "400.invalid-syntax")


def test_get_and_list_show_the_same_backup(client: Client) -> None:
    for backup in client.ask("GET", client.backups).json()["data"][:5]:
        assert client.ask("GET", f"{client.backups}/{backup['id']}").json()["data"] == backup


def test_includes_resolve_by_id_and_by_identifier(client: Client) -> None:
    answer = client.ask("GET", f"{client.backups}?include=integrations").json()
    included = answer["includes"]["integrations"]
    names = set(included) | {one["identifier"] for one in included.values()}
    assert all(one["target"]["integration_id"] in names for one in answer["data"])
    assert all(one["id"] == key and one["hub_id"] == client.fixtures.hub_id for key, one in included.items())
    assert "includes" not in client.ask("GET", client.backup).json()
    assert client.ask("GET", f"{client.backup}?include=nope").status_code == 200


def test_unknown_resources_are_404(client: Client) -> None:
    assert refused(client.ask("GET", f"/v1/containers/{UNKNOWN}/backups")) == (404, "404.container")
    assert refused(client.ask("GET", f"{client.backups}/{UNKNOWN}")) == (404, "404.container.backup")
    assert refused(client.ask("GET", f"{client.backups}/{UNKNOWN}/logs")) == (404, "404.container.backup")
    assert refused(client.ask("GET", f"/v1/jobs/{UNKNOWN}")) == (404, "404.job")
    assert refused(client.ask("GET", "/v1/nothing")) == (404, "404.uri")
    through_another = f"/v1/containers/{client.fixtures.other_container_id}/backups/{client.fixtures.backup_id}"
    assert refused(client.ask("GET", through_another)) == (404, "404.container.backup")


@pytest.mark.parametrize("bad", ["abc", "g" * 24, "%00", "a%2Fb", "1" * 2000, "%20" + UNKNOWN, UNKNOWN + "%0a", "%ff"])
@pytest.mark.parametrize("rest", ["", "/logs", "/tasks"])
def test_malformed_ids_are_refused(client: Client, bad: str, rest: str) -> None:
    method = "POST" if rest == "/tasks" else "GET"
    assert refused(client.ask(method, f"{client.backups}/{bad}{rest}")) == (400, "400.invalid-syntax")


@pytest.mark.parametrize("header", [None, "Bearer nope", "Basic {key}", "{key}", "Bearer", "Token {key}"])
def test_bad_credentials_are_401(client: Client, header: str | None) -> None:
    headers = {"X-Hub-Id": client.fixtures.hub_id}
    if header is not None:
        headers["Authorization"] = header.format(key=client.running.store.token("full"))
    answer = client.http.get(client.backups, headers=headers)
    assert refused(answer) == (401, "401.auth-invalid")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_authentication_scheme_is_case_insensitive(client: Client) -> None:
    key = client.running.store.token("full")
    assert client.ask("GET", client.backup, headers={"Authorization": f"bEaReR {key}"}).status_code == 200


def test_a_key_is_refused_for_another_hub(client: Client) -> None:
    fixtures = client.fixtures
    assert refused(client.ask("GET", client.backups, "expired")) == (401, "401.auth-expired")
    assert refused(client.ask("GET", client.backups, "other_hub")) == (403, "403.wrong-hub")
    for hub in (fixtures.other_hub_id, UNKNOWN, "x"):
        assert refused(client.ask("GET", client.backups, headers={"X-Hub-Id": hub})) == (403, "403.wrong-hub")
    foreign = client.ask("GET", client.backups, "other_hub", headers={"X-Hub-Id": fixtures.other_hub_id})
    assert refused(foreign) == (404, "404.container")
    assert refused(client.ask("GET", client.backups, headers={"X-Hub-Id": ""})) == (400, "400.invalid-syntax")


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
def test_a_denial_names_the_missing_capability_for_every_resource(
    client: Client, denied: tuple[str, str, str, str], backup_id: str
) -> None:
    method, rest, key, missing = denied
    path = client.backups + (backup_id or f"/{client.fixtures.backup_id}") + rest
    answer = client.ask(method, path, key, content=b"{")
    assert refused(answer) == (403, "403.permissions")
    assert answer.json()["error"]["extra"] == {"capability": missing}


def test_undocumented_methods_are_405_with_allow(client: Client) -> None:
    answer = client.ask("PATCH", f"{client.backups}/{UNKNOWN}", headers={"Origin": "https://app.example.test"})
    assert refused(answer) == (405, "405.method-not-allowed")
    assert answer.headers["Allow"] == "GET, DELETE, HEAD, OPTIONS"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert client.ask("OPTIONS", client.backup).status_code == 204
    assert client.ask("HEAD", client.backup).status_code == 200


def test_input_that_is_not_http_is_an_error_envelope(client: Client) -> None:
    address = (launch.HOST, int(client.running.base_url.rpartition(":")[2]))
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n")
        with connection.makefile("rb") as stream:
            head, _, body = stream.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "400.invalid-syntax"


#: method and address after the backup's, headers, body, status
UNUSUAL = {
    "no user agent": ("GET", "", "", "", 200),
    "odd accept": ("GET", "", "Accept: ;;q=x\r\n", "", 200),
    "read with a body": ("GET", "", "Content-Length: 2\r\n", "{}", 200),
    "range": ("GET", "", "Range: bytes=0-1\r\n", "", 200),
    "chunked": ("POST", "/tasks", "Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n", 422),
    "unknown expectation": ("POST", "/tasks", "Expect: x\r\nContent-Length: 2\r\n", "{}", 422),
    "unknown encoding": ("POST", "/tasks", "Content-Encoding: x\r\nContent-Length: 2\r\n", "{}", 415),
}


@pytest.mark.parametrize("parts", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_requests_are_answered(client: Client, parts: tuple[str, str, str, str, int]) -> None:
    method, rest, headers, body, status = parts
    key, hub = client.running.store.token("full"), client.fixtures.hub_id
    head = f"{method} {client.backup}{rest} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nX-Hub-Id: {hub}\r\n"
    with socket.create_connection((launch.HOST, int(client.running.base_url.rpartition(":")[2])), 5) as connection:
        connection.sendall(f"{head}{headers}Connection: close\r\n\r\n{body}".encode())
        with connection.makefile("rb") as stream:
            assert stream.readline().startswith(b"HTTP/1.1 %d " % status)


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
def test_bad_job_requests_are_refused(client: Client, body: bytes, status: int, source: str | None) -> None:
    accepted = client.running.store.counters.accepted_restores
    answer = client.ask("POST", f"{client.backup}/tasks", content=body)
    assert refused(answer)[0] == status
    assert answer.json()["error"].get("source") == source
    assert client.running.store.counters.accepted_restores == accepted


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/plain", 415), ("application/json; charset=utf-16", 415), ("application/x+json", 422), ("", 422)],
)
def test_other_content_types_are_refused(client: Client, kind: str, status: int) -> None:
    answer = client.ask("POST", f"{client.backup}/tasks", content=b"{}", headers={"Content-Type": kind})
    assert refused(answer)[0] == status


def test_only_live_backups_are_restored(client: Client) -> None:
    assert refused(client.restore(client.fixtures.not_live_backup_id)) == (403, "403.invalid-state")
    assert refused(client.restore(client.fixtures.backup_id, client.fixtures.foreign_instance_id)) == (
        404,
        "404.instance",
    )


def probe(client: Client, instance_id: str) -> tuple[str, str]:
    """The digest that the target file's probe prints for an instance, and the expected one."""
    table = tomllib.loads(client.running.target_toml)["probe"]
    line = [part.replace("{instance_id}", instance_id) for part in table["command"]]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip(), table["expected"]


@pytest.mark.process
def test_a_restore_replaces_the_data_of_the_instance(client: Client) -> None:
    fixtures = client.fixtures
    before = client.ask("GET", client.backup).json()
    logs = client.ask("GET", f"{client.backup}/logs").json()["data"]
    second = probe(client, fixtures.second_instance_id)[0]

    answer = client.restore(fixtures.backup_id)
    job = client.finished(answer)

    assert answer.status_code == 202
    assert answer.json()["data"]["action"] == "restore"
    assert job["state"]["current"] == "completed"
    assert job["events"]["queued"] <= job["events"]["started"] <= job["events"]["completed"]
    digest, expected = probe(client, fixtures.instance_id)
    assert digest == expected
    assert probe(client, fixtures.second_instance_id)[0] == second
    assert client.ask("GET", client.backup).json() == before
    old, new = logs, client.ask("GET", f"{client.backup}/logs").json()["data"]
    assert new[:-1] == old
    assert (new[-1]["type"], new[-1]["instance_id"], "error" in new[-1]) == ("restore", fixtures.instance_id, False)


@pytest.mark.process
def test_a_restore_of_a_damaged_archive_fails_with_a_message(client: Client) -> None:
    fixtures = client.fixtures
    data = probe(client, fixtures.instance_id)[0]
    job = client.finished(client.restore(fixtures.failing_backup_id))
    log = client.ask("GET", f"{client.backups}/{fixtures.failing_backup_id}/logs").json()["data"][-1]
    assert job["state"]["current"] == "error"
    assert job["state"]["error"]["message"] == log["error"]["message"] != ""
    assert probe(client, fixtures.instance_id)[0] == data


def test_restores_to_one_instance_run_one_at_a_time(client: Client) -> None:
    counters = client.running.store.counters
    accepted = counters.accepted_restores
    answers = [client.restore(client.fixtures.backup_id) for _ in range(4)]
    jobs = [client.finished(answer) for answer in answers]
    assert len({job["id"] for job in jobs}) == 4
    assert {job["state"]["current"] for job in jobs} == {"completed"}
    assert counters.accepted_restores == accepted + 4
    assert counters.max_running == 1


def test_a_variant_runs_them_concurrently() -> None:
    with (
        launch.serve_in_thread([], ["restores_run_side_by_side"], restore_seconds=0.2) as running,
        httpx.Client(base_url=running.base_url) as http,
    ):
        client = Client(running, http)
        jobs = [client.finished(answer) for answer in [client.restore(client.fixtures.backup_id) for _ in range(4)]]
        assert {job["state"]["current"] for job in jobs} == {"completed"}
        assert running.store.counters.max_running > 1


def test_jobs_require_their_capability_and_their_hub(client: Client) -> None:
    path = f"/v1/jobs/{client.restore(client.fixtures.backup_id).json()['data']['job']['id']}"
    assert refused(client.ask("GET", path, "view")) == (403, "403.permissions")
    other = {"X-Hub-Id": client.fixtures.other_hub_id}
    assert refused(client.ask("GET", path, "other_hub", headers=other)) == (404, "404.job")


def test_a_deleted_backup_is_404_after_its_job_has_ended(client: Client) -> None:
    path = f"{client.backups}/{client.fixtures.deletable_backup_ids[0]}"
    answer = client.ask("DELETE", path, "manage")
    assert (answer.status_code, answer.json()["data"]["action"]) == (202, "delete")
    assert client.ask("GET", path).json()["data"]["state"]["current"] == "deleting"
    assert refused(client.ask("DELETE", path)) == (403, "403.invalid-state")
    client.finished(answer)
    assert refused(client.ask("GET", path)) == (404, "404.container.backup")


def test_no_response_contains_a_key(client: Client) -> None:
    key = client.running.store.token("full")
    for path in (client.backups, "/v1/nothing", f"{client.backups}/{key}", f"{client.backups}?sort={key}"):
        assert key not in client.ask("GET", path).text
    assert key not in repr(client.running.store.keys.values())


def test_the_server_shares_no_code_with_the_suite() -> None:
    for file in Path(reference.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                is_own = name.startswith("conformance.reference") or name == "conformance._compat"
                assert is_own or name.partition(".")[0] in OWN, f"{file}: {name}"
