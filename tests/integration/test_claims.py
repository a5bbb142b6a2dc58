"""[claims]: an optional operation that the target file claims and the target lacks is a failure of one clause."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.toml import changed

from conformance.config.target_file import load_target
from conformance.judging.outcomes import Outcome
from conformance.qualification.measure import judge
from conformance.reference import launch
from conformance.reference.registry import find

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.reference.registry import Variant

JOBS, DELETE = ("JBS-1", "JBS-2", "RST-5"), ("DEL-1", "DEL-2", "DEL-3")


def outcomes(folder: Path, absent: str, claims: dict[str, object], clauses: tuple[str, ...]) -> dict[str, Outcome]:
    variant: Variant = find(absent)  # type: ignore[assignment]
    with launch.serve_in_thread([], [variant], restore_seconds=0.02) as server:
        file = folder / "target.toml"
        file.write_text(changed(server.target_toml, claims), "utf-8")
        judged = judge(load_target(file, os.environ), selected=clauses)
    return {clause: judged[clause].outcome for clause in clauses}


CASES = {
    "jobs": ("no_jobs_endpoint", "claims.jobs", JOBS),
    "delete": ("no_deletion", "claims.delete", DELETE),
}


@pytest.mark.parametrize("claim", [None, False, True])
@pytest.mark.parametrize("operation", CASES)
def test_absence_is_a_failure_only_where_the_file_claims(claim: bool | None, operation: str, tmp_path: Path) -> None:
    absent, member, clauses = CASES[operation]
    claims: dict[str, object] = {} if claim is None else {member: claim}
    judged = outcomes(tmp_path, absent, claims, clauses)
    assert judged[clauses[0]] is (Outcome.FAILED if claim else Outcome.NOT_TESTED)
    assert {outcome for clause, outcome in judged.items() if clause != clauses[0]} <= {
        Outcome.NOT_TESTED,
        Outcome.ERROR,
    }
