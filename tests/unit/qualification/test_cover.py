"""The choice of checks for `--depth quick`: the fewest requests that kill the most faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.config.settings import DEFAULT_EXAMPLES, Depth, examples_of
from conformance.contract.check_id import CheckId
from conformance.execution import depth
from conformance.qualification import cover
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from conformance.qualification.recording import FaultRecord, SentDeed


@pytest.fixture(autouse=True)
def _nothing_is_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "RESERVED", 0)


def deed(
    requests: int,
    *kills: str,
    inputs: int = 0,
    by_input: dict[int, str] | None = None,
    together: tuple[str, ...] = (),
    uses: tuple[str, ...] = (),
) -> SentDeed:
    return {
        "requests": requests,
        "kills": list(kills),
        "together": list(together),
        "inputs": inputs,
        "by_input": {str(place): [clause] for place, clause in (by_input or {}).items()},
        "uses": list(uses),
    }


def record(fault: str, scenarios: dict[str, SentDeed] | None = None, **checks: SentDeed) -> FaultRecord:
    named = {name.replace("__", "/").replace("_", "-"): check for name, check in checks.items()}
    return {"fault": fault, "breaks": ["LIST-1"], "requests": 20, "checks": named, "scenarios": scenarios or {}}


def test_a_cheap_check_that_kills_as_much_is_preferred() -> None:
    records = [record(name, LIST_1__list=deed(50, "LIST-1"), GET_1__get=deed(5, "LIST-1")) for name in ("a", "b")]
    chosen = cover.choose(records, 60)
    assert chosen["checks"][0] == "GET-1/get"
    assert (chosen["killed"], chosen["covering"]) == (2, 1)


def test_the_choice_stays_within_its_requests_and_says_what_nothing_kills() -> None:
    records = [
        record("a", LIST_1__list=deed(500, "LIST-1"), GET_1__get=deed(5)),
        record("b", LIST_1__list=deed(500), GET_1__get=deed(5)),
    ]
    chosen = cover.choose(records, 100)
    assert chosen["checks"] == ["GET-1/get"]
    assert (chosen["killed"], chosen["requests"], chosen["never"]) == (0, 25, ["b"])


def test_a_scenario_costs_its_requests_once_and_kills_for_each_check_that_needs_it() -> None:
    scenarios = {"main": deed(40, uses=("source",)), "source": deed(20, "LIST-1")}
    records = [
        record("a", scenarios, RST_1__restore=deed(1, uses=("main",)), RST_2__restore=deed(2, uses=("main",))),
        record(
            "b", scenarios, RST_1__restore=deed(1, uses=("main",)), RST_2__restore=deed(2, "LIST-1", uses=("main",))
        ),
    ]
    chosen = cover.choose(records, 100)
    assert (chosen["killed"], chosen["requests"]) == (2, 20 + 40 + 20 + 1 + 2)
    assert cover.choose(records, 79)["checks"] == []


def test_what_a_check_sends_as_a_proof_is_no_part_of_its_usual_cost() -> None:
    scenarios = {"no other client": deed(900)}
    proving = deed(300, "LIST-1", uses=("no other client",))
    records = [record("a", scenarios, LIST_1__list=proving), record("b", LIST_1__list=deed(5))]
    chosen = cover.choose([*records, record("c", scenarios, LIST_1__list=proving)], 60)
    assert (chosen["killed"], chosen["requests"]) == (2, 20 + 5)


def test_checks_that_share_a_scenario_are_chosen_together_where_none_is_worth_it_alone() -> None:
    scenarios = {"pages": deed(40)}
    pages = ("LIST_3__list", "LIST_5__list", "LIST_7__list")
    records = [
        record(
            f"pages {name}",
            scenarios,
            GET_1__get=deed(30),
            **{check: deed(4, *(["LIST-1"] if check == name else []), uses=("pages",)) for check in pages},
        )
        for name in pages
    ]
    records.append(record("get", GET_1__get=deed(30, "LIST-1")))
    chosen = cover.choose(records, 80)
    assert (chosen["killed"], chosen["covering"]) == (3, 3)
    assert len(chosen["checks"]) == 3


def test_the_inputs_that_kill_are_chosen_and_no_others_until_the_budget_is_filled() -> None:
    records = [
        record("a", LIST_10__list=deed(30, inputs=30, by_input={17: "LIST-1"})),
        record("b", LIST_10__list=deed(30, inputs=30, by_input={17: "LIST-1", 3: "LIST-1"})),
        record("c", LIST_10__list=deed(30, inputs=30, by_input={5: "LIST-1"})),
    ]
    chosen = cover.choose(records, 22)
    assert (chosen["inputs"], chosen["killed"]) == ({"LIST-10/list": [5, 17]}, 3)
    assert len(cover.choose(records, 30)["inputs"]["LIST-10/list"]) == 10


def test_what_several_inputs_may_have_killed_needs_all_of_them() -> None:
    records = [record("a", JOB_5__restore=deed(34, inputs=30, together=("LIST-1",)))]
    assert cover.choose(records, 40)["killed"] == 0
    chosen = cover.choose(records, 60)
    assert (chosen["killed"], chosen["inputs"]["JOB-5/restore"]) == (1, list(range(30)))


def test_the_shipped_choice_names_checks_of_the_suite() -> None:
    """It is generated: after a check is renamed or removed, tools/quick_depth.py writes it again."""
    profile = json.loads((Path(depth.__file__).parent / depth.FILE).read_text("utf-8"))
    assert depth.quick_checks() <= set(all_checks())
    assert set(profile["inputs"]) <= depth.quick_checks()
    assert profile["killed"] / (profile["faults"] - len(profile["never"])) >= 0.85
    assert len({CheckId.parse(check).clause for check in depth.quick_checks()}) >= 40


@pytest.mark.parametrize(
    ("chosen", "examples"),
    [(Depth.STANDARD, DEFAULT_EXAMPLES), (Depth.DEEP, 4 * DEFAULT_EXAMPLES)],
)
def test_a_deep_run_generates_four_times_as_much(chosen: Depth, examples: int) -> None:
    assert examples_of(chosen) == examples
    assert all(depth.includes(chosen, check) for check in all_checks().values())
