"""Selects and bounds what the page shows of results; templates only lay it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.contract.operations import OPERATIONS
from conformance.judging.outcomes import Outcome, Verdict, blocking_clause
from conformance.report import repro
from conformance.report.bodies import Line, body_lines
from conformance.report.plots import in_order
from conformance.results.queries import (
    Cause,
    UniqueFinding,
    causes,
    sources,
    undetermined,
    unique_findings,
    with_outcome,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.evidence.rows import ExchangeRow
    from conformance.judging.outcomes import CheckRow, FindingRow, StepRow
    from conformance.results.model import ClauseRow, CoverageRow, PermissionRow, Results, ValuesRow, WaiverRow

_KEYS = ("full", "view", "manage", "unrelated", "other_hub", "expired", "none")

#: other pointers that are listed of equal findings
_MAX_POINTERS = 50
_DENIALS = frozenset({401, 403})
#: statuses that say nothing about who may do what
_UNTELLING = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Detail:
    """How much evidence a page shows: a page with all of a wholly broken target's would be too large to open.

    Findings of a clause, exchanges of one without findings, further exchanges of a finding, and exchanges of findings:
    those of the first ones. `steps`: of all scenarios together. results.json has the rest.
    """

    findings: int = 6
    exchanges: int = 3
    related: int = 4
    evidence: int = 6
    steps: int = 5000


#: Tried in this order until the page is small enough to open.
DETAILS = (
    Detail(),
    Detail(findings=4, exchanges=1, related=1, evidence=4, steps=1000),
    Detail(findings=3, exchanges=1, related=0, evidence=1, steps=300),
    Detail(findings=3, exchanges=0, related=0, evidence=0, steps=100),
    Detail(findings=1, exchanges=0, related=0, evidence=0, steps=0),
)


#: What a verdict means for a release.
_MEANINGS = {
    Verdict.CONFORMANT: "This build may be released: it passed every MUST clause that applies.",
    Verdict.PARTIAL: "No MUST clause failed. Release this build only if what is not tested or waived is acceptable.",
    Verdict.NON_CONFORMANT: "This build must not be released: it breaks the contract.",
    Verdict.INCONCLUSIVE: "Whether this build may be released is open. Remove the cause and run again.",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a release is decided by, beside the verdict: its `meaning`, the clauses not tested, the waivers in use."""

    meaning: str
    must_not_tested: list[ClauseRow]
    should_not_tested: list[ClauseRow]
    waivers: list[WaiverRow]


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """An exchange with its bodies laid out in lines; `response_end` is the end of a cut body that is not JSON."""

    record: ExchangeRow
    request_body: list[Line]
    response_body: list[Line]
    response_end: list[Line]

    @property
    def title(self) -> str:
        """The status of the response, or why there is no response."""
        response = self.record["response"]
        return str(response["status"]) if response else str(self.record.get("failure") or "no response")


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding with the exchange that it is about and the others that it rests on."""

    unique: UniqueFinding
    exchange: ExchangeView | None
    related: list[ExchangeView]

    @property
    def row(self) -> FindingRow:
        """One of the equal findings."""
        return self.unique.finding

    @property
    def elsewhere(self) -> list[str]:
        """The pointers of the other findings that are not about an equal place, a bounded number of them."""
        return [pointer for pointer in self.unique.pointers if pointer != self.row["pointer"]][:_MAX_POINTERS]


@dataclass(frozen=True, slots=True)
class Card:
    """A clause that did not pass.

    `exchanges`: the last ones of a check without findings. `undetermined`: why other checks of the clause could not
    judge. `blocked`: the clauses that could not be judged because of this one. `script`: the file that replays it.
    """

    clause: ClauseRow
    sources: list[str]
    findings: list[FindingView]
    more_findings: int
    exchanges: list[ExchangeView]
    timelines: list[list[StepRow]]
    undetermined: dict[str, list[str]]
    passed: int
    blocked: list[ClauseRow]
    script: str | None

    @property
    def has_evidence(self) -> bool:
        """Whether the card shows more than a reason: an exchange or a timeline."""
        return bool(self.exchanges or self.timelines or any(view.exchange or view.related for view in self.findings))


@dataclass(frozen=True, slots=True)
class Group:
    """Clauses with one outcome for one reason; `card` shows the first of them, if there is evidence of it."""

    cause: Cause
    card: Card | None

    @property
    def others(self) -> list[ClauseRow]:
        """The clauses that have no card."""
        return self.cause.clauses[1:] if self.card else self.cause.clauses


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps of a scenario, and the clauses and checks that used it."""

    steps: list[StepRow]
    checks: list[tuple[str, str]]

    @property
    def title(self) -> str:
        """What happened: its first step, and how it ended."""
        concluded = next((step["concluded"] for step in reversed(self.steps) if step.get("concluded")), None)
        first = self.steps[0]["what"]
        return f"{first}: {concluded}" if concluded else first


