"""One request on its way through the server, and the answer that comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from conformance.reference.behaviour import Behaviours
    from conformance.reference.world import Backup, Container, Instance, Job, Key, World

NOTHING = "nothing"
"""The operation of a request for an address or a method that nobody serves."""


@dataclass
class Call:
    """One request. The steps fill in the lower half; an action may rely on what its operation's steps set."""

    server: Behaviours
    method: str
    path: str
    operation: str
    ids: dict[str, str]
    query: dict[str, str]
    headers: Headers
    raw_body: bytes = b""
    body_too_large: bool = False

    body: Any = None
    caller: Key | None = None
    hub_id: str = ""
    action: str = ""
    container: Container = field(init=False)
    backup: Backup = field(init=False)
    instance: Instance = field(init=False)
    job: Job = field(init=False)

    @property
    def world(self) -> World:
        """The data behind the server."""
        return self.server.world


@dataclass
class Reply:
    """What an action wants to say, before it is put into an envelope."""

    status: int
    data: Any
    includes: dict[str, Any] | None = None


@dataclass
class Answer:
    """What goes over the wire. With `chunked` the length is not announced."""

    status: int
    headers: dict[str, str]
    body: bytes
    chunked: bool = False
