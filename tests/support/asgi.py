"""The reference server without a socket: requests go straight into its application."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from conformance.reference import launch
from conformance.reference.app import application

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.data.store import Store

UNKNOWN = "0" * 23 + "1"


@dataclass(frozen=True)
class Ask:
    """A request. `path` may use the names of `Served.names` in braces; a header "(none)" is left out."""

    path: str = "{backup}"
    method: str = "GET"
    key: str | None = "full"
    hub: str | None = "hub_id"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes | None = None


def percent_encoded(text: str) -> str:
    """The text with its first character percent-encoded."""
    return f"%{ord(text[0]):02X}{text[1:]}" if text else ""


def restore_body(instance_id: str) -> str:
    return f'{{"action":"restore","contents":{{"instance_id":"{instance_id}"}}}}'


class Served:
    """A server with some changes, inside a running event loop."""

    def __init__(self, store: Store, *changes: str) -> None:
        self.store = store
        self.server = launch.prepare(store, changes)
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(application(self.server)), base_url="http://reference"
        )

    @property
    def names(self) -> dict[str, str]:
        """What a path may use."""
        named = self.store.fixtures
        backups = f"/v1/containers/{named.container_id}/backups"
        encoded, job = percent_encoded(named.backup_id), next(iter(self.store.jobs), "")
        return {
            "backups": backups,
            "backup": f"{backups}/{named.backup_id}",
            "encoded": f"{backups}/{encoded}",
            "twice_encoded": f"{backups}/{encoded}".replace("%", "%25"),
            "container": named.container_id,
            "other": named.other_container_id,
            "id": named.backup_id,
            "deletable": named.deletable_backup_ids[0],
            "unknown": UNKNOWN,
            "job": job,
            "encoded_job": percent_encoded(job),
        }

    async def ask(self, ask: Ask) -> httpx.Response:
        headers = dict(ask.headers)
        if ask.key:
            headers["Authorization"] = f"Bearer {self.store.token(ask.key)}"
        if ask.hub is not None:
            headers["X-Hub-Id"] = getattr(self.store.fixtures, ask.hub, ask.hub)
        body = self.valid_body() if ask.body is None and ask.method == "POST" else ask.body
        request = self._http.build_request(ask.method, self.url(ask.path), headers=headers, content=body)
        for name in [name for name, value in ask.headers.items() if value == "(none)"]:
            del request.headers[name]
        return await self._http.send(request)

    def url(self, path: str) -> str:
        for name, value in self.names.items():
            path = path.replace(f"{{{name}}}", value)
        return f"http://reference{path}"

    def valid_body(self) -> str:
        return restore_body(self.store.fixtures.instance_id)

    async def restore(self, backup_id: str = "", instance_id: str = "") -> str:
        """The id of an accepted restore's job."""
        backup_id = backup_id or self.store.fixtures.backup_id
        body = restore_body(instance_id or self.store.fixtures.instance_id)
        answer = await self.ask(Ask(f"{{backups}}/{backup_id}/tasks", "POST", body=body))
        assert answer.status_code == 202, answer.text
        job: str = answer.json()["data"]["job"]["id"]
        return job

    async def idle(self) -> None:
        """Wait for all jobs to end."""
        async with asyncio.timeout(5):
            while self.store.tasks:
                await asyncio.gather(*self.store.tasks)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a condition on the server's data."""
        async with asyncio.timeout(5):
            while not holds():
                await asyncio.sleep(0.005)

    async def data(self, path: str, **more: Any) -> Any:
        """The data of a successful read."""
        answer = await self.ask(Ask(path, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]
