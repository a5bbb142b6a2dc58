"""The fixture that executes checks: the session's, opened with the first test of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.plugin import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.pytest_run.session import Session


@pytest.fixture(scope="session")
def conformance_run(pytestconfig: pytest.Config) -> Iterator[Session]:
    """This process's part of the run."""
    session: Session | None = pytestconfig.pluginmanager.getplugin(SESSION)
    if session is None:
        pytest.exit("the plugin conformance.plugin is not active", returncode=2)
    with session.running() as running:
        yield running
