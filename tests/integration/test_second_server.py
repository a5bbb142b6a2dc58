"""Another implementation of the contract, in another language and with other habits: tests/second, under Node.

Its three presets differ wherever the contract lets servers differ, so what the suite has against one of them is a
false accusation. Its faults are mistakes that were thought of without the suite: each must break the clause it breaks.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import nodejs, share
from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = Path(__file__).parents[1] / "second" / "server.mjs"

pytestmark = [pytest.mark.node, pytest.mark.one_worker]  # one at a time: they wait for real restores

#: what each preset does not offer, so that nothing can be said of it
NOT_TESTED = {
    "A": set[str](),
    "B": {"HTTP-8", "RST-5", "JBS-1", "JBS-2", "JBS-3", "JBS-5", "DEL-1", "DEL-2", "DEL-3", "DEL-4", "DEL-5"},
    "C": {"HTTP-8"},
}
#: a mistake of each chapter, and the clause that must show it
FAULTS = {
    "trailing-comma": "HTTP-1",
    "no-cors-on-post": "HTTP-6",
    "status-zero-job": "ERR-2",
    "key-cut": "AUTH-2",
    "foreign-key-restores": "AUTH-6",
    "oracle-backup-restore": "CAP-9",
    "desc-loses-first": "LIST-5",
    "included-under-identifier": "INC-2",
    "get-local-offset": "GET-3",
    "logs-foreign-empty": "LOG-5",
    "type-by-substring": "JOB-7",
    "refused-but-queued": "RST-6",
    "job-gone-after": "JBS-1",
    "delete-denied-done": "DEL-2",
}


@contextmanager
def second_server(folder: Path, *arguments: str) -> Iterator[Path]:
    """The server on a free loopback port, and the target file that it wrote."""
    target = folder / "target.toml"
    command = [nodejs.program("node"), str(SERVER), "--write-target", str(target), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline() if process.stdout else ""
        assert said.startswith("ready"), f"it ended with {process.wait(PATIENCE_S)}"
        yield target
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def judged(target: Path, *arguments: str) -> dict[str, Any]:
    """What the suite has to say about it."""
    command = [sys.executable, "-m", "conformance", "run", "--target", str(target), "--seed", "1"]
    command += ["--examples", "5", "--report-dir", str(target.parent / "report"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    results = target.parent / "report" / "results.json"
    assert results.exists(), ended.stderr
    found: dict[str, Any] = json.loads(results.read_text("utf-8"))
    return found


def with_outcome(results: dict[str, Any], *outcomes: str) -> dict[str, str]:
    """The clauses that came out so, and why."""
    return {row["id"]: row["reason"] for row in results["clauses"] if row["outcome"] in outcomes}


@pytest.mark.parametrize("preset", share.one_of(NOT_TESTED, 2))
def test_a_right_server_with_other_habits_is_conformant(preset: str, tmp_path: Path) -> None:
    with second_server(tmp_path, "--preset", preset) as target:
        results = judged(target)
    assert with_outcome(results, "failed", "error", "warned") == {}
    assert with_outcome(results, "not_tested").keys() == NOT_TESTED[preset]
    assert results["verdict"] == ("partial" if preset == "B" else "conformant")  # B names no jobs to follow


@pytest.mark.parametrize(("fault", "clause"), share.some(FAULTS.items(), 3))
def test_a_mistake_is_seen_by_its_clause(fault: str, clause: str, tmp_path: Path) -> None:
    with second_server(tmp_path, "--preset", "A", "--habit", "throttleEvery=0", "--fault", fault) as target:
        results = judged(target, "--only", clause)
    assert clause in with_outcome(results, "failed", "warned")


def test_every_fault_names_a_clause_that_there_is() -> None:
    listed = subprocess.run(
        [nodejs.program("node"), str(SERVER), "--list-faults"], capture_output=True, text=True, check=True
    )
    faults = json.loads(listed.stdout)
    command = [sys.executable, "-m", "conformance", "clauses"]
    catalogue = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert FAULTS.keys() <= faults.keys()
    assert all(clause in catalogue for fault in faults.values() for clause in fault["breaks"])
