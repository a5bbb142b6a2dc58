"""The one table of outcomes: folds what the workers journalled into results.json's dict, and decides the verdict."""

from __future__ import annotations

import platform
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from conformance import __version__
from conformance.contract import catalogue, validation
from conformance.contract.check_id import CheckId, CheckKind
from conformance.contract.operations import CAPABILITY, GRANTS
from conformance.execution import journal
from conformance.http import latency
from conformance.judging.outcomes import CheckRecord, Outcome, folded, worst
from conformance.results import waivers
from conformance.results.model import LEFT_OUT, judgement
from conformance.results.reading import FORMAT
from conformance.suite.registry import check_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from conformance.config.settings import Settings
    from conformance.config.target import Target
    from conformance.contract.catalogue import Clause

WHEN_NOTHING_JUDGED = "no answer of the run was one that it speaks of"


@dataclass
class RunFacts:
    """What the controller knows of the run beside its outcomes."""

    id: str
    started: datetime
    seed: int
    profile: str
    command: str
    interruption: str = ""
    subjects: tuple[dict[str, str], ...] = ()
    waivers_sha256: str | None = None
    finished: datetime = field(default_factory=lambda: datetime.now(UTC))


def identity() -> dict[str, str]:
    """Which suite it is: its version, and hashes of what it judges by."""
    hashes = {"schemas_sha256": validation.schemas_sha256(), "catalogue_sha256": catalogue.load().sha256}
    return {"version": __version__, **hashes}


def build(
    settings: Settings, target: Target, selected: Collection[str], state: Path, facts: RunFacts
) -> dict[str, Any]:
    """results.json of a run, from the journals in `state`."""
    entries = list(journal.read(state))
    records = folded(value for kind, value in entries if kind == "check")
    records, waiver_rows = waivers.apply(settings.waivers, records, facts.started.date())
    rows = [_row(clause, records, clause.id in selected, facts) for clause in catalogue.load()]
    return {
        "format": FORMAT,
        "suite": identity(),
        "target": {"name": target.name, "base_url": target.base_url, "hub_id": target.hub_id},
        "run": _run(settings, facts, entries),
        **judgement(rows, strict=settings.strict, interrupted=bool(facts.interruption), problem=_problem(entries)),
        "waivers": waiver_rows,
        "notes": sorted({note for kind, value in entries if kind == "notes" for note in value}),
        "keys": _keys(entries),
        "matrix": _matrix(entries),
        "latency": latency.rows(value for kind, value in entries if kind == "latency"),
        "errata": [{"id": clause.id, "errata": clause.errata} for clause in catalogue.load() if clause.errata],
        "clauses": rows,
    }


def _row(clause: Clause, records: Sequence[CheckRecord], selected: bool, facts: RunFacts) -> dict[str, Any]:
    own = [record for record in records if record.clause == clause.id]
    outcome = worst(record.outcome for record in own)
    return {
        "id": clause.id,
        "level": clause.level,
        "chapter": clause.chapter,
        "operation": ", ".join(clause.operations),
        "title": clause.text,
        "source": clause.source,
        "errata": clause.errata,
        "should": clause.should,
        "outcome": outcome.value,
        "reason": _reason(clause, own, outcome, selected, facts),
        "checks": [record.to_json() for record in sorted(own, key=lambda record: str(record.id))],
    }


def _reason(clause: Clause, own: Sequence[CheckRecord], outcome: Outcome, selected: bool, facts: RunFacts) -> str:
    if not selected:
        return LEFT_OUT
    if own:
        deciding = [record.reason for record in own if record.outcome is outcome and record.reason]
        return "" if outcome is Outcome.PASSED or not deciding else deciding[0]
    known = check_ids().get(clause.id)
    if known is None:
        return "no check yet"
    if facts.interruption:
        return "the run ended before it"
    observed_only = known == [CheckId(clause.id, kind=CheckKind.OBSERVED)]
    return WHEN_NOTHING_JUDGED if observed_only else "left out by pytest's own selection"


def _problem(entries: Sequence[tuple[str, Any]]) -> str:
    """What is wrong with the target or its keys as a whole, in words; mostly nothing."""
    return next((value["problem"] for kind, value in entries if kind == "facts" and value.get("problem")), "")


def _run(settings: Settings, facts: RunFacts, entries: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    counted: dict[str, float] = defaultdict(float)
    for kind, value in entries:
        if kind == "facts":
            for name in ("requests", "restores_accepted", "throttled", "waited_s"):
                counted[name] = (
                    counted[name] + value[name] if name == "requests" else max(counted[name], value.get(name, 0))
                )
    return {
        "id": facts.id,
        "started": _utc(facts.started),
        "finished": _utc(facts.finished),
        "duration_s": round((facts.finished - facts.started).total_seconds(), 3),
        "seed": facts.seed,
        "examples": settings.examples,
        "profile": facts.profile,
        "requests": int(counted["requests"]),
        "restores_accepted": int(counted["restores_accepted"]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "selection": {"only": list(settings.only), "skip": list(settings.skip)},
        "strict": settings.strict,
        "interrupted": bool(facts.interruption),
        "interruption": facts.interruption,
        "problem": _problem(entries),
        "throttled": {"count": int(counted["throttled"]), "waited_s": round(counted["waited_s"], 3)},
        "command": facts.command,
        "subjects": list(facts.subjects),
        "waivers_sha256": facts.waivers_sha256,
        "restores_maybe_running": journal.maybe_running(entries),
    }


def _keys(entries: Sequence[tuple[str, Any]]) -> dict[str, str]:
    states: dict[str, str] = {}
    for kind, value in entries:
        if kind == "facts":
            states.update(
                {name: state for name, state in value["keys"].items() if not states.get(name, "").startswith("refused")}
            )
    return states


def _matrix(entries: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """key x operation x whose resource, with the statuses that were seen."""
    cells: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for kind, value in entries:
        if kind == "matrix":
            for key, operation, ownership, status, count in value:
                cells[(key, operation, ownership)][status] += count
    return [
        {
            "key": key,
            "operation": operation,
            "resource": ownership,
            "wanted": _wanted(key, operation, ownership),
            "statuses": dict(statuses),
        }
        for (key, operation, ownership), statuses in sorted(cells.items())
    ]


def _wanted(key: str, operation: str, ownership: str) -> str:
    """What the contract wants of a cell: "either" where it depends on more than these three."""
    if key in ("lower scheme", "upper scheme"):
        return "allowed"
    granted = key in GRANTS and CAPABILITY[operation] in GRANTS[key]  # type: ignore[index]
    if not granted or ownership in ("other hub", "crossed", "missing", "malformed"):
        return "refused"
    return "either" if key == "full" or operation in ("restore", "delete", "job") else "allowed"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
