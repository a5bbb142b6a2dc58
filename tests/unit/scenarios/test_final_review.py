"""The final review: a look that is lost is an error of its clause, and reviews are checks like any other."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from support.waiting import wait_until

from conformance.config.target_file import load_target
from conformance.config.waivers_file import load_waivers
from conformance.contract import catalogue
from conformance.contract.check_id import CheckKind
from conformance.execution import journal
from conformance.execution.run import Run
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.reference import launch
from conformance.scenarios.side_effects import FORBID_EFFECTS
from conformance.suite.registry import all_checks, all_reviews, check_ids

if TYPE_CHECKING:
    from pathlib import Path

LATE_DELETION = "denied_deletion_happens_later"


def reviewed(tmp_path: Path, *, server_dies: bool, checks: tuple[str, ...], fault: str = "") -> dict[str, CheckRecord]:
    """The records of these checks and of the final review, with the server there to the end or killed before it."""
    state, file = tmp_path / "state", tmp_path / "target.toml"
    tmp_path.mkdir(exist_ok=True)
    with launch.serve_in_thread([fault] if fault else [], restore_seconds=0.02) as server:
        file.write_text(server.target_toml, "utf-8")
        target = load_target(file, os.environ)
        clauses = {all_checks()[name].clause for name in checks}
        run = Run(target, seed=1, profile="full", selected=clauses, state=state)
        run.start()
        for name in checks:
            run.executor.execute(all_checks()[name])
        if fault == LATE_DELETION:
            _await_deletion(run)
        if not server_dies:
            run.executor.final_review()
    with closing(run):
        if server_dies:
            run.executor.final_review()
    return {str(record.id): record for record in journal.read(state).checks}


def _await_deletion(run: Run) -> None:
    [kept] = run.context.state.kept_backups
    wait_until(lambda: run.client.send(run.build.get(kept.backup)).status == 404)


@pytest.mark.process  # the probe
def test_an_effect_that_comes_late_is_found_by_the_review(tmp_path: Path) -> None:
    records = reviewed(tmp_path, server_dies=False, checks=("DEL-2/delete",), fault=LATE_DELETION)
    assert records["DEL-2/delete"].outcome is Outcome.PASSED
    assert records["DEL-2/delete/final-review"].outcome is Outcome.FAILED


@pytest.mark.process  # the probe
def test_a_review_that_is_lost_is_an_error_of_its_clause(tmp_path: Path) -> None:
    records = reviewed(tmp_path, server_dies=True, checks=("DEL-2/delete",), fault=LATE_DELETION)
    assert records["DEL-2/delete"].outcome is Outcome.PASSED
    lost = records["DEL-2/delete/final-review"]
    assert lost.outcome is Outcome.ERROR
    assert "connection refused" in lost.reason


@pytest.mark.process  # the probe
def test_each_clause_with_something_to_review_has_an_error_and_no_other(tmp_path: Path) -> None:
    checks = ("JOB-1/restore", "CAP-8/restore", "JOB-6/restore", "LIST-1/list")
    records = reviewed(tmp_path, server_dies=True, checks=checks)
    lost = {name for name, record in records.items() if record.outcome is Outcome.ERROR}
    assert lost == {"CAP-8/restore/final-review"}  # JOB-10, RST-2, … are not selected
    assert {name for name in records if name.endswith("final-review")} == lost


@pytest.mark.process  # the probe
def test_what_the_run_did_not_do_leaves_no_record(tmp_path: Path) -> None:
    records = reviewed(tmp_path, server_dies=False, checks=("RST-3/restore", "DEL-3/delete"))
    assert records["RST-3/restore/final-review"].outcome is Outcome.PASSED
    assert records["DEL-3/delete/final-review"].outcome is Outcome.PASSED
    records = reviewed(tmp_path / "reads", server_dies=False, checks=("GET-1/get",))
    assert not [name for name in records if name.endswith("final-review")]


@pytest.mark.process  # the probe
def test_the_review_reads_each_backup_once_for_all_refused_requests(tmp_path: Path) -> None:
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        (tmp_path / "target.toml").write_text(server.target_toml, "utf-8")
        target = load_target(tmp_path / "target.toml", os.environ)
        run = Run(target, seed=1, profile="full", selected={"JOB-10"}, state=tmp_path / "state", examples=8)
        with closing(run):
            run.start()
            for name in ("JOB-10/restore", "JOB-10/restore/generated"):
                run.executor.execute(all_checks()[name])
            backups = {snapshot.backup for snapshot in run.context.state._snapshots}
            assert len(run.context.state._snapshots) > len(backups)
            before = run.client.requests
            run.executor.final_review()
            assert run.client.requests - before == 2 * len(backups)  # get and logs
    records = {str(record.id): record.outcome for record in journal.read(tmp_path / "state").checks}
    assert records["JOB-10/restore/final-review"] is Outcome.PASSED


def test_each_clause_that_forbids_effects_has_a_review() -> None:
    reviewed_clauses = {review.clause for review in all_reviews().values()}
    assert reviewed_clauses >= FORBID_EFFECTS
    assert {review.clause for review in all_reviews().values() if review.operation == "restore"} >= FORBID_EFFECTS


def test_reviews_judge_operations_that_their_clauses_speak_of() -> None:
    clauses = catalogue.load().clauses
    strays = [name for name, one in all_reviews().items() if one.operation not in clauses[one.clause].operations]
    assert not strays


@pytest.mark.parametrize("clause", sorted(check_ids()))
def test_a_waiver_of_every_check_is_accepted(clause: str, tmp_path: Path) -> None:
    names = [*map(str, check_ids()[clause])]
    names += [f"{clause}/{operation}/{CheckKind.OBSERVED.value}" for operation in catalogue.load()[clause].operations]
    rows = [
        f'[[waiver]]\nclause = "{clause}"\ncheck = "{name}"\nreason = "x"\nexpires = 2099-01-01\n' for name in names
    ]
    (tmp_path / "waivers.toml").write_text("\n".join(rows))
    waivers = load_waivers(tmp_path / "waivers.toml", catalogue.load())
    assert [str(waiver.check) for waiver in waivers] == names
