"""Beside the plugins of other projects, in a hostile folder: the same verdict, or one that says what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import recording, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.reference import launch

PLUGINS = (
    *("pytest-base-url", "pytest-profiling", "pytest-randomly", "pytest-rerunfailures", "pytest-timeout"),
    *("pytest-cov", "pytest-asyncio", "pytest-sugar", "allure-pytest"),
)
FEW = ("--profile", "read", "--only", "LIST-8,CAP-1,GET-4", "--examples", "1", "--seed", "5")
#: CI sets it: there a matrix that cannot be installed is a failure
REQUIRED = "CONFORMANCE_REQUIRE_PLUGINS"

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.one_worker]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the plugins, which sees what is installed here as well."""
    folder = tmp_path_factory.mktemp("matrix")
    venv.create(folder, with_pip=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "ours.pth").write_text("".join(f"{entry}\n" for entry in sys.path if entry.endswith("site-packages")))
    (site / "source.pth").write_text(f"{Path(__file__).parents[2]}\n")
    command = [str(folder / "bin/python"), "-m", "pip", "install", "-q", *PLUGINS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        assert not os.environ.get(REQUIRED), done.stderr
        pytest.skip(f"the plugins cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder / "bin/python"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[launch.Running, Counter[str]]]:
    with recording.counting_server() as (server, lines):
        yield server, lines


@pytest.fixture
def hostile(served: tuple[launch.Running, Counter[str]], tmp_path: Path) -> Path:
    """A folder that does all it can, with the target file in it."""
    folder = tmp_path / "hostile"
    (folder / "conformance").mkdir(parents=True)
    (folder / "target.toml").write_text(served[0].target_toml)
    (folder / "conformance/__init__.py").write_text("raise ImportError('hostile package')")
    (folder / "secrets.py").write_text("raise ImportError('hostile secrets')")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -v\n")
    (folder / "conftest.py").write_text(
        "def pytest_addoption(parser): parser.addoption('--seed', default='hostile')\n"
        "def pytest_collection_modifyitems(items): items[:] = items[:1]\n"
    )
    return folder


def run(
    python: Path, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-P", *arguments], capture_output=True, text=True, check=False, cwd=cwd,
        env=running.environment(env), timeout=180,
    )  # fmt: skip


def results_of(folder: Path) -> dict[str, object]:
    results: dict[str, object] = json.loads((folder / "results.json").read_text("utf-8"))
    return results


def test_the_plugins_are_there(python: Path, tmp_path: Path) -> None:
    shown = run(python, "-m", "pytest", "--version", "--version", cwd=tmp_path)
    text = shown.stdout + shown.stderr
    missing = [name for name in PLUGINS if name not in text]
    assert missing == [], text


def test_run_is_the_same_beside_all_of_them(
    python: Path, served: tuple[launch.Running, Counter[str]], hostile: Path, tmp_path: Path
) -> None:
    lines, empty, sent = served[1], tmp_path / "empty", []
    empty.mkdir()
    env = {"PYTEST_ADDOPTS": "-k mine --cov=src", "PYTEST_PLUGINS": "no_such_plugin", "PYTEST_BASE_URL": "http://x"}
    for folder, variables in ((empty, {}), (hostile, env)):
        before = Counter(lines)
        arguments = ("--target", hostile / "target.toml", *FEW, "--report-dir", tmp_path / folder.name)
        done = run(python, "-m", "conformance", "run", *arguments, cwd=folder, env=variables)
        assert done.returncode == 0, done.stdout + done.stderr
        sent.append(lines - before)
    assert sum(sent[0].values()) > 20
    assert sent[0] == sent[1]
    assert results_of(tmp_path / "empty")["headline"] == results_of(tmp_path / "hostile")["headline"]


def test_pytest_beside_all_of_them_says_what_was_removed(python: Path, hostile: Path, tmp_path: Path) -> None:
    arguments = ("--pyargs", "conformance.suite", f"--target={hostile / 'target.toml'}", *FEW)
    (hostile / "conformance/__init__.py").unlink()
    (hostile / "conformance").rmdir()
    done = run(python, "-m", "pytest", *arguments, "--report-dir", tmp_path / "out", cwd=hostile)
    results = results_of(tmp_path / "out")
    assert results["verdict"] in ("partial", "inconclusive"), done.stdout + done.stderr
    assert "removed from the run by" in (tmp_path / "out/results.json").read_text("utf-8")
    assert "conftest.py" in (tmp_path / "out/results.json").read_text("utf-8")


def test_pytest_beside_all_of_them_comes_to_the_same_verdict(python: Path, hostile: Path, tmp_path: Path) -> None:
    target, quiet = hostile / "target.toml", tmp_path / "quiet"
    quiet.mkdir()
    command = run(
        python, "-m", "conformance", "run", "--target", target, *FEW, "--report-dir", tmp_path / "a", cwd=quiet
    )
    arguments = ("--pyargs", "conformance.suite", f"--target={target}", *FEW, "--reruns", "1", "--timeout", "120")
    beside = run(python, "-m", "pytest", *arguments, "--report-dir", tmp_path / "b", cwd=quiet)
    assert (command.returncode, beside.returncode) == (0, 0), beside.stdout + beside.stderr
    assert results_of(tmp_path / "a")["headline"] == results_of(tmp_path / "b")["headline"]


def test_another_project_runs_beside_all_of_them(python: Path, tmp_path: Path) -> None:
    """With pytest-base-url or pytest-profiling, pytest used to end at a conflict of options."""
    (tmp_path / "test_theirs.py").write_text("def test_theirs(): pass\n")
    done = run(python, "-m", "pytest", "-p", "no:cacheprovider", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
