"""The pages beside report.html: of a fleet, and of a qualification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.config.settings import Depth
from conformance.contract import catalogue
from conformance.fleet import page as fleet_page
from conformance.fleet import table
from conformance.judging.outcomes import Outcome
from conformance.qualification import assessing, trials
from conformance.qualification import page as qualification_page
from conformance.qualification import results as qualification
from conformance.qualification.measure import Judged, Result
from conformance.reference.registry import Fault
from support import folders, reporting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conformance.fleet.model import FleetRunRow
    from conformance.qualification.assessing import Row

RUN: FleetRunRow = {
    "kind": "run",
    "started": "2026-01-05T10:00:00.000Z",
    "finished": "2026-01-05T12:30:00.000Z",
    "on": "processes",
    "strict": False,
}
#: the targets of the fleet, with their clauses that did not pass
TARGETS: dict[str, dict[str, Outcome]] = {
    "eu-west": {"LIST-5": Outcome.FAILED, "CAP-4": Outcome.ERROR},
    "us-east-with-a-long-name-as-fleets-have-them": {"GET-3": Outcome.FAILED, "LIST-5": Outcome.FAILED},
    "ap-south": {"ERR-5": Outcome.WARNED},
}


def fleet(folder: Path) -> Path:
    """Write the page of a fleet whose targets disagree, and of which one has no report."""
    rows = []
    for name, outcomes in TARGETS.items():
        results = reporting.results(outcomes)
        results["target"]["name"] = name
        rows.append(table.row_of(results, f"targets/{name}", folders.make(folder / "targets" / name, results)))
    rows.append(table.row_without_report("sa-east", "sa-east.toml", "its process was killed"))
    path = folder / "index.html"
    path.write_text(fleet_page.render(table.build(rows, RUN)), "utf-8")
    return path


def qualification_of_two(folder: Path) -> Path:
    """Write the page of a qualification in which one of two faults was missed."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_assessed("caught", {"CAP-4": Outcome.FAILED}), _assessed("missed", {})]
    path = folder / "qualification.html"
    path.write_text(
        qualification_page.render(qualification.document(rows, qualification.Facts(jobs=1, seed=1))), "utf-8"
    )
    return path


def _assessed(name: str, outcomes: Mapping[str, Outcome]) -> Row:
    fault = Fault(name, f"A fault that is {name}.", ("CAP-4",), (), needs_probe=False, apply=lambda _: None)
    clauses = {clause.id: Judged(outcomes.get(clause.id, Outcome.PASSED), "") for clause in catalogue.load()}
    result = Result("of a test", clauses, 1.0)
    return assessing.assess(trials.Trial(fault), result, catch_s=0.5, cut_short=False, depth=Depth.STANDARD)
