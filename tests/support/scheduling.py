"""How the workers of a test run share the tests.

pytest-xdist's own groups (`--dist loadgroup`) do nothing under pytest 9.2 and later: xdist writes the group into an
attribute of the test from which pytest no longer takes its ID.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import _compat

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]


def scheduler(config: pytest.Config, log: object) -> object:
    """Return a scheduler that assigns modules of quick tests, and those marked `one_worker`, to one worker each."""
    base = _compat.scope_scheduling()

    class Scheduling(base):  # type: ignore[misc,valid-type] # xdist has no types
        """Assign the modules with the most tests first, and other tests one by one."""

        def __init__(self) -> None:
            super().__init__(config, log)
            config.option.loadscopereorder = True

        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return module if is_kept_together(module) else nodeid

    return Scheduling()


@cache
def is_kept_together(module: str) -> bool:
    """Whether one worker gets all tests of a module, which is named relative to the project."""
    return module.startswith("tests/unit/") or "pytest.mark.one_worker" in (ROOT / module).read_text("utf-8")
