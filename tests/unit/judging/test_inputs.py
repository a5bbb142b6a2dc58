"""Which of the inputs that a check lists a run sends."""

from __future__ import annotations

import pytest

from conformance.contract.check_id import CheckId
from conformance.http.exchange import Request
from conformance.judging.inputs import MAX_UNRECORDED, AllInputs, QuickInputs, StandardInputs, described

LISTED = [Request("get", "GET", f"/{place}") for place in range(20)]


def places(requests: list[Request]) -> list[int]:
    return [LISTED.index(request) for request in requests]


def path_of(request: Request) -> str:
    return request.path


def test_a_deep_run_sends_all() -> None:
    assert places(AllInputs().chosen("GET-6/get", 0, LISTED, path_of)) == list(range(20))
    assert AllInputs().sends_kind(CheckId.parse("GET-6/get/generated"), "a word")


def test_a_standard_run_leaves_out_what_is_described_wherever_it_is_listed() -> None:
    inputs = StandardInputs({"GET-6/get": {"/3", "/nope"}})
    assert places(inputs.chosen("GET-6/get", 0, LISTED[:5], path_of)) == [0, 1, 2, 4]
    assert places(inputs.chosen("GET-6/get", 5, LISTED[3:5], path_of)) == [4]
    assert places(inputs.chosen("GET-6/logs", 0, LISTED[:5], path_of)) == list(range(5))


@pytest.mark.parametrize(
    ("check", "label", "sends"),
    [
        ("GET-6/get/generated", "a word (backup)", True),
        ("GET-6/logs/generated", "a word (container)", False),
        ("GET-6/logs/generated", "another word (container)", True),
        ("LIST-10/list/generated", "a word", True),
        ("GET-6/get/generated", "never", False),
    ],
)
def test_a_standard_run_sends_a_kind_with_the_operations_that_are_named(check: str, label: str, sends: bool) -> None:
    inputs = StandardInputs(kinds={"GET-6": {"a word": ["get"], "never": []}})
    assert inputs.sends_kind(CheckId.parse(check), label) is sends


OID = "0d6e4079e36703ebd37c0072"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (Request("get", "GET", f"/{OID}/%20{OID}", query="x=1"), "/{id}/%20{id}?x=1"),
        (Request("get", "GET", f"/{OID[:-1]}%FF/{OID}0/%25{OID}"), "/{23 digits}%FF/{25 digits}/%25{id}"),
        (Request("restore", "POST", f"/{OID}", body=b'{"i": "mine\\n"}\xff'), '{"i": "{instance}\\n"}\\xff'),
        (Request("restore", "POST", "/%00", body=b"{}", ownership="malformed"), "/%00"),
        (
            Request("restore", "POST", "/", hub_id="0", ownership="other hub", without=("accept",), body=b"",
                    headers=(("Content-Type", "application/json"), ("Range", "x"))),
            "X-Hub-Id: 0 Range: x no accept ",
        ),
    ],
)  # fmt: skip
def test_an_input_is_described_by_what_may_be_odd_about_it(asked: Request, text: str) -> None:
    assert described(asked, {"mine": "{instance}"}) == text


def test_a_quick_run_sends_the_chosen_ones_of_each_list() -> None:
    inputs = QuickInputs({"GET-6/get": {0, 3, 21}})
    assert places(inputs.chosen("GET-6/get", 0, LISTED, path_of)) == [0, 3]
    assert places(inputs.chosen("GET-6/get", 20, LISTED, path_of)) == [1]
    assert places(inputs.chosen("GET-6/get", 40, LISTED, path_of)) == []


def test_a_shorter_list_is_not_left_out() -> None:
    assert places(QuickInputs({"GET-6/get": {12}}).chosen("GET-6/get", 0, LISTED[:5], path_of)) == [4]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 20])
def test_of_a_check_without_a_record_some_inputs_are_sent(count: int) -> None:
    chosen = places(QuickInputs({}).chosen("GET-6/get", 0, LISTED[:count], path_of))
    assert min(count, 1) <= len(chosen) <= MAX_UNRECORDED
    assert chosen == sorted(set(chosen))
