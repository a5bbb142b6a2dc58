"""A report folder belongs to one run at a time; what a run recorded outlives a disk that is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import reporting

from conformance.judging.outcomes import Outcome
from conformance.pytest_run import finalize
from conformance.report import index, write_all, write_page
from conformance.results import signoff
from conformance.results.recovery import LOCK, STATE

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_in_use_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    lock = finalize.claim(tmp_path / "run")
    (tmp_path / "run" / STATE / "journal-main.ndjson").write_text("kept")
    for _ in range(2):
        with pytest.raises(finalize.FolderInUseError, match="is in use by another run"):
            finalize.claim(tmp_path / "run")
    assert (tmp_path / "run" / STATE / "journal-main.ndjson").read_text() == "kept"
    lock.release()


def test_the_folder_of_a_run_that_ended_or_was_killed_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_all(reporting.red(), folder)
    finalize.claim(folder).release()
    (folder / STATE / "journal-main.ndjson").write_text("of a killed run")
    lock = finalize.claim(folder)
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [LOCK]
    lock.release()


def test_a_state_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / STATE).symlink_to(outside)
    finalize.claim(tmp_path / "run").release()
    assert (outside / "precious").read_text() == "kept"
    assert not (tmp_path / "run" / STATE).is_symlink()


def test_what_was_recorded_is_kept_where_the_record_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, results = tmp_path / "run", reporting.red()
    lock = finalize.claim(folder)
    write_all(results, folder)
    write_page(results, folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(signoff, "write", full)
    with pytest.raises(OSError, match="No space"):
        finalize.complete(folder, results, {})
    assert (folder / STATE / LOCK).is_file()
    monkeypatch.undo()
    finalize.complete(folder, results, {})
    assert not (folder / STATE).exists()
    lock.release()


# ---------------------------------------------------------------- the newest run, and the newest whole one


def test_latest_whole_stays_at_the_newest_run_of_all_clauses(tmp_path: Path) -> None:
    runs = {
        "1-whole": ({"only": [], "skip": []}, False),
        "2-partial": ({"only": ["LIST-8"], "skip": []}, False),
        "3-without": ({"only": [], "skip": ["RST"]}, False),
        "4-interrupted": ({"only": [], "skip": []}, True),
    }
    for name, (selection, interrupted) in runs.items():
        results = reporting.green()
        results["run"].update(selection=selection, interrupted=interrupted)
        (tmp_path / name).mkdir()
        finalize.point_latest(tmp_path / name, is_whole=finalize.is_whole(results))
        assert (tmp_path / "latest").readlink().name == name
        assert (tmp_path / "latest-whole").readlink().name == "1-whole"
    assert not list(tmp_path.glob(".latest*"))


def test_the_index_tells_partial_runs_from_whole_ones(tmp_path: Path) -> None:
    partial = reporting.results({"CAP-4": Outcome.NOT_TESTED}, id="partial", started="2026-03-02T10:00:00Z")
    partial["run"]["selection"] = {"only": ["LIST"], "skip": []}
    whole = reporting.green() | {"verdict": "conformant", "headline": "Conformant: 83 of 83 MUST clauses passed"}
    for name, results in {"whole": whole, "partial": partial}.items():
        write_all(results, tmp_path / name)
        signoff.write(results, tmp_path / name)
    index.write(tmp_path)
    rows = (tmp_path / "index.html").read_text().partition("<tbody>")[2].split("</tr>")
    assert '<tr class="v-partial">' in rows[0]
    assert "Partial: " in rows[0]
    assert "only LIST" in rows[0]
    assert '<tr class="v-conformant">' in rows[1]
    assert "only LIST" not in rows[1]
