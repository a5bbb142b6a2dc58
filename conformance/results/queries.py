"""Selects and orders what is in results: the clauses by chapter or outcome, their checks, findings and evidence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

from conformance.contract import catalogue
from conformance.contract.check_id import CheckId
from conformance.contract.operations import SAFE_METHODS
from conformance.evidence.text import cut, one_line, visible
from conformance.judging.outcomes import Outcome, blocking_clause, worst
from conformance.results.wording import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from conformance.evidence.rows import ExchangeRow
    from conformance.judging.outcomes import CheckRow, FindingRow
    from conformance.results.model import ClauseRow, Results

T = TypeVar("T")
#: how reports order outcomes: first what a reader has to act upon
ORDER = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED, Outcome.WAIVED, Outcome.PASSED, Outcome.NOT_TESTED)
#: the reason of a clause that the selection excludes
NOT_SELECTED = "left out by --only or --skip"
#: characters of a body, and of any other string, that reports show
_MAX_BODY = 200_000
_MAX_TEXT = 4_000
#: The parts in which equal reasons and findings may differ: a request line with its key, the name of an included
#: integration in a pointer, an id, a number.
_PARTICULAR = re.compile(
    r"\b[A-Z]+ /\S*(?: as [\w ]+)?|(?<=^/includes/integrations/)[^/]+|\b[0-9a-f]{24}\b|[0-9]+(?:[.,][0-9]+)*"
)
#: a value that was wanted: equal findings may want different ones
_QUOTED = re.compile(r'"[^"]*"')
#: a value, and what is wrong with it
_EXPLAINED = re.compile(r'"[^"]*"(, which .+)')


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the contract and the rows of its clauses."""

    id: str
    title: str
    clauses: list[ClauseRow]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a report that lists checks; `check` is None if the line is about the clause as a whole."""

    id: str
    outcome: Outcome
    reason: str
    duration_s: float
    check: CheckRow | None


@dataclass(slots=True)
class UniqueFinding:
    """Equal findings of a clause: one of them with its check; of all, the `checks` (IDs), places and pointers."""

    finding: FindingRow
    check: CheckRow
    checks: list[str]
    places: int
    pointers: list[str] = field(default_factory=list)

    @property
    def exchange(self) -> ExchangeRow | None:
        """The exchange that it is about."""
        return evidence(self.check, self.finding)

    @property
    def is_of_read(self) -> bool:
        """Whether the exchange is a read."""
        return self.exchange is not None and self.exchange["request"]["method"] in SAFE_METHODS


@dataclass(frozen=True, slots=True)
class Cause:
    """Clauses with an outcome for one reason; `blocking` is the clause that failed first, if that is the reason."""

    blocking: str | None
    reason: str
    clauses: list[ClauseRow]

    @property
    def words(self) -> str:
        """The reason in one line, without what differs between the clauses."""
        if len(self.clauses) == 1:
            return self.reason
        return f"{self.blocking} failed first" if self.blocking else self.reason


def shown(value: T) -> T:
    """Return the value with every string in it visible and bounded: what all renderers but JSON's start from."""
    return cast("T", _shown(value))


def _shown(value: object, longest: int = _MAX_TEXT) -> object:  # of any member of results.json
    if isinstance(value, str):
        # most strings of results are as they should be already: two checks are far cheaper than two calls
        is_plain = len(value) <= longest and value.isascii() and value.isprintable()
        return value if is_plain else visible(cut(value, longest))
    if isinstance(value, dict):
        return {
            _shown_name(str(key)): _shown(member, _MAX_BODY if key == "body" else _MAX_TEXT)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_shown(member) for member in value]
    return value


@lru_cache(maxsize=1024)
def _shown_name(name: str) -> str:
    return one_line(name)


def clauses_in_order(results: Results) -> list[ClauseRow]:
    """Return the clause rows in the catalogue's order, then those that only another version's catalogue has."""
    position = {clause_id: index for index, clause_id in enumerate(catalogue.load().clauses)}
    return sorted(results["clauses"], key=lambda row: position.get(row["id"], len(position)))


def by_chapter(results: Results) -> list[Chapter]:
    """Return the clause rows grouped by chapter."""
    titles = catalogue.load().chapters
    groups: dict[str, list[ClauseRow]] = {}
    for row in clauses_in_order(results):
        groups.setdefault(row["chapter"], []).append(row)
    return [Chapter(chapter, titles.get(chapter, chapter), rows) for chapter, rows in groups.items()]


def with_outcome(results: Results, *outcomes: Outcome) -> list[ClauseRow]:
    """Return the clause rows with one of the outcomes."""
    return [row for row in clauses_in_order(results) if row["outcome"] in outcomes]


def is_strict(results: Results) -> bool:
    """Return whether a warning counts as a failure in this run."""
    return results["run"]["strict"]


def counts_warnings(results: Results, clause: ClauseRow) -> bool:
    """Return whether a warning of this clause counts as a failure: with `--strict`, where the clause decides."""
    return is_strict(results) and clause.get("decides", True)


def failing(results: Results) -> list[ClauseRow]:
    """Return the clauses that make a run non-conformant: the failed ones, and with `--strict` the warned ones."""
    outcomes = (Outcome.FAILED, Outcome.WARNED) if is_strict(results) else (Outcome.FAILED,)
    return [row for row in with_outcome(results, *outcomes) if row.get("decides", True)]


def cases(clause: ClauseRow) -> list[Case]:
    """Return a line for each check, and one for the clause itself where none of its checks has its outcome."""
    outcome = Outcome(clause["outcome"])
    lines = [_case(check, outcome) for check in clause["checks"]]
    if not lines or worst(line.outcome for line in lines) is not outcome:
        lines.append(Case(clause["id"], outcome, clause["reason"], 0.0, None))
    return lines


