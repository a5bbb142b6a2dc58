"""`run` comes to the same verdict, with the same requests, in every folder and environment."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import recording, running
from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.reference import launch

PROGRAM = Path(sysconfig.get_path("scripts")) / "backups-conformance"
#: reads of several kinds, generated ones among them, in a few seconds
FEW = ("--profile", "read", "--only", "LIST-8,CAP-1,GET-6,HTTP-3", "--examples", "2", "--seed", "5")


pytestmark = pytest.mark.one_worker  # all compare with one run

HOSTILE_FILES = {
    "conftest.py": """
        import pytest
        def pytest_addoption(parser):
            parser.addoption("--seed", default="hostile")
            parser.addoption("--target", default="hostile")
        def pytest_collection_modifyitems(items):
            items[:] = items[:1]
        def pytest_runtest_setup(item):
            pytest.skip("hostile")
        """,
    "pytest.ini": "[pytest]\naddopts = --nonsense\nrequired_plugins = no-such-plugin\n",
    "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--nonsense'\n",
    "tox.ini": "[pytest]\naddopts = --nonsense\n",
    "schemathesis.toml": "this is [not TOML",
    "conformance/__init__.py": "raise ImportError('hostile package')",
    "sitecustomize.py": "raise ImportError('hostile sitecustomize')",
    **{
        f"{name}.py": f"raise ImportError('hostile {name}')"
        for name in (
            "secrets",
            "queue",
            "random",
            "typing",
            "contextlib",
            "pathlib",
            "pytest",
            "httpx",
            "xdist",
            "html",
        )
    },
}
HOSTILE_VARIABLES = {
    "PYTEST_ADDOPTS": "-k mine --cov=src",
    "PYTEST_PLUGINS": "no_such_plugin",
    "PYTEST_DEBUG": "1",
    "PYTEST_XDIST_WORKER": "gw7",
    "PYTEST_XDIST_AUTO_NUM_WORKERS": "9",
    "PYTEST_CURRENT_TEST": "some test",
    "PY_COLORS": "1",
    "HYPOTHESIS_EXPERIMENTAL_OBSERVABILITY": "1",
    "HYPOTHESIS_STORAGE_DIRECTORY": ".hostile",
    "SCHEMATHESIS_HOOKS": "no_such_module",
    "PYTHONWARNINGS": "error",
}


#: A request that a run sends so often is a plain read; how often depends on the time, since a late one serves several.
OFTEN = 10


@dataclass
class Ran:
    """A run from outside: its exit code and output, and the requests that reached the server."""

    code: int
    out: str
    err: str
    verdict: str
    outcomes: dict[str, str]
    sent: Counter[str]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[launch.Running, Counter[str]]]:
    with recording.counting_server() as (server, lines):
        yield server, lines


@pytest.fixture(scope="module")
def target(served: tuple[launch.Running, Counter[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("target") / "target.toml"
    file.write_text(served[0].target_toml)
    return file


class Runner:
    """Runs the program in a folder, with more variables, against the one server."""

    def __init__(self, served: tuple[launch.Running, Counter[str]], target: Path, folder: Path) -> None:
        self._lines = served[1]
        self._target = target
        self.folder = folder

    def run(self, *arguments: str, env: Mapping[str, str | None] | None = None, prefix: tuple[str, ...] = ()) -> Ran:
        """Run with FEW; `env` None unsets a variable; `prefix` is a command that starts the program."""
        report = self.folder.parent / f"report of {self.folder.name}"
        before = Counter(self._lines)
        variables = running.environment({}) | {name: value for name, value in (env or {}).items() if value is not None}
        for name in (name for name, value in (env or {}).items() if value is None):
            variables.pop(name, None)
        done = subprocess.run(
            [*prefix, PROGRAM, "run", "--target", self._target, *FEW, "--report-dir", report, *arguments],
            capture_output=True, text=True, check=False, cwd=self.folder, env=variables, timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        sent = self._lines - before
        assert (report / "results.json").is_file(), done.stdout + done.stderr
        results = json.loads((report / "results.json").read_text("utf-8"))
        outcomes = {check["id"]: check["outcome"] for row in results["clauses"] for check in row["checks"]}
        return Ran(done.returncode, done.stdout, done.stderr, results["headline"], outcomes, sent)


@pytest.fixture
def runner(served: tuple[launch.Running, Counter[str]], target: Path, tmp_path: Path) -> Runner:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Runner(served, target, folder)


@pytest.fixture(scope="module")
def plain(served: tuple[launch.Running, Counter[str]], target: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The run in an empty folder that all others are compared with."""
    folder = tmp_path_factory.mktemp("plain") / "empty"
    folder.mkdir()
    ran = Runner(served, target, folder).run()
    assert ran.code == 0, ran.out + ran.err
    assert sum(ran.sent.values()) > 50
    assert list(folder.iterdir()) == []
    return ran


def assert_same(ran: Ran, plain: Ran) -> None:
    assert ran.code == plain.code, ran.out + ran.err
    assert ran.verdict == plain.verdict
    assert ran.outcomes == plain.outcomes
    assert_same_requests(ran, plain)


def assert_same_requests(ran: Ran, plain: Ran) -> None:
    assert ran.sent.keys() == plain.sent.keys()
    often = {line for line, count in plain.sent.items() if count >= OFTEN}
    assert {line: ran.sent[line] for line in plain.sent.keys() - often} == {
        line: count for line, count in plain.sent.items() if line not in often
    }


