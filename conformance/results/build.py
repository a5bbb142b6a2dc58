"""Builds results.json from what the workers recorded in their journals, and decides the verdict."""

from __future__ import annotations

import platform
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from conformance import __version__
from conformance.contract import catalogue, validation
from conformance.contract.check_id import CheckId, CheckKind
from conformance.contract.operations import CAPABILITY, GRANTS, OPERATIONS
from conformance.contract.timestamps import in_utc
from conformance.evidence.text import cut
from conformance.http import latency
from conformance.judging import applicability, coverage
from conformance.judging.outcomes import Outcome, of_clause
from conformance.judging.record_size import bounded, fair_share, weight
from conformance.results import environment, verdicts, waivers
from conformance.results.model import FORMAT
from conformance.results.queries import NOT_SELECTED
from conformance.suite.registry import check_ids

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable, Sequence

    from conformance.config.settings import Settings
    from conformance.config.target import Target
    from conformance.contract.catalogue import Clause
    from conformance.execution.journal import Contents
    from conformance.judging.outcomes import CheckRecord
    from conformance.results.model import (
        CiRow,
        ClauseRow,
        CoverageRow,
        FootprintRow,
        PermissionRow,
        Results,
        RunRow,
        SubjectRow,
        SuiteRow,
        ValuesRow,
    )

#: Bytes of all records of checks together: readers take 32 MB, and there is more in results.json.
MAX_RECORDS = 20 * 2**20
#: Characters of a clause's reason.
MAX_REASON = 2000
NOTHING_OBSERVED = "not exercised: the run had no exchange that this clause is about"


@dataclass
class RunFacts:
    """What the controller knows about the run beside its outcomes."""

    id: str
    started: datetime
    seed: int
    profile: str
    command: str
    interruption: str = ""
    subjects: tuple[dict[str, str], ...] = ()
    waivers_sha256: str | None = None
    finished: datetime = field(default_factory=lambda: datetime.now(UTC))
    versions: dict[str, str] = field(default_factory=environment.versions)
    ci: CiRow | None = field(default_factory=environment.ci_job)


def identity() -> SuiteRow:
    """Return this suite's version, and digests of what it judges by."""
    return {
        "version": __version__,
        "schemas_sha256": validation.schemas_sha256(),
        "catalogue_sha256": catalogue.load().sha256,
        "rendering_sha256": environment.rendering_sha256(),
    }


def build(
    settings: Settings, target: Target, selected: Collection[str], contents: Contents, facts: RunFacts
) -> Results:
    """Return results.json of a run, from what its journals contain."""
    edition = settings.edition or catalogue.load().editions[-1]
    recorded = [_by_edition(record, edition) for record in contents.checks]
    records, waiver_rows = waivers.apply(settings.waivers, recorded, facts.started.date())
    exempt = applicability.exempt_clauses(target, facts.profile, records)
    rows = [_row(clause, records, clause.id in selected, exempt, facts) for clause in catalogue.load()]
    bound_evidence(rows)
    mark_deciding(rows, edition)
    judgement = verdicts.judge(
        rows, strict=settings.strict, interrupted=bool(facts.interruption), problem=contents.facts.problem
    )
    observations = contents.observations
    return {
        "format": FORMAT,
        "suite": identity(),
        "target": {"name": target.name, "base_url": target.base_url, "hub_id": target.hub_id},
        "run": _run(settings, facts, contents),
        "edition": edition,
        "verdict": judgement["verdict"],
        "headline": judgement["headline"],
        "summary": judgement["summary"],
        "waivers": waiver_rows,
        "notes": sorted(observations.notes),
        "keys": dict(contents.facts.keys),
        "preflight": [
            {"name": row["name"], "state": row["state"], "detail": row["detail"]} for row in contents.facts.preflight
        ],
        "matrix": _matrix(observations.matrix),
        "latency": latency.rows(observations.latency),
        "coverage": _coverage(contents, records),
        "footprint": _footprint(contents),
        "errata": [{"id": clause.id, "errata": clause.errata} for clause in catalogue.load() if clause.errata],
        "clauses": rows,
    }


def bound_evidence(rows: Sequence[ClauseRow]) -> None:
    """Shorten the evidence of the checks that have the most, where all of it would make too large a file."""
    sizes = [weight(check) for row in rows for check in row["checks"]]
    if sum(sizes) > MAX_RECORDS:
        share = fair_share(sizes, MAX_RECORDS)
        for row in rows:
            row["checks"] = [bounded(check, share)[0] for check in row["checks"]]


def mark_deciding(rows: Iterable[ClauseRow], edition: str) -> None:
    """Mark the rows of clauses that came after an edition: they decide no verdict of it."""
    for row in rows:
        row.pop("decides", None)
        if not catalogue.load().decides(row["id"], edition):
            row["decides"] = False


def _by_edition(record: CheckRecord, edition: str) -> CheckRecord:
    return record if catalogue.load().decides(record.clause, edition) else record.as_advisory()


def _row(
    clause: Clause, records: Sequence[CheckRecord], selected: bool, exempt: dict[str, str], facts: RunFacts
) -> ClauseRow:
    own = [record for record in records if record.clause == clause.id]
    outcome = of_clause((record.outcome, record.left_out) for record in own)
    applies = clause.id not in exempt
    return {
        "id": clause.id,
        "level": clause.level,
        "chapter": clause.chapter,
        "operation": ", ".join(clause.operations),
        "title": clause.text,
        "source": clause.source,
        "errata": clause.errata,
        "should": clause.should,
        "applies": applies,
        "outcome": outcome.value,
        "reason": _reason(clause, own, outcome, selected, facts) if applies else exempt[clause.id],
        "checks": [record.to_json() for record in sorted(own, key=lambda record: str(record.id))],
    }


