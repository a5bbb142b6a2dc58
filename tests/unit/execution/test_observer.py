"""What a worker writes while it runs is there after it was killed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support import hostile

from conformance.contract import catalogue
from conformance.evidence.recorder import Recorder
from conformance.evidence.redaction import Redactor
from conformance.execution import journal
from conformance.execution.journal import WorkerFacts
from conformance.execution.observer import Observer
from conformance.http.exchange import Exchange, Request, Response
from conformance.judging.passive import PassiveJudges
from conformance.scenarios.restore import Restore
from conformance.scenarios.run_state import RunState

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.contract.operations import Operation

IDS = {"container": hostile.CONTAINER, "backup": hostile.BACKUP, "instance": hostile.INSTANCE}


def exchange(operation: Operation, method: str, status: int, data: object) -> Exchange:
    request = Request(operation, method, "/v1/x", hub_id=hostile.HUB, resources=IDS)
    headers = (("content-type", "application/json"),)
    return Exchange(request, Response(status, headers, json.dumps({"data": data}).encode(), 0.1))


def job(state: str) -> Exchange:
    return exchange("job", "GET", 200, {"id": "j", "state": {"current": state}})


@pytest.fixture
def state() -> RunState:
    return RunState()


@pytest.fixture
def observer(tmp_path: Path, state: RunState) -> Observer:
    recorder = Recorder(hostile.target(tmp_path, "http://127.0.0.1:9"), Redactor())
    return Observer(tmp_path / "state", "main", recorder, PassiveJudges(catalogue.load(), {}), state, archived=False)


def accepted_restore(observer: Observer, state: RunState) -> Restore:
    answer = exchange("restore", "POST", 202, {"action": "restore", "job": {"id": "j"}})
    observer.observe(answer)
    restore = Restore(answer, hostile.BACKUP, hostile.INSTANCE, frozenset(), 0.0)
    state.add_restores([restore])
    return restore


def states_of_ended(folder: Path) -> list[str]:
    return [end.state for end in journal.read(folder / "state").restores_ended]


def test_the_end_of_a_restore_is_written_when_it_is_seen(tmp_path: Path, observer: Observer, state: RunState) -> None:
    restore = accepted_restore(observer, state)
    restore.jobs.append(job("running"))
    observer.observe(restore.jobs[-1])
    assert states_of_ended(tmp_path) == []
    restore.jobs.append(job("completed"))
    observer.observe(restore.jobs[-1])
    assert states_of_ended(tmp_path) == ["completed"]
    assert journal.read(tmp_path / "state").restores_maybe_running == []


def test_the_end_of_a_restore_that_had_to_be_refused_is_written_as_well(
    tmp_path: Path, observer: Observer, state: RunState
) -> None:
    answer = exchange("restore", "POST", 202, {"action": "restore", "job": {"id": "j"}})
    observer.observe(answer)
    restore = Restore(answer, hostile.BACKUP, hostile.INSTANCE, frozenset(), 0.0)
    state.add_unrequested(restore)
    restore.jobs.append(job("completed"))
    observer.observe(restore.jobs[-1])
    assert states_of_ended(tmp_path) == ["completed"]
    assert state.restores == ()


def test_a_log_alone_is_no_end_while_the_job_may_still_appear(
    tmp_path: Path, observer: Observer, state: RunState
) -> None:
    restore = accepted_restore(observer, state)
    restore.logs = [{"id": "l", "instance_id": hostile.INSTANCE}]
    observer.observe(exchange("logs", "GET", 200, restore.logs))
    assert states_of_ended(tmp_path) == []
    restore.after = exchange("get", "GET", 200, {})
    observer.observe(restore.after)
    assert states_of_ended(tmp_path) == [""]


def test_an_end_is_written_once_and_again_only_in_another_state(
    tmp_path: Path, observer: Observer, state: RunState
) -> None:
    restore = accepted_restore(observer, state)
    for current in ("completed", "completed", "expired"):
        restore.jobs.append(job(current))
        observer.observe(restore.jobs[-1])
    observer.close(WorkerFacts(), lambda _: None)
    assert states_of_ended(tmp_path) == ["completed", "expired"]
