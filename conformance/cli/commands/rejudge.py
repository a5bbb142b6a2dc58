"""`rejudge`: the exchanges of a run judged again, without a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "rejudge",
        help="judge the exchanges of a run again, without a network",
        description="Judges the exchanges in a report folder by the clauses of this version, and shows what differs.",
        epilog="exit codes: 0 nothing differs, 1 something does, 2 a file cannot be read",
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the report folder")


def execute(options: argparse.Namespace) -> int:
    """Judge again, and return 1 where an outcome differs."""
    from rich.console import Console  # noqa: PLC0415 - loads the tables

    from conformance.evidence.archive import ArchiveError  # noqa: PLC0415
    from conformance.report.commands import rejudge as rendering  # noqa: PLC0415
    from conformance.results import rejudge  # noqa: PLC0415 - loads the suite
    from conformance.results.reading import ResultsError  # noqa: PLC0415

    try:
        rejudgement = rejudge.rejudge(options.folder)
    except (ArchiveError, ResultsError) as error:
        raise UsageError(str(error)) from None
    rendering.render(rejudgement, Console(soft_wrap=not sys.stdout.isatty()))
    return rejudgement.exit_code