def _reason(clause: Clause, own: Sequence[CheckRecord], outcome: Outcome, selected: bool, facts: RunFacts) -> str:
    if not selected:
        return NOT_SELECTED
    if own:
        deciding = [record.reason for record in own if record.outcome is outcome and record.reason and record.left_out]
        deciding += [record.reason for record in own if record.outcome is outcome and record.reason]
        return "" if outcome is Outcome.PASSED or not deciding else cut(deciding[0], MAX_REASON)
    if facts.interruption:
        return "not run: the run ended first"
    if clause.id not in check_ids():
        return "no check judges this clause yet"
    observed_only = check_ids()[clause.id] == [CheckId(clause.id, kind=CheckKind.OBSERVED)]
    return NOTHING_OBSERVED if observed_only else "left out by pytest's own selection"


def _run(settings: Settings, facts: RunFacts, contents: Contents) -> RunRow:
    counted = contents.facts
    row: RunRow = {
        "id": facts.id,
        "started": in_utc(facts.started),
        "finished": in_utc(facts.finished),
        "duration_s": round((facts.finished - facts.started).total_seconds(), 3),
        "seed": facts.seed,
        "examples": settings.examples,
        "depth": settings.depth.value,
        "profile": facts.profile,
        "requests": counted.requests,
        "restores_accepted": counted.restores_accepted,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": facts.versions,
        "selection": {"only": list(settings.only), "skip": list(settings.skip)},
        "strict": settings.strict,
        "interrupted": bool(facts.interruption),
        "interruption": facts.interruption,
        "problem": counted.problem,
        "throttled": {"count": counted.throttled, "waited_s": round(counted.waited_s, 3)},
        "command": facts.command,
        "subjects": [_subject(subject) for subject in facts.subjects],
        "waivers_sha256": facts.waivers_sha256,
        "restores_maybe_running": [
            {
                "job_id": restore.job_id,
                "backup_id": restore.backup_id,
                "instance_id": restore.instance_id,
                "since": restore.since,
            }
            for restore in contents.restores_maybe_running
        ],
    }
    return {**row, "ci": facts.ci} if facts.ci else row


def _subject(subject: dict[str, str]) -> SubjectRow:
    row: SubjectRow = {"name": subject["name"]}
    if "sha256" in subject:
        row["sha256"] = subject["sha256"]
    if "gitCommit" in subject:
        row["gitCommit"] = subject["gitCommit"]
    return row


def _matrix(seen: Counter[tuple[str, str, str, str]]) -> list[PermissionRow]:
    """The capability matrix: key, operation and owner of the resource, with the statuses that were seen."""
    cells: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for (key, operation, ownership, status), count in seen.items():
        cells[(key, operation, ownership)][status] = count
    return [
        {
            "key": key,
            "operation": operation,
            "resource": ownership,
            "wanted": _wanted(key, operation, ownership),
            "statuses": statuses,
        }
        for (key, operation, ownership), statuses in sorted(cells.items())
    ]


def _coverage(contents: Contents, records: Sequence[CheckRecord]) -> CoverageRow:
    operations: dict[str, dict[str, int]] = {operation: {} for operation in OPERATIONS}
    for (_, operation, _, status), count in sorted(contents.observations.matrix.items()):
        statuses = operations.setdefault(operation, {})
        statuses[status] = statuses.get(status, 0) + count
    inputs: dict[str, int] = {clause.id: 0 for clause in catalogue.load()}
    for record in records:
        inputs[record.clause] = inputs.get(record.clause, 0) + record.inputs
    seen = coverage.added(contents.observations.coverage)
    values: list[ValuesRow] = [
        {"name": name, "seen": seen[name], "unseen": [value for value in known if value not in seen[name]]}
        for name, known in coverage.known_values().items()
    ]
    return {"operations": operations, "values": values, "inputs": inputs}


def _footprint(contents: Contents) -> FootprintRow:
    states = {end.restore: end.state for end in contents.restores_ended}
    return {
        "restores": [
            {
                "job_id": restore.job_id,
                "backup_id": restore.backup_id,
                "instance_id": restore.instance_id,
                "since": restore.since,
                "state": states.get(restore, ""),
            }
            for restore in contents.restores_started
        ],
        "deletions": [{"backup_id": entry.backup_id, "since": entry.since} for entry in contents.deletions],
        "lost": [
            {"operation": entry.operation, "resource_id": entry.resource_id, "since": entry.since}
            for entry in contents.lost
        ],
        "instances": {
            restore.instance_id: restore.backup_id
            for restore in contents.restores_started
            if states.get(restore, "") not in ("error", "expired")
        },
    }


def _wanted(key: str, operation: str, ownership: str) -> str:
    """What the contract wants of a cell: "either" where it depends on more than these three."""
    if key in ("lower scheme", "upper scheme"):
        return "allowed"
    granted = key in GRANTS and CAPABILITY[operation] in GRANTS[key]  # type: ignore[index]
    if not granted or ownership in ("other hub", "crossed", "missing", "malformed"):
        return "refused"
    return "either" if key == "full" or operation in ("restore", "delete", "job") else "allowed"
