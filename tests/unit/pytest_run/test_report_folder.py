"""A report folder belongs to one run at a time; what a run recorded outlives a disk that is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import reporting

from conformance.pytest_run import finalize
from conformance.report import write_all, write_page
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
