"""`backups-conformance run`: pytest with the suite alone, whatever folder and environment it is started in."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.pytest_run import finalize
from conformance.pytest_run.controller import Controller
from conformance.pytest_run.embedded import target_of
from conformance.pytest_run.setup import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.config.settings import Settings

SUITE = "conformance.suite"
INI = Path(__file__).parents[1] / "pytest.ini"
#: the plugins of a run, by their entry points: ours, xdist, and what writes the page
PLUGINS = ("backups_conformance", "xdist", "metadata", "html")
ARGUMENTS = (
    *("-c", str(INI), "--rootdir", str(INI.parent), "--noconftest"),
    *("--assert=plain", "-pno:cacheprovider"),  # slow at every start, and of no use here
    *(f"-p{name}" for name in PLUGINS),
    *("--pyargs", SUITE),
)
#: set while pytest runs, for its workers as well; every other variable of pytest's is unset
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "HYPOTHESIS_NO_PLUGINS": "1"}


def run(settings: Settings, pytest_args: list[str]) -> int:
    """Run the suite and return the exit code; arguments for pytest may name further plugins (`-p`)."""
    with target_of(settings) as (target, file), hermetic_environment():
        controller = Controller(prepare(settings, target, file), quiet=True)
        code = pytest.main([*ARGUMENTS, *pytest_args], plugins=[controller])
    if controller.results is not None:
        return finalize.exit_code(controller.results, settings)
    if code == pytest.ExitCode.USAGE_ERROR:
        return 2
    if not controller.ran and code == pytest.ExitCode.OK:
        return 0
    sys.stderr.write("backups-conformance: error: pytest ended without results; its output is above\n")
    return 3


@contextmanager
def hermetic_environment() -> Iterator[None]:
    """Unset what pytest and its plugins read from the environment, for this process and its children."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("PYTEST_") or name == "PY_COLORS"]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
