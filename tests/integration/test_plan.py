"""What `--plan` promises is what a run tests, and planning changes nothing."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from support import running

from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.execution import plan
from conformance.execution.inspection import inspect
from conformance.qualification.measure import NEVER_TESTED
from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.config.target import Target

pytestmark = [pytest.mark.process, pytest.mark.one_worker]

ALL = catalogue.load().select((), ())


@pytest.fixture(scope="module")
def server() -> Iterator[launch.Spawned]:
    with launch.spawn() as spawned:
        yield spawned


@pytest.fixture
def target(server: launch.Spawned) -> Target:
    return load_target(server.target_file, {})


def test_with_everything_given_everything_would_be_tested(target: Target) -> None:
    made = plan.make(target, "full", ALL)
    assert made.testable == ALL
    assert dict(made.lacking) == {}
    assert made.effect.restores == target.restore.max_restores
    assert made.effect.deletions == 4


def test_a_run_of_reads_tests_what_its_plan_promises(server: launch.Spawned, target: Target, tmp_path: Path) -> None:
    made = plan.make(target, "read", ALL)
    ran = running.run(tmp_path, "--target", server.target_file, "--profile", "read", "--seed", "1")
    tested = {clause for clause, outcome in ran.outcomes.items() if outcome != "not_tested"}
    assert made.testable - NEVER_TESTED == tested
    assert set(inspect(target, "read").testable) == tested
    assert (made.effect.restores, made.effect.deletions) == (0, 0)
    assert all(made.lacking[clause] for clause in ALL - made.testable - {"JOB-2", "JBS-4"})


def test_what_is_missing_is_named(target: Target) -> None:
    bare = replace(target, fixtures=replace(target.fixtures, failing_backup_id=None, empty_container_id=None))
    made = plan.make(bare, "full", ALL)
    assert made.lacking["RST-4"] == {"set fixtures.failing_backup_id"}
    assert made.lacking["LIST-8"] == {"set fixtures.empty_container_id"}
    assert {"RST-4", "LIST-8"}.isdisjoint(made.testable)


def test_a_target_that_is_away_cannot_be_planned(target: Target) -> None:
    gone = replace(target, base_url="http://127.0.0.1:9")
    made = plan.make(gone, "full", ALL)
    assert made.problem is not None
    assert made.problem.startswith("the target could not be reached: connection refused (http://127.0.0.1:9); ")
    stream = io.StringIO()
    plan.show(made, gone, "full", Console(file=stream, width=60))
    assert stream.getvalue().startswith("Nothing can be planned: the target could not be reached:")
