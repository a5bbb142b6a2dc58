"""Restores against the reference server: what the budget buys, and what nobody can tell without a probe."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conformance.config.target import Keys, Probe, Target
from conformance.config.target_file import load_target
from conformance.judging.outcomes import Outcome
from conformance.qualification.measure import judge
from conformance.reference import faults, launch
from conformance.scenarios import restore_requests

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
    assert restore_requests.scenarios_within_budget(budget) == affordable


def test_the_budget_for_all_scenarios_is_the_smallest_that_allows_them() -> None:
    need = restore_requests.budget_for_all_scenarios()
    assert restore_requests.scenarios_within_budget(need) == set(restore_requests.COSTS)
    assert restore_requests.scenarios_within_budget(need - 1) != set(restore_requests.COSTS)


def test_a_small_budget_is_kept_and_the_rest_says_what_it_needs(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        outcomes = judge(replace(target, restore=replace(target.restore, max_restores=3)))
        assert server.store.counters.accepted_restores <= 3
    assert outcomes["RST-6"].outcome is Outcome.NOT_TESTED
    assert f"at least {restore_requests.budget_for_all_scenarios()}" in outcomes["RST-6"].reason
    assert outcomes["RST-2"].outcome is Outcome.PASSED
    assert not [clause for clause, judged in outcomes.items() if judged.outcome in (*RED, Outcome.ERROR)]


@pytest.mark.parametrize("fault", NEED_PROBE[:2])
def test_without_a_probe_the_data_is_not_judged_and_says_so(fault: str, tmp_path: Path) -> None:
    with launch.serve_in_thread([fault], restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        outcomes = judge(replace(target, probe=None))
    assert {outcomes[clause].outcome for clause in ("RST-8", "RST-9")} == {Outcome.NOT_TESTED}
    assert "set probe.command" in outcomes["RST-8"].reason
    assert not [clause for clause, judged in outcomes.items() if judged.outcome in RED]


def test_the_expected_data_is_that_of_the_named_backup_alone(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        target = replace(target, fixtures=replace(target.fixtures, backup_id=None))
        judged = judge(target, selected={"RST-8", "RST-9"})
    assert judged["RST-8"].outcome is Outcome.NOT_TESTED
    assert "set fixtures.backup_id" in judged["RST-8"].reason
    assert judged["RST-9"].outcome is Outcome.PASSED


def test_a_probe_that_fails_costs_what_needs_it_and_nothing_else(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        judged = judge(
            replace(target, probe=Probe(("false",), "sha256:0")), selected={"JOB-1", "RST-2", "RST-8", "RST-9"}
        )
    assert {judged[clause].outcome for clause in ("RST-8", "RST-9")} == {Outcome.ERROR}
    assert "the probe failed" in judged["RST-8"].reason
    assert {judged[clause].outcome for clause in ("JOB-1", "RST-2")} == {Outcome.PASSED}


def test_clauses_whose_requests_were_not_sent_are_not_tested(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        target = described(server, tmp_path)
        bare = replace(target, keys=Keys(full=target.keys.full), restore=replace(target.restore, max_restores=1))
        judged = judge(bare, selected={"AUTH-6", "CAP-8", "RST-3", "RST-7", "JOB-10"})
    asked = {clause for clause in ("AUTH-6", "CAP-8", "RST-3", "RST-7", "JOB-10") if judged[clause].checks}
    assert {clause for clause in asked if judged[clause].outcome is not Outcome.NOT_TESTED} == {"JOB-10"}
    assert (
        judged["RST-3"].reason == f"set restore.max_restores to at least {restore_requests.budget_for_all_scenarios()}"
    )


def test_no_restore_goes_to_an_instance_that_the_target_file_does_not_name(tmp_path: Path) -> None:
    with launch.serve_in_thread((), ["instances_have_names"], restore_seconds=0.02) as server:
        judged = judge(described(server, tmp_path), selected={"JOB-8", "RST-9"})
        restored = {job.instance.id for job in server.store.jobs.values() if job.instance}
    assert judged["JOB-8"].outcome is Outcome.PASSED
    assert restored == {"web-1"}
