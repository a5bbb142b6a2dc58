"""The run state: how many restores explain the logs of a backup, what must be reviewed, and scenarios that run once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance.http.exchange import Exchange, Expected, Request, Response
from conformance.judging.expectations import NoAnswerError, NotTestableError, inconclusive
from conformance.scenarios.run_state import MAX_TRIES, Changes, KeptBackup, Neighbours, RunState, Snapshot

if TYPE_CHECKING:
    from conformance.contract.operations import Operation

OWN, OTHER = "instance", "another instance"


def answered(status: int | None, backup: str = "b", operation: Operation = "restore") -> Exchange:
    request = Request(operation, "POST" if operation == "restore" else "GET", "/v1/x", resources={"backup": backup})
    return Exchange(request, None if status is None else Response(status, (), b"{}", 0.01))


def logs(*instances: str) -> list[dict[str, Any]]:
    return [{"id": f"log {number}", "instance_id": instance} for number, instance in enumerate(instances)]


def snapshot(state: RunState, backup: str = "b") -> Snapshot:
    return Snapshot("CAP-8", backup, frozenset({OWN}), {}, frozenset(), state.requested(backup), 0)


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize(
    ("status", "accepted"), [(202, 1), (200, 1), (None, 1), (400, 0), (403, 0), (409, 0), (500, 0), (502, 1), (504, 1)]
)
def test_a_restore_counts_as_accepted_by_its_answer_or_the_lack_of_one(status: int | None, accepted: int) -> None:
    state = RunState()
    state.observe(answered(status))
    assert (state.requested("b"), state.accepted("b")) == (1, accepted)
    assert (state.requested("other"), state.accepted("other")) == (0, 0)


@pytest.mark.parametrize(("accepted", "count"), [("true", 1), ("false", 0), ("null", 1)])
def test_a_202_may_decline_a_restore(accepted: str, count: int) -> None:
    state, answer = RunState(), answered(202)
    body = f'{{"data":{{"job":{{"accepted":{accepted}}}}}}}'.encode()
    state.observe(replace(answer, response=Response(202, (), body, 0.01)))
    assert (state.requested("b"), state.accepted("b")) == (1, count)


def test_reads_are_no_restores() -> None:
    state = RunState()
    state.observe(answered(200, operation="get"))
    assert state.requested("b") == 0


def test_restores_are_counted_from_many_threads() -> None:
    state = RunState()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(state.observe, [answered(202)] * 400))
    assert state.accepted("b") == 400


# ---------------------------------------------------------------- logs that restores explain


def test_a_restore_that_still_runs_explains_the_log_to_come() -> None:
    state = RunState()
    state.record_logs("b", logs())
    state.observe(answered(202))
    before = state.restores_logged("b", logs(), OWN)
    assert before == 0
    assert state.logs_explained("b", before) == 1


def test_a_restore_whose_log_has_come_explains_no_other() -> None:
    state = RunState()
    state.record_logs("b", logs())
    state.observe(answered(202))
    before = state.restores_logged("b", logs(OWN), OWN)
    assert state.logs_explained("b", before) == 0


def test_logs_of_other_instances_are_not_taken_for_the_log_of_a_restore_that_runs() -> None:
    state = RunState()
    state.record_logs("b", logs())
    state.observe(answered(202))
    before = state.restores_logged("b", logs(OTHER, OTHER), OWN)
    assert state.logs_explained("b", before) == 1


def test_only_the_first_reading_is_where_counting_begins() -> None:
    state = RunState()
    state.record_logs("b", logs())
    state.observe(answered(202))
    state.record_logs("b", logs())  # the restore still runs: this reading does not stand for its log
    assert state.logs_explained("b", state.restores_logged("b", logs(), OWN)) == 1


def test_logs_that_were_there_before_the_run_are_no_restores() -> None:
    state = RunState()
    state.record_logs("b", logs(OWN, OWN))
    state.observe(answered(202))
    assert state.restores_logged("b", logs(OWN, OWN), OWN) == 0
    assert state.restores_logged("b", logs(OWN, OWN, OWN), OWN) == 1


def test_more_logs_than_restores_are_not_more_restores() -> None:
    state = RunState()
    state.record_logs("b", logs())
    state.observe(answered(202))
    assert state.restores_logged("b", logs(OWN, OWN, OWN), OWN) == 1


def test_a_restore_that_was_accepted_before_the_first_reading_may_still_run() -> None:
    state = RunState()
    state.observe(answered(202))
    made = {"id": "log", "type": "backup", "instance_id": OWN}
    state.record_logs("b", [made])
    before = state.restores_logged("b", [made], OWN)
    assert state.logs_explained("b", before) == 1


def test_a_log_of_the_first_reading_may_be_that_of_a_restore_accepted_before() -> None:
    state = RunState()
    state.observe(answered(202))
    state.record_logs("b", logs(OWN))
    before = state.restores_logged("b", logs(OWN), OWN)
    assert state.logs_explained("b", before) == 0


# ---------------------------------------------------------------- what must be reviewed


def test_snapshots_whose_requests_were_not_sent_need_no_look() -> None:
    state = RunState()
    sent, kept_back = snapshot(state), snapshot(state, "other")
    state.add_snapshot(sent)
    state.add_snapshot(kept_back)
    state.observe(answered(403))
    assert state.take_snapshots() == [sent]
    assert state.take_snapshots() == []


def test_a_backup_that_was_deleted_meanwhile_is_not_reviewed() -> None:
    state = RunState()
    state.add_kept_backup(KeptBackup("DEL-2", "kept", {}))
    state.add_kept_backup(KeptBackup("DEL-2", "deleted", {}))
    state.add_deletion("deleted")
    state.add_gone("deleted")
    assert [kept.backup for kept in state.kept_backups] == ["kept"]
    assert state.gone_backups == ["deleted"]


# ---------------------------------------------------------------- scenarios


def test_one_deletion_is_not_blamed_for_what_refused_ones_named() -> None:
    state, change = RunState(), Changes(of_steady={"b": inconclusive("changed")})
    state.add_neighbours(Neighbours("a", {}, {}, 0.0), change)
    assert state.takes_others_along({"b"})
    state.observe(answered(403, "b", "delete"))
    assert not state.takes_others_along({"b"})
    assert state.takes_others_along({"b", "c"})
    state.add_neighbours(Neighbours("d", {}, {}, 0.0), change)
    assert state.takes_others_along({"b"})


def test_a_scenario_runs_once_and_all_threads_share_its_result() -> None:
    state, runs = RunState(), []

    def scenario() -> str:
        time.sleep(0.02)  # the others are to come while it runs
        runs.append(threading.get_ident())
        return "result"

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda _: state.run_once("name", scenario), range(12)))
    assert results == ["result"] * 12
    assert len(runs) == 1


@pytest.mark.parametrize("error", [NotTestableError("set it"), ValueError("our own error")])
def test_what_a_scenario_raises_everybody_gets(error: Exception) -> None:
    state, runs = RunState(), []

    def scenario() -> None:
        runs.append(1)
        raise error

    for _ in range(3):
        with pytest.raises(type(error), match=str(error)):
            state.run_once("name", scenario)
    assert len(runs) == 1


def test_a_scenario_that_got_no_answer_is_run_again_a_few_times() -> None:
    state, runs = RunState(), 0

    def scenario() -> int:
        nonlocal runs
        runs += 1
        if runs < MAX_TRIES:
            raise NoAnswerError("reset")
        return runs

    for _ in range(MAX_TRIES - 1):
        with pytest.raises(NoAnswerError):
            state.run_once("main", scenario)
    assert [state.run_once("main", scenario) for _ in range(2)] == [MAX_TRIES, MAX_TRIES]


def test_a_scenario_that_never_gets_an_answer_is_given_up() -> None:
    state, runs = RunState(), 0

    def scenario() -> None:
        nonlocal runs
        runs += 1
        raise NoAnswerError("reset")

    for _ in range(MAX_TRIES + 2):
        with pytest.raises(NoAnswerError):
            state.run_once("main", scenario)
    assert runs == MAX_TRIES


@pytest.mark.parametrize(
    ("status", "expected", "wrong"),
    [(202, Expected.REFUSAL, True), (202, Expected.DOCUMENTED, False), (403, Expected.REFUSAL, False)],
)
def test_a_restore_that_had_to_be_refused_and_was_accepted_explains_other_data(
    status: int, expected: Expected, wrong: bool
) -> None:
    state, exchange = RunState(), answered(status)
    exchange.request = replace(exchange.request, expected=expected)
    state.observe_acceptance("JOB-8", exchange)
    assert state.wrong_acceptance.startswith("JOB-8 failed first: POST /v1/x") is wrong


def test_an_acceptance_that_is_only_a_warning_explains_nothing() -> None:
    state, wrong, warned = RunState(), answered(202), answered(202)
    for exchange in (wrong, warned):
        exchange.request = replace(exchange.request, expected=Expected.REFUSAL)
    state.observe_acceptance("GET-6", warned)
    state.excuse_acceptance(warned)
    assert state.wrong_acceptance == ""
    state.observe_acceptance("JOB-8", wrong)
    state.excuse_acceptance(warned)
    assert state.wrong_acceptance.startswith("JOB-8 failed first")


def test_scenarios_of_other_names_run_meanwhile() -> None:
    state = RunState()
    assert state.run_once("outer", lambda: state.run_once("inner", lambda: 1) + 1) == 2


def test_a_scenario_that_needs_its_own_result_is_an_error_and_no_deadlock() -> None:
    state = RunState()

    def scenario() -> int:
        return state.run_once("name", scenario)

    with pytest.raises(RuntimeError, match="the scenario name needs its own result"):
        state.run_once("name", scenario)
