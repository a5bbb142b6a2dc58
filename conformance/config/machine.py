"""Recognizes errors that this machine causes, such as a full disk, so that they are not blamed on the target."""

from __future__ import annotations

import ctypes
import errno
from functools import cache

#: `mallopt`'s name for the size from which a block has pages of its own
_M_MMAP_THRESHOLD = -3
#: such blocks, in bytes, go back to the system as soon as they are freed
LARGE_BLOCK = 512 * 1024

_WORDS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk cannot be read or written",
    errno.EFBIG: "a file grew beyond the limit for its size (ulimit -f)",
    errno.EMFILE: "too many open files (ulimit -n)",
    errno.ENFILE: "too many open files on the whole machine",
    errno.ENOMEM: "out of memory",
    errno.ENOBUFS: "out of memory for network buffers",
    errno.EADDRNOTAVAIL: "no local port is left",
}


class MachineError(RuntimeError):
    """A resource of this machine is exhausted, which is not the target's fault. The message is one line."""


def exhausted(error: BaseException) -> str | None:
    """Which resource of the machine an error says is used up; None for any other error.

    Looks at the error's causes as well, since libraries wrap what the operating system says.
    """
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        if words := _shortage(current):
            return words
        chain.append(current)
        inner = current.args[0] if current.args else None
        current = current.__cause__ or (inner if isinstance(inner, BaseException) else None)
    return None


def _shortage(error: BaseException) -> str | None:
    if isinstance(error, MachineError):
        return str(error)
    if isinstance(error, FileNotFoundError) and "No usable temporary directory" in str(error):
        return "this machine: no folder for temporary files can be written to; set TMPDIR to one"
    if isinstance(error, MemoryError):
        return "this machine: out of memory"
    if isinstance(error, OSError) and error.errno in _WORDS:
        place = f": {error.filename}" if isinstance(error.filename, str) else ""
        return f"this machine: {_WORDS[error.errno]}{place}"
    if isinstance(error, RuntimeError) and "can't start new thread" in error.args:
        return "this machine: no more threads can be started (ulimit -u)"
    return None


@cache
def return_large_blocks() -> bool:
    """Make the C library give large blocks of memory back to the system once they are freed; whether it can.

    Otherwise glibc keeps blocks of up to 32 MB, for each thread its own: the memory of a run would be several times
    what it ever needs at once.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK))
    except (OSError, AttributeError, TypeError):  # another C library, which may have no such option
        return False
