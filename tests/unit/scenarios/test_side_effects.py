"""Effects of refused restores: confirmed on a like backup, and distinguished from what backups change themselves."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.exchanges import answer

from conformance.config.target import FixtureIds, Limits, RestorePolicy, Target
from conformance.contract.check_id import CheckId, CheckKind
from conformance.http.exchange import Exchange, Expected, Request
from conformance.judging.expectations import Finding, violation
from conformance.judging.outcomes import Outcome
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.proofs.looks import Looks
from conformance.scenarios.proofs.other_clients import ANOTHER_CLIENT
from conformance.scenarios.proofs.refusal_batches import RefusalBatches
from conformance.scenarios.run_state import RunState, Snapshot
from conformance.scenarios.side_effects import (
    changes_since,
    confirmed,
    requests_for,
    send_expecting_refusal,
)

OWN = "i1"
States = dict[str, str]


class Container:
    """A target in memory, and the check context for it: restores of backups in `effective` states are logged."""

    def __init__(self, states: States, effective: tuple[str, ...] = (), *, not_live: str | None = None) -> None:
        self.states, self.effective, self.restored = states, effective, list[str]()
        #: The name of a backup that changes whenever time passes, and how often it has.
        self.moving, self.moved = "", 0
        self.check = SimpleNamespace(clause="JOB-10", id=CheckId("JOB-11", "restore", CheckKind.EXAMPLE))
        target = Target(
            "t", "http://127.0.0.1", "h", fixtures=FixtureIds("c", not_live_backup_id=not_live, instance_id=OWN),
            restore=RestorePolicy(allow=True, timeout_s=0.0, poll_s=0.0),
        )  # fmt: skip
        self.fixtures = Fixtures(target)
        self.fixtures.discover(answer(200, {"data": [self._backup(name) for name in states]}, operation="list"), [])
        self.snapshots: list[Snapshot] = []
        self.run = SimpleNamespace(
            state=RunState(), looks=Looks(), refusals=RefusalBatches(), wait=lambda _seconds: self.pass_time()
        )
        self.scenarios: dict[str, Any] = {}
        spent = SimpleNamespace(read=lambda _name: target.restore.max_restores)
        self.client = SimpleNamespace(shared_state=spent)
        self.logged_for: dict[str, str] = {}
        self.denies = False
        self.build = SimpleNamespace(
            get=lambda backup: Request("get", "GET", f"/b/{backup}", resources={"backup": backup}),
            logs=lambda backup: Request("logs", "GET", f"/b/{backup}/logs", resources={"backup": backup}),
            list=lambda **page: Request("list", "GET", f"/b?page={page['page']}"),
        )

    def pass_time(self) -> None:
        self.moved += 1

    def _backup(self, name: str) -> dict[str, Any]:
        state, events = {"current": self.states[name]}, {"updated": "2026-01-01T00:00:00Z"}
        target = {"path": f"/{self.moved}"} if name == self.moving else {}
        return {
            "id": name, "container_id": "c", "instance_id": OWN, "state": state, "events": events, "target": target,
        }  # fmt: skip

    def _logs(self, name: str) -> list[dict[str, Any]]:
        log = {"backup_id": name, "instance_id": self.logged_for.get(name, OWN), "type": "restore"}
        return [{"id": f"log {number}", **log} for number, backup in enumerate(self.restored) if backup == name]

    def send(self, request: Request) -> Exchange:
        if request.operation == "list":
            items = [self._backup(name) for name in self.states] if request.path.endswith("page=1") else []
            return answer(200, {"data": items}, operation="list")
        backup = request.resources["backup"]
        if request.operation != "restore":
            data = self._backup(backup) if request.operation == "get" else self._logs(backup)
            return answered(request, 200, {"data": data})
        if self.states[backup] in self.effective:
            self.restored.append(backup)
        accepted = self.states[backup] == "live" and not self.denies
        exchange = answered(
            request, 202 if accepted else 403, {"data": {}} if accepted else {"error": {}, "data": None}
        )
        self.run.state.observe(exchange)
        return exchange

    def send_all(self, requests: Any) -> list[Exchange]:
        return [self.send(request) for request in requests]

    send_allowed = send_all

    def get(self, backup: str) -> Exchange:
        return self.send(self.build.get(backup))

    def run_once(self, name: str, scenario: Any) -> Any:
        if name not in self.scenarios:
            self.scenarios[name] = scenario(self)
        return self.scenarios[name]

    def record_step(self, *_: object) -> None:
        pass

    def snapshot(self, backup: str, *more: Request) -> Snapshot:
        requests = (restore_of(backup), *more)
        return Snapshot("JOB-10", backup, frozenset({OWN}), self._backup(backup), frozenset(), 0, 0, requests=requests)

    def confirm(self, snapshot: Snapshot) -> list[Finding]:
        suspected = violation("no log of a refused request", "1 new", self.send(self.build.logs(snapshot.backup)))
        return [*confirmed(cast("Any", self), snapshot, [suspected])]


def without_roles() -> Target:
    """A target file that names no backup and allows no restores, so that every live backup is free."""
    restore = RestorePolicy(timeout_s=0.0, poll_s=0.0)
    return Target("t", "http://127.0.0.1", "h", fixtures=FixtureIds("c", instance_id=OWN), restore=restore)


def answered(request: Request, status: int, body: object) -> Exchange:
    exchange = answer(status, body)
    return Exchange(request, exchange.response)


def restore_of(backup: str, container: str = "c") -> Request:
    resources = {"backup": backup, "container": container, "instance": OWN}
    return Request("restore", "POST", f"/c/{container}/b/{backup}/tasks", resources=resources)


@pytest.mark.parametrize(
    ("others", "restored"),
    [({"o": "deleted"}, ["o"]), ({"o": "deleting"}, ["o"]), ({"m": "deleted", "o": "saving"}, ["o"])],
)
def test_an_effect_on_a_backup_that_is_not_live_is_seen_again_with_another_that_is_not(
    others: States, restored: list[str]
) -> None:
    container = Container({"s": "saving", "live": "live", **others}, ("saving", "deleting", "deleted"))
    [finding] = container.confirm(container.snapshot("s"))
    assert finding.outcome is Outcome.FAILED
    assert container.restored == restored


class Shared(Container):
    """A container that other clients use: `theirs` are the backups that they restore beside our next requests."""

    def __init__(self, states: States, theirs: list[str]) -> None:
        super().__init__(states)
        self.fixtures.target = without_roles()
        self.theirs, self.denies = theirs, True

    def send(self, request: Request) -> Exchange:
        if request.operation == "restore" and self.theirs:
            self.restored.append(self.theirs.pop(0))
        return super().send(request)


def test_another_client_that_restores_what_this_run_leaves_alone_is_seen() -> None:
    container = Shared({"b": "live", "o": "live", "failing": "live"}, ["o"])
    container.run.wait = lambda _seconds: container.restored.append("failing")
    container.fixtures.target = replace(
        container.fixtures.target, fixtures=FixtureIds("c", instance_id=OWN, failing_backup_id="failing")
    )
    [finding] = container.confirm(container.snapshot("b"))
    assert "it restored failing" in finding.got


def test_restores_of_other_clients_to_other_instances_excuse_nothing() -> None:
    container = Container(dict.fromkeys(("b", "o", "p", "untouched"), "live"), ("live",))
    container.denies, container.logged_for["untouched"] = True, "another instance"
    container.fixtures.target = without_roles()
    container.run.wait = lambda _seconds: container.restored.append("untouched")
    [finding] = container.confirm(container.snapshot("b"))
    assert finding.outcome is Outcome.FAILED


@pytest.mark.parametrize("moving", ["", "untouched"])
def test_where_backups_change_by_themselves_no_request_is_blamed(moving: str) -> None:
    container = Container(dict.fromkeys(("b", "o", "p", "untouched"), "live"), ("live",))
    container.denies, container.moving = True, moving
    container.fixtures.target = without_roles()
    [finding] = container.confirm(container.snapshot("b"))
    assert finding.outcome is (Outcome.ERROR if moving else Outcome.FAILED)
    assert ("untouched" in finding.got) == bool(moving)


class Removing(Container):
    """A container whose `doomed` backups go one after the other as time passes, whoever asks; "" is a pause."""

    def __init__(self, states: States, doomed: list[str], state: str) -> None:
        super().__init__(states)
        self.fixtures.target = replace(without_roles(), restore=RestorePolicy(timeout_s=60.0, poll_s=0.0))
        self.client.send = lambda request, _purpose: self.send(request)
        self.denies, self.doomed, self.state = True, doomed, state

    def pass_time(self) -> None:
        if self.doomed and (backup := self.doomed.pop(0)):
            self.states[backup] = self.state


@pytest.mark.parametrize("state", ["deleted", "archived"])
@pytest.mark.parametrize(("doomed", "outcome"), [(["o", "", "p"], Outcome.ERROR), (["o"], Outcome.FAILED)])
def test_a_late_change_of_the_other_backup_proves_nothing_where_backups_go_one_after_the_other(
    doomed: list[str], outcome: Outcome, state: str
) -> None:
    container = Removing(dict.fromkeys(("b", "o", "p", "untouched"), "live"), [*doomed], state)
    snapshot = container.snapshot("b")
    container.send(restore_of("b"))
    container.send(restore_of("p"))  # it goes by itself, although the run has requested a restore of it
    container.states["b"] = state
    get = container.get("b")
    suspected = violation("the backup unchanged by a refused request", "/state/current changed", get)
    [finding] = confirmed(cast("Any", container), snapshot, [suspected])
    assert finding.outcome is outcome
    assert ("p did while nothing was sent" in finding.got) == (outcome is Outcome.ERROR)


def test_an_effect_on_a_live_backup_is_seen_again_with_a_live_one() -> None:
    container = Container({"b": "live", "s": "saving", "o": "live"}, ("live", "saving"))
    container.fixtures.target = without_roles()
    container.confirm(container.snapshot("b"))
    assert container.restored == ["o"]


@pytest.mark.parametrize("not_live", ["s", None])
def test_without_another_backup_that_is_not_live_no_live_one_is_restored(not_live: str | None) -> None:
    container = Container({"s": "saving", "a": "live", "b": "live"}, ("saving", "live"), not_live=not_live)
    [finding] = container.confirm(container.snapshot("s"))
    assert finding.outcome is Outcome.ERROR
    assert f"{ANOTHER_CLIENT}: there is no other backup that is not live to see it again with" in finding.got
    assert container.restored == []


def test_another_clients_restore_of_a_backup_that_is_not_live_proves_nothing() -> None:
    container = Container({"s": "saving", "o": "deleted"})
    [finding] = container.confirm(container.snapshot("s"))
    assert finding.outcome is Outcome.ERROR
    assert ANOTHER_CLIENT in finding.got


def test_a_request_that_named_another_containers_backup_is_not_sent_again_for_one_of_this() -> None:
    crossed, foreign = restore_of("b", "sibling"), restore_of("foreign")
    snapshot = Container({"b": "live"}).snapshot("b", crossed, foreign)
    again = requests_for(snapshot, "o")
    assert [request.path for request in again] == ["/c/c/b/o/tasks", "/c/sibling/b/o/tasks"]
    assert {request.resources["backup"] for request in again} == {"o"}


@pytest.mark.parametrize(("before", "after", "count"), [("saving", "live", 0), ("deleting", "deleted", 0),
                                                        ("deleted", "live", 1), ("live", "saving", 1)])  # fmt: skip
def test_a_backup_that_is_saved_or_deleted_changes_by_itself(before: str, after: str, count: int) -> None:
    container = Container({"s": before})
    container.client.send = lambda request, _purpose: container.send(request)
    snapshot = container.snapshot("s")
    container.states["s"] = after
    get, logs = container.send_all([container.build.get("s"), container.build.logs("s")])
    assert len([*changes_since(cast("Any", container), snapshot, get, logs)]) == count


@pytest.mark.parametrize(("kind", "count"), [("backup", 0), ("restore", 1)])
def test_only_the_log_of_a_restore_is_an_effect_on_a_backup_that_is_being_saved(kind: str, count: int) -> None:
    container = Container({"s": "saving"})
    get = container.get("s")
    log = {"id": "l", "backup_id": "s", "instance_id": OWN, "type": kind}
    logs = answered(container.build.logs("s"), 200, {"data": [log]})
    assert len([*changes_since(cast("Any", container), container.snapshot("s"), get, logs)]) == count


@pytest.mark.parametrize(("restored", "count"), [(True, 0), (False, 1)])
def test_a_restore_of_this_run_may_change_a_backup_after_it_has_left_its_log(restored: bool, count: int) -> None:
    container = Container({"s": "live"}, ("live",))
    container.client.send = lambda request, _purpose: container.send(request)
    if restored:
        container.send(restore_of("s"))
    logs = container.send(container.build.logs("s"))
    logged = frozenset(log["id"] for log in logs.data)
    snapshot = replace(container.snapshot("s"), logs=logged, requested_before=1, logged_before=len(logged))
    later = {**container.get("s").data, "events": {"updated": "2026-01-01T00:00:01Z"}}
    get = answered(container.build.get("s"), 200, {"data": later})
    assert len([*changes_since(cast("Any", container), snapshot, get, logs)]) == count


def test_a_backup_is_read_once_between_requests_that_follow_each_other() -> None:
    container = Container({"b": "deleted"})
    sent: list[str] = []
    send = container.send

    def noting(request: Request) -> Exchange:
        sent.append(request.operation)
        return send(request)

    container.send = noting  # type: ignore[method-assign]
    container.fixtures.target = replace(container.fixtures.target, limits=Limits())
    for _ in range(2):
        request = replace(restore_of("b"), expected=Expected.REFUSAL)
        assert [answer.status for answer in send_expecting_refusal(cast("Any", container), [request])] == [403]
    assert sent == ["get", "logs", "restore", "get", "logs", "restore", "get", "logs"]
    assert [snapshot.effects for snapshot in container.snapshots] == [[], []]


def test_without_requests_nothing_is_looked_at() -> None:
    assert send_expecting_refusal(cast("Any", Container({"b": "live"})), []) == []
