"""What goes wrong on our side is reported as that: never as a selection, never in silence, never as a verdict."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from support import running
from support.waiting import PATIENCE_S, wait_until

from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FEW = ("--profile", "read", "--only", "LIST-8,CAP-1,GET-4", "--examples", "1", "--seed", "1")

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


def plugin(folder: Path, text: str) -> dict[str, str]:
    """Variables with which the plugin `broken` can be named."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "broken.py").write_text(text)
    return {"PYTHONPATH": str(folder / "plugins")}


def shell(script: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A shell script in which "$@" is our command line."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *running.line(*arguments)],
        capture_output=True, text=True, check=False, cwd=cwd, env=running.environment({}),
    )  # fmt: skip


# ---------------------------------------------------------------- errors of the suite


def test_an_exception_while_the_run_starts_is_an_error_of_the_suite(target: Path, tmp_path: Path) -> None:
    """Such as that of a library which has changed: httpcore once had another parameter for proxies."""
    env = plugin(
        tmp_path,
        "import httpcore\n"
        "def changed(self, *, ssl_context=None): raise AssertionError('not reached')\n"
        "httpcore.ConnectionPool.__init__ = changed\n",
    )
    ran = running.run(tmp_path / "out", "--target", target, *FEW, "--", "-p", "broken", env=env)
    assert ran.code == 3
    assert ran.results["verdict"] == "inconclusive"
    interruption = ran.results["run"]["interruption"]
    assert interruption.startswith("an error of the suite: TypeError: ")
    assert "unexpected keyword argument" in interruption
    assert ", line " in interruption
    assert "Traceback (most recent call last)" in ran.err
    assert "selection" not in ran.out
    assert ran.has_reports()


@pytest.mark.parametrize("place", ["pytest_collection_modifyitems(items)", "pytest_runtestloop(session)"])
def test_an_exception_in_a_hook_is_reported(place: str, target: Path, tmp_path: Path) -> None:
    env = plugin(tmp_path, f"def {place}: raise ZeroDivisionError('in a hook')\n")
    ran = running.run(tmp_path / "out", "--target", target, *FEW, "--", "-p", "broken", env=env)
    assert ran.code == 3
    assert ran.results["run"]["interruption"].startswith(
        "an error of the suite: ZeroDivisionError: in a hook (broken.py"
    )
    assert "ZeroDivisionError: in a hook" in ran.err
    assert ran.has_reports()


def test_workers_that_cannot_start_are_reported(target: Path, tmp_path: Path) -> None:
    arguments = ("--", "-d", "--tx", "popen//python=/nonexistent/python")
    ran = running.run(tmp_path / "out", "--target", target, *FEW, *arguments)
    assert ran.code == 3
    assert "/nonexistent/python" in ran.results["run"]["interruption"]
    assert "/nonexistent/python" in ran.err
    assert ran.results["verdict"] == "inconclusive"
    assert ran.has_reports()


def test_a_worker_whose_run_cannot_start_is_reported(target: Path, tmp_path: Path) -> None:
    env = plugin(tmp_path, "import httpcore\nhttpcore.ConnectionPool.__init__ = None\n")
    ran = running.run(tmp_path / "out", "--target", target, *FEW, "--", "-n", "2", "-p", "broken", env=env)
    assert ran.code == 3
    assert ran.results["run"]["interruption"].startswith("an error of the suite: TypeError: ")
    assert "Traceback (most recent call last)" in ran.err


def test_a_check_that_loses_its_record_is_an_error(target: Path, tmp_path: Path) -> None:
    env = plugin(
        tmp_path,
        "from conformance.execution.journal import Journal\n"
        "write = Journal.write\n"
        "Journal.write = lambda self, entry: (\n"
        "    None if str(getattr(entry, 'id', '')) == 'LIST-8/list' and not entry.reason else write(self, entry)\n"
        ")\n",
    )
    ran = running.run(tmp_path / "out", "--target", target, *FEW, "--", "-p", "broken", env=env)
    (row,) = [row for row in ran.results["clauses"] if row["id"] == "LIST-8"]
    assert (row["outcome"], row["reason"]) == ("error", "an error of the suite: the check has no record")
    assert ran.code == 3