@dataclass(frozen=True, slots=True)
class Cell:
    """What a key may do to a kind of resource with one operation; `right` is None where no response showed it."""

    wanted: str
    statuses: dict[str, int]
    right: bool | None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A key and a kind of resource, with a cell (or None) for each operation."""

    key: str
    resource: str
    cells: list[Cell | None]


@dataclass(frozen=True, slots=True)
class CoverageView:
    """The share of an enumeration of the contract, such as the job states, that the run saw."""

    row: ValuesRow

    @property
    def total(self) -> int:
        """How many values there are in the contract."""
        return len(self.row["seen"]) + len(self.row["unseen"])

    @property
    def words(self) -> str:
        """The share as text, such as `seen 4 of 9 job states`."""
        return f"seen {len(self.row['seen'])} of {self.total} {self.row['name']}"


def decision(results: Results) -> Decision:
    """Return what a release is decided by; clauses that do not apply are left out."""
    rows = [row for row in with_outcome(results, Outcome.NOT_TESTED) if row["applies"]]
    must = [row for row in rows if row["level"] == "MUST" and row.get("decides", True)]
    return Decision(
        _MEANINGS[Verdict(results["verdict"])],
        must,
        [row for row in rows if row not in must],
        [waiver for waiver in results["waivers"] if waiver["state"] == "used"],
    )


def cards(results: Results, outcome: Outcome, detail: Detail = DETAILS[0]) -> list[Card]:
    """Return a card for each clause with the outcome."""
    errors = with_outcome(results, Outcome.ERROR)
    return [_card(clause, errors, detail) for clause in with_outcome(results, outcome)]


def groups(results: Results, detail: Detail = DETAILS[0]) -> list[Group]:
    """Return the clauses that could not be judged, one group for each cause.

    Where a clause failed first, that clause's card has the evidence.
    """
    errors = with_outcome(results, Outcome.ERROR)
    failed = {row["id"] for row in with_outcome(results, Outcome.FAILED)}
    views = []
    for cause in causes(errors):
        card = _card(cause.clauses[0], errors, detail)
        is_shown = cause.blocking not in failed and (len(cause.clauses) == 1 or card.has_evidence)
        views.append(Group(cause, card if is_shown else None))
    return views


def matrix(results: Results) -> tuple[list[str], list[MatrixRow]]:
    """Return the operations that were seen, and the rows of the capability matrix."""
    seen = {row["operation"] for row in results["matrix"]}
    known: tuple[str, ...] = OPERATIONS
    operations = [name for name in known if name in seen] + sorted(seen.difference(known))
    rows: dict[tuple[str, str], dict[str, PermissionRow]] = {}
    for row in results["matrix"]:
        rows.setdefault((row["key"], row["resource"]), {})[row["operation"]] = row
    return operations, [
        MatrixRow(key, resource, [_cell(cells.get(name)) for name in operations])
        for (key, resource), cells in sorted(rows.items(), key=_matrix_order)
    ]


def timelines(results: Results, detail: Detail = DETAILS[0]) -> list[Timeline]:
    """Return the timelines of clauses that passed, equal ones once; those of other clauses are on their cards."""
    left = detail.steps
    timelines: dict[str, Timeline] = {}
    for clause in with_outcome(results, Outcome.PASSED):
        for check in clause["checks"]:
            if check["timeline"]:
                steps = in_order(check["timeline"])
                if repr(steps) not in timelines and (left := left - len(steps)) < 0:
                    continue
                timeline = timelines.setdefault(repr(steps), Timeline(steps, []))
                timeline.checks.append((clause["id"], check["id"]))
    return sorted(timelines.values(), key=lambda timeline: float(timeline.steps[0]["t_s"]))


def coverage(row: CoverageRow | None) -> list[CoverageView]:
    """Return the enumerations of the contract, those of which something is unseen first."""
    views = [CoverageView(values) for values in row["values"]] if row else []
    return sorted(views, key=lambda view: not view.row["unseen"])


def _card(clause: ClauseRow, errors: Iterable[ClauseRow], detail: Detail) -> Card:
    findings = unique_findings(clause)
    decisive = [check for check in clause["checks"] if check["outcome"] not in (Outcome.PASSED, Outcome.NOT_TESTED)]
    timelines = {repr(steps): steps for check in decisive if (steps := in_order(check["timeline"])[: detail.steps])}
    last = [check["exchanges"][-1] for check in decisive if check["exchanges"]] if not findings else []
    return Card(
        clause=clause,
        sources=sources(clause),
        findings=[_finding(unique, detail, index) for index, unique in enumerate(findings[: detail.findings])],
        more_findings=max(0, len(findings) - detail.findings),
        exchanges=[_exchange(record, []) for record in last[: detail.exchanges]],
        timelines=[*timelines.values()],
        undetermined=undetermined(clause),
        passed=sum(check["outcome"] == Outcome.PASSED for check in clause["checks"]),
        blocked=[row for row in errors if blocking_clause(row["reason"]) == clause["id"]],
        script=f"{repro.FOLDER}/{clause['id']}.sh" if repro.has_script(clause) else None,
    )


def _finding(unique: UniqueFinding, detail: Detail, index: int) -> FindingView:
    check, finding = unique.check, unique.finding
    record = unique.exchange if index < detail.evidence else None
    related = [check["exchanges"][index] for index in _related(check, finding)[: detail.related]]
    return FindingView(
        unique,
        _exchange(record, [finding["pointer"]] if finding["pointer"] else []) if record else None,
        [_exchange(row, []) for row in related],
    )


def _related(check: CheckRow, finding: FindingRow) -> list[int]:
    return [index for index in finding.get("related", []) if 0 <= index < len(check["exchanges"])]


def _exchange(record: ExchangeRow, pointers: list[str]) -> ExchangeView:
    request, response = record["request"], record["response"]
    response_body = body_lines(response["body"], pointers, was_cut=response["body_cut"]) if response else []
    response_end = body_lines(response.get("body_end", "")) if response else []
    return ExchangeView(record, body_lines(request["body"]) if request["body"] else [], response_body, response_end)


def _matrix_order(row: tuple[tuple[str, str], object]) -> tuple[int, str, int, str]:
    """The target file's own keys and their own resources come first, altered keys last."""
    (key, resource), _ = row
    place = _KEYS.index(key) if key in _KEYS else len(_KEYS)
    return place, key if place == len(_KEYS) else "", 0 if resource == "own" else 1, resource


def _cell(row: PermissionRow | None) -> Cell | None:
    if row is None:
        return None
    telling = [int(status) for status in row["statuses"] if status.isdecimal() and int(status) not in _UNTELLING]
    return Cell(row["wanted"], row["statuses"], _is_right(row["wanted"], telling) if telling else None)


def _is_right(wanted: str, statuses: list[int]) -> bool | None:
    """Whether the statuses are what is wanted; a 404 or 400 to a key that may do it says nothing."""
    if wanted == "refused":
        return all(400 <= status < 500 for status in statuses)
    if wanted == "either":
        return all(200 <= status < 300 or 400 <= status < 500 for status in statuses)
    if _DENIALS.intersection(statuses) or any(not 200 <= status < 500 for status in statuses):
        return False
    return True if any(status < 300 for status in statuses) else None
