"""What was made of data before, so that equal data cost no more: nearly all data of a run repeat earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

#: what the names and places around an entry take up, in bytes; roughly
_OVERHEAD = 200


class Memory(Generic[K, V]):
    """The values that were kept last, up to a size. Safe to use from several threads.

    It has two halves: once the younger one is full, it becomes the older one, and what the older one held is dropped.
    """

    def __init__(self, room: int) -> None:
        """`room`: how many bytes all entries may take up together."""
        self._half = room // 2
        self._size = 0
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """Return the value kept for this key, or None if it was dropped."""
        value = self._young.get(key)
        return self._old.get(key) if value is None else value

    def keep(self, key: K, value: V, size: int) -> None:
        """Keep a value that takes up `size` bytes with its key; one that would fill a half is not kept."""
        size += _OVERHEAD
        if size > self._half:
            return
        # Without a lock: threads that come here together may drop a half too early, which costs time alone.
        if self._size + size > self._half:
            self._old, self._young, self._size = self._young, {}, 0
        self._young[key] = value
        self._size += size


class Knows(Protocol):
    """Knows secrets, and learns further ones."""

    @property
    def knowledge(self) -> object:
        """What it knows, by identity: another object after every secret that is added."""


class Masked(Generic[K, V]):
    """Values that depend on their keys and on the secrets that are known. All are forgotten once a secret is added.

    So nothing that was masked before a secret was known is used after it.
    """

    def __init__(self, redactor: Knows, room: int) -> None:
        """`room`: how many bytes all entries may take up together."""
        self._redactor = redactor
        self._room = room
        self._current: tuple[object, Memory[K, V]] = redactor.knowledge, Memory(room)

    def get(self, key: K, size: int, make: Callable[[], V]) -> V:
        """The value for this key, which takes up `size` bytes; `make` makes it where it is not known."""
        memory = self._memory()  # before anything is masked: another thread may add a secret meanwhile
        value = memory.get(key)
        if value is None:
            value = make()
            memory.keep(key, value, size)
        return value

    def _memory(self) -> Memory[K, V]:
        knowledge = self._redactor.knowledge
        known, memory = self._current
        if known is not knowledge:
            memory = Memory(self._room)
            self._current = knowledge, memory
        return memory
