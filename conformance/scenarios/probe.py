"""Runs the target file's probe: a command that prints a digest of an instance's data."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from conformance.config import commands
from conformance.judging.expectations import CannotTellError, NotTestableError

if TYPE_CHECKING:
    from conformance.config.target import Target

#: The longest digest, and how much of the probe's last words is quoted, in characters.
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
    """Return exit code, output and the end of the errors; a probe that takes too long is ended with its children."""
    try:
        finished = commands.run(command, timeout_s)
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise CannotTellError(f"the probe {command[0]} cannot be run: {words}") from None
    except commands.TooMuchOutputError as problem:
        raise CannotTellError(f"the probe {problem}; print a hash, and no more") from None
    except subprocess.TimeoutExpired:
        raise CannotTellError(
            f"the probe did not finish within {timeout_s:g} s; raise probe.timeout_s, or make it faster"
        ) from None
    return finished.code, finished.output.decode(errors="replace"), finished.last_errors.decode(errors="replace")


def _last_words(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return f": {lines[-1][:MAX_QUOTED]}" if lines else ""
