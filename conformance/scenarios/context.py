"""The API under test as verbs: what checks are written in.

`Ask` makes requests (so that a check can send a batch of them side by side), `Api` sends them for one check and
remembers the exchanges as that check's evidence.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from conformance.config.target import KEY_NAMES
from conformance.contract import ids
from conformance.contract.operations import CAPABILITY, GRANTS, SHAPE_CLAUSE, Operation, lacks
from conformance.contract.pointers import value_at
from conformance.http import credentials
from conformance.http.client import NotAllowedError
from conformance.http.exchange import Exchange, Ownership, Request, encoded
from conformance.judging.expectations import CannotTellError, NotTestableError, inconclusive_reason, items_of
from conformance.scenarios import probe, restore_scenarios

if TYPE_CHECKING:
    import builtins
    import random
    from collections.abc import Callable, Iterable

    from conformance.execution.executor import Run
    from conformance.judging.checks import Check
    from conformance.scenarios.fixtures import Fixtures
    from conformance.scenarios.follower import Restore
    from conformance.scenarios.key_proofs import KeyProofs
    from conformance.scenarios.side_effects import Snapshot

T = TypeVar("T")

MAX_PAGES = 1000
MAX_SIDE_BY_SIDE = 64


class RequestBuilder:
    """Makes requests. Every verb takes `key` (a credential's name) and `hub` (default: the target's; None: none)."""

    def __init__(self, world: Fixtures, proofs: KeyProofs | None, rng: random.Random) -> None:
        self.fixtures = world
        self._proofs = proofs
        self._rng = rng

    # ------------------------------------------------------------ the six operations

    def list(
        self,
        container: str | None = None,
        *,
        include: str | None = None,
        sort: str | None = None,
        page: object = None,
        size: object = None,
        query: str | None = None,
        **how: Any,
    ) -> Request:
        """List a container's backups. `query` replaces the whole query string."""
        container = container or self.fixtures.container_id
        asked = {"include": include, "sort": sort, "page[number]": page, "page[size]": size}
        path = f"/v1/containers/{encoded(container)}/backups"
        return self._request("list", "GET", path, {"container": container}, asked, query=query, **how)

    def get(
        self,
        backup: str | None = None,
        container: str | None = None,
        *,
        include: str | None = None,
        query: str | None = None,
        **how: Any,
    ) -> Request:
        """Get one backup."""
        path, ids = self._backup(backup, container)
        return self._request("get", "GET", path, ids, {"include": include}, query=query, **how)

    def logs(self, backup: str | None = None, container: str | None = None, **how: Any) -> Request:
        """Read a backup's logs."""
        path, ids = self._backup(backup, container)
        return self._request("logs", "GET", f"{path}/logs", ids, {}, **how)

    def job(self, job: str | None = None, **how: Any) -> Request:
        """Read a job; without an id an unknown one, which shows no data but must be refused all the same."""
        job = job or self.unknown_id()
        return self._request("job", "GET", f"/v1/jobs/{encoded(job)}", {"job": job}, {}, **how)

    def restore(
        self,
        backup: str | None = None,
        instance: str | None = None,
        container: str | None = None,
        *,
        body: Any = None,
        raw: bytes | None = None,
        content_type: str | None = "application/json",
        **how: Any,
    ) -> Request:
        """Ask for a restore. `body` replaces the JSON body, `raw` its bytes."""
        path, ids = self._backup(backup, container)
        instance = instance if instance is not None else self.fixtures.instance_id
        if raw is None:
            value = {"action": "restore", "contents": {"instance_id": instance}} if body is None else body
            raw = json.dumps(value).encode()
        headers = how.pop("headers", ())
        if content_type is not None:
            headers = (("Content-Type", content_type), *headers)
        ids = {**ids, "instance": instance}
        return self._request("restore", "POST", f"{path}/tasks", ids, {}, body=raw, headers=headers, **how)

    def delete(self, backup: str, container: str | None = None, **how: Any) -> Request:
        """Delete a backup."""
        path, ids = self._backup(backup, container)
        return self._request("delete", "DELETE", path, ids, {}, **how)

    def for_operation(self, operation: Operation, **how: Any) -> Request:
        """The operation on the target's own resources, with a valid body where there is one."""
        verbs: dict[str, Callable[..., Request]] = {
            "list": self.list, "get": self.get, "logs": self.logs, "restore": self.restore, "job": self.job,
        }  # fmt: skip
        return verbs[operation](**how)

    # ------------------------------------------------------------ ids

    def unknown_id(self) -> str:
        """A well-formed id that names nothing, new each time and reproducible from the run's seed."""
        return ids.unknown(ids.ZERO, self._rng)

    def unknown_container(self) -> str:
        """The same for a container, whose ids may have any form."""
        return ids.unknown(self.fixtures.container_id, self._rng)

    def unknown_hub(self) -> str:
        """The same for a hub."""
        return ids.unknown(self.fixtures.target.hub_id, self._rng)

    # ------------------------------------------------------------ making

    def _backup(self, backup: str | None, container: str | None) -> tuple[str, dict[str, str]]:
        backup = backup if backup is not None else self.fixtures.backup_id
        container = container if container is not None else self.fixtures.container_id
        return f"/v1/containers/{encoded(container)}/backups/{encoded(backup)}", {
            "container": container,
            "backup": backup,
        }

    def _request(
        self,
        operation: Operation,
        method: str,
        path: str,
        resources: dict[str, str],
        asked: dict[str, object],
        /,
        *,
        key: str = "full",
        hub: str | None = "own",
        query: str | None = None,
        ownership: Ownership = "own",
        **how: Any,
    ) -> Request:
        given = {name: str(value) for name, value in asked.items() if value is not None}
        hub_id = self.fixtures.target.hub_id if hub == "own" else hub
        if query is not None:
            given = {"raw query": query}
        else:
            query = "&".join(f"{quote(name, safe='')}={quote(value, safe=',')}" for name, value in given.items())
        own_hub = hub_id == self.fixtures.target.hub_id
        lacking = own_hub and lacks(key, operation)
        return Request(
            operation=operation,
            method=how.pop("method", method),
            path=path,
            query=query,
            key=key,
            authorization=self._authorization(key),
            hub_id=hub_id,
            good_key=key in GRANTS and own_hub,
            denied=CAPABILITY[operation] if lacking and ownership in ("own", "sibling") else None,
            ownership=ownership,
            resources=resources,
            asked=given,
            **how,
        )

    def _authorization(self, key: str) -> str | None:
        target = self.fixtures.target
        if self._proofs is not None:
            self._proofs.need("full" if key not in (*KEY_NAMES, "none") else key)
        try:
            return credentials.authorization(target, key, seed=self._rng.getrandbits(32) if key == "unknown" else 0)
        except LookupError as missing:
            raise NotTestableError(str(missing)) from None


