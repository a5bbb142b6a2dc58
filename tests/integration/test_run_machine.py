"""What the machine does to a run: folders in use or removed, resources that run out, signals, and judges that hang."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from support import running
from support.waiting import PATIENCE_S, wait_until

from conformance.judging.outcomes import Verdict
from conformance.reference import launch
from conformance.report import rendering
from conformance.results import reading
from conformance.results.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK = ("--examples", "1", "--seed", "1")
FEW = ("--only", "LIST-1,GET-1,CAP-1", *QUICK)


def begun(folder: Path, reads: int = 3) -> Callable[[], bool]:
    """Whether the run that reports to a folder has finished this number of checks that read."""
    return lambda: len(running.journal_of(folder).checks) >= reads


def test_a_folder_that_another_run_uses_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = running.start(["run", "--report-dir", out, *QUICK])
    wait_until(begun(out))
    second = running.run(out, *FEW)
    assert second.code == 2
    assert second.err.count("is in use by another run") == 1
    assert running.end(first, out).code == 0
    assert reading.load_results(out)["verdict"] == "conformant"
    assert verify(out, render=rendering).problems == []


def test_a_folder_that_a_killed_run_left_is_free(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = running.start(["run", "--report-dir", out, *QUICK])
    wait_until(begun(out))
    first.kill()
    first.communicate(timeout=PATIENCE_S)
    assert running.run(out, *FEW).code == 0
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def removed(folder: Path) -> bool:
    """Remove a folder; whether it is gone, since the run may write into it meanwhile."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_a_folder_that_is_removed_is_reported_as_lost(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = running.start(["run", "--report-dir", out, *QUICK])
    wait_until(begun(out))
    wait_until(lambda: removed(out))
    printed, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert "out: was removed during the run, with all that it had recorded" in errors
    assert "Conformant" not in printed
    assert "Traceback" not in printed + errors
    assert not (out / "results.json").exists()


HANGING = """
import os, pathlib, threading, conformance.judging.passive as passive

apply = passive.PassiveJudges._apply
count = []

def hang(self, judge, exchange):
    count.append(1)
    if len(count) > 2000:
        pathlib.Path(os.environ["HANGS"]).touch()
        threading.Event().wait()
    return apply(self, judge, exchange)

passive.PassiveJudges._apply = hang
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_run_whose_judges_hang(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANGING)
    out, hangs = tmp_path / "out", tmp_path / "hangs"
    variables = {"PYTHONPATH": str(tmp_path), "HANGS": str(hangs)}
    process = running.start(["run", "--report-dir", out, *QUICK, "--", "-p", "hanging"], env=variables)
    wait_until(hangs.exists)
    sent = time.monotonic()
    process.send_signal(number)
    ran = running.end(process, out)
    assert ran.code == 3
    assert time.monotonic() - sent < 60
    results = reading.load_results(out)
    assert (results["verdict"], results["run"]["interruption"]) == (
        Verdict.INCONCLUSIVE,
        f"interrupted ({number.name})",
    )
    assert verify(out, render=rendering).problems == []


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """The file of a target that no limit of the run holds for."""
    with launch.serve_in_thread(restore_seconds=0.02) as server:
        file = tmp_path / "target.toml"
        file.write_text(server.target_toml)
        yield file


LIMITS = {
    "RLIMIT_NOFILE=24": "too many open files (ulimit -n)",
    "RLIMIT_FSIZE=300000": "a file grew beyond the limit for its size (ulimit -f)",  # the nearest to a full disk
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_resource_that_runs_out_is_named_and_no_bug_of_ours(limit: str, target: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = running.start(["run", "--target", target, "--report-dir", out, *QUICK], limit=limit)
    ran = running.end(process, out)
    assert ran.code == 3, ran.out + ran.err
    assert LIMITS[limit] in ran.out + ran.err
    assert "bug of the suite" not in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_named_and_what_was_recorded_is_kept(small_disk: Path, target: Path) -> None:
    out = small_disk / "out"
    ran = running.end(running.start(["run", "--target", target, "--report-dir", out, *QUICK]), out)
    assert ran.code == 3, ran.out + ran.err
    assert "this machine: no space left on the disk" in ran.err
    assert "bug of the suite" not in ran.out + ran.err
    assert "Traceback" not in ran.out + ran.err
    assert (out / ".state" / "journal-main.ndjson").stat().st_size > 0


def test_a_disk_that_was_full_before_the_run_kept_nothing(small_disk: Path, target: Path) -> None:
    with contextlib.suppress(OSError):
        (small_disk / "full").write_bytes(bytes(2 * 2**20))
    out = small_disk / "out"
    ran = running.end(running.start(["run", "--target", target, "--report-dir", out, *QUICK]), out)
    assert ran.code == 3, ran.out + ran.err
    assert ran.err.strip().endswith("no space left on the disk; nothing was recorded")
    assert "Traceback" not in ran.out + ran.err
