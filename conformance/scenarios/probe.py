"""Runs the target file's probe: a command that prints a digest of an instance's data."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from conformance.judging.expectations import CannotTellError, NotTestableError

if TYPE_CHECKING:
    from conformance.config.target import Target

PROBE_TIMEOUT_S = 60.0


def digest_of(target: Target, instance: str) -> str:
    """What the probe prints for an instance. Raises CannotTellError where it fails: never the target's failure."""
    if target.probe is None:
        raise NotTestableError("set probe.command")
    command = [part.replace("{instance_id}", instance) for part in target.probe.command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)  # noqa: S603 - the target file's own command
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotTellError(f"the probe did not run: {type(error).__name__}") from None
    digest = done.stdout.strip()
    if done.returncode != 0 or not digest:
        raise CannotTellError(f"the probe failed with exit code {done.returncode} and {len(digest)} characters")
    return digest
