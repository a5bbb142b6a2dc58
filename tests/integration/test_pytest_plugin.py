"""Inside pytest: a guest that other projects do not notice, and whose verdict says what others have left out."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import running

from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEW = ("--profile", "read", "--only", "LIST-8,CAP-1,GET-4", "--examples", "1", "--seed", "1")
PASSED = {"LIST-8": "passed", "CAP-1": "passed", "GET-4": "passed"}

pytestmark = pytest.mark.one_worker  # one server for all of them


@pytest.fixture(scope="module")
def server() -> Iterator[launch.Running]:
    with launch.serve_in_thread() as running_server:
        yield running_server


@pytest.fixture
def target(server: launch.Running, tmp_path: Path) -> Path:
    file = tmp_path / "target.toml"
    file.write_text(server.target_toml)
    return file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder in which pytest is started."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def outcomes_of(ran: running.Ran) -> dict[str, str]:
    return {clause: ran.outcomes[clause] for clause in PASSED}


def reasons_of(ran: running.Ran) -> set[str]:
    rows = [row for row in ran.results["clauses"] if row["id"] in PASSED]
    reasons = {check["reason"] for row in rows for check in row["checks"] if check["outcome"] == "not_tested"}
    return {reason for reason in reasons if "profile" not in reason}  # generated sequences change the target


# ---------------------------------------------------------------- another project


def test_another_project_does_not_notice_us(project: Path) -> None:
    (project / "conftest.py").write_text(
        "def pytest_addoption(parser):\n"
        "    for name in ('--target', '--base-url', '--hub', '--seed', '--only', '--sign', '--profile', '--plan'):\n"
        "        parser.addoption(name, default='theirs')\n"
    )
    (project / "test_theirs.py").write_text(
        "import sys\n"
        "def test_options(pytestconfig):\n"
        "    assert pytestconfig.getoption('--seed') == 'theirs'\n"
        "    assert not [name for name in vars(pytestconfig.option) if name.startswith('conformance')]\n"
        "    loaded = [name for name in sys.modules if name.partition('.')[0] == 'conformance']\n"
        "    assert loaded == ['conformance', 'conformance.plugin']\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        capture_output=True, text=True, check=False, cwd=project, env=running.environment({}),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


# ---------------------------------------------------------------- the suite beside others


def test_the_suite_is_listed_without_being_run(target: Path, project: Path) -> None:
    ran = running.suite(project / "out", "--target", target, "--collect-only", "-q", cwd=project)
    assert ran.code == 0
    assert "test_list_8" in ran.out
    assert {path.name for path in project.iterdir()} <= {"pytest.ini", ".pytest_cache"}


@pytest.mark.parametrize("option", ["--markers", "--fixtures", "--setup-plan", "--help", "--version"])
def test_what_only_shows_something_writes_nothing(option: str, target: Path, project: Path) -> None:
    ran = running.suite(project / "out", "--target", target, option, cwd=project)
    assert ran.code == 0, ran.out
    assert {path.name for path in project.iterdir()} <= {"pytest.ini", ".pytest_cache"}


def test_options_that_others_have_are_shared(target: Path, project: Path) -> None:
    """As pytest-base-url's `--base-url`; their defaults are not ours."""
    (project / "conftest.py").write_text(
        "def pytest_addoption(parser):\n"
        "    for name in ('--target', '--base-url', '--hub', '--seed', '--only'):\n"
        "        parser.addoption(name, default='not ours')\n"
    )
    ran = running.suite(project / "out", "--target", target, *FEW, cwd=project)
    assert ran.code == 0, ran.out + ran.err
    assert outcomes_of(ran) == PASSED
    assert ran.results["run"]["seed"] == 1


