"""Recognizes errors that this machine causes, such as a full disk, so that they are not blamed on the target."""

from __future__ import annotations

import ctypes
import errno
from collections import deque
from functools import cache

#: `mallopt`'s names for the size from which a block has pages of its own, and for how many arenas threads share
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
#: each takes 64 MB of the address space, which `ulimit -v` limits
ARENAS = 2
#: Bytes of address space that a run needs: libraries that get less abort, or wait for themselves for ever.
MIN_ADDRESS_SPACE = 600 * 2**20
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


#: the last shortage that was recognized
_seen: deque[str] = deque(maxlen=1)


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
            _seen.append(words)
            return words
        chain.append(current)
        inner = current.args[0] if current.args else None
        current = current.__cause__ or (inner if isinstance(inner, BaseException) else None)
    if isinstance(error, ImportError) and _seen:  # of a module that was being imported when something ran out
        return _seen[-1]
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


def require_address_space() -> None:
    """Raise MachineError where a limit (`ulimit -v`) leaves too little of it for a run."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < MIN_ADDRESS_SPACE:
        raise MachineError(
            f"this machine: the address space is limited to {limit // 2**20} MB (ulimit -v); "
            f"a run needs {MIN_ADDRESS_SPACE // 2**20} MB"
        )


@cache
def return_large_blocks() -> bool:
    """Make the C library give large blocks of memory back to the system once they are freed; whether it can.

    Otherwise glibc keeps blocks of up to 32 MB, for each thread its own: the memory of a run would be several times
    what it ever needs at once.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)) and bool(mallopt(_M_ARENA_MAX, ARENAS))
    except (OSError, AttributeError, TypeError):  # another C library, which may have no such option
        return False
