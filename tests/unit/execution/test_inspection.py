"""What `check` says would be tested, and what it says is missing."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conformance.config.target import Keys
from conformance.config.target_file import load_target
from conformance.execution.inspection import inspect
from conformance.reference import launch
from conformance.scenarios.preflight.requirements import DENIALS

if TYPE_CHECKING:
    from pathlib import Path

#: clauses of passive judges, on operations of which a run of reads has no exchange
JUDGED_ON_CHANGES = {"CAP-4", "JOB-1", "JOB-2", "JOB-3", "DEL-1"}


@pytest.mark.process  # the probe
@pytest.mark.parametrize("profile", ["read", "full"])
def test_a_passive_judge_needs_what_the_checks_of_its_operations_need(profile: str, tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        (tmp_path / "target.toml").write_text(server.target_toml, "utf-8")
        inspection = inspect(load_target(tmp_path / "target.toml", os.environ), profile)
    missing = {clause for clauses in inspection.enabling.values() for clause in clauses}
    assert set(inspection.testable) >= {"HTTP-1", "LIST-1", "ERR-1"}
    assert set(inspection.testable).isdisjoint(missing)
    assert (set(inspection.testable) >= JUDGED_ON_CHANGES) is (profile == "full")
    assert (missing >= JUDGED_ON_CHANGES) is (profile == "read")


@pytest.mark.process  # the probe
def test_a_clause_about_denials_needs_a_key_that_is_denied_even_where_it_is_judged_passively(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        (tmp_path / "target.toml").write_text(server.target_toml, "utf-8")
        target = load_target(tmp_path / "target.toml", os.environ)
        only_full = replace(target, keys=Keys(full=target.keys.full))
        testable = {
            name: set(inspect(given, "full").testable)
            for name, given in {"all keys": target, "only full": only_full}.items()
        }
    assert testable["all keys"] >= DENIALS
    assert testable["only full"].isdisjoint(DENIALS)
    assert not any("HTTP-8" in clauses for clauses in testable.values())  # a target that answers 429 shows it
