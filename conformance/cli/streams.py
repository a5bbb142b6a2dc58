"""Output that nobody may be reading: a closed stream, a full disk or a reader that has gone changes no exit code."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from _typeshed import ReadableBuffer

STDOUT, STDERR = 1, 2


def protect_streams() -> None:
    """Open the standard streams that are closed, and let writing to stdout and stderr never fail.

    Characters that a stream's encoding lacks are written as escapes.
    """
    for descriptor in (0, STDOUT, STDERR):
        _open_if_closed(descriptor)
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - for the life of the process
    sys.stderr = _protected(sys.stderr, STDERR, lambda _: None)
    sys.stdout = _protected(sys.stdout, STDOUT, _complain_once)


def _open_if_closed(descriptor: int) -> None:
    """Occupy a closed standard descriptor, so that no socket gets its number; children inherit it."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)


def _complain_once(problem: OSError) -> None:
    """Say on stderr that stdout cannot be written to; a reader that has gone, as in `| head`, is no problem."""
    if problem.errno not in (errno.EPIPE, errno.EBADF):
        sys.stderr.write(f"backups-conformance: stdout cannot be written to: {problem.strerror}\n")


def _protected(stream: TextIO | None, descriptor: int, lost: Callable[[OSError], None]) -> io.TextIOWrapper:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    raw = _NeverFails(descriptor, lost)
    buffer = io.BufferedWriter(raw)
    interactive = raw.isatty() or descriptor == STDERR
    return io.TextIOWrapper(buffer, encoding=encoding, errors="backslashreplace", line_buffering=interactive)


class _NeverFails(io.RawIOBase):
    """A file descriptor whose writes never fail: data that cannot be written is discarded."""

    def __init__(self, descriptor: int, lost: Callable[[OSError], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._on_loss = lost
        self._is_lost = False

    def writable(self) -> bool:
        """Return True: writing never fails."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer) -> int:
        """Write the data, waiting while a pipe is full; discard it on an error."""
        length = memoryview(data).nbytes
        while not self._is_lost:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # another process made the pipe non-blocking, as some CI runners do
                select.select([], [self._descriptor], [])
            except OSError as problem:
                self._is_lost = True
                self._on_loss(problem)
        return length
