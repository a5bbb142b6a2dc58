"""A check that judges what a scenario read is no error of the suite where the scenario was broken off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from support.checking import target_of

from conformance.config.settings import Depth
from conformance.judging.outcomes import Outcome
from conformance.qualification.measure import judge

if TYPE_CHECKING:
    from pathlib import Path


def test_a_quick_run_judges_the_jobs_of_restores_that_do_not_end(tmp_path: Path) -> None:
    clauses = ("JBS-5", "RST-5")
    with target_of(tmp_path, "jobs_are_forgotten") as target:
        short = replace(target, probe=None, restore=replace(target.restore, timeout_s=0.5))
        judged = judge(short, selected=clauses, depth=Depth.QUICK)
    assert {clause: judged[clause].outcome for clause in clauses} == dict.fromkeys(clauses, Outcome.PASSED)
