"""Restores against the reference server: what the budget buys, and what nobody can tell without a probe."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conformance import stories
from conformance.outcomes import Outcome
from conformance.qualify import judge
from conformance.reference import faults, launch
from conformance.target import Target, load_target

if TYPE_CHECKING:
    from pathlib import Path

NEED_PROBE = sorted(name for name, fault in faults.all_faults().items() if fault.needs_probe)
RED = (Outcome.FAILED, Outcome.WARNED)


def described(server: launch.Running, folder: Path) -> Target:
    """The server as its own target file describes it."""
    file = folder / "target.toml"
    file.write_text(server.target_toml, "utf-8")
    return load_target(file, os.environ)


@pytest.mark.parametrize(
    ("budget", "affordable"),
    [
        (0, set()),
        (1, set()),
        (2, {"main"}),
        (3, {"main", "manage"}),
        (4, {"main", "manage", "failing"}),
        (5, {"main", "manage", "failing"}),
        (6, {"main", "manage", "failing", "at once"}),
    ],
)
def test_the_most_valuable_restores_come_first(budget: int, affordable: set[str]) -> None:
    assert stories.budget_for(budget) == affordable


def test_what_all_stories_need_is_the_smallest_budget_that_allows_them() -> None:
    need = stories.needed_for_all()
    assert stories.budget_for(need) == set(stories.COSTS)
    assert stories.budget_for(need - 1) != set(stories.COSTS)


def test_a_small_budget_is_kept_and_the_rest_says_what_it_needs(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        found = judge(replace(target, restore=replace(target.restore, max_restores=3)))
        assert server.world.counters.accepted_restores <= 3
    assert found["RST-6"].outcome is Outcome.NOT_TESTED
    assert f"at least {stories.needed_for_all()}" in found["RST-6"].reason
    assert found["RST-2"].outcome is Outcome.PASSED
    assert not [clause for clause, judged in found.items() if judged.outcome in (*RED, Outcome.ERROR)]


@pytest.mark.parametrize("fault", NEED_PROBE[:2])
def test_without_a_probe_the_data_is_not_judged_and_says_so(fault: str, tmp_path: Path) -> None:
    with launch.serve_in_thread([fault], restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        found = judge(replace(target, probe=None))
    assert {found[clause].outcome for clause in ("RST-8", "RST-9")} == {Outcome.NOT_TESTED}
    assert "set probe.command" in found["RST-8"].reason
    assert not [clause for clause, judged in found.items() if judged.outcome in RED]


def test_the_expected_data_is_that_of_the_named_backup_alone(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        target = replace(target, fixtures=replace(target.fixtures, backup_id=None))
        found = judge(target, selected={"RST-8", "RST-9"})
    assert found["RST-8"].outcome is Outcome.NOT_TESTED
    assert "set fixtures.backup_id" in found["RST-8"].reason
    assert found["RST-9"].outcome is Outcome.PASSED
