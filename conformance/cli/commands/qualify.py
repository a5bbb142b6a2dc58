"""`qualify`: the suite against every fault and variant of the reference server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once, folder_problem, number, selector_problems, selectors
from conformance.cli.errors import UsageError
from conformance.cli.options import MAX_EXAMPLES, MAX_SEED
from conformance.config.settings import Depth
from conformance.contract import catalogue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from conformance.cli.arguments import Commands

MAX_JOBS = 1024
MAX_SAMPLE = 1_000_000


#: the options that take one value: name, parser, metavar, default and help
VALUES: tuple[tuple[str, Callable[[str], object], str, object, str], ...] = (
    ("--on", str, "WHERE", None, "where trials execute: processes[:N] (default, two per core) or dask://HOST:PORT"),
    ("--jobs", number(1, MAX_JOBS), "N", None, "short for --on processes:N"),
    ("--report-dir", Path, "DIR", None, "default: reports/qualification"),
    ("--sample", number(1, MAX_SAMPLE), "K", None, "only this many trials, spread over the clauses"),
    (
        "--examples",
        number(1, MAX_EXAMPLES),
        "N",
        None,
        "generated cases per property in each run (default: 25, or what --depth says)",
    ),
    ("--seed", number(0, MAX_SEED), "S", 1, "seed of the sample and of the runs (default: %(default)s)"),
)


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "qualify",
        help="measure what the suite catches",
        description="Runs the suite against every fault and every legal variant of the reference server, "
        "including those generated from the schemas.",
        epilog="exit codes: 0 qualified; 1 a MUST fault missed or caught only by other clauses, a false positive, "
        "or a trial that crashed; 2 wrong usage; 3 interrupted",
    )
    parser.set_defaults(command=execute)
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID[,ID]", help="only faults of these clauses or chapters"
    )
    parser.add_argument(
        "--faults", action="append", default=[], metavar="GLOB", help="only faults and variants with matching names"
    )
    parser.add_argument(
        "--fail-fast", action="store_true", help="end each run at its first failed MUST, to measure how soon that is"
    )
    parser.add_argument(
        "--depth",
        action=Once,
        choices=tuple(depth.value for depth in Depth),
        help="the depth of each run, as in run --depth; a quick one must catch 95 per cent of the MUST faults "
        "(default: standard)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted or killed qualification: try only what has no result in the report folder",
    )
    for name, convert, metavar, default, words in VALUES:
        parser.add_argument(name, action=Once, type=convert, metavar=metavar, default=default, help=words)


def execute(options: argparse.Namespace) -> int:
    """Qualify the suite, and return 1 where it is not qualified."""
    problems = selector_problems("--only", options.only)
    if problem := folder_problem(options.report_dir or Path("reports")):
        problems.append(f"--report-dir: {problem}")
    if options.on is not None and options.jobs is not None:
        problems.append(f"--jobs {options.jobs} is short for --on processes:{options.jobs}; give one of the two")
    if problems:
        raise UsageError(*problems)
    from conformance.fleet import executors  # noqa: PLC0415 - loads the suite and the server, as the next two do
    from conformance.qualification import command, resuming, trials  # noqa: PLC0415

    try:
        place = executors.Processes(options.jobs) if options.on is None else executors.parse(options.on)
    except ValueError as error:
        raise UsageError(f"--on: {error}") from None
    only = catalogue.load().matching(selectors(options.only))
    asked = command.Options(
        only=tuple(sorted(only, key=catalogue.sort_key)),
        patterns=tuple(options.faults),
        sample=options.sample,
        seed=options.seed,
        place=place,
        depth=Depth(options.depth or Depth.STANDARD),
        examples=options.examples,
        fail_fast=options.fail_fast,
        report_dir=options.report_dir,
        resume=options.resume,
    )
    if problems := trials.unmatched(asked.patterns):
        raise UsageError(*problems)
    try:
        return command.qualify(asked)
    except command.NothingChosenError as error:
        raise UsageError(str(error)) from None
    except resuming.NotResumableError as error:
        raise UsageError(f"--resume: {error}") from None
    except executors.ExecutorError as error:
        raise UsageError(f"--on {place}: {error}") from None
