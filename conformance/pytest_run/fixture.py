"""The fixture that every test of the suite takes. It is not in a conftest.py: a run loads none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.pytest_run.executing import CheckExecution

#: the name under which the plugin is registered that executes checks in this process
EXECUTION = "conformance-execution"


@pytest.fixture(scope="session")
def conformance_run(request: pytest.FixtureRequest) -> Iterator[CheckExecution | None]:
    """Execute the checks of this process while its tests run; None where pytest only shows what it would do."""
    execution: CheckExecution | None = request.config.pluginmanager.getplugin(EXECUTION)
    if execution is None:
        yield None
        return
    with execution.running(request.session):
        yield execution