def test_an_option_of_addopts_is_overridden_and_one_given_twice_is_refused(target: Path, project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\naddopts = --seed 5 --examples 1\n")
    arguments = ("--target", target, "--profile", "read", "--only", "LIST-8")
    ran = running.suite(project / "out", *arguments, "--seed", "6", cwd=project)
    assert (ran.code, ran.results["run"]["seed"]) == (0, 6), ran.out
    twice = running.suite(project / "out2", *arguments, "--seed", "6", "--seed", "7", cwd=project)
    assert twice.code == pytest.ExitCode.USAGE_ERROR
    assert "--seed is given twice; give it once" in twice.out + twice.err
    assert not (project / "out2").exists()


LEAVING_OUT = {
    "removed": ("def pytest_collection_modifyitems(items): items[:] = items[:1]", "removed from the run by "),
    "one of several checks removed": (
        "def pytest_collection_modifyitems(items): items[:] = [i for i in items if '[GET-4/get]' not in i.name]",
        "removed from the run by ",
    ),
    "removed late": ("def pytest_collection_finish(session): session.items[:] = []", "removed from the run by "),
    "ignored": ("def pytest_ignore_collect(collection_path): return 'test_' in collection_path.name", "not collected"),
    "skipped": (
        "import pytest\ndef pytest_runtest_setup(item): pytest.skip('theirs')",
        "skipped by ",
    ),
    "deselected": (
        "def pytest_collection_modifyitems(config, items): config.hook.pytest_deselected(items=items); items.clear()",
        "removed from the run by ",
    ),
    "not run": ("def pytest_runtest_protocol(item): return True", "not run by "),
}


#: a conftest.py does these only to tests beside it
OF_PLUGINS = ("ignored", "skipped")


@pytest.mark.parametrize("name", LEAVING_OUT)
def test_what_others_leave_out_is_named_and_never_conformant(name: str, target: Path, project: Path) -> None:
    hook, words = LEAVING_OUT[name]
    theirs = "plugin_of_theirs.py" if name in OF_PLUGINS else "conftest.py"
    (project / theirs).write_text(f"{hook}\n")
    named = ("-p", "plugin_of_theirs") if name in OF_PLUGINS else ()
    env = {"PYTHONPATH": str(project)}
    ran = running.suite(project / "out", "--target", target, *FEW, *named, cwd=project, env=env)
    assert ran.results["verdict"] in ("partial", "inconclusive"), ran.out
    assert ran.code in (0, 3)
    assert "not_tested" in {ran.outcomes[clause] for clause in PASSED}
    reasons = reasons_of(ran)
    assert reasons, ran.out
    assert all(reason.startswith(words) for reason in reasons), reasons
    assert all(theirs.removesuffix(".py") in reason for reason in reasons), reasons


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-k", "list_8"), "deselected by pytest's -k 'list_8'"),
        (("-m", "no_such_mark"), "deselected by pytest's -m 'no_such_mark'"),
        (("--deselect", "x"), None),
    ],
)
def test_what_pytests_options_leave_out_is_named(
    arguments: tuple[str, str], reason: str | None, target: Path, project: Path
) -> None:
    ran = running.suite(project / "out", "--target", target, *FEW, *arguments, cwd=project)
    assert reasons_of(ran) == ({reason} if reason else set()), ran.out


def test_a_part_of_the_suite_is_no_error(target: Path, project: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--pyargs", "conformance.suite.test_list"]
    done = subprocess.run(
        [*command, "--report-dir", project / "out", "--target", target, *FEW],
        capture_output=True, text=True, check=False, cwd=project, env=running.environment({}),
    )  # fmt: skip
    ran = running.Ran(done.returncode, done.stdout, done.stderr, project / "out")
    assert outcomes_of(ran) == {"LIST-8": "passed", "CAP-1": "not_tested", "GET-4": "not_tested"}
    assert reasons_of(ran) == {"left out by pytest's arguments 'conformance.suite.test_list'"}
    assert ran.code == 0


def test_an_order_that_others_make_does_not_send_bad_keys_first(target: Path, project: Path) -> None:
    """As pytest-randomly shuffles tests."""
    (project / "conftest.py").write_text("def pytest_collection_modifyitems(items): items.reverse()\n")
    arguments = ("--target", target, "--profile", "read", "--only", "AUTH-2,LIST-8,GET-4", "--examples", "1")
    ran = running.suite(project / "out", *arguments, cwd=project)
    assert ran.code == 0
    assert ran.outcomes["AUTH-2"] == "passed"


def test_tests_of_other_packages_are_not_executed_as_checks(target: Path, project: Path) -> None:
    (project / "test_theirs.py").write_text("def test_theirs(): assert False, 'theirs'\n")
    ran = running.suite(project / "out", "--target", target, *FEW, "test_theirs.py", cwd=project)
    assert outcomes_of(ran) == PASSED
    assert "theirs" in ran.out
