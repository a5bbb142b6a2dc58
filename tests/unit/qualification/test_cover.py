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
    from conformance.qualification.recording import CheckDeed, FaultRecord


def deed(check: str, requests: int, *kills: str) -> CheckDeed:
    return {"check": check, "requests": requests, "kills": list(kills)}


def record(fault: str, *checks: CheckDeed) -> FaultRecord:
    return {"fault": fault, "breaks": ["LIST-1"], "requests": 20, "checks": list(checks)}


def test_a_cheap_check_that_kills_as_much_is_preferred() -> None:
    records = [record(name, deed("LIST-1/list", 50, "LIST-1"), deed("GET-1/get", 5, "LIST-1")) for name in ("a", "b")]
    chosen = cover.choose(records, 60)
    assert chosen["checks"][0] == "GET-1/get"
    assert (chosen["killed"], chosen["covering"]) == (2, 1)


def test_the_choice_stays_within_its_requests_and_says_what_nothing_kills() -> None:
    records = [
        record("a", deed("LIST-1/list", 500, "LIST-1"), deed("GET-1/get", 5)),
        record("b", deed("LIST-1/list", 500), deed("GET-1/get", 5)),
    ]
    chosen = cover.choose(records, 100)
    assert chosen["checks"] == ["GET-1/get"]
    assert (chosen["killed"], chosen["requests"], chosen["never"]) == (0, 25, ["b"])


def test_checks_that_share_a_scenario_are_not_taken_for_free() -> None:
    records = [record("a", deed("LIST-1/list/stateful", 0, "LIST-1"), deed("LIST-1/list", 9, "LIST-1"))]
    assert cover.choose(records, 100)["checks"] == ["LIST-1/list"]


def test_the_shipped_choice_names_checks_of_the_suite() -> None:
    """It is generated: after a check is renamed or removed, tools/quick_depth.py writes it again."""
    assert depth.quick_checks() <= set(all_checks())
    profile = json.loads((Path(depth.__file__).parent / depth.FILE).read_text("utf-8"))
    assert profile["killed"] / (profile["faults"] - len(profile["never"])) >= 0.75
    assert len({CheckId.parse(check).clause for check in depth.quick_checks()}) >= 25


@pytest.mark.parametrize(
    ("chosen", "examples"),
    [(Depth.STANDARD, DEFAULT_EXAMPLES), (Depth.DEEP, 4 * DEFAULT_EXAMPLES)],
)
def test_a_deep_run_generates_four_times_as_much(chosen: Depth, examples: int) -> None:
    assert examples_of(chosen) == examples
    assert all(depth.includes(chosen, check) for check in all_checks().values())
