"""The two servers of tests/frameworks: started with a fault, and the outcomes of a run against them."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.config.target_file import load_target
from conformance.execution.run import Run
from conformance.judging.outcomes import Outcome, blocking_clause
from conformance.qualification.measure import judge, signs_of
from support import nodejs
from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.qualification.measure import Judged

FOLDER = Path(__file__).parents[1] / "frameworks"
#: The servers, and whether each is written for Node.
FRAMEWORKS = {"fastapi": False, "fastify": True}
#: What a restore of these servers never takes; what never comes is waited for so long.
RESTORE_TIMEOUT_S = 8.0
#: Generated requests per property: the faults are mistakes that written checks see.
EXAMPLES = 4


@dataclass(frozen=True)
class FrameworkFault:
    """A fault of one of the servers: the clauses that it breaks, and whether they are MUST clauses."""

    server: str
    name: str
    clauses: tuple[str, ...]
    is_must: bool

    @property
    def id(self) -> str:
        """`fastapi/bearer-403`."""
        return f"{self.server}/{self.name}"


def command_of(server: str) -> list[str]:
    """The command line that starts a server; its dependencies are installed first."""
    folder = FOLDER / f"{server}_server"
    if not FRAMEWORKS[server]:
        return [sys.executable, str(folder)]
    node = nodejs.program("node")
    _install(str(folder))
    return [node, str(folder)]


@functools.cache
def _install(folder: str) -> None:
    if (Path(folder) / "node_modules").is_dir():
        return
    command = [nodejs.program("npm"), "ci", "--no-audit", "--no-fund", "--prefix", folder]
    installed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if installed.returncode:
        nodejs.unavailable(f"npm cannot install the packages of {Path(folder).name}: {installed.stderr[-500:]}")


def faults_of(server: str) -> list[FrameworkFault]:
    """The faults that a server lists. Reads the list from its source where the server cannot be started."""
    listed = subprocess.run([*command_of(server), "--list-faults"], capture_output=True, text=True, check=True)
    faults = json.loads(listed.stdout)
    return [
        FrameworkFault(server, name, tuple(fault["clauses"]), fault["level"] == "MUST")
        for name, fault in faults.items()
    ]


@contextmanager
def serving(server: str, folder: Path, fault: str | None) -> Iterator[Path]:
    """Start a server on a free loopback port; yield the target file that it wrote."""
    target = folder / "target.toml"
    command = [*command_of(server), "--port", "0", "--state", str(folder / "state"), "--write-target", str(target)]
    command += ["--fault", fault] if fault else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ready = process.stdout.readline() if process.stdout else ""
        if not ready.startswith("{"):
            pytest.fail(f"the {server} server ended with {process.wait(PATIENCE_S)}")
        yield target
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def outcomes(server: str, folder: Path, fault: str | None = None) -> Mapping[str, Judged]:
    """What a whole run comes to on each clause."""
    with serving(server, folder, fault) as file:
        target = load_target(file, os.environ)
        target = replace(target, restore=replace(target.restore, timeout_s=RESTORE_TIMEOUT_S))
        return judge(target, begin=functools.partial(Run, examples=EXAMPLES))


def missed(judged: Mapping[str, Judged], fault: FrameworkFault) -> list[str]:
    """The clauses that the fault breaks and that do not show it, with what they came to."""
    return [
        f"{clause} {judged[clause].outcome}: {judged[clause].reason}"
        for clause in fault.clauses
        if judged[clause].outcome not in signs_of(clause)
    ]


def accused(judged: Mapping[str, Judged], allowed: set[str]) -> list[str]:
    """The clauses that failed, warned or came to no conclusion without a clause that failed first, but for some."""
    return [
        f"{clause} {result.outcome}: {result.reason}"
        for clause, result in judged.items()
        if clause not in allowed and _is_bad(result)
    ]


def _is_bad(judged: Judged) -> bool:
    if judged.outcome is Outcome.ERROR:
        return blocking_clause(judged.reason) is None
    return judged.outcome in (Outcome.FAILED, Outcome.WARNED)
