"""The command as people and CI jobs run it: a process with arguments, an exit code, words and files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET  # what is read is our own
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.execution import journal
from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FILES = ("results.json", "report.html", "junit.xml", "summary.md", "signoff.json")


@dataclass
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str
    folder: Path
    _results: dict[str, Any] = field(default_factory=dict)

    @property
    def results(self) -> dict[str, Any]:
        """What results.json says."""
        if not self._results:
            self._results = json.loads((self.folder / "results.json").read_text("utf-8"))
        return self._results

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each clause."""
        return {row["id"]: row["outcome"] for row in self.results["clauses"]}

    def has_reports(self) -> bool:
        """All reports are there, whole, and of one mind."""
        assert all((self.folder / name).stat().st_size for name in FILES)
        assert (self.folder / "report.html").read_text("utf-8").rstrip().endswith("</html>")
        assert self.results["verdict"] in (self.folder / "summary.md").read_text("utf-8").lower()
        cases = list(ET.parse(self.folder / "junit.xml").getroot().iter("testcase"))  # noqa: S314 - our own
        return len(cases) >= len(self.results["clauses"])


def line(*arguments: str | Path) -> list[str]:
    """The command line of `backups-conformance` in this Python."""
    return [sys.executable, "-P", "-m", "conformance", *map(str, arguments)]


#: a shell starts what runs in its background with SIGINT ignored, nohup what it runs with SIGHUP ignored, and processes
#: inherit that; a test says what it wants
_WITH_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.Handlers[sys.argv[1]])
signal.signal(signal.SIGHUP, signal.SIG_DFL)
if sys.argv[2]:
    import resource
    name, amount = sys.argv[2].split("=")
    resource.setrlimit(getattr(resource, name), (int(amount), int(amount)))
os.execv(sys.argv[3], sys.argv[3:])
"""


def start(
    arguments: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    sigint: signal.Handlers = signal.SIG_DFL,
    limit: str = "",
) -> subprocess.Popen[str]:
    """Start the command, with this disposition of SIGINT whatever ours is, in a process group of its own.

    `limit`: of a resource, such as "RLIMIT_NOFILE=24".
    """
    pipe = subprocess.PIPE
    command = [sys.executable, "-ISc", _WITH_SIGINT, sigint.name, limit, *line(*arguments)]
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, cwd=cwd, env=environment(env), start_new_session=True
    )


def end(process: subprocess.Popen[str], folder: Path) -> Ran:
    """Wait for the end of a command that was started."""
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end within {PATIENCE_S:g} s\n{out}\n{err}") from None
    return Ran(process.returncode, out, err, folder)


def run(folder: Path, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Ran:
    """`backups-conformance run` with its reports in `folder`; what follows `--` must come last."""
    return end(start(["run", "--report-dir", folder, *arguments], cwd=cwd, env=env), folder)


def suite(folder: Path, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Ran:
    """`pytest --pyargs conformance.suite` with its reports in `folder`."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "conformance.suite", "--report-dir", str(folder)]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment(env),
        timeout=PATIENCE_S,
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)


def journal_of(folder: Path) -> journal.Contents:
    """What a run under way has recorded so far."""
    return journal.read(folder / ".state")


def environment(more: Mapping[str, str] | None) -> dict[str, str]:
    """Our environment, but for what a surrounding pytest has put there for itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return {**kept, "COLUMNS": "120", **(more or {})}
