"""`compare`: what broke, and what was fixed, between two runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once
from conformance.cli.errors import UsageError
from conformance.cli.outputs import write_output

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "compare",
        help="compare two results.json",
        description="Shows what broke, what was fixed, what is newly tested and what is no longer tested.",
        epilog="exit codes: 0 nothing broke, 1 something did, 2 a file cannot be read",
    )
    parser.set_defaults(command=execute)
    parser.add_argument("old", type=Path, metavar="OLD", help="the earlier results.json")
    parser.add_argument("new", type=Path, metavar="NEW", help="the later results.json")
    parser.add_argument(
        "--markdown", action=Once, type=Path, metavar="FILE", help="write the comparison for a pull request"
    )
    parser.add_argument("--html", action=Once, type=Path, metavar="FILE", help="write the comparison as a page")


def execute(options: argparse.Namespace) -> int:
    """Compare two runs, write the requested output, and return 1 if something broke."""
    from rich.console import Console  # noqa: PLC0415 - loads the tables

    from conformance.report import compare as rendering  # noqa: PLC0415
    from conformance.results import compare, reading  # noqa: PLC0415

    if options.markdown is not None and options.markdown == options.html:
        raise UsageError(f"--markdown and --html both name {options.html}; name two files")
    try:
        old, new = reading.load_results(options.old), reading.load_results(options.new)
    except reading.ResultsError as error:
        raise UsageError(str(error)) from None
    comparison = compare.compare(old, new)
    sources = (options.old, options.new)
    if options.markdown is not None:
        write_output(options.markdown, rendering.markdown(comparison), sources)
    if options.html is not None:
        write_output(options.html, rendering.page(comparison, old, new), sources)
    rendering.render(comparison, Console(soft_wrap=not sys.stdout.isatty()))
    return comparison.exit_code
