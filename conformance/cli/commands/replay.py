"""`replay`: sends again, to a live target, what failed in a report."""

from __future__ import annotations

import shlex
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once, number, selector_problems, selectors
from conformance.cli.errors import ExitCode, UsageError, complain
from conformance.cli.options import TARGET, read_target

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands
    from conformance.config.target import Target
    from conformance.results.model import Results

EXIT_CODES = """exit codes:
  0  fixed: every clause that failed in the report holds now
  1  still failing
  2  wrong usage: nothing in the report to replay, or a wrong target file
  3  could not tell: a key is missing, nothing answers, or the check needs --restore
  4  flaky: a clause failed in some of the tries"""

DESCRIPTION = """Sends again what failed in a report, to the target that the report names or to another one, and has
the suite judge it over all the exchanges of each check. Sends nothing that changes the target, unless --restore is
given; then the restore budget of the target file holds for all tries together."""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    from conformance.replay.model import DEFAULT_TRIES, MAX_TRIES  # noqa: PLC0415 - slow to load

    parser = commands.add_parser(
        "replay",
        help="send again what failed in a report",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the report folder")
    for option in TARGET:
        words = f"{option.help} (default: the target of the report)" if option.name == "--target" else option.help
        parser.add_argument(option.name, **{**option.for_argparse(), "help": words})
    parser.add_argument("--only", action="append", default=[], metavar="ID[,ID]", help="replay only these clauses")
    parser.add_argument(
        "--tries",
        action=Once,
        type=number(1, MAX_TRIES),
        default=DEFAULT_TRIES,
        metavar="N",
        help="how often to send everything (default: %(default)s)",
    )
    parser.add_argument("--restore", action="store_true", help="also replay what may change the target")


def execute(options: argparse.Namespace) -> int:
    """Replay, print each check as it is judged, and return the exit code of the replay."""
    from rich.console import Console  # noqa: PLC0415 - slow to load

    from conformance.evidence.archive import ArchiveError  # noqa: PLC0415 - as is the suite
    from conformance.replay import replaying  # noqa: PLC0415
    from conformance.replay.model import ReplayError  # noqa: PLC0415
    from conformance.report.commands import replay as rendering  # noqa: PLC0415
    from conformance.results.reading import ResultsError, load_results  # noqa: PLC0415

    if problems := selector_problems("--only", options.only):
        raise UsageError(*problems)
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    try:
        results = load_results(options.folder)
        clauses = _chosen(options.only, results)
        replaying.failures(results, clauses)  # what is wrong with the report comes before what is wrong with the target
        target = _target(options, results)
        if target is None:
            return ExitCode.INCONCLUSIVE
        outcome = replaying.replay(
            options.folder,
            target,
            clauses=clauses,
            tries=options.tries,
            restore=options.restore,
            on_failure=lambda check: rendering.show_check(check, console),
        )
    except (ArchiveError, ResultsError, ReplayError) as error:
        raise UsageError(str(error)) from None
    rendering.show_end(outcome, console)
    return outcome.status.exit_code


def _chosen(only: list[str], results: Results) -> list[str]:
    """The clauses that were named; if a chapter was named, those of its clauses that failed."""
    named = selectors(only)
    failed = {row["id"]: row["chapter"] for row in results["clauses"] if row["outcome"] in ("failed", "warned")}
    chapters = set(failed.values())
    return [
        clause
        for selector in named
        for clause in (
            [name for name, chapter in failed.items() if chapter == selector] if selector in chapters else [selector]
        )
    ]


def _target(options: argparse.Namespace, results: Results) -> Target | None:
    """The target of the options, or that of the report; None, after a message, where a key is missing."""
    if not (options.target or options.base_url or options.hub or options.container):
        _use_recorded(options, results)
    problems: list[str] = []
    target = read_target(options, problems)
    if problems:
        if all("environment variable" in problem and "is not set" in problem for problem in problems):
            complain(problems)
            return None
        raise UsageError(*problems)
    return target


def _use_recorded(options: argparse.Namespace, results: Results) -> None:
    """Set the options of the target as in the command of the run. Raises UsageError where it names none."""
    try:
        words = shlex.split(results["run"]["command"])
    except ValueError:
        words = []
    recorded = {name: value for name, value in pairwise(words) if name.startswith("--")}
    options.base_url, options.hub = recorded.get("--base-url"), recorded.get("--hub")
    options.container = recorded.get("--container")
    options.target = Path(recorded["--target"]) if "--target" in recorded else None
    if options.target is None and options.base_url is None:
        raise UsageError("the run tested the embedded server, which has ended: give --target FILE")
    if options.target is not None and not options.target.exists():
        raise UsageError(f"{options.target}, the target file of the run, is not here: give --target FILE")
