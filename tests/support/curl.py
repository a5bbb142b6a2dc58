"""The curl lines of a report, as a reader pastes them into a shell."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.config.target import Target


def environment_of(target: Target) -> dict[str, str]:
    """Return our environment with the variables that the lines name for this target's keys."""
    keys = [*target.keys.present().values(), *target.headers.values()]
    return {**os.environ, **{key.variable: key.reveal() for key in keys}}


def pasted(line: str, env: dict[str, str]) -> bytes:
    """Return what the line prints: status line, headers and body."""
    return subprocess.run(["/bin/sh", "-c", line], env=env, capture_output=True, check=True, timeout=30).stdout


def status_of(answer: bytes) -> int:
    """Return the status of what a line printed."""
    return int(answer.split(b" ", 2)[1])
