"""What is kept of response bodies, so that no number of them fills the memory.

Short bodies stay in memory, long ones in files. The JSON value of a body takes up to thirty times the memory of its
bytes, and all judges of an exchange need it one after the other: so values are kept for a short time only, and made
again when they are needed later.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
import threading
import weakref
from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from conformance.config.machine import MachineError, exhausted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO


Owner = TypeVar("Owner")
T = TypeVar("T")

#: values are kept of bodies of this many bytes together, and that of the last body in any case
MAX_BYTES = 2 * 2**20
#: The size that an empty body counts as, in bytes.
MIN_BYTES = 1024
#: longer bodies are kept in files
IN_MEMORY = 32 * 1024
#: the beginning of such a body is kept in memory as well: evidence is made of it
HEAD = 32 * 1024
#: longer bodies are judged one at a time
LARGE = 128 * 1024

_turn = threading.RLock()


def in_turn(length: int) -> AbstractContextManager[object]:
    """Give the caller the sole right to work on a large body, of this length in bytes; short ones need none.

    Parsing, judging and masking a body takes several times its length. With all threads at once at it, the memory of
    a run would depend on `limits.concurrency`.
    """
    return _turn if length > LARGE else nullcontext()


class StoredBody:
    """A long body in a file, which is deleted once nothing refers to the body any more."""

    def __init__(self, path: Path, head: bytes, length: int, sha256: str) -> None:
        self._path = path
        self.head = head
        self.length = length
        self.sha256 = sha256
        weakref.finalize(self, path.unlink, missing_ok=True)

    def __len__(self) -> int:
        return self.length

    def content(self) -> bytes:
        """All of it. Raises MachineError where the file cannot be read."""
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise MachineError(exhausted(error) or f"this machine: a temporary file is gone: {self._path}") from None


class BodyStore:
    """Makes bodies, in a folder of its own that is removed when the store is closed."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where the store's folder is made; None for the system's place for temporary files."""
        self._parent = folder
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """Remove the files of all bodies."""
        with self._lock:
            if self._folder is not None:
                self._folder.cleanup()

    def new_file(self) -> Path:
        """The path of a file that does not exist yet. Raises MachineError."""
        with self._lock:
            try:
                if self._folder is None:
                    self._folder = tempfile.TemporaryDirectory(
                        prefix="backups-bodies-", dir=self._parent, ignore_cleanup_errors=True
                    )
            except OSError as error:
                raise MachineError(exhausted(error) or f"this machine: {error}") from None
            return Path(self._folder.name) / str(next(self._numbers))


class BodyWriter:
    """Takes a body piece by piece. The memory that it needs does not depend on the body's length."""

    def __init__(self, store: BodyStore) -> None:
        self._store = store
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self._digest = hashlib.sha256()
        self.length = 0

    def write(self, piece: bytes) -> None:
        """Append a piece. Raises MachineError if a long body cannot be written to its file."""
        self.length += len(piece)
        if self._file is None:
            self._memory += piece
            if len(self._memory) <= IN_MEMORY:
                return
            piece = bytes(self._memory)
            del self._memory[HEAD:]
        try:
            if self._file is None:
                self._path = self._store.new_file()
                self._file = self._path.open("wb")
            self._digest.update(piece)
            self._file.write(piece)
        except OSError as error:
            raise MachineError(exhausted(error) or f"this machine: {error}") from None

    def head(self, size: int) -> bytes:
        """The first bytes of what was written so far, at most HEAD of them."""
        return bytes(self._memory[:size])

    def content(self) -> bytes:
        """All that was written. Raises MachineError."""
        if self._file is None or self._path is None:
            return bytes(self._memory)
        try:
            self._file.flush()
            return self._path.read_bytes()
        except OSError as error:
            raise MachineError(exhausted(error) or f"this machine: {error}") from None

    def finish(self) -> bytes | StoredBody:
        """The body. Raises MachineError where its last bytes cannot be written."""
        if self._file is None or self._path is None:
            return bytes(self._memory)
        try:
            self._file.close()
        except OSError as error:
            raise MachineError(exhausted(error) or f"this machine: {error}") from None
        return StoredBody(self._path, bytes(self._memory), self.length, self._digest.hexdigest())

    def discard(self) -> None:
        """Delete what was written."""
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


@dataclass(slots=True)
class _Kept(Generic[Owner, T]):
    owner: weakref.ref[Owner]
    value: T
    size: int


class RecentValues(Generic[Owner, T]):
    """The values that were made last, each of an owner. Safe to use from several threads.

    A value is made when it is first asked for, and again once it was dropped to make room for newer ones.
    """

    def __init__(self, size_of: Callable[[Owner], int], make: Callable[[Owner], T]) -> None:
        """`size_of`: the length of the body that an owner's value is made of, in bytes."""
        self._size_of = size_of
        self._make = make
        self._lock = threading.RLock()
        self._kept: OrderedDict[int, _Kept[Owner, T]] = OrderedDict()
        self._size = 0

    def get(self, owner: Owner) -> T:
        """The owner's value. If it is not kept, it is made, one value at a time."""
        entry = self._kept.get(id(owner))  # without the lock: nearly every call ends here
        return entry.value if entry is not None and entry.owner() is owner else self._made(owner).value

    def _made(self, owner: Owner) -> _Kept[Owner, T]:
        key = id(owner)
        with self._lock:
            entry = self._kept.get(key)
            if entry is not None and entry.owner() is owner:
                return entry
            size = self._size_of(owner) + MIN_BYTES
            self._make_room(size)
            forget = weakref.ref(owner, lambda _: self._forget(key))
            entry = self._kept[key] = _Kept(forget, self._make(owner), size)
            self._size += size
            return entry

    def _make_room(self, size: int) -> None:
        """Drop the oldest values before a new one is made."""
        while self._kept and self._size + size > MAX_BYTES:
            _, entry = self._kept.popitem(last=False)
            self._size -= entry.size

    def _forget(self, key: int) -> None:
        with self._lock:
            entry = self._kept.get(key)
            if entry is not None and entry.owner() is None:
                del self._kept[key]
                self._size -= entry.size
