"""`clauses`: the catalogue, as a table or list on a terminal, tab-separated lines in a pipe, or one clause in full."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.cli.arguments import Once, selector_problems, selectors
from conformance.cli.errors import UsageError
from conformance.contract import catalogue

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from conformance.cli.arguments import Commands
    from conformance.contract.catalogue import Clause

#: the narrowest terminal, in columns, on which a table is easier to read than a list
MIN_TABLE_WIDTH = 120


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "clauses",
        help="show the clauses of the contract",
        description="Shows the clauses: level, text, source, and the checks and faults that belong to each.",
    )
    parser.set_defaults(command=execute)
    parser.add_argument(
        "--format",
        action=Once,
        choices=("text", "json", "csv", "markdown"),
        default="text",
        help="text (default), or the traceability matrix: source, clause, checks, faults, needs",
    )
    parser.add_argument(
        "--report", action=Once, type=Path, metavar="DIR", help="with the outcomes of this run in the matrix"
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="a clause (CAP-4) or a chapter (CAP); default: all")


def execute(options: argparse.Namespace) -> int:
    """Show the selected clauses, each with its checks and faults."""
    if problems := selector_problems("clauses", options.ids):
        raise UsageError(*problems)
    known = catalogue.load()
    chosen = known.select(selectors(options.ids))
    clauses = [clause for clause in known if clause.id in chosen]
    if options.format != "text":
        return write_matrix(clauses, options.format, options.report)
    if options.report is not None:
        raise UsageError("--report goes with --format json, csv or markdown")
    show(clauses)
    return 0


def write_matrix(clauses: Sequence[Clause], form: str, report: Path | None) -> int:
    """Write the traceability matrix of the clauses, with the outcomes of a report."""
    from conformance.cli import traceability  # noqa: PLC0415 - loads the suite and the faults
    from conformance.results.queries import shown  # noqa: PLC0415
    from conformance.results.reading import ResultsError, load_results  # noqa: PLC0415

    try:
        results = shown(load_results(report)) if report is not None else None
    except ResultsError as error:
        raise UsageError(str(error)) from None
    sys.stdout.write(traceability.FORMATS[form](traceability.matrix(clauses, results)))
    return 0


def show(clauses: Sequence[Clause]) -> None:
    """Show one clause in full, several as a list."""
    from rich.console import Console  # noqa: PLC0415 - slow to load, as are the suite and the faults

    from conformance.suite.registry import check_ids  # noqa: PLC0415

    console = Console(highlight=False)
    console.soft_wrap = not console.is_terminal
    checks = {clause: [str(check) for check in listed] for clause, listed in check_ids().items()}
    faults = _faults_by_clause()
    if len(clauses) == 1:
        _show_one(console, clauses[0], faults.get(clauses[0].id, {}))
    elif console.is_terminal and console.width >= MIN_TABLE_WIDTH:
        console.print(_table(clauses, checks, faults))
    elif console.is_terminal:
        _show_list(console, clauses, checks, faults)
    else:
        sys.stdout.write("\n".join("\t".join(row) for row in _plain_rows(clauses, checks, faults)) + "\n")


def _faults_by_clause() -> dict[str, dict[str, str]]:
    """Return for each clause the faults that break it: their names, each with its description."""
    from conformance.reference.faults import all_faults  # noqa: PLC0415 - loads the server's faults

    by_clause: dict[str, dict[str, str]] = {}
    for name, fault in sorted(all_faults().items()):
        for clause in fault.breaks:
            by_clause.setdefault(clause, {})[name] = fault.sentence
    return by_clause


def _show_one(console: Console, clause: Clause, faults: Mapping[str, str]) -> None:
    from rich.text import Text  # noqa: PLC0415 - slow to load

    from conformance.report.terminal import behind_margin  # noqa: PLC0415
    from conformance.suite.registry import places_of_checks, places_that_name  # noqa: PLC0415

    console.print(_heading(clause))
    console.print(Text(clause.text))
    named = "; ".join(catalogue.sources_of(clause.id, clause.source))
    parts = {"only warns": clause.should, "errata": clause.errata, "source": named}
    for title, text in parts.items():
        if text:
            console.print(Text(f"{title}: {text}"))
    lists = {
        "checks": [f"{check}: {place}" for check, place in places_of_checks(clause.id).items()],
        "named in": places_that_name(clause.id),
        "faults": [f"{name}: {sentence}" for name, sentence in faults.items()],
    }
    for title, lines in lists.items():
        console.print(Text(f"{title}:" if lines else f"{title}: none"))
        for line in lines:
            behind_margin(console, Text(line), 2)


def _heading(clause: Clause) -> Text:
    from rich.text import Text  # noqa: PLC0415 - slow to load

    return Text(f"{clause.id}  {clause.level}  {', '.join(clause.operations)}", style="bold")


def _show_list(
    console: Console,
    clauses: Sequence[Clause],
    checks: Mapping[str, Sequence[str]],
    faults: Mapping[str, Mapping[str, str]],
) -> None:
    """Show a paragraph for each clause, for terminals on which the columns of a table would be too narrow for words."""
    from rich.text import Text  # noqa: PLC0415 - slow to load

    from conformance.report.terminal import behind_margin  # noqa: PLC0415

    for clause in clauses:
        console.print(_heading(clause))
        parts = {
            "only warns": clause.should,
            "errata": clause.errata,
            "source": clause.source,
            "checks": ", ".join(checks.get(clause.id, ())),
            "faults": ", ".join(faults.get(clause.id, ())),
        }
        for line in (clause.text, *(f"{title}: {text}" for title, text in parts.items() if text)):
            behind_margin(console, Text(line), 2)


def _table(
    clauses: Sequence[Clause], checks: Mapping[str, Sequence[str]], faults: Mapping[str, Mapping[str, str]]
) -> Table:
    from rich.table import Table  # noqa: PLC0415 - slow to load
    from rich.text import Text  # noqa: PLC0415

    table = Table(show_lines=True)
    for title in ("clause", "level", "operations", "text", "from", "checks", "faults"):
        ratio = 3 if title == "text" else None
        table.add_column(title, no_wrap=title in ("clause", "level"), overflow="fold", ratio=ratio)
    for clause in clauses:
        notes = [("only warns", clause.should), ("errata", clause.errata)]
        text = "\n".join([clause.text, *(f"{title}: {note}" for title, note in notes if note)])
        belongs = ["\n".join(each.get(clause.id, ())) for each in (checks, faults)]
        cells = [clause.id, clause.level, ", ".join(clause.operations), text, clause.source, *belongs]
        table.add_row(*map(Text, cells))
    return table


def _plain_rows(
    clauses: Sequence[Clause], checks: Mapping[str, Sequence[str]], faults: Mapping[str, Mapping[str, str]]
) -> list[list[str]]:
    return [
        [
            clause.id,
            clause.level,
            ",".join(clause.operations),
            clause.text,
            clause.source.replace(" ", ","),
            clause.should or "",
            clause.errata or "",
            ",".join(checks.get(clause.id, ())),
            ",".join(faults.get(clause.id, ())),
        ]
        for clause in clauses
    ]
