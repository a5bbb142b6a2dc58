"""Outcomes, verdicts, and the records of findings and checks, which workers hand to the controller as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NotRequired, TypedDict

from conformance.contract.check_id import CheckId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.evidence.rows import ExchangeRow


class Outcome(StrEnum):
    """The outcome of a check or a clause. `error` means that it could not be determined."""

    NOT_TESTED = "not_tested"
    PASSED = "passed"
    WAIVED = "waived"
    WARNED = "warned"
    ERROR = "error"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """The severity: of several outcomes the one with the highest rank counts."""
        return list(Outcome).index(self)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome with the highest rank; `not_tested` if there is none."""
    return max(outcomes, key=lambda outcome: outcome.rank, default=Outcome.NOT_TESTED)


def of_clause(checks: Iterable[tuple[Outcome, bool]]) -> Outcome:
    """Return the outcome of a clause, from the outcome of each of its checks and whether somebody left it out.

    The other checks do not show what the one that was left out would have found, so the clause has not passed.
    """
    known = list(checks)
    outcome = worst(outcome for outcome, _ in known)
    has_gap = any(left_out for _, left_out in known)
    return Outcome.NOT_TESTED if has_gap and outcome in (Outcome.PASSED, Outcome.WARNED) else outcome


class Verdict(StrEnum):
    """What a run concludes about its target as a whole; `results.verdicts` decides it."""

    #: every MUST clause that applies was tested and passed
    CONFORMANT = "conformant"
    #: no MUST clause failed or ended in error, but some were not tested or are waived
    PARTIAL = "partial"
    #: a MUST clause failed
    NON_CONFORMANT = "non-conformant"
    #: no MUST clause failed, but something could not be determined
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """The exit code of `run`."""
        return {Verdict.NON_CONFORMANT: 1, Verdict.INCONCLUSIVE: 3}.get(self, 0)


class FindingRow(TypedDict):
    """A finding as results.json has it; `seed` is that of the run that found it, in merged results."""

    outcome: str
    wanted: str
    got: str
    pointer: str | None
    exchange: int | None
    places: int
    related: NotRequired[list[int]]
    seed: NotRequired[int]


class StepRow(TypedDict):
    """A step of a scenario, `t_s` seconds after the run began: what was done, the answer, and the conclusion."""

    t_s: float
    what: str
    answer: NotRequired[str | None]
    concluded: NotRequired[str | None]


class CheckRow(TypedDict):
    """A check's record as results.json has it; see CheckRecord.

    Files written before these members existed lack `requests`, `inputs`, `applies` and `left_out`.
    """

    id: str
    operation: str
    outcome: str
    reason: str
    duration_s: float
    findings: list[FindingRow]
    exchanges: list[ExchangeRow]
    timeline: list[StepRow]
    requests: NotRequired[int]
    inputs: NotRequired[int]
    applies: NotRequired[bool]
    left_out: NotRequired[bool]


#: how a check says which clause kept it from judging; the second form is that of format 1
_BLOCKING = re.compile(
    r"\b([A-Z]+-[0-9]+)(?: or a more basic clause)? failed first\b|\bbecause ([A-Z]+-[0-9]+) failed\b"
)


def blocking_clause(reason: str) -> str | None:
    """Return the clause that failed first and kept a check from judging; None where another reason did."""
    match = _BLOCKING.search(reason)
    return match and (match.group(1) or match.group(2))


@dataclass(frozen=True, slots=True)
class FindingRecord:
    """A difference between what a clause wants and what the target answered.

    `pointer`: a JSON pointer into the response body. `exchange`: an index into the exchanges of the check's record.
    `places`: how many equal findings this one represents. `related`: indices of other exchanges that it rests on.
    """

    outcome: Outcome
    wanted: str
    got: str
    pointer: str | None = None
    exchange: int | None = None
    places: int = 1
    related: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """The finding in one line."""
        if self.outcome is Outcome.ERROR:
            return f"inconclusive: {self.got}"
        where = f" at {self.pointer}" if self.pointer else ""
        times = f" ({self.places} places)" if self.places > 1 else ""
        return f"wanted {self.wanted}, got {self.got}{where}{times}"

    @property
    def identity(self) -> tuple[str, str, str, str | None]:
        """What equal findings have in common."""
        return (self.outcome, self.wanted, self.got, self.pointer)

    def to_json(self) -> FindingRow:
        """Return the finding as results.json has it."""
        return {
            "outcome": self.outcome.value,
            "wanted": self.wanted,
            "got": self.got,
            "pointer": self.pointer,
            "exchange": self.exchange,
            "places": self.places,
            "related": list(self.related),
        }

    @classmethod
    def from_json(cls, row: FindingRow) -> FindingRecord:
        """Return the inverse of `to_json`."""
        return cls(
            Outcome(row["outcome"]),
            row["wanted"],
            row["got"],
            row["pointer"],
            row["exchange"],
            row["places"],
            tuple(row.get("related", ())),
        )


