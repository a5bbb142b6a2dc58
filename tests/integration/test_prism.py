"""A server that nobody here wrote: Prism, which answers whoever sends a key with the examples of the OpenAPI document.

It knows no capabilities, no hubs and no state. The report must say exactly what Prism really breaks: a clause that is
missing from the lists below would be an accusation without a reason, one too many a defect that was not seen.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from sitegen import openapi
from support import nodejs
from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: the last release that runs on every Node since 18; npx fetches it once and finds it in its cache from then on
PRISM = "@stoplight/prism-cli@5.14.2"
READY = "Prism is listening"

pytestmark = [pytest.mark.node, pytest.mark.one_worker]  # one server for all of them

ANY_KEY = "Prism asks for some bearer key, and never which"
ONE_ANSWER = "Prism answers every id of a documented path with the one example of the document"

FAILED = {
    "AUTH-2": ANY_KEY,
    "AUTH-3": ANY_KEY,
    "AUTH-6": f"{ANY_KEY}, nor of which hub",
    "AUTH-9": "any X-Hub-Id will do",
    "CAP-1": ANY_KEY,
    "CAP-2": ANY_KEY,
    "CAP-3": ANY_KEY,
    "CAP-10": ANY_KEY,
    "LIST-2": f"{ONE_ANSWER}, so another container shows this one's backup",
    "LIST-3": "every page is page 1",
    "LIST-5": "every page is page 1",
    "LIST-9": f"{ONE_ANSWER}, so no container is unknown",
    "INC-3": "include is checked and then forgotten: the example has no includes",
    "INC-4": "include is checked and then forgotten: the example has no includes",
    "GET-2": f"{ONE_ANSWER}, whose ids are not those asked for",
    "GET-4": f"{ONE_ANSWER}, so no backup is unknown",
    "GET-5": f"{ONE_ANSWER}, whichever container the path names",
    "LOG-2": f"{ONE_ANSWER}, whose ids are not those asked for",
    "LOG-4": f"{ONE_ANSWER}, so no backup is unknown",
    "LOG-5": f"{ONE_ANSWER}, whichever container the path names",
}
#: clauses whose checks send requests that Prism does not survive
UNUSUAL = "HTTP,GET-6,LIST-10,INC-6,AUTH-10,ERR-5"
WARNED = {
    "AUTH-8": "Prism takes Bearer for the scheme's name, and neither bearer nor BEARER",
    "LIST-6": "every page is page 1, however far past the end",
}

TARGET = """
[target]
name = "prism"
base_url = "{base_url}"
hub_id = "651586fca6078e98982dbd90"

[keys]
full = "made-up-key-for-everything"
view = "made-up-key-for-reading"
manage = "made-up-key-for-restoring"
unrelated = "made-up-key-for-other-things"
expired = "made-up-key-of-last-year"
other_hub = "made-up-key-of-another-hub"
other_hub_id = "651586fca6078e98982dbd99"

[fixtures]
container_id = "66f0aa10bb20cc30dd40ee50"
backup_id = "67a1c3d2e4f5061728394a5b"
instance_id = "66f0aa10bb20cc30dd40ee51"
empty_container_id = "66f0aa10bb20cc30dd40ee60"
other_container_id = "66f0aa10bb20cc30dd40ee70"
foreign_backup_id = "67a1c3d2e4f5061728394a7b"
"""


@dataclass
class Prism:
    """A mock server under way, and what it has said so far."""

    process: subprocess.Popen[str]
    base_url: str
    said: list[str] = field(default_factory=list)
    ready_or_over: threading.Event = field(default_factory=threading.Event)

    def listen_to(self) -> None:
        """Reads what Prism says until it ends, so that it is never held up by a full pipe."""
        for line in self.process.stdout or ():
            self.said.append(line)
            if READY in line:
                self.ready_or_over.set()
        self.ready_or_over.set()


@contextmanager
def mock(npx: str, folder: Path) -> Iterator[Prism]:
    """Prism on a free loopback port; it and what npx put around it end with the context."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [npx, "--yes", PRISM, "mock", "-p", str(port), str(openapi.BUNDLE)]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "npm_config_prefer_offline": "true", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    prism = Prism(process, f"http://127.0.0.1:{port}")
    listener = threading.Thread(target=prism.listen_to, daemon=True)
    listener.start()
    try:
        prism.ready_or_over.wait(PATIENCE_S)
        yield prism
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_S)
        listener.join(10)


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prism]:
    with mock(nodejs.program("npx"), tmp_path_factory.mktemp("prism")) as started:
        said = "".join(started.said)
        if trouble := re.search(r"^npm (?:ERR!|error) (.*)", said, re.MULTILINE):
            nodejs.unavailable(f"npx cannot fetch {PRISM} ({trouble[1]})")
        assert READY in said, f"Prism did not start:\n{said}"
        yield started


@dataclass
class Done:
    """A run of the suite against Prism, as whoever started it sees it."""

    exit_code: int
    errors: str
    results: dict[str, Any]

    def with_outcome(self, outcome: str) -> dict[str, str]:
        """The clauses that came out so, and why."""
        return {row["id"]: row["reason"] for row in self.results["clauses"] if row["outcome"] == outcome}


@pytest.fixture(scope="module")
def done(prism: Prism, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("run")
    (folder / "prism.toml").write_text(TARGET.format(base_url=prism.base_url))
    command = [sys.executable, "-m", "conformance", "run", "--target", "prism.toml"]
    command += ["--profile", "read", "--seed", "1", "--report-dir", "report"]
    # clauses of unusual requests are left out: some of these end Prism itself, such as `Accept: ;q=x,,/`
    command += ["--skip", UNUSUAL, "--", "-k", "not generated"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert (folder / "report/results.json").exists(), ended.stderr
    return Done(ended.returncode, ended.stderr, json.loads((folder / "report/results.json").read_text()))


def test_prism_breaks_exactly_what_it_is_said_to_break(done: Done) -> None:
    assert done.with_outcome("failed").keys() == FAILED.keys(), done.with_outcome("failed")
    assert done.with_outcome("warned").keys() == WARNED.keys(), done.with_outcome("warned")


def test_prism_is_not_conformant_and_the_run_says_so(done: Done) -> None:
    assert done.exit_code == 1
    assert done.results["verdict"] == "non-conformant"
    assert done.results["summary"]["must_failed"] == len(FAILED)


def test_nothing_is_left_unclear(done: Done) -> None:
    """Prism answers whatever it is asked, so what could not be told would be our own fault."""
    # every container of Prism has a backup, so the target file names no empty one
    assert done.with_outcome("error").keys() == {"LIST-8"}
    unclear = [
        finding["got"]
        for row in done.results["clauses"]
        for check in row["checks"]
        for finding in check["findings"]
        if finding["outcome"] == "error"
    ]
    assert unclear == []
    assert "Traceback" not in done.errors


def test_what_only_a_restore_can_show_is_not_tested(done: Done) -> None:
    """The read profile sends no restore, so it concludes nothing from one."""
    untested = done.with_outcome("not_tested")
    assert {"CAP-4", "CAP-6", "CAP-8", "JOB-1", "JOB-10", "RST-1", "RST-8", "DEL-1"} <= untested.keys()
    assert all(untested.values())


def test_the_read_profile_only_reads(done: Done, prism: Prism) -> None:
    """Told by Prism's own log, which names the method of each request."""
    methods = {found[1] for line in prism.said if (found := re.search(r"\[HTTP SERVER\] (\w+) /", line))}
    assert done.results["run"]["requests"] > 0
    assert "get" in methods
    assert methods <= {"get", "head", "options"}
