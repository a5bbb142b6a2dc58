"""A run whose target, folder or operator lets it down: its exit code, its words, and its reports all the same."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import hostile, running
from support.waiting import PATIENCE_S, wait_until

from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process

#: a run whose checks are few: what is looked at here is how it begins and ends
FEW = ("--only", "HTTP-1,HTTP-4,LIST,JOB-1", "--examples", "2")
#: what takes so long is not over while a test waits for it
LONG_S = 3_500
UNWRITABLE = Path("/proc/reports" if sys.platform == "linux" else "/reports")


def words(ran: running.Ran) -> str:
    """The problem of the target as a whole: the same on the terminal and in the report."""
    said = str(ran.results["headline"])
    assert said[1:] in ran.out
    return said


# ---------------------------------------------------------------- targets


def test_a_connection_that_is_refused(tmp_path: Path) -> None:
    file = hostile.target_file(tmp_path, f"http://127.0.0.1:{hostile.closed_port()}", allow=True)
    ran = running.run(tmp_path / "out", "--target", file, "--examples", "2")
    assert ran.code == 3
    assert words(ran).startswith("Inconclusive: the target could not be reached: connection refused (http://")
    assert words(ran).endswith("check host and port of target.base_url")
    assert ran.has_reports()
    assert ran.results["summary"]["must_failed"] == ran.results["summary"]["passed"] == 0
    assert ran.results["run"]["restores_accepted"] == 0
    assert ran.results["run"]["restores_maybe_running"] == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hostile.nothing, "the target could not be reached: connection closed without an answer"),
        (hostile.reset, "the target could not be reached: connection reset"),
        (
            hostile.cut,
            "the target sends no complete response: 200, but its body was cut off after 10 bytes: connection closed",
        ),
        (
            hostile.no_key_is_good,
            f"no key is accepted: full is refused: 401 on GET /v1/containers/{hostile.CONTAINER}/backups as full",
        ),
        (lambda _: hostile.whole(503, b""), "the target is unavailable: it answers 503 to everything"),
        (lambda _: b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "the target could not be reached: not HTTP/1.1"),
    ],
    ids=["closes", "resets", "cuts every body", "refuses every key", "is unavailable", "is no web server"],
)
def test_a_target_that_cannot_be_judged_is_inconclusive(answer: hostile.Answering, why: str, tmp_path: Path) -> None:
    with hostile.serve(answer) as server:
        ran = running.run(tmp_path / "out", "--target", hostile.target_file(tmp_path, server.base_url), *FEW)
    assert ran.code == 3
    assert words(ran).startswith(f"Inconclusive: {why}")
    assert ran.has_reports()
    assert {"failed", "warned"}.isdisjoint(ran.outcomes.values())
    assert hostile.KEY not in ran.out + ran.err


def test_a_web_site_is_no_api_and_stops_the_run(tmp_path: Path) -> None:
    with hostile.serve(hostile.html) as server:
        ran = running.run(tmp_path / "out", "--target", hostile.target_file(tmp_path, server.base_url), *FEW)
        address = server.base_url
    assert ran.code == 3
    assert ran.has_reports()
    assert words(ran).startswith(f"Inconclusive: {address}: answered by ")
    assert "not by the API" in words(ran)
    assert ran.results["run"]["requests"] <= 30
    assert {"failed", "warned"}.isdisjoint(ran.outcomes.values())
    assert "a bug of the suite" not in (tmp_path / "out" / "results.json").read_text()


def test_a_target_that_goes_away_in_mid_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with launch.spawn() as server:
        file = tmp_path / "target.toml"
        file.write_text(server.target_toml)
        process = running.start(["run", "--target", file, "--report-dir", out, "--examples", "2"])
        wait_until(lambda: len(running.journal_of(out).checks) >= 10)
        server.process.kill()
        ran = running.end(process, out)
    assert ran.code == 3
    assert words(ran) == "Inconclusive: the target stopped answering: connection refused"
    assert ran.has_reports()
    assert ran.results["summary"]["failed"] == ran.results["summary"]["warned"] == 0
    assert ran.results["summary"]["passed"] > 0


# ---------------------------------------------------------------- usage


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--report-dir", str(UNWRITABLE)], f"--report-dir: {UNWRITABLE.parent} cannot be written to: "),
        (["--report-dir", f"{__file__}/below"], f"--report-dir: {__file__} is not a folder"),
        (["--only", "LIST-55"], "--only: unknown clause 'LIST-55'; did you mean LIST-5?"),
        (["--only", "CAPP"], "--only: unknown clause 'CAPP'; did you mean CAP?"),
        (["--skip", "X"], "--skip: unknown clause 'X'"),
        (["--target", "nowhere.toml"], "nowhere.toml: "),
    ],
)
def test_what_cannot_be_done_as_asked_is_2(arguments: list[str], problem: str, tmp_path: Path) -> None:
    process = running.start(["run", *arguments], cwd=tmp_path)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert err.startswith(f"backups-conformance: error: {problem}")
    assert len(err.splitlines()) == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = running.start(["serve", "--port", str(port), "--write-target", tmp_path / "target.toml"])
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert err.startswith(f"backups-conformance: error: port {port} cannot be used: ")
    assert (len(err.splitlines()), out) == (1, "")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- operators


@contextmanager
def restoring(
    out: Path, *pytest_args: str, sigint: signal.Handlers = signal.SIG_DFL
) -> Iterator[tuple[subprocess.Popen[str], launch.Spawned]]:
    """A run under way whose first restore was accepted; only a run that does not wait for its end ends in time."""
    with launch.spawn(restore_seconds=LONG_S) as server:
        patient = re.sub(r"^timeout_s = 20$", f"timeout_s = {LONG_S}", server.target_toml, flags=re.MULTILINE)
        assert patient != server.target_toml
        target = out.with_name("patient.toml")
        target.write_text(patient, "utf-8")
        reports = ("--report-dir", out)
        process = running.start(["run", "--target", target, *reports, *FEW, *pytest_args], sigint=sigint)
        wait_until(lambda: running.journal_of(out).restores_started)
        yield process, server


@pytest.mark.parametrize(
    ("number", "pytest_args"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGINT, ("--", "-n", "2"))],
    ids=["SIGINT", "SIGTERM", "SIGINT with workers"],
)
def test_a_run_that_is_ended_while_a_restore_runs(
    number: signal.Signals, pytest_args: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with restoring(out, *pytest_args) as (process, server):
        instance = server.target_toml.partition('\ninstance_id = "')[2][:24]
        process.send_signal(number)
        ran = running.end(process, out)
    assert ran.code == 3
    assert ran.has_reports()
    results = ran.results
    assert results["verdict"] == "inconclusive"
    assert results["run"]["interruption"] == f"interrupted ({number.name})"
    (restore,) = results["run"]["restores_maybe_running"]
    assert restore["instance_id"] == instance
    assert restore["job_id"] in ran.out
    assert results["run"]["restores_accepted"] == 1
    assert results["run"]["requests"] > 0
    assert results["summary"]["failed"] == results["summary"]["error"] == 0
    assert not (out / ".state").exists()


def test_an_ignored_sigint_stays_ignored(tmp_path: Path) -> None:
    """A shell ignores it for what runs in its background, so that Ctrl-C ends what runs in the foreground alone."""
    out = tmp_path / "out"
    with restoring(out, sigint=signal.SIG_IGN) as (process, _):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        ran = running.end(process, out)
    assert ran.code == 3
    assert ran.results["run"]["interruption"] == "interrupted (SIGTERM)"


def test_impatience_does_not_cost_the_reports(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with restoring(out) as (process, _):
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            process.send_signal(number)
            time.sleep(0.05)  # somebody's fingers; what is sent at once counts as one
        ran = running.end(process, out)
    assert ran.code == 3
    assert ran.has_reports()
    assert len(ran.results["run"]["restores_maybe_running"]) == 1


def test_a_signal_to_all_processes_at_once_still_leaves_reports(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with restoring(out, "--", "-n", "2") as (process, _):
        os.killpg(process.pid, signal.SIGTERM)
        ran = running.end(process, out)
    assert ran.code == 3
    assert ran.has_reports()
    assert len(ran.results["run"]["restores_maybe_running"]) == 1
    with pytest.raises(ProcessLookupError):  # nobody of the group is left
        os.killpg(process.pid, 0)


def kill_workers(process: subprocess.Popen[str]) -> None:
    """Kill all workers of a run, once it has any, before the run can notice the loss of the first."""

    def workers() -> list[str]:
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
        return children.stdout.split()

    wait_until(workers)
    process.send_signal(signal.SIGSTOP)
    for worker in workers():
        os.kill(int(worker), signal.SIGKILL)
    process.send_signal(signal.SIGCONT)


def test_workers_that_are_killed_while_they_start_are_reported(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with launch.spawn() as server:
        target = tmp_path / "target.toml"
        target.write_text(server.target_toml, "utf-8")
        process = running.start(["run", "--target", target, "--report-dir", out, "--", "-n", "2"])
        kill_workers(process)
        ran = running.end(process, out)
    assert ran.code == 3
    assert ran.has_reports()
    assert ran.results["run"]["interruption"] == "a worker process of the run was lost"


def test_workers_that_are_killed_leave_what_they_knew(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with restoring(out, "--", "-n", "2") as (process, _):
        kill_workers(process)
        ran = running.end(process, out)
    assert ran.code == 3
    assert ran.has_reports()
    assert ran.results["run"]["interruption"] == "a worker process of the run was lost"
    assert len(ran.results["run"]["restores_maybe_running"]) == 1
