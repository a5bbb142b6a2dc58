"""What the page shows of results, chosen and bounded: templates only lay it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.judging.outcomes import Outcome, blocking_clause
from conformance.report.bodies import Line, body_lines
from conformance.report.plots import in_order
from conformance.results.queries import Case, cases, priority, sources, with_outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.evidence.rows import ExchangeRow
    from conformance.judging.outcomes import CheckRow, FindingRow, StepRow
    from conformance.results.model import ClauseRow, PermissionRow, Results

_KEYS = ("full", "view", "manage", "unrelated", "other_hub", "expired", "none")
OPERATIONS = ("list", "get", "restore", "logs", "job", "delete")

# A page that shows all evidence of a wholly broken target would be too large to open; results.json has the rest.
_FINDINGS = 8
_EXCHANGES = 3
_DENIALS = frozenset({401, 403})
_UNTOLD = frozenset({429, 502, 503, 504})  # say nothing about who may do what


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """An exchange with its bodies laid out."""

    record: ExchangeRow
    sent: list[Line]
    came: list[Line]

    @property
    def title(self) -> str:
        """The answer's status, or why there is none."""
        response = self.record["response"]
        return str(response["status"]) if response else str(self.record.get("failure") or "no answer")


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check that is not green, with the evidence that is shown."""

    id: str
    outcome: Outcome
    reason: str
    findings: list[FindingRow] = field(default_factory=list)
    more_findings: int = 0
    exchanges: list[ExchangeView] = field(default_factory=list)
    more_exchanges: int = 0
    timeline: list[StepRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """A clause that is not green, told at length."""

    clause: ClauseRow
    sources: list[str]
    checks: list[CheckView]
    likewise: list[str]
    passed: int
    blinds: list[ClauseRow]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened in the course of some checks, and which clauses and checks looked at it."""

    moments: list[StepRow]
    checks: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one key may do to one kind of resource by one operation; `right` is None where nothing was seen."""

    wanted: str
    statuses: dict[str, int]
    right: bool | None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A key and a kind of resource, with a cell (or nothing) for each operation."""

    key: str
    resource: str
    cells: list[Cell | None]


def entries(results: Results, outcome: Outcome) -> list[Entry]:
    """The clauses that came out so, each with what it made impossible to tell."""
    errors = with_outcome(results, Outcome.ERROR)
    return [_entry(clause, errors) for clause in with_outcome(results, outcome)]


def alike(found: list[Entry]) -> list[list[Entry]]:
    """The entries, those that could not be told for one reason together: a target that is away is one thing to say."""
    groups: dict[str, list[Entry]] = {}
    for entry in found:
        inconclusive = entry.clause["outcome"] == Outcome.ERROR
        groups.setdefault(entry.clause["reason"] if inconclusive else entry.clause["id"], []).append(entry)
    return list(groups.values())


def matrix(results: Results) -> tuple[list[str], list[MatrixRow]]:
    """The operations that anything was seen of, and the rows of the capability matrix."""
    seen = {row["operation"] for row in results["matrix"]}
    operations = [name for name in OPERATIONS if name in seen] + sorted(seen - set(OPERATIONS))
    rows: dict[tuple[str, str], dict[str, PermissionRow]] = {}
    for row in results["matrix"]:
        rows.setdefault((row["key"], row["resource"]), {})[row["operation"]] = row
    return operations, [
        MatrixRow(key, resource, [_cell(cells.get(name)) for name in operations])
        for (key, resource), cells in sorted(rows.items(), key=_matrix_order)
    ]


def timelines(results: Results) -> list[Timeline]:
    """The timelines of what passed, each once; those of the rest stand with their entries."""
    found: dict[str, Timeline] = {}
    for clause in with_outcome(results, Outcome.PASSED):
        for check in clause["checks"]:
            if check["timeline"]:
                moments = in_order(check["timeline"])
                one = found.setdefault(repr(moments), Timeline(moments))
                one.checks.append((clause["id"], check["id"]))
    return sorted(found.values(), key=lambda one: float(one.moments[0]["t_s"]))


