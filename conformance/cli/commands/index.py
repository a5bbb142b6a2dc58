"""`index`: a page that lists the runs of a folder."""

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
        "index",
        help="list the runs of a folder on a page",
        description="Writes index.html into a folder of report folders: the runs of each target, and their verdicts. "
        "Where there are several targets, fleet.html compares the newest run of each, clause by clause.",
        epilog="exit codes: 0 all listed, 2 a record cannot be read: its run is left out",
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder of report folders, such as reports")


def execute(options: argparse.Namespace) -> int:
    """Write the page, and print how many runs it lists."""
    from conformance.fleet.merging import history  # noqa: PLC0415 - loads the templates
    from conformance.report import index  # noqa: PLC0415

    if not options.folder.is_dir():
        raise UsageError(f"{options.folder}: is not a folder")
    if index.is_fleet(options.folder):
        raise UsageError(f"{options.folder}: is the page of a fleet; give the folder that holds it")
    try:
        history.write(options.folder)
        listing = index.write(options.folder)
    except OSError as error:
        raise UsageError(f"{error.filename or options.folder}: {error.strerror}") from None
    runs = f"{listing.runs} {'run' if listing.runs == 1 else 'runs'}"
    sys.stdout.write(f"{options.folder / 'index.html'}: {runs}\n")
    if listing.problems:
        raise UsageError(*(f"{problem}; left out" for problem in listing.problems))
    return 0
