"""A restore whose malformed id names a backup once it is decoded is followed at that backup."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from support.exchanges import answer

from conformance.config.target import Jobs, RestorePolicy
from conformance.http.exchange import Exchange, Expected, Request
from conformance.judging.outcomes import Outcome
from conformance.scenarios.proofs.log_book import LogBook
from conformance.suite.support import expect_malformed_refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.scenarios.restore import Restore


class Logged:
    """A check context that shows one more log with each reading, and keeps the backups that it was asked for."""

    def __init__(self) -> None:
        policy = RestorePolicy(allow=True, timeout_s=1.0, poll_s=0.0)
        self.fixtures = SimpleNamespace(target=SimpleNamespace(restore=policy, jobs=Jobs(follow=False)))
        self.followed: list[Restore] = []
        self.excused: list[Exchange] = []
        state = SimpleNamespace(
            log_book=LogBook(), add_unrequested=self.followed.append, excuse_acceptance=self.excused.append
        )
        self.run = SimpleNamespace(state=state, wait=lambda _seconds: None)
        self.key_proofs = SimpleNamespace(jobs=None)
        self.read: list[str] = []

    def logs(self, backup: str) -> Exchange:
        shown = [{"id": f"log {number}", "instance_id": "i", "type": "restore"} for number in range(len(self.read))]
        self.read.append(backup)
        return answer(200, {"data": shown}, operation="logs", resources={"backup": backup})

    def get(self, _backup: str) -> Exchange:
        return answer(200, {"data": {}})

    def send_all(self, requests: Iterable[object]) -> list[Exchange]:
        assert not list(requests)  # no job is followed
        return []

    def record_step(self, *_: object) -> None:
        pass


def accepted(path: str, backup: str) -> Exchange:
    resources = {"container": "c", "backup": backup, "instance": "i"}
    request = Request(
        "restore", "POST", path, resources=resources, ownership="malformed", expected=Expected.REFUSAL
    )  # fmt: skip
    body = {"data": {"action": "restore", "job": {"id": "j", "accepted": True}}}
    return Exchange(request, answer(202, body, operation="restore").response)


def outcomes(context: Logged, exchange: Exchange) -> Iterator[Outcome]:
    for finding in expect_malformed_refused(cast("Any", context), exchange):
        yield finding.outcome


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/v1/containers/c/backups/b%2F/tasks", "b/"),
        ("/v1/containers/c/backups/b%2Ftasks", "b"),
        ("/v1/containers/c/backups%2Fb/tasks", "b"),
    ],
)
def test_the_logs_of_the_backup_that_is_restored_are_read(path: str, resource: str) -> None:
    context = Logged()
    assert list(outcomes(context, accepted(path, resource))) == [Outcome.WARNED]
    assert set(context.read) == {"b"}


class Listed:
    """A check context whose next readings show these ids; None is a refusal."""

    def __init__(self, *readings: list[str] | None) -> None:
        self.readings = list(readings)
        self.sent: list[str] = []

    def send(self, request: Request) -> Exchange:
        self.sent.append(request.path)
        return listed(request.path, self.readings.pop(0))


def listed(path: str, ids: list[str] | None) -> Exchange:
    request = Request("list", "GET", path, resources={"container": "c"}, ownership="malformed")
    answered = (
        answer(404, {"error": {"code": "404"}}) if ids is None else answer(200, {"data": [{"id": i} for i in ids]})
    )
    return Exchange(request, answered.response)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([["a"]], [Outcome.WARNED]),
        ([["a", "b"], ["a", "b"]], [Outcome.WARNED]),  # a backup came in between
        ([["b"], ["a"], ["b"]], [Outcome.FAILED]),
        ([None, ["a"], None], [Outcome.FAILED]),  # the decoded path is refused
        ([None, None], []),  # what both name has gone
        ([["b"], None], [Outcome.ERROR]),  # served once, then refused
        ([["b"], ["c"], ["d"], ["e"], ["f"], ["g"]], [Outcome.ERROR]),
    ],
)
def test_a_list_may_change_between_two_answers(readings: list[list[str] | None], expected: list[Outcome]) -> None:
    context = Listed(*readings)
    exchange = listed("/v1/containers/c%2Fbackups", ["a"])
    assert [finding.outcome for finding in expect_malformed_refused(cast("Any", context), exchange)] == expected