class CheckContext:
    """The verbs, sent at once, for one check; `exchanges` is its evidence."""

    def __init__(self, check: Check, run: Run) -> None:
        self.check = check
        self.run = run
        self.client = run.client
        self.fixtures = run.fixtures
        self.key_proofs = run.key_proofs
        self.rng = run.rng(str(check.id))
        self.build = RequestBuilder(self.fixtures, self.key_proofs, self.rng)
        self.exchanges: list[Exchange] = []
        self.watches: list[Snapshot] = []
        self.timeline: list[dict[str, Any]] = []

    @property
    def profile(self) -> str:
        """What may be sent: `read` or `full`."""
        return self.run.profile

    def digest_of(self, instance: str) -> str:
        """What the target file's probe says of an instance's data."""
        return probe.digest_of(self.fixtures.target, instance)

    def send(self, request: Request) -> Exchange:
        """One exchange."""
        self.run.exclusive_window.go_through()
        exchange = self.client.send(request)
        self.exchanges.append(exchange)
        return exchange

    def send_all(self, requests: Iterable[Request]) -> list[Exchange]:
        """Several exchanges, side by side."""
        self.run.exclusive_window.go_through()
        exchanges = self.client.send_all(requests)
        self.exchanges += exchanges
        return exchanges

    def send_allowed(self, requests: Iterable[Request]) -> builtins.list[Exchange]:
        """Those that may still be sent, side by side. Raises NotAllowedError where none may."""
        self.run.exclusive_window.go_through()
        exchanges = self.client.send_allowed(requests)
        self.exchanges += exchanges
        return exchanges

    def list(self, *args: Any, **how: Any) -> Exchange:
        """`Ask.list`, sent."""
        return self.send(self.build.list(*args, **how))

    def get(self, *args: Any, **how: Any) -> Exchange:
        """`Ask.get`, sent."""
        return self.send(self.build.get(*args, **how))

    def logs(self, *args: Any, **how: Any) -> Exchange:
        """`Ask.logs`, sent."""
        return self.send(self.build.logs(*args, **how))

    def job(self, *args: Any, **how: Any) -> Exchange:
        """`Ask.job`, sent."""
        return self.send(self.build.job(*args, **how))

    def restore(self, *args: Any, **how: Any) -> Exchange:
        """`Ask.restore`, sent."""
        return self.send(self.build.restore(*args, **how))

    def delete(self, *args: Any, **how: Any) -> Exchange:
        """`Ask.delete`, sent."""
        return self.send(self.build.delete(*args, **how))

    # ------------------------------------------------------------ stories

    def run_once(self, name: str, tell: Callable[[CheckContext], T]) -> T:
        """A scenario that several checks judge: told by the first of them, its exchanges are evidence for each."""
        told, exchanges, timeline = self.run.run_once(name, lambda: self._run_scenario(tell))
        self.exchanges += exchanges
        self.timeline += timeline
        return told

    def try_scenario(self, name: str, tell: Callable[[CheckContext], T]) -> T | None:
        """The same where it is only one of several; None where it cannot be told."""
        try:
            return self.run_once(name, tell)
        except (NotTestableError, CannotTellError, NotAllowedError):
            return None

    def _run_scenario(
        self, tell: Callable[[CheckContext], T]
    ) -> tuple[T, builtins.list[Exchange], builtins.list[dict[str, Any]]]:
        teller = CheckContext(self.check, self.run)
        return tell(teller), teller.exchanges, teller.timeline

    def record_step(self, what: str, exchange: Exchange | None, concluded: str) -> None:
        """A step of the story, for the timeline of the report."""
        answer = "" if exchange is None else f"{exchange.status or exchange.failure}"
        t_s = round(time.monotonic() - self.run.started, 3)
        self.timeline.append({"t_s": t_s, "what": what, "answer": answer, "concluded": concluded})

    def real_job(self) -> str:
        """A job that exists and that the full key can read. Raises NotTestableError where there is none."""
        self.need_jobs()
        restore = self.run_once("main", restore_scenarios.main).followed
        if restore.job_id is None or not restore.readable:
            raise NotTestableError("does not apply: the target shows no jobs")
        return restore.job_id

    def need_jobs(self) -> None:
        """Raises NotTestableError where the target has no jobs endpoint, or no key of ours may use it."""
        if not self.fixtures.target.jobs.follow:
            raise NotTestableError("set jobs.follow = true")
        if self.key_proofs.jobs is False:
            raise NotTestableError("give keys.full the capability apionly-jobs-view")

    def deletable(self, index: int) -> str:
        """A backup that the target file offers to delete, and that is there. Raises NotTestableError otherwise."""
        offered = self.fixtures.target.fixtures.deletable_backup_ids
        if not offered:
            raise NotTestableError("set fixtures.deletable_backup_ids")
        if not self.run_once("deletion served", _serves_deletion):
            raise NotTestableError("does not apply: the target has no delete")
        backup = offered[index % len(offered)]
        look = self.get(backup)
        if look.status == 404:
            raise NotTestableError(f"set fixtures.deletable_backup_ids to backups that exist ({backup} does not)")
        if (state := value_at(look.data, "/state/current")) != "live":
            raise NotTestableError(f"set fixtures.deletable_backup_ids to live backups ({backup} is {state})")
        return backup

    def need_served(self, operation: Operation) -> None:
        """Raises CannotTellError where even the plain request of the full key is not served: one cause, one failure."""
        plain = self.run.run_once(f"plain {operation}", lambda: self.client.send(self.build.for_operation(operation)))
        if why := inconclusive_reason(plain):
            raise CannotTellError(f"{why} on {plain.request.line}")
        if not plain.is_success:
            raise CannotTellError(f"because {SHAPE_CLAUSE[operation]} failed on {plain.request.line}: {plain.status}")

    def restored_by_manage(self) -> Restore:
        """The restore that the key with manage alone asked for."""
        return self.run_once("manage", restore_scenarios.manage)

    def walk(self, size: int | None, *, sort: str | None = None, **how: Any) -> PagedList:
        """Follows the pages from number 1 to an empty one or a 4xx; several are asked for side by side."""
        walked = PagedList()
        expected = max(len(self.fixtures.backups), 1)
        batch = min(-(-expected // size) + 1, MAX_SIDE_BY_SIDE) if size else 2
        number = 1
        while not walked.ended and number <= MAX_PAGES:
            numbers = range(number, number + batch)
            for page in self.send_all(self.build.list(page=n, size=size, sort=sort, **how) for n in numbers):
                walked.take(page)
            number, batch = number + batch, 4
        return walked


@dataclass
class PagedList:
    """The pages of one list, in order: those up to the first that is empty, refused, or shows nothing new."""

    pages: list[Exchange] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    ended: bool = False

    def take(self, page: Exchange) -> None:
        """The next page; whatever comes after the end is not looked at."""
        if self.ended:
            return
        if why := inconclusive_reason(page):
            raise CannotTellError(f"{page.request.line}: {why}")
        if not page.is_refusal:
            items_of(page)
        repeats = bool(page.ids) and set(page.ids) <= set(self.ids)
        self.ended = page.is_refusal or not page.ids or repeats
        self.pages.append(page)
        self.ids += page.ids

    @property
    def last(self) -> Exchange:
        """The page that showed the end, or the last one asked for."""
        return self.pages[-1]


def as_malformed(request: Request) -> Request:
    """Marks a request whose address is none that the contract documents."""
    return replace(request, ownership="malformed", refusable=True, denied=None)


def _serves_deletion(context: CheckContext) -> bool:
    """Whether DELETE is served at all: it is optional, and then answered as any method that is not documented."""
    unknown = context.build.unknown_id()
    how: dict[str, Any] = {"ownership": "missing", "documented": False, "refusable": True}
    deletion = context.delete(unknown, **how)
    if deletion.status in (405, 501) or deletion.code == "404.uri":
        return False
    other, get = (
        context.send(context.build.for_operation("get", method="PUT", backup=unknown, **how)),
        context.get(unknown, ownership="missing"),
    )
    as_others, as_served = ((x.status, x.code) == (deletion.status, deletion.code) for x in (other, get))
    return as_served or not as_others
