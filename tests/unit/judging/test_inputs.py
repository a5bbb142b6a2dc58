"""Which of the inputs that a check lists a run sends."""

from __future__ import annotations

import pytest

from conformance.http.exchange import Request
from conformance.judging.inputs import MAX_UNRECORDED, AllInputs, QuickInputs

LISTED = [Request("get", "GET", f"/{place}") for place in range(20)]


def places(requests: list[Request]) -> list[int]:
    return [LISTED.index(request) for request in requests]


def test_a_run_of_standard_depth_sends_all() -> None:
    assert places(AllInputs().chosen("GET-6/get", 0, LISTED)) == list(range(20))


def test_a_quick_run_sends_the_chosen_ones_of_each_list() -> None:
    inputs = QuickInputs({"GET-6/get": {0, 3, 21}})
    assert places(inputs.chosen("GET-6/get", 0, LISTED)) == [0, 3]
    assert places(inputs.chosen("GET-6/get", 20, LISTED)) == [1]
    assert places(inputs.chosen("GET-6/get", 40, LISTED)) == []


def test_a_shorter_list_is_not_left_out() -> None:
    assert places(QuickInputs({"GET-6/get": {12}}).chosen("GET-6/get", 0, LISTED[:5])) == [4]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 20])
def test_of_a_check_without_a_record_some_inputs_are_sent(count: int) -> None:
    chosen = places(QuickInputs({}).chosen("GET-6/get", 0, LISTED[:count]))
    assert min(count, 1) <= len(chosen) <= MAX_UNRECORDED
    assert chosen == sorted(set(chosen))
