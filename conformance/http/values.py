"""The JSON values of the responses that were used last.

A value takes up to thirty times the memory of its body, and all judges of an exchange ask for it one after the other.
So values are kept for a short time only, and made again when they are asked for later.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: values of bodies of so many bytes together are kept, and that of the last one in any case
MAX_BYTES = 2 * 2**20
#: what an empty body counts as
MIN_BYTES = 1024


@dataclass(slots=True)
class _Kept(Generic[T]):
    owner: weakref.ref[Any]
    value: T
    size: int
    derived: dict[str, Any] = field(default_factory=dict)


class RecentValues(Generic[T]):
    """A value for each of the owners that were used last. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._kept: OrderedDict[int, _Kept[T]] = OrderedDict()
        self._size = 0

    def get(self, owner: object, size: int, make: Callable[[], T]) -> T:
        """The owner's value; `make` makes it, one at a time, where it is not kept any more."""
        return self._entry(owner, size, make).value

    def derive(self, owner: object, size: int, make: Callable[[], T], name: str, derive: Callable[[T], Any]) -> Any:
        """What is derived from the owner's value, kept as long as the value is."""
        entry = self._entry(owner, size, make)
        if name not in entry.derived:
            entry.derived[name] = derive(entry.value)
        return entry.derived[name]

    def _entry(self, owner: object, size: int, make: Callable[[], T]) -> _Kept[T]:
        key = id(owner)
        with self._lock:
            entry = self._kept.get(key)
            if entry is not None and entry.owner() is owner:
                self._kept.move_to_end(key)
                return entry
            self._make_room(size + MIN_BYTES)
            forget = weakref.ref(owner, lambda _: self._forget(key))
            entry = self._kept[key] = _Kept(forget, make(), size + MIN_BYTES)
            self._size += entry.size
            return entry

    def _make_room(self, size: int) -> None:
        """Values go before the new one comes."""
        while self._kept and self._size + size > MAX_BYTES:
            _, entry = self._kept.popitem(last=False)
            self._size -= entry.size

    def _forget(self, key: int) -> None:
        with self._lock:
            entry = self._kept.get(key)
            if entry is not None and entry.owner() is None:
                del self._kept[key]
                self._size -= entry.size
