"""What a record of a fault credits: one input, the other requests of a check, or several inputs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.exchanges import answer

from conformance.http.exchange import Exchange, Request
from conformance.qualification import recording

if TYPE_CHECKING:
    from conformance.qualification.recording import SentDeed

INPUTS = [Request("restore", "POST", f"/{place}") for place in range(3)]
#: A request that the check sends beside its inputs.
OTHER = Request("logs", "GET", "/logs")


def exchange(request: Request) -> Exchange:
    return Exchange(request, answer(200, {}).response)


def deed(exchange_of: Request | None, *related: Request, listed: int = len(INPUTS)) -> SentDeed:
    """What is credited to a sender with these inputs for a finding about LIST-1 and one about a clause of no fault."""
    sender = recording._Sender(places={recording._key(request): place for place, request in enumerate(INPUTS[:listed])})
    for clause in ("LIST-1", "GET-1"):
        sender.credit(clause, exchange(exchange_of) if exchange_of else None, [*map(exchange, related)])
    return sender.deed(["LIST-1", "LIST-2"])


def test_a_finding_on_the_answer_to_an_input_is_credited_to_that_input() -> None:
    credited = deed(INPUTS[1])
    assert (credited["by_input"], credited["kills"], credited["together"]) == ({"1": ["LIST-1"]}, [], [])


def test_a_finding_that_another_input_has_caused_is_credited_to_the_cause() -> None:
    assert deed(INPUTS[1], INPUTS[0])["by_input"] == {"0": ["LIST-1"]}


def test_an_effect_of_one_input_is_credited_to_it() -> None:
    assert deed(OTHER, INPUTS[2])["by_input"] == {"2": ["LIST-1"]}


def test_an_effect_that_any_of_several_inputs_may_have_needs_all_of_them() -> None:
    credited = deed(OTHER, INPUTS[0], INPUTS[2])
    assert (credited["by_input"], credited["kills"], credited["together"]) == ({}, [], ["LIST-1"])


def test_a_finding_on_another_request_of_the_check_needs_no_input() -> None:
    credited = deed(OTHER)
    assert (credited["by_input"], credited["kills"], credited["together"]) == ({}, ["LIST-1"], [])


def test_a_check_without_inputs_is_credited_whatever_its_finding_rests_on() -> None:
    credited = deed(None, OTHER, listed=0)
    assert (credited["inputs"], credited["kills"]) == (0, ["LIST-1"])


def test_two_keys_make_two_inputs_though_the_client_fills_in_their_values() -> None:
    own, other = Request("get", "GET", "/", key="full"), Request("get", "GET", "/", key="view")
    assert recording._key(own) != recording._key(other)
    assert recording._key(own) == recording._key(Request("get", "GET", "/", key="full", authorization="Bearer x"))


@pytest.mark.process  # a server of its own
def test_what_a_server_shows_is_credited_to_the_inputs_that_show_it_though_a_run_combines_them() -> None:
    check = recording.record("inherited_parameter_breaks_down", 1, only_own=True)["checks"]["HTTP-3/get"]
    assert [*check["by_input"].values()] == [["HTTP-3"]] * len(check["by_input"])
    assert 0 < len(check["by_input"]) < check["inputs"]
    assert check["kills"] == []
