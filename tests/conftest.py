"""Fixtures of all tests. What a test runs against is made once per test run, however many workers there are."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from support.scheduling import scheduler
from support.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.qualification.measure import Result

FEWEST_WORKERS = 4
UNIT = Path(__file__).parent / "unit"
STARTS_A_PROCESS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
#: the unit test that runs now and must not start a process; the audit hook looks here, for it cannot be removed
_guarded: list[str] = []


def _refuse_processes(event: str, _arguments: object) -> None:
    if event in STARTS_A_PROCESS and _guarded:
        raise RuntimeError(f"{_guarded[-1]} starts a process: mark it with @pytest.mark.process, or move it")


sys.addaudithook(_refuse_processes)

# How fast a machine is decides no test: hypothesis has neither a deadline nor an opinion on slow generation.
hypothesis.settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    max_examples=50 if os.environ.get("CONFORMANCE_MATRIX", "few") == "few" else 100,
)
hypothesis.settings.load_profile("any machine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Start four workers on small machines as well: the slow tests mostly wait for restores.

    With `-n logical` there is one worker for each core: unit tests wait for nothing, and each worker collects them all.
    """
    cores = os.cpu_count() or 1
    return cores if config.option.numprocesses == "logical" else max(FEWEST_WORKERS, cores)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep tests together that share what takes seconds to make."""
    return scheduler(config, log)


@pytest.fixture(autouse=True)
def _unit_tests_start_no_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a unit test that starts a process without the marker `process`, which `tox -e unit` leaves out."""
    if UNIT not in request.path.parents or request.node.get_closest_marker("process"):
        yield
        return
    _guarded.append(request.node.nodeid)
    yield
    _guarded.pop()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Shared:
    """Results that several tests look at, made by the first test that asks for them."""
    base = tmp_path_factory.getbasetemp()
    return Shared(base if worker_id == "master" else base.parent)


@pytest.fixture(scope="session")
def full_run(shared: Shared) -> Result:
    """What the whole suite concludes about the reference server as it is."""
    from conformance.qualification.measure import qualify_one  # noqa: PLC0415 - loads the suite and the server

    return shared.get("full-run", lambda _folder: qualify_one(None))
