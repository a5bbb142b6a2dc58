"""Whether another client can have written the data of an instance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, Request
from conformance.judging.expectations import inconclusive, violation
from conformance.judging.outcomes import Outcome
from conformance.scenarios.proofs import other_clients
from conformance.scenarios.proofs.other_clients import unless_restored_by_others
from conformance.scenarios.restore import Restore
from conformance.scenarios.run_state import RunState

OWN, OTHER = "i1", "i2"
Logs = list[dict[str, Any]]


def log(backup: str, instance: str, at_second: int, *, kind: str = "restore") -> dict[str, Any]:
    log_id = f"{backup} {instance} {at_second} {kind}"
    created = f"2026-01-01T00:00:{at_second:02}Z"
    return {"id": log_id, "backup_id": backup, "instance_id": instance, "type": kind, "events": {"created": created}}


class Container:
    """A target in memory with two backups, of which this run restored "a" to its own instance at second 30."""

    def __init__(self, logs: Logs, *, readable: bool = True) -> None:
        self.logs, self.status = [log("a", OWN, 30), *logs], 200 if readable else 500
        self.build = SimpleNamespace(logs=lambda backup: Request("logs", "GET", "/l", resources={"backup": backup}))
        target = SimpleNamespace(restore=SimpleNamespace(poll_s=0.0))
        self.fixtures = SimpleNamespace(backups=[{"id": "a"}, {"id": "b"}], target=target)
        self.run = SimpleNamespace(state=RunState(), wait=lambda _seconds: None)
        request = Request("restore", "POST", "/a/tasks", resources={"backup": "a"})
        restored = Exchange(request, answer(202, {"data": {}}).response)
        self.run.state.observe(restored)
        self.run.state.add_restores([Restore(restored, "a", OWN, frozenset(), 0.0, logs=[log("a", OWN, 30)])])

    def send_all(self, requests: list[Request]) -> list[Exchange]:
        answers = []
        for request in requests:
            of_backup = [entry for entry in self.logs if entry["backup_id"] == request.resources["backup"]]
            answers.append(Exchange(request, answer(self.status, {"data": of_backup}).response))
            self.run.state.observe(answers[-1])
        return answers

    def run_once(self, _name: str, scenario: Any) -> Any:
        return scenario(self)

    def judged(self, instance: str) -> Outcome:
        finding = violation("the data x", "y", answer(200, {"data": {}}))
        return unless_restored_by_others(cast("Any", self), instance, finding).outcome


@pytest.fixture(autouse=True)
def _short_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_clients, "MIN_WATCH_S", 0.0)


@pytest.mark.parametrize(
    "logs",
    [[], [log("b", OWN, 29)], [log("b", OWN, 40, kind="backup")], [log("b", OTHER, 40)]],
    ids=["its own alone", "one of before the run", "that of a backup", "one to another instance"],
)
def test_other_data_is_the_targets_fault_where_nobody_else_restored_to_the_instance(logs: Logs) -> None:
    assert Container(logs).judged(OWN) is Outcome.FAILED


@pytest.mark.parametrize("logs", [[log("b", OWN, 40)], [log("a", OWN, 40)]], ids=["another backup", "the same backup"])
def test_other_data_is_inconclusive_where_another_client_restored_to_the_instance(logs: Logs) -> None:
    assert Container(logs).judged(OWN) is Outcome.ERROR


def test_a_restore_of_this_run_that_names_another_instance_is_no_other_clients() -> None:
    container = Container([])
    container.logs = [log("a", OTHER, 30)]
    assert container.judged(OTHER) is Outcome.FAILED


def test_without_readable_logs_nothing_is_concluded() -> None:
    assert Container([], readable=False).judged(OWN) is Outcome.ERROR


def test_what_is_inconclusive_already_keeps_its_reason() -> None:
    finding = inconclusive("AUTH-1 failed first", answer(200, {"data": {}}))
    assert unless_restored_by_others(cast("Any", Container([])), OWN, finding) is finding
