"""The types of the server: a request, its response, and the behaviours that the server is composed of.

The server makes each of its decisions by calling one of the `Behaviours` below; `defaults` binds the conformant ones.
A fault or a legal variant is a function that replaces or wraps some of them before the server starts:

    @fault(breaks=("LIST-5",))
    def last_page_loses_one(server: Behaviours) -> None:
        \"\"\"The last item of every page is missing.\"\"\"
        page = server.page
        server.page = lambda call, backups, number, size: page(call, backups, number, size)[:-1]

Behaviours that handle a request take the `Call` first: it holds the operation, the caller, the hub and everything
found so far. Behaviours that run a job take the behaviours and the `Job`. Writers return new documents, which may be
changed in place. `patching` has helpers for common changes. The data can be changed too: `server.store` is built before
faults are applied. The server itself knows nothing of faults.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import datetime
    from pathlib import Path

    from starlette.datastructures import Headers
    from starlette.types import ASGIApp

    from conformance.reference.data.store import (
        Backup,
        Container,
        Document,
        Instance,
        Integration,
        Job,
        Key,
        Log,
        Store,
    )
    from conformance.reference.refusals import RefusalError

#: the operation of a request whose address or method is not served
NO_OPERATION = "none"


@dataclass
class Call:
    """One request. The steps of its operation fill in the lower half, on which the handler relies."""

    server: Behaviours
    method: str
    #: the path as it was sent, still percent-encoded
    path: str
    operation: str
    ids: dict[str, str]
    #: the query's parameters in their order; `query` has the last value of each
    query_items: list[tuple[str, str]]
    headers: Headers
    raw_body: bytes = b""
    body_too_large: bool = False

    query: dict[str, str] = field(init=False)
    body: object = None
    caller: Key | None = None
    hub_id: str = ""
    action: str = ""
    container: Container = field(init=False)
    backup: Backup = field(init=False)
    instance: Instance = field(init=False)
    job: Job = field(init=False)

    def __post_init__(self) -> None:
        self.query = dict(self.query_items)

    @property
    def store(self) -> Store:
        """The data behind the server."""
        return self.server.store

    def query_list(self, name: str) -> list[str]:
        """The values of a list parameter, whether separated by commas or repeated."""
        return [part for key, value in self.query_items if key == name for part in value.split(",")]


@dataclass
class Reply:
    """The result of a handler, before it is put into an envelope."""

    status: int
    data: Any  # Any: JSON of the operation's shape, or what a fault makes of it
    includes: dict[str, object] | None = None


@dataclass
class Answer:
    """A response as it is sent. With `chunked`, no Content-Length is announced."""

    status: int
    headers: dict[str, str]
    body: bytes
    chunked: bool = False


Check = Callable[[Call], None]
Handler = Callable[[Call], Reply]
Work = Callable[["Behaviours", "Job"], None]
Sort = list[tuple[str, bool]]


@dataclass(kw_only=True)
class Behaviours:
    """Every decision of the server, each replaceable."""

    store: Store

    # Routing, the order of the checks, and the handlers.
    #: operations by path template and method
    routes: dict[str, dict[str, str]]
    #: from the path as it was sent to the path that is matched against `routes`
    route_path: Callable[[str], str]
    #: from an id in the routed path to the id itself
    decode_id: Callable[[str], str]
    #: names of checks by operation, in their order
    steps: dict[str, list[str]]
    checks: dict[str, Check]
    handlers: dict[str, Handler]
    #: a whole request: its steps, its handler, or its refusal
    respond: Callable[[Call, str], Answer]

    # Authentication, the hub's scope and capabilities.
    read_token: Callable[[Call], str]
    find_key: Callable[[Call, str], Key | None]
    is_expired: Callable[[Call, Key], bool]
    authenticate: Callable[[Call], Key]
    read_hub_id: Callable[[Call], str]
    in_scope: Callable[[Call, Key, str], bool]
    #: the required capability by operation
    capabilities: dict[str, str]
    has_capability: Callable[[Call, Key, str], bool]
    denial: Callable[[Call, str], RefusalError]

    # Lookup by id.
    parse_id: Callable[[Call, str], str]
    find_container: Callable[[Call, str], Container | None]
    find_backup: Callable[[Call, str], Backup | None]
    find_instance: Callable[[Call, str], Instance | None]
    find_job: Callable[[Call, str], Job | None]

    # Lists, logs and includes.
    visible: Callable[[Call], list[Backup]]
    parse_sort: Callable[[Call], Sort]
    order: Callable[[Call, list[Backup], Sort], list[Backup]]
    parse_page: Callable[[Call], tuple[int, int]]
    page: Callable[[Call, list[Backup], int, int], list[Backup]]
    visible_logs: Callable[[Call], list[Log]]
    wants_integrations: Callable[[Call], bool]
    resolve: Callable[[Call, list[Backup]], list[Integration]]
    include_key: Callable[[Call, Integration], str]
    includes: Callable[[Call, list[Backup]], Document | None]

    # Request bodies.
    is_json: Callable[[Call, str], bool]
    decode: Callable[[Call, bytes], object]
    known_actions: set[str]
    #: the action and the instance id of a job request
    validate: Callable[[Call, object], tuple[str, str]]

    # Jobs, restores and deletions.
    clock: Callable[[], datetime]
    new_job: Callable[[Call, str], Job]
    start_job: Callable[[Call, Job], None]
    run_job: Callable[[Behaviours, Job], Coroutine[object, object, None]]
    #: waits for as long as the job stays in a state
    pace: Callable[[Behaviours, Job, str], Coroutine[object, object, None]]
    advance: Callable[[Behaviours, Job, str], None]
    finish_job: Callable[[Behaviours, Job], Coroutine[object, object, None]]
    work: dict[str, Work]
    unpack: Callable[[Path, Path], None]
    #: replaces an instance's folder with an unpacked one
    swap: Callable[[Path, Path], None]
    log_restore: Callable[[Behaviours, Job, str | None], None]
    mark_deleted: Callable[[Call], None]

    # Documents.
    write_time: Callable[[datetime | None], str]
    write_backup: Callable[[Call, Backup], Document]
    write_integration: Callable[[Call, Integration], Document]
    write_log: Callable[[Call, Backup, Log], Document]
    write_descriptor: Callable[[Call, Job], Document]
    write_job: Callable[[Call, Job], Document]
    write_error: Callable[[Call, RefusalError], Document]

    # Responses.
    success: Callable[[Call, Reply], Answer]
    failure: Callable[[Call, RefusalError], Answer]
    #: may replace any refusal
    refuse: Callable[[Call, RefusalError], RefusalError]
    envelope: Callable[[Call, Reply], Document]
    #: may change any document before it is encoded
    document: Callable[[Call, int, Any], object]  # Any: JSON of any type
    encode: Callable[[Call, int, object], bytes]
    headers: Callable[[Call, int], dict[str, str]]
    #: may change any answer before it is sent
    finish: Callable[[Call, Answer], Answer]
    options: Callable[[Call, str], Answer]
    #: the refusal of a method or an address that is not served, given the methods that are
    unrouted: Callable[[Call, str], RefusalError]
    wrap_app: Callable[[ASGIApp], ASGIApp]
