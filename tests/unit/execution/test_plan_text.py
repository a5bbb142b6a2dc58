"""What `--plan` prints about the clauses, and about what the run may change."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from conformance.config.target import FixtureIds, Target
from conformance.execution import plan
from conformance.execution.effects import Effect

FOREIGN = "One of the restores is of a backup of another instance, where the list has one."


def shown(made: plan.Plan) -> str:
    stream = io.StringIO()
    target = Target(
        name="staging", base_url="https://api.example.test", hub_id="h", fixtures=FixtureIds(container_id="c")
    )
    plan.show(made, target, "full", Console(file=stream, width=400))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("clauses", "words"),
    [
        ({"GET-3"}, "1 clause would be tested, 1 of them MUST."),
        ({"GET-3", "GET-1"}, "2 clauses would be tested, 2 of them MUST."),
        (set(), "0 clauses would be tested, 0 of them MUST."),
    ],
)
def test_the_number_of_clauses(clauses: set[str], words: str) -> None:
    assert words in shown(plan.Plan(Effect(0, 0), testable=clauses))


@pytest.mark.parametrize(
    ("restores", "deletions", "lines"),
    [
        (0, 0, "At most 0 accepted restores and 0 deleted backups. Every request that"),
        (0, 1, "At most 0 accepted restores and 1 deleted backup. Every other request that"),
        (1, 4, "At most 1 accepted restore and 4 deleted backups. Every other request that"),
        (10, 0, f"At most 10 accepted restores and 0 deleted backups. {FOREIGN} Every other request that"),
    ],
)
def test_what_the_run_may_change(restores: int, deletions: int, lines: str) -> None:
    """A budget that does not reach the restore of a backup of another instance does not announce it."""
    assert f"{lines} could change something must be refused.\n" in shown(plan.Plan(Effect(restores, deletions)))