# ---------------------------------------------------------------- wrong usage writes nothing


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-k", "("), "Wrong expression passed to '-k'"),
        (("-m", "a b"), "Wrong expression passed to '-m'"),
        (("-n", "2", "-k", "("), "Wrong expression passed to '-k'"),
        (("--no-such-option",), "--no-such-option"),
        (("-p", "no_such_plugin"), "no_such_plugin"),
        (("nowhere.py",), "only options of pytest may follow --, not 'nowhere.py'"),
    ],
)
def test_what_pytest_refuses_is_2_and_writes_nothing(
    arguments: tuple[str, ...], words: str, target: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.json").write_text("of an earlier run")
    process = running.start(["run", "--target", target, *FEW, "--report-dir", out, "--", *arguments], cwd=tmp_path)
    printed, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, printed + complaint
    assert words in printed + complaint
    assert [path.name for path in out.iterdir()] == ["results.json"]
    assert (out / "results.json").read_text() == "of an earlier run"


@pytest.mark.parametrize(
    "option", ["--target", "--seed", "--report-dir", "--profile", "--examples", "--waivers", "--sign", "--base-url"]
)
def test_an_option_with_one_value_is_given_once(option: str, tmp_path: Path) -> None:
    values = {"--seed": "1", "--examples": "1", "--profile": "read"}
    twice = [word for _ in range(2) for word in (option, values.get(option, "x"))]
    done = subprocess.run(running.line("run", *twice), capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"backups-conformance: error: {option} is given twice; give it once\n"
    assert list(tmp_path.iterdir()) == []


def test_asking_pytest_for_a_list_is_refused(target: Path, tmp_path: Path) -> None:
    process = running.start(["run", "--target", target, *FEW, "--", "--collect-only", "-q"], cwd=tmp_path)
    printed, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "test_list_8" not in printed
    assert "pytest's --collect-only tests nothing; to see what a run would test, use --plan" in complaint
    assert [path.name for path in tmp_path.iterdir()] == ["target.toml"]


# ---------------------------------------------------------------- whoever reads the output

BROKEN_OUTPUTS = {
    "nobody reads": '"$@" | true; exit "${PIPESTATUS[0]}"',
    "closed": '"$@" >&-',
    "both closed": '"$@" >&- 2>&-',
    "all closed": '"$@" <&- >&- 2>&-',
    "full": '"$@" >/dev/full',
    "both full": '"$@" >/dev/full 2>&1',
}


@pytest.mark.parametrize("output", BROKEN_OUTPUTS)
def test_the_exit_code_of_a_run_does_not_depend_on_readers(output: str, target: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = shell(BROKEN_OUTPUTS[output], "run", "--target", target, *FEW, "--report-dir", out, cwd=tmp_path)
    ran = running.Ran(done.returncode, done.stdout, done.stderr, out)
    assert ran.code == 0, done.stderr
    assert ran.has_reports()
    if output == "full":
        assert done.stderr == "backups-conformance: stdout cannot be written to: No space left on device\n"


@pytest.mark.parametrize("output", BROKEN_OUTPUTS)
@pytest.mark.parametrize(("arguments", "code"), [(("clauses",), 0), (("verify", "."), 1), (("--help",), 0)])
def test_nor_do_those_of_other_commands(output: str, arguments: tuple[str, ...], code: int, tmp_path: Path) -> None:
    done = shell(BROKEN_OUTPUTS[output], *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipe_that_does_not_block_gets_everything(tmp_path: Path) -> None:
    """As some CI runners make it: a full pipe is an error then, and not a wait."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    process = subprocess.Popen(running.line("clauses"), stdout=write, cwd=tmp_path, env=running.environment({}))
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        text = pipe.read()
    assert process.wait() == 0
    assert len(text) > 70_000 or text.count("\n") > 90
    assert text.endswith("\n")


# ---------------------------------------------------------------- piped output


def test_a_run_that_is_killed_leaves_what_it_was_in_its_log(target: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            running.line("run", "--target", target, "--seed", "77", "--report-dir", "out"),
            stdout=stream, stderr=subprocess.STDOUT, cwd=tmp_path, env=running.environment({}),
        )  # fmt: skip
        wait_until(lambda: "seed" in log.read_text())
        process.send_signal(signal.SIGKILL)
        process.wait()
    (line, *_) = log.read_text().splitlines()
    assert line.startswith("Testing reference (http://127.0.0.1:")
    assert line.endswith("), profile full, seed 77; report: out")


def test_a_pipe_shows_a_line_for_each_chapter(target: Path, tmp_path: Path) -> None:
    ran = running.run(tmp_path / "out", "--target", target, *FEW)
    lines = ran.out.splitlines()
    assert sorted(line.split()[0] for line in lines[1:4]) == ["CAP", "GET", "LIST"]
    assert any(line.split(": ") == ["  LIST  List", "1 passed"] for line in lines[1:4]), lines


# ---------------------------------------------------------------- the first failure


@pytest.mark.parametrize("pytest_args", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_x_stops_at_a_must_that_failed(pytest_args: tuple[str, ...], tmp_path: Path) -> None:
    """A server whose restores fail in a way that many clauses rest on: those end in error, which is no reason."""
    with launch.serve_in_thread(["never_accepted"], restore_seconds=0.02) as broken:
        file = tmp_path / "broken.toml"
        file.write_text(broken.target_toml)
        arguments = ("--target", file, "--only", "JOB-1,RST-1,RST-2,JBS-1,CAP-6", "--examples", "1", "--", "-x")
        ran = running.run(tmp_path / "out", *arguments, *pytest_args)
    assert ran.code == 1, ran.out + ran.err
    assert ran.results["verdict"] == "non-conformant"
    assert "failed" in ran.outcomes.values()
    assert ran.results["run"]["interruption"].startswith("stopped early: ")
    assert ran.results["run"]["interruption"].endswith(" failed, and -x was given")
