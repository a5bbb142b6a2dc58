"""`report`: the reports of a run that was killed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "report",
        help="write the reports of a run that was killed",
        description="Writes the reports of a run that was killed, from what it had recorded: inconclusive at best.",
        epilog="exit codes: those of run; 2 where the folder holds no unfinished run, or one that is still running",
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the report folder")


def execute(options: argparse.Namespace) -> int:
    """Write the reports of a killed run, and return the exit code that the run would have had."""
    from conformance.pytest_run import finalize  # noqa: PLC0415 - loads the suite
    from conformance.results import recovery  # noqa: PLC0415

    try:
        return finalize.of_a_killed_run(options.folder)
    except recovery.RecoveryError as error:
        raise UsageError(str(error)) from None
