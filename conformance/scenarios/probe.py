"""Runs the target file's probe: a command that prints a digest of an instance's data."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from conformance.judging.expectations import CannotTellError, NotTestableError

if TYPE_CHECKING:
    from conformance.config.target import Target

#: How much of the probe's output is read as its digest, and how much of its last words is quoted, in characters.
MAX_DIGEST = 10_000
MAX_QUOTED = 200


def digest_of(target: Target, instance: str) -> str:
    """Return what the probe prints for an instance.

    Raises CannotTellError if it fails, prints nothing or runs for more than `probe.timeout_s`, which is never the
    target's fault. The message quotes the last line of what it wrote to standard error.
    """
    if target.probe is None:
        raise NotTestableError("set probe.command")
    command = [part.replace("{instance_id}", instance) for part in target.probe.command]
    code, output, errors = _run(command, target.probe.timeout_s)
    if code:
        raise CannotTellError(f"the probe failed with exit code {code}{_last_words(errors)}")
    digest = output.strip()
    if not digest:
        raise CannotTellError(f"the probe printed nothing{_last_words(errors)}")
    if len(digest) > MAX_DIGEST:
        raise CannotTellError(f"the probe printed {len(digest)} characters, which no digest has; print a hash")
    return digest


def _run(command: list[str], timeout_s: float) -> tuple[int, str, str]:
    """Return exit code, output and errors; a probe that takes too long is ended with everything that it started."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the target file's own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise CannotTellError(f"the probe {command[0]} cannot be run: {words}") from None
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise CannotTellError(
            f"the probe did not finish within {timeout_s:g} s; raise probe.timeout_s, or make it faster"
        ) from None
    return process.returncode, output, errors


def _last_words(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return f": {lines[-1][:MAX_QUOTED]}" if lines else ""