def make_hostile(folder: Path) -> None:
    for name, text in HOSTILE_FILES.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text))


# ---------------------------------------------------------------- folders


@pytest.mark.parametrize("pytest_args", [(), ("--", "-n", "2")], ids=["alone", "with workers"])
def test_a_hostile_folder_and_environment_change_nothing(
    pytest_args: tuple[str, ...], runner: Runner, plain: Ran
) -> None:
    make_hostile(runner.folder)
    before = sorted(path.name for path in runner.folder.rglob("*"))
    ran = runner.run(*pytest_args, env=HOSTILE_VARIABLES)
    assert ran.outcomes == plain.outcomes, ran.out + ran.err
    assert (ran.code, ran.verdict) == (plain.code, plain.verdict)
    if not pytest_args:  # each worker looks for the target's fixtures itself
        assert_same_requests(ran, plain)
    assert plain.sent.keys() == ran.sent.keys()
    assert sorted(path.name for path in runner.folder.rglob("*")) == before


@pytest.mark.parametrize("pytest_args", [(), ("--", "-n", "2")], ids=["alone", "with workers"])
def test_the_embedded_server_starts_in_a_hostile_folder(pytest_args: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    make_hostile(folder)
    done = subprocess.run(
        [PROGRAM, "run", "--only", "LIST-8", "--report-dir", tmp_path / "report", *pytest_args],
        capture_output=True, text=True, check=False, cwd=folder, env=running.environment(HOSTILE_VARIABLES),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_folder_that_was_removed_is_named(tmp_path: Path) -> None:
    script = f'mkdir gone && cd gone && rmdir ../gone && "{PROGRAM}" run'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "backups-conformance: error: the current folder does not exist\n"


# ---------------------------------------------------------------- environments

#: what contradicts nothing else stands together, since a run takes seconds
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "of a person": {
        # another hash seed, optimised
        "PYTHONHASHSEED": "4242",
        "PYTHONOPTIMIZE": "2",
        # the current folder on the path, a start-up file
        "PYTHONPATH": ".",
        "PYTHONSTARTUP": "no-such-file.py",
        # a time zone at the edge, no home
        "TZ": "Pacific/Kiritimati",
        "HOME": None,
        "XDG_CACHE_HOME": None,
        # colours
        "FORCE_COLOR": "1",
        "NO_COLOR": None,
    },
    "of a pipeline": {
        # development mode, an empty entry on the path
        "PYTHONDEVMODE": "1",
        "PYTHONPATH": ":",
        # ASCII output
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "C",
        # a home that cannot be written to
        "HOME": "/proc/1/nowhere",
        "XDG_CACHE_HOME": None,
        # continuous integration, coverage of children
        "CI": "true",
        "GITLAB_CI": "true",
        "JENKINS_URL": "x",
        "BUILD_NUMBER": "1",
        "COVERAGE_PROCESS_START": "/nowhere",
        "COV_CORE_SOURCE": "x",
    },
    "of a company": {
        # a proxy and a CA bundle that are not there, a netrc
        **dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9"),
        "SSL_CERT_FILE": "/nowhere",
        "SSL_CERT_DIR": "/nowhere",
        "NETRC": "/nowhere",
        # another folder on the path
        "PYTHONPATH": "../other",
        # a narrow terminal
        "COLUMNS": "12",
        "LINES": "1",
        "TERM": "dumb",
    },
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_changes_nothing(name: str, runner: Runner, plain: Ran) -> None:
    for module in ("secrets", "queue", "httpx", "pytest"):
        (runner.folder / f"{module}.py").write_text(f"raise ImportError('hostile {module}')\n")
    for package in (runner.folder / "conformance", runner.folder.parent / "other" / "conformance"):
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    assert_same(runner.run(env=ENVIRONMENTS[name]), plain)


@pytest.mark.parametrize(
    "command",
    ["umask 077; ulimit -n 256; exec <&-", "umask 000; trap '' INT TERM HUP; exec 2>&-"],
)
def test_what_a_shell_hands_on_changes_nothing(command: str, runner: Runner, plain: Ran) -> None:
    assert_same(runner.run(prefix=("sh", "-c", f'{command}; exec "$0" "$@"')), plain)


# ---------------------------------------------------------------- plugins


def test_a_plugin_that_is_named_takes_part(runner: Runner, plain: Ran, tmp_path: Path) -> None:
    (tmp_path / "named_plugin.py").write_text("def pytest_configure(config): print('the named plugin is here')\n")
    ran = runner.run("--", "-p", "named_plugin", env={"PYTHONPATH": str(tmp_path)})
    assert "the named plugin is here" in ran.out
    assert_same(ran, plain)


def test_the_same_seed_gives_the_same_requests_in_another_home_folder(
    runner: Runner, plain: Ran, tmp_path: Path
) -> None:
    """hypothesis keeps a database and tables of characters in a home folder, and reads them back."""
    home = tmp_path / "home"
    for _ in range(2):
        assert_same(runner.run(env={"HOME": str(home), "XDG_CACHE_HOME": None}), plain)
    assert os.listdir(runner.folder) == []  # noqa: PTH208 - the shortest
