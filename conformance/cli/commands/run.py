"""`run`: the suite against a target, with its reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.cli import fleet_options
from conformance.cli.errors import ExitCode
from conformance.cli.options import GROUPS, read_settings
from conformance.contract import catalogue

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands
    from conformance.config.settings import Settings

EXIT_CODES = """exit codes of run:
  0  conformant, or partial: nothing failed, but not every clause was tested
  1  non-conformant
  2  wrong usage, or a wrong target or waivers file; with --strict also a stale or expired waiver
  3  inconclusive: target unreachable or gone, nothing tested, an error of the suite, or interrupted; \
with --require conformant also partial"""

KEYS_OF_A_QUICK_RUN = (
    "a run without a target file takes its keys from the environment: BACKUPS_KEY_FULL, BACKUPS_KEY_VIEW, "
    "BACKUPS_KEY_MANAGE, BACKUPS_KEY_UNRELATED, BACKUPS_KEY_EXPIRED, BACKUPS_KEY_OTHER_HUB (and BACKUPS_OTHER_HUB_ID); "
    "the clauses of a missing key are not tested"
)


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "run",
        help="run the suite against a target and write the reports",
        description="Runs the suite against a target, or against the embedded reference server if none is given.",
        epilog=f"{KEYS_OF_A_QUICK_RUN}\n\narguments after -- go to pytest: -n 4, -x, -k EXPRESSION\n\n{EXIT_CODES}",
    )
    parser.set_defaults(command=execute)
    for title, options in GROUPS:
        group = parser.add_argument_group(title)
        for option in options:
            group.add_argument(option.name, **option.for_argparse())


def execute(options: argparse.Namespace) -> int:
    """Validate every option and file, then run or show the plan."""
    fleet_options.check_together(options)
    if options.target_index is not None:
        options.target = fleet_options.indexed(options.targets, options.target_index)
    elif options.targets is not None:
        return fleet_options.execute(options, show_plan)
    settings = read_settings(options)
    if settings.plan:
        return show_plan(settings)
    if vars(options)["for"] is not None:
        return fleet_options.repeat(options, settings)
    from conformance.pytest_run import main  # noqa: PLC0415 - loads pytest

    return main.run(settings, options.pytest_args)


def show_plan(settings: Settings) -> int:
    """Print what a run would test; the exit code is 3 where the target cannot be reached."""
    from rich.console import Console  # noqa: PLC0415 - slow to load

    from conformance.execution import plan  # noqa: PLC0415 - loads the suite
    from conformance.pytest_run.embedded import target_of  # noqa: PLC0415 - loads the server

    with target_of(settings) as (target, _):
        profile = settings.profile or target.default_profile
        planned = plan.make(target, profile, catalogue.load().select(settings.only, settings.skip))
    plan.show(planned, target, profile, Console())
    return ExitCode.INCONCLUSIVE if planned.problem else ExitCode.OK