def _case(check: CheckRow, clause_outcome: Outcome) -> Case:
    outcome = Outcome(check["outcome"])
    # A waiver of the whole clause covers its checks, which may still have their own outcomes.
    if clause_outcome is Outcome.WAIVED and outcome in (Outcome.FAILED, Outcome.WARNED):
        outcome = Outcome.WAIVED
    return Case(check["id"], outcome, check["reason"], check["duration_s"], check)


def findings(clause: ClauseRow) -> Iterator[tuple[CheckRow, FindingRow]]:
    """Yield the clause's findings, each with its check, the most important first."""
    pairs = [(check, finding) for check in clause["checks"] for finding in check["findings"]]
    yield from sorted(pairs, key=lambda pair: priority(pair[0]["id"], pair[1]["outcome"]))


def unique_findings(clause: ClauseRow) -> list[UniqueFinding]:
    """Return the clause's findings, equal ones of several checks once, the most important first.

    Of equal findings the one of a read is shown, if there is one: it can be sent again without effect on the target.
    Of a clause that failed or warned, what could not be judged beside that is left out: see `undetermined`.
    """
    is_decided = clause["outcome"] != Outcome.ERROR
    groups: dict[tuple[str, ...], UniqueFinding] = {}
    for check, finding in findings(clause):
        if is_decided and finding["outcome"] == Outcome.ERROR:
            continue
        known = groups.setdefault(_common(finding), UniqueFinding(finding, check, checks=[], places=0))
        known.places += finding["places"]
        pointer = finding["pointer"]
        known.pointers += [pointer] if pointer is not None and pointer not in known.pointers else []
        known.checks += [check["id"]] if check["id"] not in known.checks else []
        if not known.is_of_read and UniqueFinding(finding, check, [], 0).is_of_read:
            known.finding, known.check = finding, check
    return list(groups.values())


def _common(finding: FindingRow) -> tuple[str, ...]:
    """Return what equal findings have in common: all but what is particular to the value and its place.

    A value of which the finding says what is wrong with it, such as `"…", which has no offset`, may be anywhere.
    """
    got, pointer = finding["got"], finding["pointer"] or ""
    if match := _EXPLAINED.fullmatch(got):
        got, pointer = match[1], ""
    return finding["outcome"], *map(general, (_QUOTED.sub('"#"', finding["wanted"]), got, pointer))


def undetermined(clause: ClauseRow) -> dict[str, list[str]]:
    """Return why checks could not judge the clause, each reason with the IDs of its checks.

    Of an inconclusive clause, what its own reason and its findings say is left out.
    """
    is_error = clause["outcome"] == Outcome.ERROR
    reasons: dict[str, tuple[str, list[str]]] = {}
    for check in clause["checks"]:
        reason = general(check["reason"])
        is_shown = is_error and (check["findings"] or reason == general(clause["reason"]))
        if check["outcome"] == Outcome.ERROR and not is_shown:
            reasons.setdefault(reason, (check["reason"], []))[1].append(check["id"])
    return dict(reasons.values())


def causes(rows: Iterable[ClauseRow]) -> list[Cause]:
    """Return the rows grouped by what their outcome has in common: the clause that failed first, or the reason."""
    groups: dict[str, Cause] = {}
    for row in rows:
        blocking = blocking_clause(row["reason"])
        cause = groups.setdefault(blocking or general(row["reason"]), Cause(blocking, row["reason"], []))
        cause.clauses.append(row)
    return list(groups.values())


def general(text: str) -> str:
    """Return the text without what differs between equal findings: requests, ids and numbers."""
    return _PARTICULAR.sub("#", text)


def priority(check_id: str, outcome: str) -> tuple[int, bool]:
    """Return a sort key: failures before errors, and checks with written requests before generated ones."""
    rank = len(ORDER) if outcome == Outcome.ERROR else ORDER.index(Outcome(outcome))
    kind = CheckId.kind_of(check_id)
    return rank, kind is not None and kind.is_generated


def inputs_of(clause: ClauseRow) -> int:
    """Return how many different requests the clause's checks judged; for older files, how many exchanges."""
    counts = (check.get("inputs", check.get("requests", len(check["exchanges"]))) for check in clause["checks"])
    return sum(counts)


def evidence(check: CheckRow, finding: FindingRow) -> ExchangeRow | None:
    """Return the exchange that a finding is about."""
    index = finding["exchange"]
    if index is None or not 0 <= index < len(check["exchanges"]):
        return None
    return check["exchanges"][index]


def sources(clause: ClauseRow) -> list[str]:
    """Return the sources of a clause, RFCs by section."""
    return catalogue.sources_of(clause["id"], clause["source"])


def not_tested_by_reason(results: Results) -> dict[str, list[ClauseRow]]:
    """Return the clauses that were not tested, grouped by what would enable them."""
    return by_reason(with_outcome(results, Outcome.NOT_TESTED))


def by_reason(rows: Iterable[ClauseRow]) -> dict[str, list[ClauseRow]]:
    """Return the rows grouped by their reason."""
    groups: dict[str, list[ClauseRow]] = {}
    for row in rows:
        groups.setdefault(row["reason"] or "no reason was given", []).append(row)
    return groups


def counts(results: Results) -> list[tuple[Outcome, str, int]]:
    """Return each outcome, its label and its number of clauses, in the order of reports."""
    summary: dict[str, int] = {**results["summary"]}  # type: ignore[dict-item] # every member is a number
    return [(outcome, LABELS[outcome], summary[outcome.value]) for outcome in ORDER]
