"""`merge`: the reports of several runs as one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once, folder_problem
from conformance.cli.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands

EPILOG = """Each DIR is a report folder, or holds some, as the page of a fleet and the artifacts of a CI matrix do.

exit codes: those of run; 2 also where the runs cannot be merged"""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "merge",
        help="merge the reports of several runs",
        description="Merges the reports of several runs of one target: the worst outcome of each clause counts, and "
        "the report says which run it is from. The reports of several targets become a fleet page.",
        epilog=EPILOG,
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a report folder, or a folder of some")
    parser.add_argument(
        "--report-dir", action=Once, type=Path, metavar="DIR", help="default: reports/merged/<UTC time>"
    )
    parser.add_argument(
        "--force", action="store_true", help="merge runs that different suites, catalogues or editions judged"
    )
    parser.add_argument("--require", action=Once, choices=("conformant",), help="exit with 3 for a partial verdict")
    parser.add_argument(
        "--sign", action=Once, metavar="KEY", help="sign the record with this ed25519 key (PEM), or with sigstore"
    )


def execute(options: argparse.Namespace) -> int:
    """Merge, and print the headline."""
    if problem := folder_problem(options.report_dir or Path("reports")):
        raise UsageError(f"--report-dir: {problem}")
    from conformance.fleet.merging import command as merging  # noqa: PLC0415 - loads the templates
    from conformance.results import sealing  # noqa: PLC0415

    asked = merging.MergeOptions(
        folders=options.folders,
        report_dir=options.report_dir,
        force=options.force,
        require_conformant=options.require == "conformant",
        sign=options.sign,
    )
    try:
        headline, code = merging.merge(asked)
    except merging.MergeError as error:
        raise UsageError(*error.lines) from None
    except sealing.SealError as error:
        raise UsageError(f"--sign: {error}") from None
    except OSError as error:
        raise UsageError(f"{error.filename or asked.folder}: {error.strerror}") from None
    page = "index.html" if (asked.folder / "fleet.json").is_file() else "report.html"
    shown = asked.folder.relative_to(Path.cwd()) if asked.folder.is_relative_to(Path.cwd()) else asked.folder
    sys.stdout.write(f"{headline}\nReport: {shown / page}\n")
    return code
