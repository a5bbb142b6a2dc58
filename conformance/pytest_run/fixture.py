"""The fixture that every test of the suite takes. It is not in a conftest.py: a run loads none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

#: the name under which the plugin is registered that executes checks in this process
EXECUTION = "conformance-execution"


class Execution(Protocol):
    """What executes the checks of this process."""

    def running(self, session: pytest.Session) -> AbstractContextManager[None]:
        """Execute them, from the first test to the last."""


@pytest.fixture(scope="session")
def conformance_run(request: pytest.FixtureRequest) -> Iterator[Execution | None]:
    """Execute the checks of this process while its tests run; None where pytest only shows what it would do."""
    execution: Execution | None = request.config.pluginmanager.getplugin(EXECUTION)
    if execution is None:
        yield None
        return
    with execution.running(request.session):
        yield execution
