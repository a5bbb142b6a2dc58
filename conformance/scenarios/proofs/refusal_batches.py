"""Lets refused requests for different backups go side by side, without losing which of them had an effect."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class RefusalBatches:
    """Keeps apart what must not go on at once. Safe to use from many threads.

    A batch is what one check sends for one backup, with the looks at it before and after. Batches of different backups
    go side by side. Whoever proves which requests had an effect is alone meanwhile.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._backups: set[str] = set()
        self._waiting = 0
        self._alone = 0

    @contextlib.contextmanager
    def of(self, backup: str) -> Iterator[None]:
        """Wait for other batches of the backup, and for whoever wants to be alone; the others wait meanwhile."""
        if self._is_alone:
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._alone and not self._waiting and backup not in self._backups)
            self._backups.add(backup)
        try:
            yield
        finally:
            with self._changed:
                self._backups.remove(backup)
                self._changed.notify_all()

    @contextlib.contextmanager
    def none(self) -> Iterator[None]:
        """Wait until no batch goes on, and let none begin meanwhile. The thread may be inside another such block."""
        if self._is_alone:
            yield
            return
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._alone and not self._backups)
            self._waiting -= 1
            self._alone = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                self._alone = 0
                self._changed.notify_all()

    @property
    def _is_alone(self) -> bool:
        return self._alone == threading.get_ident()
