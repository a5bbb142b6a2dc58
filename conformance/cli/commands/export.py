"""`export`: results.json in the formats of other tools."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from conformance.cli.arguments import Once
from conformance.cli.errors import UsageError
from conformance.cli.outputs import write_output

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands
    from conformance.contract.json_types import JsonObject
    from conformance.results.model import Results

FORMATS = ("ctrf", "sarif", "cyclonedx")
EPILOG = """formats:
  ctrf       Common Test Report Format: a test for each check
  sarif      SARIF 2.1.0: the findings, with a rule for each clause
  cyclonedx  CycloneDX 1.6 declarations: the clauses as requirements, claims, evidence and conformance

exit codes: 0 written, 2 wrong usage, no report in DIR, or one that contradicts itself"""


class Exporter(Protocol):
    """A module of `conformance.report.export`."""

    def document(self, results: Results) -> JsonObject:
        """Return the document of these results."""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "export",
        help="write a report in the format of another tool",
        description="Writes the results of a report folder in another tool's format, to standard output or a file.",
        epilog=EPILOG,
    )
    parser.set_defaults(command=execute)
    parser.add_argument("folder", type=Path, metavar="DIR", help="the report folder, or its results.json")
    parser.add_argument("--format", action=Once, choices=FORMATS, required=True, help="the format")
    parser.add_argument(
        "-o",
        "--output",
        action=Once,
        type=Path,
        default=Path("-"),
        metavar="FILE",
        help="the file to write (default: -, standard output)",
    )


def execute(options: argparse.Namespace) -> int:
    """Write the document."""
    from conformance.evidence.text import one_line  # noqa: PLC0415
    from conformance.results.queries import shown  # noqa: PLC0415 - slow to load
    from conformance.results.reading import ResultsError, load_results  # noqa: PLC0415
    from conformance.results.verify import contradictions  # noqa: PLC0415

    try:
        results = load_results(options.folder)
    except ResultsError as error:
        raise UsageError(str(error)) from None
    if problems := contradictions(results):
        raise UsageError(one_line(f"{options.folder}: not intact: results.json: {problems[0]}", 1000))
    exporter = cast("Exporter", importlib.import_module(f"conformance.report.export.{options.format}"))
    text = json.dumps(exporter.document(shown(results)), indent=1)
    write_output(options.output, text, [options.folder])
    return 0
