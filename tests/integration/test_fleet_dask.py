"""`--on dask://…`: a scheduler and two worker processes on loopback, as the recipe of the documentation starts them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import fleets, running
from support.waiting import PATIENCE_S

from conformance.fleet import dask, signing
from conformance.fleet.executors import ExecutorError

if TYPE_CHECKING:
    from collections.abc import Iterator

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.one_worker]  # one cluster for all of them
QUICK = ("--only", "LIST-9", "--seed", "7")
NAMES = ("a", "b", "c", "d", "e", "f")


@contextmanager
def process(*words: str, environ: dict[str, str] | None = None, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Dask in a process group of its own, which ends with the context."""
    command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
    with log.open("wb") as output:
        started = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            env={**running.environment(environ), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def awaited(log: Path, pattern: str) -> str:
    """What a pattern finds in a log, once it does."""
    until = time.monotonic() + PATIENCE_S
    while not (match := re.search(pattern, log.read_text("utf-8", "replace"))):
        assert time.monotonic() < until, log.read_text("utf-8", "replace")
        time.sleep(0.05)
    return match[1]


class Cluster:
    """A scheduler and its workers."""

    def __init__(self, folder: Path, stack: ExitStack, environ: dict[str, str]) -> None:
        log = folder / "scheduler.log"
        loopback = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        stack.enter_context(process("dask_scheduler", *loopback, log=log))
        self.address = awaited(log, r"Scheduler at:\s+tcp://(127\.0\.0\.1:\d+)")
        self.folder, self.stack, self.environ = folder, stack, environ
        self.workers: list[subprocess.Popen[bytes]] = []
        for number in range(2):
            self.add_worker(number)

    def add_worker(self, number: int) -> None:
        """Start a worker and wait until the scheduler knows it."""
        words = ("dask_worker", f"tcp://{self.address}", "--nthreads", "1", "--no-nanny", "--no-dashboard")
        log = self.folder / f"worker-{number}.log"
        worker = process(*words, "--local-directory", str(self.folder), environ=self.environ, log=log)
        self.workers.append(self.stack.enter_context(worker))
        awaited(log, r"(Registered to)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Six targets, the second one broken."""
    root = tmp_path_factory.mktemp("dask")
    faults = {name: ("unknown_container_is_empty",) if name == "b" else () for name in NAMES}
    with fleets.serving(root / "targets", faults):
        (root / "keys.json").write_text(json.dumps(fleets.with_references(root / "targets")), "utf-8")
        yield root


@pytest.fixture
def cluster(folder: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose workers have the keys; the client does not need them."""
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack, json.loads((folder / "keys.json").read_text("utf-8")))


def fleet_of(folder: Path) -> Any:
    return json.loads((folder / "fleet.json").read_text("utf-8"))


def test_six_targets_on_two_workers_give_what_they_give_on_processes(
    folder: Path, cluster: Cluster, tmp_path: Path
) -> None:
    common = ["--targets", "targets/*.toml", *QUICK]
    on_dask = running.run(tmp_path / "dask", *common, "--on", f"dask://{cluster.address}", cwd=folder)
    assert on_dask.code == 1, on_dask.err
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    here = running.run(tmp_path / "here", *common, "--on", "processes:2", cwd=folder, env=keys)
    assert here.code == 1, here.err
    there, local = fleet_of(tmp_path / "dask"), fleet_of(tmp_path / "here")
    same = ("name", "verdict", "headline", "outcomes", "reasons", "profile", "seed")
    assert [{name: row[name] for name in same} for row in there["targets"]] == [
        {name: row[name] for name in same} for row in local["targets"]
    ]
    assert [row["verdict"] for row in there["targets"]] == ["partial", "non-conformant", *["partial"] * 4]
    assert there["clauses"] == local["clauses"]
    assert signing.verify_folder(tmp_path / "dask").problems == []
    for row in there["targets"]:
        report = (tmp_path / "dask" / row["folder"] / "results.json").read_text("utf-8")
        assert not [name for name, key in keys.items() if key in report]


def has_profiler(dask_worker: Any) -> bool:
    """Dask's client gives a function the worker by the name of its parameter."""
    return "profile" in dask_worker.periodic_callbacks


def test_no_worker_profiles_its_threads_while_a_client_is_connected(cluster: Cluster, tmp_path: Path) -> None:
    """Dask's profiler can hang a worker for minutes; this goes for a worker that joins later, too."""
    with distributed.Client(f"tcp://{cluster.address}") as client:
        assert list(client.run(has_profiler).values()) == [True, True]
        with dask.connected(cluster.address):
            cluster.add_worker(2)
            assert list(client.run(has_profiler).values()) == [False, False, False]


def test_a_worker_that_is_killed_loses_no_target(folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    """What it ran may have changed its target, so that is told and not repeated; the other worker does the rest."""
    report = tmp_path / "report"
    arguments = ["run", "--targets", "targets/*.toml", *QUICK, "--report-dir", str(report)]
    client = running.start([*arguments, "--on", f"dask://{cluster.address}"], cwd=folder)
    runs = kill_in_mid_run(cluster.workers[0])
    ran = running.end(client, report)
    fleet = fleet_of(report)
    lost = [row for row in fleet["targets"] if not row["folder"]]
    assert [row["name"] for row in fleet["targets"]] == list(NAMES)
    assert [row["problem"] for row in lost] == [dask.LOST]
    # the lost run may be that of the target with the fault
    assert ran.code == (3 if lost[0]["name"] == "b" else 1), ran.err
    assert {row["verdict"] for row in fleet["targets"] if row["folder"]} <= {"partial", "non-conformant"}
    until = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{run}").exists() for run in runs):  # the run of the killed worker ended, too
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_run_that_only_reads_is_repeated_on_another_worker(folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    report = tmp_path / "report"
    arguments = ["run", "--targets", "targets/[ac].toml", *QUICK, "--profile", "read", "--report-dir", str(report)]
    client = running.start([*arguments, "--on", f"dask://{cluster.address}"], cwd=folder)
    kill_in_mid_run(cluster.workers[0])
    ran = running.end(client, report)
    assert ran.code == 0, ran.err
    assert [row["verdict"] for row in fleet_of(report)["targets"]] == ["partial", "partial"]


def test_a_worker_that_is_killed_costs_a_qualification_nothing(cluster: Cluster, tmp_path: Path) -> None:
    report = tmp_path / "report"
    wanted = ["no_key_needed", "unknown_container_is_empty", "gzip_bodies"]  # each has a server in a process of its own
    arguments = ["qualify", "--depth", "quick", *(f"--faults={name}" for name in wanted), "--report-dir", str(report)]
    client = running.start([*arguments, "--on", f"dask://{cluster.address}"], cwd=tmp_path)
    kill_in_mid_run(cluster.workers[0])
    _, errors = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 0, errors
    document = json.loads((report / "qualification.json").read_text("utf-8"))
    assert {row["name"]: row["outcome"] for row in [*document["faults"], *document["variants"]]} == dict(
        zip(wanted, ("right", "right", "green"), strict=True)
    )
    assert document["run"]["on"] == f"dask://{cluster.address}"


def kill_in_mid_run(worker: subprocess.Popen[bytes]) -> list[int]:
    """Kill a worker once it has started a process; return those that it had."""
    until = time.monotonic() + PATIENCE_S
    while not (children := children_of(worker.pid)):
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    return children


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] or [
            int(word)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
    except OSError:
        return []


def test_no_scheduler_is_wrong_usage(folder: Path, tmp_path: Path) -> None:
    ran = running.run(tmp_path / "r", "--targets", "targets/*.toml", "--on", "dask://127.0.0.1:9", cwd=folder)
    assert ran.code == 2
    assert "no Dask scheduler can be reached" in ran.err


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ({}, "has no workers"),
        ({"tcp://w:1": "0.0.1"}, "has backups-conformance 0.0.1; install"),
        ({"tcp://w:1": ModuleNotFoundError("No module named 'conformance'")}, "cannot run backups-conformance"),
    ],
)
def test_workers_with_another_suite_are_refused(versions: dict[str, object], words: str) -> None:
    with pytest.raises(ExecutorError, match=words):
        dask.check_versions(versions)
