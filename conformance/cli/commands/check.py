"""`check`: preflight alone. Reads only; shows whether the keys and fixtures of a target file fit the target."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.errors import ExitCode, UsageError
from conformance.cli.options import TARGET, read_target

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands
    from conformance.config.target import Target
    from conformance.scenarios.preflight.model import Preflight

EXIT_CODES = """exit codes:
  0  ready: everything that the target file names fits the target
  2  wrong usage, or a wrong target file
  3  something does not fit, or the target cannot be reached"""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "check",
        help="check that a target file fits its target; reads only",
        description="Proves the base URL, each key, each fixture and the probe, in about 30 reads. Changes nothing.",
        epilog=EXIT_CODES,
    )
    parser.set_defaults(command=execute)
    for option in TARGET:
        parser.add_argument(option.name, **option.for_argparse())
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def execute(options: argparse.Namespace) -> int:
    """Run preflight and print what it found out."""
    problems: list[str] = []
    target = read_target(options, problems)
    if problems:
        raise UsageError(*problems)
    if target is None:
        raise UsageError("check needs --target FILE, or --base-url with --hub and --container")
    preflight = examine(target)
    if options.json:
        sys.stdout.write(json.dumps(preflight.to_json(), indent=1) + "\n")
    else:
        show(preflight, target)
    return ExitCode.OK if preflight.is_ready else ExitCode.INCONCLUSIVE


def examine(target: Target) -> Preflight:
    """Run preflight against a target: reads only, whatever the target file allows."""
    from conformance.execution.run import Run  # noqa: PLC0415 - loads the suite

    with tempfile.TemporaryDirectory(prefix="conformance-check-") as folder:
        run = Run(target, seed=0, profile="read", selected=(), state=Path(folder))
        with closing(run):
            run.start()
            return run.preflight


def show(preflight: Preflight, target: Target) -> None:
    """Print a table with one row for each member of the target file, and the cause that stops a run, if any."""
    from rich.console import Console  # noqa: PLC0415 - only tables need it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from conformance.evidence.text import one_line  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("member", no_wrap=True)
    table.add_column("state")
    table.add_column("what was found", overflow="fold")
    for entry in preflight.entries:
        found = "; ".join(filter(None, (entry.detail, entry.fix)))
        table.add_row(*(Text(one_line(text)) for text in (entry.member, entry.state, found)))
    console = Console(soft_wrap=not sys.stdout.isatty())
    if preflight.entries:
        console.print(table)
    for note in preflight.notes:
        console.print(Text(f"note: {one_line(note)}"))
    if preflight.problem:
        console.print(Text(one_line(f"Not ready: {preflight.problem}")))
    elif not preflight.is_ready:
        console.print(Text(f"Not ready: {len(preflight.mistakes)} of the members above do not fit {target.name}"))
    else:
        console.print(Text(f"Ready: {target.name} answers as the target file says"))
