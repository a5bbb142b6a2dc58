"""The program starts its own package, and a module that cannot be imported is exit code 3, in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import backups_conformance
import conformance
from conformance import __main__ as program

OWN = str(Path(conformance.__file__).resolve().parents[1])


def with_package(folder: Path, module: str) -> str:
    """The folder, with another module or package `conformance` in it."""
    file = folder / module
    file.parent.mkdir(parents=True)
    file.touch()
    return str(folder)


@pytest.mark.parametrize("module", ["conformance/__init__.py", "conformance.py"])
def test_a_folder_with_another_package_of_this_name_is_searched_last(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiding, plain, here = with_package(tmp_path / "hiding", module), str(tmp_path), tmp_path / "here"
    with_package(here, module)
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", ["", str(here), f"{here}/.", hiding, plain, OWN])
    program.leave_current_folder()
    assert sys.path == [plain, OWN, hiding]


def test_a_namespace_package_of_this_name_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [with_package(tmp_path / "schemas", "conformance/schemas/job.json"), OWN]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*places])
    program.leave_current_folder()
    assert sys.path == places


def test_the_folder_of_the_package_stays_where_it_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiding = with_package(tmp_path / "hiding", "conformance/__init__.py")
    monkeypatch.chdir(OWN)
    monkeypatch.setattr(sys, "path", ["", hiding, str(tmp_path)])
    program.leave_current_folder()
    assert sys.path == [str(tmp_path), OWN, hiding]


def test_the_command_imports_the_package_beside_it_and_leaves_the_path_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "conformance"]:
        monkeypatch.delitem(sys.modules, name)
    places = [with_package(tmp_path / "hiding", "conformance/__init__.py"), *sys.path]
    monkeypatch.setattr(sys, "path", [*places])
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert backups_conformance.main() == 2  # the current folder does not exist: nothing else is imported
    assert sys.modules["conformance"].__file__ == conformance.__file__
    assert sys.path == places


@pytest.mark.parametrize("missing", ["conformance.__main__", "conformance.cli"])
def test_a_failed_import_is_3_and_one_line(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = list(sys.path)
    monkeypatch.setattr(sys, "path", places)
    monkeypatch.setattr(program, "leave_current_folder", lambda: None)
    monkeypatch.setitem(sys.modules, missing, None)
    assert backups_conformance.main() == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("backups-conformance: error: ")
    assert missing in line
    assert "reinstall" in line
    assert sys.path == places
