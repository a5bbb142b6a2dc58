"""`backups-conformance run`: pytest with the suite alone, whatever folder and environment it is started in."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.config import hermetic
from conformance.pytest_run import finalize
from conformance.pytest_run.controller import Controller
from conformance.pytest_run.embedded import target_of
from conformance.pytest_run.selection import SUITE
from conformance.pytest_run.setup import prepare

if TYPE_CHECKING:
    from conformance.config.settings import Settings

INI = Path(__file__).parents[1] / "pytest.ini"
#: the plugins of a run, by their entry points or modules: ours, xdist, and what writes the page
PLUGINS = ("conformance.plugin", "xdist", "metadata", "html")
ARGUMENTS = (
    *("-c", str(INI), "--rootdir", str(INI.parent), "--noconftest"),
    # Slow at every start or end, and of no use here: the last collects garbage five times to report what it destroys.
    *("--assert=plain", "-pno:cacheprovider", "-pno:unraisableexception"),
    *(f"-p{name}" for name in PLUGINS),
    *("--pyargs", SUITE),
)


def open_page(page: Path) -> None:
    """Open a page in the user's browser, or print that there is no browser."""
    if not webbrowser.open(page.absolute().as_uri()):
        sys.stderr.write(f"backups-conformance: no browser can be opened; the report is {page}\n")


def run(settings: Settings, pytest_args: list[str]) -> int:
    """Run the suite and return the exit code; arguments for pytest may name further plugins (`-p`)."""
    with target_of(settings) as (target, file), hermetic.environment(), hermetic.loaded_is_kept():
        controller = Controller(prepare(settings, target, file), quiet=True)
        code = pytest.main([*ARGUMENTS, *pytest_args], plugins=[controller])
    if controller.results is not None:
        if settings.open_report:
            open_page(controller.setup.folder / "report.html")
        return finalize.exit_code(controller.results, settings)
    if code == pytest.ExitCode.USAGE_ERROR:
        return 2
    if controller.lost:
        return 3
    if not controller.ran and code == pytest.ExitCode.OK:
        sys.stderr.write("backups-conformance: error: the arguments after -- have pytest test nothing; see --plan\n")
        return 2
    sys.stderr.write("backups-conformance: error: pytest ended without results; its output is above\n")
    return 3
