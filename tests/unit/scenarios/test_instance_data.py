"""Whether the data that an instance holds after restores can come from others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.http.exchange import Exchange, Expected, Request, Response
from conformance.judging.outcomes import Outcome
from conformance.scenarios.proofs.instance_data import ANOTHER_RESTORE, doubt_about, other_data
from conformance.scenarios.restore import InstanceData, Restore
from conformance.scenarios.run_state import RunState

#: What the answer to a restore may be.
ACCEPTED, REFUSED, LOST, UNAVAILABLE = 202, 409, None, 504


def answered(status: int | None) -> Exchange:
    request = Request("restore", "POST", "/v1/x", resources={"backup": "b"})
    return Exchange(request, None if status is None else Response(status, (), b"{}", 0.01))


def requested(state: RunState, *statuses: int | None) -> list[Restore]:
    """Restores that are requested at once."""
    started = state.restores_started
    restores = [Restore(answered(status), "b", "i", frozenset(), 0.0, started_before=started) for status in statuses]
    for restore in restores:
        state.observe(restore.answer)
    state.add_restores(restores)
    return restores


def log_of(restore: Restore) -> None:
    restore.logs = [{"id": "l", "instance_id": restore.instance}]


@pytest.mark.parametrize("statuses", [(ACCEPTED,), (ACCEPTED, ACCEPTED), (ACCEPTED, REFUSED)])
def test_restores_that_are_alone_wrote_the_data(statuses: tuple[int | None, ...]) -> None:
    state = RunState()
    requested(state, ACCEPTED)  # it ended before
    assert doubt_about(state, requested(state, *statuses)) == ""


@pytest.mark.parametrize("status", [ACCEPTED, LOST, UNAVAILABLE])
def test_a_restore_of_any_check_that_came_in_between_may_have_written_it(status: int | None) -> None:
    state = RunState()
    restores = requested(state, ACCEPTED)
    state.observe(answered(status))
    assert doubt_about(state, restores) == ANOTHER_RESTORE


def test_a_refused_restore_in_between_wrote_nothing() -> None:
    state = RunState()
    restores = requested(state, ACCEPTED)
    state.observe(answered(REFUSED))
    assert doubt_about(state, restores) == ""


def test_a_restore_without_an_answer_may_run_until_its_log_is_there() -> None:
    state = RunState()
    [lost] = requested(state, LOST)
    restores = requested(state, ACCEPTED)
    assert doubt_about(state, restores) == "the restore of b had no answer and may still run"
    log_of(lost)
    assert doubt_about(state, restores) == ""


def test_one_of_the_restores_at_once_without_an_answer_may_run_as_well() -> None:
    state = RunState()
    assert "had no answer" in doubt_about(state, requested(state, ACCEPTED, LOST))


def test_a_restore_of_another_check_that_has_no_end_may_still_write() -> None:
    state = RunState()
    state.add_unended(answered(ACCEPTED))
    assert (
        doubt_about(state, requested(state, ACCEPTED)) == "POST /v1/x as full: the end of the restore was not observed"
    )


def test_a_restore_that_had_to_be_refused_may_have_written_anything() -> None:
    state = RunState()
    exchange = answered(ACCEPTED)
    state.observe_acceptance("JOB-5", replace(exchange, request=replace(exchange.request, expected=Expected.REFUSAL)))
    assert doubt_about(state, requested(state, ACCEPTED)).startswith("JOB-5 failed first")


@pytest.mark.parametrize(
    ("held", "compared", "outcome"),
    [("", "", Outcome.FAILED), ("a doubt", "", Outcome.ERROR), ("", "a doubt", Outcome.ERROR)],
)
def test_other_data_is_a_failure_only_without_any_doubt(held: str, compared: str, outcome: Outcome) -> None:
    [restore] = requested(RunState(), ACCEPTED)
    finding = other_data(restore, "x", InstanceData("y", held), InstanceData("x", compared))
    assert finding.outcome is outcome
