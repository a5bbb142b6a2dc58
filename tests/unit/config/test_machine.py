"""The memory of the machine: what was freed is given back, and what cannot suffice is said at once."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.config import machine
from conformance.config.machine import MIN_ADDRESS_SPACE, return_large_blocks

THREADS, BLOCK, MB = 6, 12 * 2**20, 2**20


def resident() -> float:
    """The memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB


def test_large_blocks_that_threads_freed_are_given_back() -> None:
    if not Path("/proc/self/statm").is_file() or not return_large_blocks():
        pytest.skip("needs Linux with glibc")
    before = resident()
    together, end = threading.Barrier(THREADS + 1), threading.Event()

    def work() -> None:
        for size in (BLOCK, BLOCK // 2, BLOCK + 1, BLOCK // 3):
            block = b"x" * size
            del block
        together.wait()
        end.wait()  # while the thread lives, its arena does

    for _ in range(THREADS):
        threading.Thread(target=work, daemon=True).start()
    together.wait()
    kept = resident() - before
    end.set()
    assert kept < BLOCK / MB


def test_too_little_address_space_is_one_line_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (400 * MB, resource.RLIM_INFINITY))
    assert main.main(["run", "--report-dir", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().err == (
        "backups-conformance: error: this machine: the address space is limited to 400 MB (ulimit -v); "
        f"a run needs {MIN_ADDRESS_SPACE // MB} MB\n"
    )
    assert not (tmp_path / "out").exists()


def test_an_import_that_fails_after_a_resource_ran_out_is_no_bug() -> None:
    machine._seen.clear()
    half = ImportError("cannot import name 'x' from a module that is half imported")
    assert machine.exhausted(half) is None
    words = machine.exhausted(OSError(errno.EMFILE, "Too many open files"))
    assert words
    assert machine.exhausted(half) == words
    machine._seen.clear()
