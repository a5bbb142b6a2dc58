"""What is shipped: a wheel that holds everything the suite needs, and works where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import conformance

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "conformance"

pytestmark = [pytest.mark.process, pytest.mark.one_worker]  # one wheel for all of them


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as an installer builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content; before everything else on the path it is as good as installed."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def outside(unpacked: Path, folder: Path, *arguments: str) -> str:
    """What Python prints, started in a folder of no project with the wheel's content and nothing of the checkout."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environ["PYTHONPATH"] = str(unpacked)
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=folder, env=environ
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_package(names: set[str]) -> None:
    files = (path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    missing = {path.relative_to(ROOT).as_posix() for path in files} - names
    assert missing == set()


def test_the_wheel_holds_the_schemas_where_the_package_finds_them(names: set[str]) -> None:
    schemas = [path for path in (ROOT / "schemas").iterdir() if path.is_file()]
    assert {"openapi.yaml", "results.json"} <= {path.name for path in schemas}
    assert {f"conformance/schemas/{path.name}" for path in schemas} <= names


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "pytest.ini",
        "contract/catalogue.toml",
        "suite/test_restores.py",
        "reference/data/digest.py",
        "reference/faults/listing.py",
        "report/templates/summary.html.jinja2",
        "report/templates/style.css",
    ],
)
def test_the_wheel_holds_what_is_no_module_or_is_run_by_its_path(names: set[str], name: str) -> None:
    assert f"conformance/{name}" in names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    ours = ("conformance/", "backups_conformance.py")
    strays = {name for name in names if not name.startswith(ours) and ".dist-info/" not in name}
    assert {name.partition(".data/data/")[2] for name in strays} == {"share/man/man1/backups-conformance.1"}
    assert [name for name in names if "__pycache__" in name] == []


def test_the_wheel_names_its_version_its_command_its_plugin_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        texts = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    assert f"Version: {conformance.__version__}\n" in texts["METADATA"]
    assert "License-Expression: Apache-2.0\n" in texts["METADATA"]
    assert "backups-conformance = backups_conformance:main" in texts["entry_points.txt"]
    assert "backups_conformance = conformance.plugin" in texts["entry_points.txt"]
    assert "Apache License" in texts["LICENSE"]


def test_the_catalogue_is_shown_outside_a_checkout(unpacked: Path, tmp_path: Path) -> None:
    shown = outside(unpacked, tmp_path, "-m", "conformance", "clauses", "LIST")
    assert [line.split("\t")[0] for line in shown.splitlines()] == [f"LIST-{number}" for number in range(1, 11)]


def test_the_schemas_are_found_outside_a_checkout(unpacked: Path, tmp_path: Path) -> None:
    program = (
        "from conformance.contract import schemas, validation; "
        "print(schemas.schemas_dir(), validation.mismatches('oid', 'x')[0].shape)"
    )
    place, shape = outside(unpacked, tmp_path, "-c", program).split()
    assert Path(place) == unpacked / "conformance/schemas"
    assert shape == "oid"


def test_the_suite_runs_outside_a_checkout(unpacked: Path, tmp_path: Path) -> None:
    arguments = ("-m", "conformance", "run", "--only", "LIST-9", "--report-dir", "report", "--examples", "1")
    outside(unpacked, tmp_path, *arguments)
    results = json.loads((tmp_path / "report/results.json").read_text("utf-8"))
    (row,) = [row for row in results["clauses"] if row["id"] == "LIST-9"]
    assert row["outcome"] == "passed"
    assert "<html" in (tmp_path / "report/report.html").read_text("utf-8")
