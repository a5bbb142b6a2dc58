"""What `check` says would be tested, and what it says is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from conformance.config.target_file import load_target
from conformance.execution.inspection import inspect
from conformance.reference import launch

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
