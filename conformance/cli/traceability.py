"""The traceability matrix: from each source, through its clauses and their checks and faults, to the outcome of a run.

`clauses --format` writes it. For a clause that no check can always test, it states why.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.reference.faults import all_faults
from conformance.report.markdown import escape, table
from conformance.scenarios.preflight.requirements import FULL_CHANGES, needs_of
from conformance.suite.registry import all_checks, all_reviews, places_of_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from conformance.contract.catalogue import Clause
    from conformance.results.model import Results

#: the limit of a clause that only has a passive judge
OBSERVED_ONLY = (
    "judged on the exchanges of other checks: not tested if no response in a run is one that this clause is about"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """A row of the matrix.

    `sources`: where the clause comes from. `checks`: IDs of its checks to the functions that judge. `faults`: names
    of the faults of the reference server that break it, with what each does. `needs`: members of the target file and
    options without which all its checks are not tested. `limits`: why it cannot be tested in every run. `outcome` and
    `reason`: those of a run, if one was given.
    """

    id: str
    level: str
    since: str
    operations: list[str]
    text: str
    should: str
    errata: str
    sources: list[str]
    checks: dict[str, str]
    faults: dict[str, str]
    needs: list[str]
    limits: str
    outcome: str
    reason: str


def matrix(clauses: Iterable[Clause], results: Results | None = None) -> list[Trace]:
    """Return a row for each clause; `results` are those of a run."""
    outcomes = {row["id"]: (row["outcome"], row["reason"]) for row in results["clauses"]} if results else {}
    return [_trace(clause, *outcomes.get(clause.id, ("", ""))) for clause in clauses]


def _trace(clause: Clause, outcome: str, reason: str) -> Trace:
    checks = places_of_checks(clause.id)
    is_observed = all(CheckId.parse(name).kind is CheckKind.OBSERVED for name in checks)
    return Trace(
        id=clause.id,
        level=clause.level,
        since=clause.since,
        operations=list(clause.operations),
        text=clause.text,
        should=clause.should or "",
        errata=clause.errata or "",
        sources=catalogue.sources_of(clause.id, clause.source),
        checks=checks,
        faults={name: fault.sentence for name, fault in sorted(all_faults().items()) if clause.id in fault.breaks},
        needs=_needs(clause.id),
        limits=OBSERVED_ONLY if is_observed else "",
        outcome=outcome,
        reason=reason,
    )


def _needs(clause: str) -> list[str]:
    """What every check of the clause needs of the target file and the options."""
    checks = [check for check in (*all_checks().values(), *all_reviews().values()) if check.clause == clause]
    needs = [[" or ".join([need] if isinstance(need, str) else need) for need in needs_of(check)] for check in checks]
    shared = [need for need in (needs[0] if needs else []) if all(need in others for others in needs)]
    return [need for need in shared if need != FULL_CHANGES]  # a property of the key, which no file names


# ------------------------------------------------------------ formats


def as_json(rows: Sequence[Trace]) -> str:
    """Return the rows as an array of objects."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n"


def as_csv(rows: Sequence[Trace]) -> str:
    """Return the rows as CSV with a header; several values of a cell are on lines of their own."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([field.name for field in fields(Trace)])
    for row in rows:
        writer.writerow([_cell(getattr(row, field.name)) for field in fields(Trace)])
    return stream.getvalue()


def _cell(value: str | list[str] | dict[str, str]) -> str:
    text = "\n".join(_lines(value))
    # A spreadsheet takes a cell that begins so for a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _lines(value: str | list[str] | dict[str, str]) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}: {words}" for name, words in value.items()]
    return value if isinstance(value, list) else [value]


def as_markdown(rows: Sequence[Trace]) -> str:
    """Return the rows as a table of the columns that readers follow: source, clause, checks, faults, outcome."""
    head = ["source", "clause", "level", "since", "text", "checks", "faults", "needs and limits", "outcome"]
    cells = (
        [
            escape("; ".join(row.sources)),
            row.id,
            row.level,
            row.since,
            escape(row.text, 1000),
            "<br>".join(map(escape, row.checks)),
            "<br>".join(map(escape, row.faults)),
            "<br>".join(map(escape, [*row.needs, *([row.limits] if row.limits else [])])),
            escape(" ".join(filter(None, [row.outcome.replace("_", " "), row.reason]))),
        ]
        for row in rows
    )
    return table(head, cells) + "\n"


FORMATS: dict[str, Callable[[Sequence[Trace]], str]] = {"json": as_json, "csv": as_csv, "markdown": as_markdown}
