"""Runs the commands of a target file, for a key or a probe: their time and what is read of their output are bounded."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The longest standard output, in bytes; a command that prints more is ended.
MAX_PRINTED = 64 * 1024
#: How much a command may write to standard error until it is ended, and how much of its end is read, in bytes.
MAX_ERRORS, MAX_LAST_ERRORS = 64 * 2**20, 64 * 1024
#: How often the size of the output is measured, in seconds.
_INTERVAL_S = 0.1


class TooMuchOutputError(ValueError):
    """A command was ended because of what it wrote; the message continues a sentence about the command."""


@dataclass(frozen=True, slots=True, repr=False)
class Finished:
    """A command that ended by itself: its exit code, its standard output, and the end of its standard error.

    It has no repr: a key's command prints the key.
    """

    code: int
    output: bytes
    last_errors: bytes


def run(command: Sequence[str], timeout_s: float) -> Finished:
    """Run a command without a shell, in a session of its own, and wait for it, but not for children that it leaves.

    Raises subprocess.TimeoutExpired, TooMuchOutputError, or OSError where it cannot be started. Its children are ended
    with it then.
    """
    # Files, not pipes: a pipe reaches its end only when the last child of the command has closed it.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - the target file names the program, and no shell reads it
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            code = _wait(process, timeout_s, output, errors)
        except BaseException:
            _kill(process)
            raise
        _check_sizes(output, errors)
        output.seek(0)
        errors.seek(max(0, _size(errors) - MAX_LAST_ERRORS))
        return Finished(code, output.read(MAX_PRINTED), errors.read(MAX_LAST_ERRORS))


def _wait(process: subprocess.Popen[bytes], timeout_s: float, output: IO[bytes], errors: IO[bytes]) -> int:
    deadline = time.monotonic() + timeout_s
    while True:
        rest = deadline - time.monotonic()
        try:
            return process.wait(max(0.0, min(rest, _INTERVAL_S)))
        except subprocess.TimeoutExpired:
            if rest <= _INTERVAL_S:
                raise
            _check_sizes(output, errors)


def _check_sizes(output: IO[bytes], errors: IO[bytes]) -> None:
    if _size(output) > MAX_PRINTED:
        raise TooMuchOutputError(f"printed more than {MAX_PRINTED:,} bytes")
    if _size(errors) > MAX_ERRORS:
        raise TooMuchOutputError(f"wrote more than {MAX_ERRORS:,} bytes to standard error")


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a command and its children."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
