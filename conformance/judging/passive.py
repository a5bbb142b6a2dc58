"""Judges every exchange of the run by the passive clauses, merging equal defects."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, field, fields
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from conformance.contract.readability import unreadable_values
from conformance.contract.schemas import unknown_members
from conformance.http.exchange import Request
from conformance.judging.answer_shapes import shape_of
from conformance.judging.expectations import CannotTellError, Finding
from conformance.judging.outcomes import CheckRecord, FindingRecord, Outcome, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.contract.catalogue import Catalogue
    from conformance.contract.check_id import CheckId
    from conformance.contract.operations import Operation
    from conformance.evidence.recorder import Masking
    from conformance.http.exchange import Exchange
    from conformance.judging.checks import Judge

MAX_DEFECTS = 12
MAX_NOTED = 40
#: how many other exchanges of a finding are kept as evidence
MAX_RELATED = 8
#: no more notes are added after this many
MAX_NOTES = 200
#: how many findings of one clause on one exchange are counted
MAX_FINDINGS = 1000
#: what judges may look at in a request, beside the ids in it
_ASKED = attrgetter(*(member.name for member in fields(Request) if member.name not in {"resources", "asked", "check"}))
_FLAGS = attrgetter("unanswered", "suspected", "key_died")
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)


@dataclass
class Defect:
    """Equal findings on one clause and operation; reports show the one on the smallest request."""

    first: Finding
    places: int = 1

    def add(self, found: Finding) -> None:
        """Count an equal finding."""
        self.places += 1
        exchange, shown = found.exchange, self.first.exchange
        if exchange is not None and shown is not None and exchange.request.weight < shown.request.weight:
            self.first = found


@dataclass
class FindingSet:
    """The findings of one clause on one operation so far."""

    judged: int = 0
    defects: dict[tuple[str, ...], Defect] = field(default_factory=dict)
    inputs: set[int] = field(default_factory=set)

    def add(self, found: Finding) -> None:
        """Count a finding with its equals."""
        key = identity(found)
        if key in self.defects:
            self.defects[key].add(found)
        elif len(self.defects) < MAX_DEFECTS:
            self.defects[key] = Defect(found)

    def take(self, other: FindingSet, *, with_findings: bool) -> None:
        """Add what another judge of the same check has judged, with or without its findings."""
        self.judged += other.judged
        self.inputs |= other.inputs
        if with_findings:
            self.defects |= other.defects


def identity(finding: Finding) -> tuple[str, ...]:
    """The key by which findings are the same defect: it ignores array indices, ids and numbers in the texts."""

    def plain(text: str | None) -> str:
        return re.sub(r"\b[0-9a-f]{24}\b|\d+", "#", text or "")

    return (finding.outcome, plain(finding.wanted), plain(finding.got), plain(finding.pointer))


def _judged_content(exchange: Exchange) -> int | None:
    """A digest of all that judges look at, equal for equal exchanges; None where the body is too long to be kept.

    Only two things differ between equal exchanges: when they took place, and which check sent them.
    """
    request, response = exchange.request, exchange.response
    if response is None or not isinstance(response.body, bytes):
        return None
    asked = (_ASKED(request), *request.resources.items(), None, *request.asked.items())
    headers = tuple(
        header for header in response.headers if header[0].lower() != "date" or not _DATE.fullmatch(header[1])
    )
    answered = (response.status, headers, response.body, response.problem, response.too_large)
    return hash((asked, answered, exchange.failure, exchange.seen, _FLAGS(exchange)))


class PassiveJudges:
    """Judges exchanges as they are observed, from any thread."""

    def __init__(self, catalogue: Catalogue, judges: Iterable[Judge]) -> None:
        self._catalogue = catalogue
        self._judges = list(judges)
        self._lock = threading.Lock()
        #: by check, and by the clauses whose failure explains its findings
        self._tallies: dict[tuple[CheckId, tuple[str, ...]], FindingSet] = {}
        #: the same, by the place of a judge in `_judges` and by the operation
        self._tally_of: dict[tuple[int, Operation], FindingSet] = {}
        #: The places of the judges that found nothing on an exchange which concerned no others, by its content: many
        #: exchanges of a run repeat an earlier one.
        self._clean: dict[int, tuple[int, ...]] = {}
        self._noted: Counter[str] = Counter()
        self._shrunk: set[tuple[str, ...]] = set()
        #: members that the contract does not name; they are legal, and reported beside the outcomes
        self.notes: set[str] = set()
        #: MUST clauses that have failed so far
        self.broken: set[str] = set()
        self.matrix: Counter[tuple[str, str, str, str]] = Counter()

    def observe(self, exchange: Exchange) -> None:
        """Judge one exchange by every passive clause that applies to it."""
        results = self._results(exchange)
        request = exchange.request
        content = request.content
        notes = self._notes(exchange)
        with self._lock:
            if len(self.notes) < MAX_NOTES:
                self.notes |= notes
            status = str(exchange.status or "no answer")
            self.matrix[(request.key, request.operation, request.ownership, status)] += 1
            for place, judge, findings in results:
                tally = self._tally_of.get((place, request.operation)) or self._new_tally(place, request.operation)
                tally.judged += 1
                tally.inputs.add(content)
                for finding in findings:
                    tally.add(finding)
                    if _by_level(finding.outcome, self._catalogue[judge.clause].level) is Outcome.FAILED:
                        self.broken.add(judge.clause)

    def _results(self, exchange: Exchange) -> list[tuple[int, Judge, list[Finding]]]:
        """The judges that an exchange concerns, with their places and what they find."""
        judged = _judged_content(exchange)
        if judged is not None and (places := self._clean.get(judged)) is not None:
            return [(place, self._judges[place], []) for place in places]
        results = [
            (place, judge, self._apply(judge, exchange))
            for place, judge in enumerate(self._judges)
            if judge.when(exchange)
        ]
        if judged is not None and not any(findings for _, _, findings in results):
            self._clean[judged] = tuple(place for place, _, _ in results)
        return results

    def _new_tally(self, place: int, operation: Operation) -> FindingSet:
        """The tally of the judge at this place for an operation; judges of one check share it."""
        judge = self._judges[place]
        tally = self._tallies.setdefault((judge.id(operation), judge.unless_failed), FindingSet())
        self._tally_of[place, operation] = tally
        return tally

    def findings(self, exchange: Exchange) -> list[tuple[str, Finding]]:
        """The findings on one exchange, with their clauses, without counting them."""
        judged = [judge for judge in self._judges if judge.when(exchange)]
        return [(judge.clause, finding) for judge in judged for finding in self._apply(judge, exchange)]

    def first_to_shrink(self, name: tuple[str, ...]) -> bool:
        """Whether this is the first request to shrink this defect; later calls with the same name return False."""
        with self._lock:
            first = name not in self._shrunk
            self._shrunk.add(name)
        return first

    def _notes(self, exchange: Exchange) -> set[str]:
        """Unknown members, and values that clients cannot read, of the first answers of each kind."""
        shape = shape_of(exchange)
        if shape is None or self._noted[shape] >= MAX_NOTED:
            return set()
        self._noted[shape] += 1
        unknown = {f"{shape}: {pointer} is not in the contract" for pointer in unknown_members(shape, exchange.value)}
        legal = "legal, but the vendor's own clients cannot read it"
        return unknown | {f"{shape}: {place}: {legal}" for place in unreadable_values(shape, exchange.value)}

    def records(self, recorder: Masking, look_again: Callable[[Exchange], None]) -> list[CheckRecord]:
        """One record per clause and operation that was judged at all."""
        merged: dict[CheckId, FindingSet] = {}
        for (check_id, unless_failed), tally in sorted(self._tallies.items(), key=lambda entry: str(entry[0])):
            explained = not self.broken.isdisjoint(unless_failed)
            merged.setdefault(check_id, FindingSet()).take(tally, with_findings=not explained)
        return [self._record(check_id, tally, recorder, look_again) for check_id, tally in merged.items()]

    def _apply(self, judge: Judge, exchange: Exchange) -> list[Finding]:
        try:
            return list(islice(judge.function(exchange), MAX_FINDINGS))
        except CannotTellError:
            return []
        except Exception as bug:
            return [Finding(Outcome.ERROR, "our judge to work", f"{type(bug).__name__}: {bug}", exchange)]

    def _record(
        self,
        check_id: CheckId,
        tally: FindingSet,
        recorder: Masking,
        look_again: Callable[[Exchange], None],
    ) -> CheckRecord:
        record = CheckRecord(check_id, Outcome.PASSED)
        record.requests, record.inputs = tally.judged, len(tally.inputs)
        attach(record, self._catalogue, tally.defects.values(), recorder, look_again)
        return record


def attach(
    record: CheckRecord,
    catalogue: Catalogue,
    defects: Iterable[Defect],
    recorder: Masking,
    look_again: Callable[[Exchange], None],
) -> None:
    """Add findings and their evidence to a record, and set its outcome and reason by the clause's level."""
    shown: list[Exchange] = []
    for defect in defects:
        finding = defect.first
        if finding.exchange is not None and finding.exchange not in shown:
            look_again(finding.exchange)
            shown.append(finding.exchange)
        related = [exchange for exchange in finding.related if exchange is not finding.exchange][:MAX_RELATED]
        shown += [exchange for exchange in dict.fromkeys(related) if exchange not in shown]
        record.findings.append(
            FindingRecord(
                _by_level(finding.outcome, catalogue[record.clause].level),
                recorder.text(finding.wanted),
                recorder.text(finding.got),
                recorder.text(finding.pointer) if finding.pointer is not None else None,
                shown.index(finding.exchange) if finding.exchange is not None else None,
                defect.places,
                tuple(dict.fromkeys(shown.index(exchange) for exchange in related)),
            )
        )
    record.exchanges += [recorder.evidence(exchange) for exchange in shown]
    if record.findings:
        record.outcome = worst(finding.outcome for finding in record.findings)
        record.reason = next(
            finding_record.sentence for finding_record in record.findings if finding_record.outcome is record.outcome
        )


def _by_level(outcome: Outcome, level: str) -> Outcome:
    return Outcome.WARNED if outcome is Outcome.FAILED and level == "SHOULD" else outcome
