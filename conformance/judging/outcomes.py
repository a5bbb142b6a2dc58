"""What a run found out: findings, the records of checks, and the one table that every report is made from.

Everything here is plain data that survives JSON, because workers hand it to the controller through the journal.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from conformance.contract.check_id import CheckId

if TYPE_CHECKING:
    from collections.abc import Iterable


class Outcome(StrEnum):
    """How a check or a clause came out. `error` means: we could not tell."""

    NOT_TESTED = "not_tested"
    PASSED = "passed"
    WAIVED = "waived"
    WARNED = "warned"
    ERROR = "error"
    FAILED = "failed"

    @property
    def rank(self) -> int:
        """Position in the lattice: of two outcomes of one clause the higher stands."""
        return list(Outcome).index(self)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that stands for all of them; `not_tested` where there is none."""
    return max(outcomes, key=lambda outcome: outcome.rank, default=Outcome.NOT_TESTED)


class Verdict(StrEnum):
    """What the report says of the target as a whole."""

    CONFORMANT = "conformant"
    NON_CONFORMANT = "non-conformant"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """The exit code of `run`."""
        return {"conformant": 0, "non-conformant": 1, "inconclusive": 3}[self.value]


@dataclass(frozen=True, slots=True)
class FindingRecord:
    """One difference between what a clause wants and what came.

    `pointer` is a JSON pointer into the answer's body; `exchange` indexes the record's evidence; `places` counts
    the equal findings that this one stands for.
    """

    outcome: Outcome
    wanted: str
    got: str
    pointer: str | None = None
    exchange: int | None = None
    places: int = 1

    @property
    def sentence(self) -> str:
        """The difference in one line, or why there is none to tell."""
        if self.outcome is Outcome.ERROR:
            return f"could not tell: {self.got}"
        where = f" at {self.pointer}" if self.pointer else ""
        times = f" ({self.places} places)" if self.places > 1 else ""
        return f"wanted {self.wanted}, got {self.got}{where}{times}"


@dataclass(slots=True)
class CheckRecord:
    """What one check (a clause on an operation) came to.

    `requests` is how many exchanges it looked at; `exchanges` is masked, bounded evidence, some of them.
    """

    id: CheckId
    outcome: Outcome
    reason: str = ""
    duration_s: float = 0.0
    findings: list[FindingRecord] = field(default_factory=list)
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0

    @property
    def clause(self) -> str:
        """The clause that it judged."""
        return self.id.clause

    @property
    def operation(self) -> str:
        """The operation on which it judged the clause."""
        return self.id.operation or ""

    def to_json(self) -> dict[str, Any]:
        """The record as results.json and the journal have it."""
        members = {name: getattr(self, name) for name in self.__slots__}
        findings = [asdict(finding) for finding in self.findings]
        return {**members, "id": str(self.id), "operation": self.operation, "findings": findings}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CheckRecord:
        """The inverse of `to_json`."""
        findings = [FindingRecord(**{**row, "outcome": Outcome(row["outcome"])}) for row in data["findings"]]
        members = {name: data[name] for name in cls.__slots__}
        parsed = {"id": CheckId.parse(data["id"]), "outcome": Outcome(data["outcome"]), "findings": findings}
        return cls(**{**members, **parsed})


def folded(records: Iterable[CheckRecord]) -> list[CheckRecord]:
    """One record for each check: what several workers found out about the same one, together."""
    found: dict[CheckId, CheckRecord] = {}
    for record in records:
        known = found.get(record.id)
        found[record.id] = record if known is None else _together(known, record)
    return list(found.values())


def _together(one: CheckRecord, other: CheckRecord) -> CheckRecord:
    if other.outcome.rank > one.outcome.rank:
        one, other = other, one
    findings = {_sameness(finding): finding for finding in one.findings}
    for finding in other.findings:
        known = findings.get(_sameness(finding))
        if known is not None:
            findings[_sameness(finding)] = replace(known, places=known.places + finding.places)
        else:
            index = None if finding.exchange is None else finding.exchange + len(one.exchanges)
            findings[_sameness(finding)] = replace(finding, exchange=index)
    return replace(
        one,
        duration_s=round(one.duration_s + other.duration_s, 4),
        findings=list(findings.values()),
        exchanges=one.exchanges + other.exchanges,
        timeline=one.timeline + other.timeline,
        requests=one.requests + other.requests,
    )


def _sameness(finding: FindingRecord) -> tuple[str, str, str, str | None]:
    return (finding.outcome, finding.wanted, finding.got, finding.pointer)


def verdict(must_outcomes: Iterable[Outcome], *, interrupted: bool = False, strict_warnings: bool = False) -> Verdict:
    """The one place where a run's verdict is decided, from the outcomes of all MUST clauses.

    A failed MUST is non-conformant whatever else happened. Otherwise an error, an interruption, or no MUST clause
    tested at all is inconclusive: we never say conformant where we could not tell.
    `strict_warnings` is `--strict` with at least one warning anywhere.
    """
    outcomes = list(must_outcomes)
    tested = [outcome for outcome in outcomes if outcome is not Outcome.NOT_TESTED]
    if Outcome.FAILED in tested or strict_warnings:
        return Verdict.NON_CONFORMANT
    if interrupted or not tested or Outcome.ERROR in tested:
        return Verdict.INCONCLUSIVE
    return Verdict.CONFORMANT
