"""Faults that only odd input shows are caught by the generated checks alone."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from support import share

from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.execution.run import Run
from conformance.judging.outcomes import Outcome
from conformance.reference import launch
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.judging.checks import Check

pytestmark = pytest.mark.slow

#: each fault, and the clause by which its generated checks must report it
ODD: dict[str, str] = {
    "long_id_breaks_down": "GET-6",
    "nul_resets": "GET-6",
    "ids_are_folded": "GET-6",
    "other_digits_break_down": "GET-6",
    "instance_may_be_a_number": "JOB-5",
    "null_contents_break_down": "JOB-5",
    "array_of_one_is_taken": "JOB-4",
    "array_body_resets": "HTTP-3",
    "lone_surrogate_breaks_down": "HTTP-3",
    "negative_page_breaks_down": "LIST-10",
    "page_size_zero_breaks_down": "LIST-10",
    "huge_page_resets": "LIST-10",
    "offsets_overflow": "LIST-10",
    "page_of_many_digits_breaks_down": "LIST-10",
    "include_twice_breaks_down": "INC-6",
}


def generated_alone(target: Target, state: Path, clause: str, seed: int) -> set[str]:
    """The clauses that generated checks of a clause, and what judges their exchanges, find broken."""
    wanted = ("HTTP-3", "JOB-4") if clause == "HTTP-3" else (clause,)
    checks: list[Check] = [one for one in all_checks().values() if one.kind and one.clause in wanted]
    selected = catalogue.load().select((), ())
    with closing(Run(target, seed=seed, profile="full", selected=selected, state=state)) as running:
        running.start()
        own = {one.clause for one in map(running.executor.execute, checks) if one.outcome is Outcome.FAILED}
        judged = running.observer.judges.records(running.recorder, lambda _exchange: None)
        return own | {one.clause for one in judged if one.outcome is Outcome.FAILED}


@pytest.mark.parametrize("seed", share.seeds())
@pytest.mark.parametrize("fault", share.part_of(ODD))
def test_generated_checks_alone_catch_what_only_odd_input_shows(fault: str, seed: int, tmp_path: Path) -> None:
    with launch.serve_in_thread([fault], restore_seconds=0) as server:
        file = tmp_path / "target.toml"
        file.write_text(server.target_toml, "utf-8")
        target = load_target(file, os.environ)
        assert ODD[fault] in generated_alone(target, tmp_path / "state", ODD[fault], seed)