@dataclass(slots=True)
class CheckRecord:
    """The outcome of one check, with its findings and evidence.

    `exchanges`: masked, bounded evidence, some of the `requests` exchanges that the check judged, of which `inputs`
    had different requests. `duration_s`: in seconds. `applies`: false where the contract exempts the target from the
    clause, and the check was not executed. `left_out`: an option of pytest, a plugin or a conftest file removed it.
    """

    id: CheckId
    outcome: Outcome
    reason: str = ""
    duration_s: float = 0.0
    findings: list[FindingRecord] = field(default_factory=list)
    exchanges: list[ExchangeRow] = field(default_factory=list)
    timeline: list[StepRow] = field(default_factory=list)
    requests: int = 0
    inputs: int = 0
    applies: bool = True
    left_out: bool = False

    @property
    def clause(self) -> str:
        """The ID of the clause that the check judges."""
        return self.id.clause

    @property
    def operation(self) -> str:
        """The operation on which the check judges the clause."""
        return self.id.operation or ""

    def to_json(self) -> CheckRow:
        """Return the record as results.json and the journal have it."""
        row: CheckRow = {
            "id": str(self.id),
            "operation": self.operation,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "duration_s": self.duration_s,
            "findings": [finding.to_json() for finding in self.findings],
            "exchanges": self.exchanges,
            "timeline": self.timeline,
            "requests": self.requests,
            "inputs": self.inputs,
            "applies": self.applies,
        }
        return {**row, "left_out": True} if self.left_out else row

    @classmethod
    def from_json(cls, row: CheckRow) -> CheckRecord:
        """Return the inverse of `to_json`."""
        return cls(
            id=CheckId.parse(row["id"]),
            outcome=Outcome(row["outcome"]),
            reason=row["reason"],
            duration_s=row["duration_s"],
            findings=[FindingRecord.from_json(finding) for finding in row["findings"]],
            exchanges=row["exchanges"],
            timeline=row["timeline"],
            requests=row.get("requests", 0),
            inputs=row.get("inputs", 0),
            applies=row.get("applies", True),
            left_out=row.get("left_out", False),
        )

    def as_advisory(self) -> CheckRecord:
        """Return the record with every violation as a warning: of a clause that does not decide."""
        if self.outcome is not Outcome.FAILED:
            return self
        warned = {Outcome.FAILED: Outcome.WARNED}
        findings = [replace(finding, outcome=warned.get(finding.outcome, finding.outcome)) for finding in self.findings]
        return replace(self, outcome=Outcome.WARNED, findings=findings)

    def merged(self, other: CheckRecord) -> CheckRecord:
        """Return what two workers found with the same check, as one record: the worse outcome, all findings."""
        worse, better = (other, self) if other.outcome.rank > self.outcome.rank else (self, other)
        findings = {finding.identity: finding for finding in worse.findings}
        for finding in better.findings:
            known = findings.get(finding.identity)
            if known is not None:
                findings[finding.identity] = replace(known, places=known.places + finding.places)
            else:
                index = None if finding.exchange is None else finding.exchange + len(worse.exchanges)
                related = tuple(index + len(worse.exchanges) for index in finding.related)
                findings[finding.identity] = replace(finding, exchange=index, related=related)
        return replace(
            worse,
            duration_s=round(worse.duration_s + better.duration_s, 4),
            findings=list(findings.values()),
            exchanges=worse.exchanges + better.exchanges,
            timeline=worse.timeline + better.timeline,
            requests=worse.requests + better.requests,
            inputs=worse.inputs + better.inputs,
            applies=worse.applies or better.applies,
        )


def merge_records(records: Iterable[CheckRecord]) -> list[CheckRecord]:
    """Return one record for each check, merged from what several workers found with it."""
    merged: dict[CheckId, CheckRecord] = {}
    for record in records:
        known = merged.get(record.id)
        merged[record.id] = record if known is None else known.merged(record)
    return list(merged.values())
