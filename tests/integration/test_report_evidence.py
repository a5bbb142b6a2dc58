"""The evidence of a finding holds every exchange that it rests on, the one that did it included."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from conformance.config.target_file import load_target
from conformance.execution import journal
from conformance.execution.run import Run
from conformance.judging.outcomes import Outcome
from conformance.reference import launch
from conformance.suite.registry import all_checks

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.judging.outcomes import CheckRecord


pytestmark = pytest.mark.process


def records(folder: Path, check: str, fault: str) -> dict[str, CheckRecord]:
    """The records of one check and its final review, on the reference server with a fault."""
    state, file = folder / "state", folder / "target.toml"
    with launch.serve_in_thread([fault], restore_seconds=0) as server:
        file.write_text(server.target_toml, "utf-8")
        target = load_target(file, os.environ)
        run = Run(target, seed=1, profile="full", selected={all_checks()[check].clause}, state=state)
        with closing(run):
            run.start()
            run.executor.execute(all_checks()[check])
            run.executor.final_review()
    return {str(record.id): record for record in journal.read(state).checks}


def requests_of(record: CheckRecord) -> list[str]:
    """Method and path of the exchanges that the record's first finding rests on, its own first."""
    finding = record.findings[0]
    assert finding.exchange is not None
    indices = (finding.exchange, *finding.related)
    rows = [record.exchanges[index]["request"] for index in indices]
    return [f"{row['method']} /{row['url'].partition('/v1/')[2]}" for row in rows]


def test_a_restore_that_started_without_a_hub(tmp_path: Path) -> None:
    record = records(tmp_path, "AUTH-5/restore", "restore_without_hub_happens")["AUTH-5/restore/final-review"]
    methods = [request.split()[0] for request in requests_of(record)]
    assert methods[0] == "GET"
    assert set(methods[1:]) == {"POST"}
    posts = [record.exchanges[index]["request"] for index in record.findings[0].related]
    assert any("X-Hub-Id" not in post["headers"] for post in posts)


def test_the_pages_between_which_a_backup_is_missing(tmp_path: Path) -> None:
    record = records(tmp_path, "LIST-5/list", "last_page_loses_one")["LIST-5/list"]
    missing = record.findings[0].got.partition(": ")[2].split(", ")
    rows = [record.exchanges[index] for index in record.findings[0].related]
    bodies = [row["response"]["body"] for row in rows if row["response"]]
    assert any(all(backup in body for backup in missing) for body in bodies)  # it is listed elsewhere
    assert any(not any(backup in body for backup in missing) for body in bodies)  # and missing beside its neighbour


def test_the_restore_after_which_another_instance_changed(tmp_path: Path) -> None:
    record = records(tmp_path, "RST-9/restore", "others_lose_a_file")["RST-9/restore"]
    broken = next(finding for finding in record.findings if finding.outcome is Outcome.FAILED)
    rows = [record.exchanges[index]["request"] for index in broken.related]
    assert [row["method"] for row in rows] == ["POST"]
    assert rows[0]["url"].endswith("/tasks")


def test_a_deletion_that_was_refused_and_happened(tmp_path: Path) -> None:
    record = records(tmp_path, "DEL-2/delete", "deletion_with_view")
    with_findings = [entry for entry in record.values() if entry.findings]
    assert with_findings
    assert all("DELETE" in {request.split()[0] for request in requests_of(entry)} for entry in with_findings)