def _matrix_order(row: tuple[tuple[str, str], object]) -> tuple[int, str, int, str]:
    """The target file's own keys and what they own come first, what is bent last."""
    (key, resource), _ = row
    place = _KEYS.index(key) if key in _KEYS else len(_KEYS)
    return place, key if place == len(_KEYS) else "", 0 if resource == "own" else 1, resource


def _entry(clause: ClauseRow, errors: Iterable[ClauseRow]) -> Entry:
    lines = sorted(cases(clause), key=lambda case: priority(case.id, case.outcome))
    telling, likewise = _scenario_locks(
        [case for case in lines if case.outcome not in (Outcome.PASSED, Outcome.NOT_TESTED)]
    )
    checks = [_check(case.check, case.id, case.outcome, case.reason or clause["reason"]) for case in telling]
    passed = sum(case.outcome is Outcome.PASSED for case in lines)
    blinds = [row for row in errors if blocking_clause(row["reason"]) == clause["id"]]
    return Entry(clause, sources(clause), checks, likewise, passed, blinds)


def _scenario_locks(lines: list[Case]) -> tuple[list[Case], list[str]]:
    """The checks to show, and the names of those that could not tell for a reason that one of these gives already."""
    shown: list[Case] = []
    likewise: list[str] = []
    for case in lines:
        known = {one.reason for one in shown if one.outcome is Outcome.ERROR}
        if case.outcome is Outcome.ERROR and case.reason in known:
            likewise.append(case.id)
        else:
            shown.append(case)
    return shown, likewise


def _check(check: CheckRow | None, check_id: str, outcome: Outcome, reason: str) -> CheckView:
    found = check["findings"] if check else []
    findings = sorted(found, key=lambda finding: priority(check_id, finding["outcome"]))
    exchanges = check["exchanges"] if check else []
    indexes = _to_show(findings[:_FINDINGS], len(exchanges))
    return CheckView(
        id=check_id,
        outcome=outcome,
        reason=reason,
        findings=findings[:_FINDINGS],
        more_findings=max(0, len(findings) - _FINDINGS),
        exchanges=[_exchange(exchanges[index], index, findings) for index in indexes],
        more_exchanges=len(exchanges) - len(indexes),
        timeline=in_order(check["timeline"]) if check else [],
    )


def _to_show(findings: list[FindingRow], available: int) -> list[int]:
    """The exchanges that findings point at come first, then the latest ones, which led to the outcome."""
    pointed = [finding["exchange"] for finding in findings if finding["exchange"] is not None]
    order = dict.fromkeys([*pointed, *reversed(range(available))])
    return [index for index in order if 0 <= index < available][: max(_EXCHANGES, 1)]


def _exchange(record: ExchangeRow, index: int, findings: list[FindingRow]) -> ExchangeView:
    pointers = [finding["pointer"] for finding in findings if finding["exchange"] == index and finding["pointer"]]
    response = record["response"]
    came = body_lines(response["body"], pointers, was_cut=response["body_cut"]) if response else []
    sent = body_lines(record["request"]["body"]) if record["request"]["body"] else []
    return ExchangeView(record, sent, came)


def _cell(row: PermissionRow | None) -> Cell | None:
    if row is None:
        return None
    told = [int(status) for status in row["statuses"] if status.isdecimal() and int(status) not in _UNTOLD]
    return Cell(row["wanted"], row["statuses"], _right(row["wanted"], told) if told else None)


def _right(wanted: str, statuses: list[int]) -> bool | None:
    """Whether so many answers are what is wanted of a key; a 404 or a 400 to one that may ask says nothing of it."""
    if wanted == "refused":
        return all(400 <= status < 500 for status in statuses)
    if wanted == "either":
        return all(200 <= status < 300 or 400 <= status < 500 for status in statuses)
    if _DENIALS.intersection(statuses) or any(not 200 <= status < 500 for status in statuses):
        return False
    return True if any(status < 300 for status in statuses) else None
