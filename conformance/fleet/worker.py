"""What a worker does with a description: a child process executes the run, and the worker watches over it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import conformance
from conformance.evidence.text import one_line
from conformance.fleet.description import RunDescription, RunEnd
from conformance.pytest_run import finalize
from conformance.results import recovery, signoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    Child = subprocess.Popen[str]

#: attempts at a run whose process was killed before it could have changed the target
MAX_ATTEMPTS = 2
INTERRUPTED = "not run: the fleet was interrupted first"
#: lines of a child's stderr that are kept to say why it has no report
_KEPT_LINES = 5
#: Variables by which a run would write to its CI job: only the fleet as a whole does that.
_CI = ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "GITHUB_OUTPUT")
#: imports the package that this process runs, wherever that was imported from and whatever PYTHONPATH has
_BOOTSTRAP = """import sys
sys.path.insert(0, {root!r})
import conformance
sys.path.append(sys.path.pop(0))
from conformance.fleet.child import hold_lifeline
hold_lifeline()
from conformance.__main__ import main
sys.exit(main())"""
_PREFIX = "backups-conformance: error: "


class Stop:
    """Ends the children of this process: those that run, and those that would start later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self.is_set = False

    def add(self, child: Child) -> None:
        """Let a child be ended with the others."""
        with self._lock:
            self._children.add(child)
            if self.is_set:
                _close_lifeline(child)

    def remove(self, child: Child) -> None:
        """Forget a child that has ended."""
        with self._lock:
            self._children.discard(child)

    def set(self) -> None:
        """End all children, with their reports."""
        with self._lock:
            self.is_set = True
            for child in self._children:
                _close_lifeline(child)


def execute(
    description: RunDescription,
    folder: Path,
    *,
    stop: Stop,
    show: Callable[[str], None] = lambda _: None,
    cwd: Path | None = None,
) -> RunEnd:
    """Execute a run, with its reports in `folder`; `show` gets each line that the run prints.

    A child that is killed costs its run once: it is repeated where it cannot have changed the target yet, else
    reported from what it had recorded.
    """
    attempt, code, errors = 0, 0, ""
    while attempt < MAX_ATTEMPTS and not stop.is_set:
        attempt += 1
        code, errors = _run_child(description, folder, stop, show, cwd)
        if code >= 0 or stop.is_set or not (description.is_repeatable or cannot_have_changed_target(folder)):
            break
        if attempt < MAX_ATTEMPTS:
            finalize.clear(folder)
    if not attempt:
        return RunEnd(problem=INTERRUPTED, attempts=0)
    if code < 0:
        with suppress(recovery.RecoveryError, OSError):
            finalize.report_killed_run(folder)
    if (folder / signoff.FILE).is_file() and not (folder / recovery.STATE).exists():
        return RunEnd(attempts=attempt)
    return RunEnd(problem=_why_no_report(code, errors), attempts=attempt)


def _run_child(
    description: RunDescription, folder: Path, stop: Stop, show: Callable[[str], None], cwd: Path | None
) -> tuple[int, str]:
    """Return the exit code of the child, negative where a signal killed it, and the last lines of its stderr."""
    root = str(Path(conformance.__file__).parents[1])
    command = [sys.executable, "-P", "-c", _BOOTSTRAP.format(root=root), *description.command_line(folder)]
    environ = {name: value for name, value in os.environ.items() if name not in _CI}
    child = subprocess.Popen(  # noqa: S603 - this program, with arguments that were parsed
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environ,
        cwd=cwd,
        start_new_session=True,  # Ctrl-C reaches the run through its lifeline, once
    )
    stop.add(child)
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    assert child.stdout is not None and child.stderr is not None  # noqa: S101, PT018 - they are pipes
    reader = threading.Thread(target=_keep_last, args=(child.stderr, last), daemon=True)
    reader.start()
    try:
        for line in child.stdout:
            show(line.rstrip("\n"))
        code = child.wait()
    finally:
        stop.remove(child)
        _close_lifeline(child)
    reader.join()
    return code, " / ".join(last)


def _keep_last(stream: IO[str], last: deque[str]) -> None:
    for line in stream:
        if line.strip():
            last.append(line.strip().removeprefix(_PREFIX))


def _close_lifeline(child: Child) -> None:
    if child.stdin is not None:
        with suppress(OSError):
            child.stdin.close()


def cannot_have_changed_target(folder: Path) -> bool:
    """Whether what a killed run left shows that it had sent nothing that changes the target.

    A run writes its first journal entry when preflight, which only reads, is over. What it sent after that may have
    been accepted without being written down.
    """
    try:
        return not any(file.stat().st_size for file in (folder / recovery.STATE).glob("journal-*.ndjson"))
    except OSError:
        return False


def _why_no_report(code: int, errors: str) -> str:
    if code < 0:
        return f"its process was killed by signal {-code} and left nothing to report from"
    return one_line(errors, 600) or f"its process ended with exit code {code} and no report"
