"""Waiting in tests: for a condition, never for a time. Only what hangs reaches the limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: far beyond what anything takes on a slow and busy machine
PATIENCE_S = 300.0


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"it did not come to that within {PATIENCE_S:g} s"
        time.sleep(0.01)
