"""Results that are made once per test run, although pytest-xdist spreads the tests over processes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


@dataclass(frozen=True)
class Shared:
    """A folder of pickled results that all workers of a test run see."""

    folder: Path

    def get(self, name: str, make: Callable[[Path], T]) -> T:
        """Return the result of this name; the first caller makes it, in a folder of its own, and the others wait.

        A caller whose `make` fails leaves nothing behind, so that each test that needs the result shows the failure.
        """
        file = self.folder / f"{name}.pickle"
        with FileLock(self.folder / f"{name}.lock"):
            if file.exists():
                made: T = pickle.loads(file.read_bytes())  # noqa: S301 - written by us, below
                return made
            folder = self.folder / name
            folder.mkdir(exist_ok=True)
            made = make(folder)
            file.write_bytes(pickle.dumps(made))
            return made
