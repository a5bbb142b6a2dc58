"""What checks are written in: sends the requests of one check, and keeps their exchanges as its evidence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from conformance.contract.operations import SHAPE_CLAUSE, Operation
from conformance.contract.pointers import value_at
from conformance.http.client import NotAllowedError
from conformance.http.exchange import Exchange, Expected, Request
from conformance.judging.expectations import CannotTellError, NotTestableError, inconclusive_reason
from conformance.scenarios import probe, restore_scenarios
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Iterable

    from conformance.execution.executor import Run
    from conformance.judging.checks import Check
    from conformance.scenarios.follower import Restore
    from conformance.scenarios.request_builder import (
        GetOptions,
        ListOptions,
        OperationOptions,
        RequestOptions,
        RestoreOptions,
    )
    from conformance.scenarios.side_effects import Snapshot

T = TypeVar("T")


class CheckContext:
    """The verbs, sent at once, for one check; `exchanges` is its evidence."""

    def __init__(self, check: Check, run: Run) -> None:
        self.check = check
        self.run = run
        self.client = run.client
        self.fixtures = run.fixtures
        self.key_proofs = run.key_proofs
        self.rng = run.rng(str(check.id))
        self.build = RequestBuilder(self.fixtures, self.rng, self.key_proofs.require)
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

    def list(self, container: str | None = None, **options: Unpack[ListOptions]) -> Exchange:
        """Send `RequestBuilder.list`."""
        return self.send(self.build.list(container, **options))

    def get(self, backup: str | None = None, **options: Unpack[GetOptions]) -> Exchange:
        """Send `RequestBuilder.get`."""
        return self.send(self.build.get(backup, **options))

    def logs(self, backup: str | None = None, **options: Unpack[RequestOptions]) -> Exchange:
        """Send `RequestBuilder.logs`."""
        return self.send(self.build.logs(backup, **options))

    def job(self, job: str | None = None, **options: Unpack[RequestOptions]) -> Exchange:
        """Send `RequestBuilder.job`."""
        return self.send(self.build.job(job, **options))

    def restore(
        self, backup: str | None = None, instance: str | None = None, **options: Unpack[RestoreOptions]
    ) -> Exchange:
        """Send `RequestBuilder.restore`."""
        return self.send(self.build.restore(backup, instance, **options))

    def delete(self, backup: str, **options: Unpack[RequestOptions]) -> Exchange:
        """Send `RequestBuilder.delete`."""
        return self.send(self.build.delete(backup, **options))

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


def _serves_deletion(context: CheckContext) -> bool:
    """Whether DELETE is served at all: it is optional, and then answered as any method that is not documented."""
    unknown = context.build.unknown_id()
    undocumented: OperationOptions = {"backup": unknown, "ownership": "missing", "expected": Expected.UNDOCUMENTED}
    deletion = context.send(context.build.for_operation("delete", undocumented))
    if deletion.status in (405, 501) or deletion.code == "404.uri":
        return False
    other, get = (
        context.send(context.build.for_operation("get", undocumented, method="PUT")),
        context.get(unknown, ownership="missing"),
    )
    as_others, as_served = ((x.status, x.code) == (deletion.status, deletion.code) for x in (other, get))
    return as_served or not as_others
