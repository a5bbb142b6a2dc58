"""`check`: whether the target file and the target fit, before anything is tested."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once
from conformance.cli.errors import ExitCode, UsageError
from conformance.cli.options import TARGET, read_target
from conformance.config.settings import Settings

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from conformance.cli.arguments import Commands
    from conformance.execution.inspection import Inspection

EXIT_CODES = """exit codes:
  0  ready: the target file and the target fit
  2  wrong usage, or the target file is wrong in itself
  3  something does not fit: each member is named with what to change"""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "check",
        help="check that the target file and the target fit",
        description="Proves the base URL, the keys, the fixtures and the probe with about 30 reads, and shows what a "
        "run would test and what would enable the rest.",
        epilog=EXIT_CODES,
    )
    parser.set_defaults(command=execute)
    for option in TARGET:
        parser.add_argument(option.name, **option.for_argparse())
    parser.add_argument("--profile", action=Once, choices=("read", "full"), help="the profile of the run to come")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def execute(options: argparse.Namespace) -> int:
    """Run preflight, print its results, and return 3 if something does not fit."""
    problems: list[str] = []
    target = read_target(options, problems)
    if problems:
        raise UsageError(*problems)
    from conformance.execution.inspection import inspect  # noqa: PLC0415 - loads the suite
    from conformance.pytest_run.embedded import target_of  # noqa: PLC0415

    with target_of(Settings(target=target, target_file=options.target)) as (embedded, _):
        inspection = inspect(embedded, options.profile or embedded.default_profile)
        name = f"{embedded.name} ({embedded.base_url})"
    if options.json:
        sys.stdout.write(json.dumps(inspection.to_json(), indent=2) + "\n")
    else:
        from rich.console import Console  # noqa: PLC0415 - loads the tables

        show(inspection, name, Console(soft_wrap=not sys.stdout.isatty(), highlight=False))
    return ExitCode.OK if inspection.preflight.is_ready else ExitCode.INCONCLUSIVE


def show(inspection: Inspection, name: str, console: Console) -> None:
    """Print a line for each member of the target file, then what would be tested, and the conclusion last."""
    from rich.text import Text  # noqa: PLC0415 - slow to load

    from conformance.evidence.text import one_line  # noqa: PLC0415

    def line(text: str, style: str = "") -> None:
        console.print(Text(one_line(text, 1000), style))

    preflight = inspection.preflight
    styles = {"ok": "green", "missing": "bright_black", "wrong": "bold red", "unknown": "yellow"}
    width = max((len(entry.member) for entry in preflight.entries), default=0)
    for entry in preflight.entries:
        words = "; ".join(part for part in (entry.detail, entry.fix) if part)
        line(f"{entry.state.value:<8} {entry.member:<{width}}  {words}".rstrip(), styles[entry.state.value])
    for note in preflight.notes:
        line(f"note     {note}", "yellow")
    if inspection.enabling:
        console.print()
        line("Not tested, and what would enable it:")
        for change, clauses in inspection.enabling.items():
            line(f"  {change}: {', '.join(clauses)}")
    console.print()
    if preflight.problem:
        line(f"Not ready: {preflight.problem}", "bold red")
    elif preflight.mistakes:
        count = len(preflight.mistakes)
        line(f"Not ready: {count} member{'' if count == 1 else 's'} of the target file must change", "bold red")
    else:
        tested, total = len(inspection.testable), len(inspection.testable) + sum(map(len, inspection.enabling.values()))
        line(f"Ready: a run of {name}, profile {inspection.profile}, would test {tested} of {total} clauses", "green")
