"""Sends again, to a live target, what broke clauses in a recorded run, and has the suite judge it (`replay DIR`).

An active check is executed as in the run, with the run's seed, and judges all its exchanges. What a passive judge
found is sent again as it was recorded, and judged by the same judge.
"""

from __future__ import annotations

import re
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.config.secrets import KeyUnavailableError
from conformance.config.settings import Depth
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.contract.operations import SAFE_METHODS
from conformance.evidence import archive
from conformance.execution.effects import effect_of, limited
from conformance.execution.run import Run
from conformance.http import credentials
from conformance.http.exchange import Expected
from conformance.judging.checks import Stage
from conformance.judging.expectations import CannotTellError
from conformance.judging.outcomes import FindingRecord, Outcome
from conformance.replay.model import BROKEN, DEFAULT_TRIES, Attempt, Failure, Replay, Replayed, ReplayError
from conformance.results import environment
from conformance.results.reading import load_results
from conformance.scenarios.run_state import CANNOT_GO_ON
from conformance.suite.registry import all_checks, all_reviews, judges_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from conformance.config.target import Target
    from conformance.evidence.rows import ExchangeRow
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.checks import Check, Judge
    from conformance.judging.outcomes import CheckRecord, CheckRow
    from conformance.results.model import ClauseRow, Results

#: requests of one check that are sent again as they were recorded
MAX_REQUESTS = 10
#: the option of the command that lets a replay change the target
RESTORE_OPTION = "--restore"
#: A masked secret, in archives and in evidence.
_MASKED = re.compile(r"\[(?:key|secret) [^\[\]]*\]")
_NO_DELETION = "no deletion was sent: fixtures.deletable_backup_ids names no live backup"
_NOT_KEPT = "the report does not contain the complete request"
_NOT_JUDGED = ", which this clause does not speak of"
#: Checks whose deletions have to be refused, of backups that the target file offers: what a judge found on a deletion
#: is looked for in their exchanges. The first says what they may change.
_REFUSED_DELETIONS = ("DEL-2/delete", "DEL-4/delete", "CAP-9/delete")
#: The outcome of several requests is the first of these that one of them has.
_ORDER = (Outcome.FAILED, Outcome.WARNED, Outcome.ERROR, Outcome.NOT_TESTED, Outcome.PASSED)


def failures(results: Results, clauses: Sequence[str] = ()) -> list[Failure]:
    """Return the checks that broke a clause, of these clauses or of all. Raises ReplayError where there are none."""
    rows = [row for row in results["clauses"] if not clauses or row["id"] in clauses]
    failing = [failure for row in rows for failure in _failures_of(row)]
    broken = {failure.clause for failure in failing}
    outcomes = {row["id"]: row["outcome"] for row in results["clauses"]}
    for clause in clauses:
        if clause not in broken:
            raise ReplayError(f"{clause} did not fail in this run: {outcomes.get(clause, 'not part of it')}")
    if not failing:
        raise ReplayError("nothing failed in this run, so there is nothing to replay")
    return failing


def _failures_of(row: ClauseRow) -> Iterator[Failure]:
    for check in row["checks"]:
        if any(finding["outcome"] in BROKEN for finding in check["findings"]):
            exchanges = tuple(check["exchanges"][index] for index in _decisive(check))
            yield Failure(row["id"], row["title"], check["id"], check["reason"], exchanges)


def _decisive(check: CheckRow) -> list[int]:
    """The indices of the exchanges that findings are about."""
    indices = [
        finding["exchange"]
        for finding in check["findings"]
        if finding["outcome"] in BROKEN and finding["exchange"] is not None
    ]
    return [index for index in dict.fromkeys(indices) if 0 <= index < len(check["exchanges"])][:MAX_REQUESTS]


def replay(
    folder: Path,
    target: Target,
    *,
    clauses: Sequence[str] = (),
    tries: int = DEFAULT_TRIES,
    restore: bool = False,
    on_failure: Callable[[Replayed], None] = lambda _: None,
) -> Replay:
    """Replay what failed in a report folder. Raises ResultsError and ReplayError.

    `restore`: whether checks that restore, delete or must be refused to may be executed; the budget of the target file
    holds for all tries together. `on_failure` receives each check as soon as all its tries are over.
    """
    results = load_results(folder)
    failing = failures(results, clauses)
    profile = "full" if restore else "read"
    requests = _recorded_requests(folder, failing)
    attempts: dict[str, list[Attempt]] = {failure.check: [] for failure in failing}
    with tempfile.TemporaryDirectory(prefix="conformance-replay-") as state:
        for _ in range(tries):
            run = _run_of(results, target, profile, failing, Path(state))
            with closing(run):
                run.start()
                for failure, attempt in _Try(run, requests).attempts(failing):
                    attempts[failure.check].append(attempt)
    replayed = tuple(Replayed(failure, tuple(attempts[failure.check])) for failure in failing)
    for check in replayed:
        on_failure(check)
    libraries = (*environment.GENERATORS, *environment.JUDGES)
    changes = environment.changed_versions(libraries, results["run"]["versions"], environment.versions())
    return Replay(results["target"]["base_url"], target.base_url, replayed, tuple(changes))


def _run_of(results: Results, target: Target, profile: str, failing: Sequence[Failure], state: Path) -> Run:
    selected = frozenset({failure.clause for failure in failing} & set(catalogue.load().clauses))
    deletions = {"DEL-2"} if any(_is_of_deletion(failure) for failure in failing) else set[str]()
    recorded = results["run"]
    return Run(
        limited(target, effect_of(target, profile, selected | deletions)),
        seed=recorded["seed"],
        profile=profile,
        selected=selected,
        state=state,
        examples=recorded["examples"],
        depth=Depth(recorded.get("depth", Depth.STANDARD)),
    )


def _recorded_requests(folder: Path, failing: Sequence[Failure]) -> dict[str, Request]:
    """The requests of passive findings as the run sent them, by their curl line.

    Requests that were not archived completely are left out.
    """
    wanted = {exchange["curl"] for failure in failing for exchange in failure.exchanges if _is_passive(failure)}
    requests: dict[str, Request] = {}
    if not wanted or not (folder / archive.FILE).is_file():
        return requests
    for record in archive.read(folder / archive.FILE):
        shown = record.get("shown")
        line = shown.get("curl") if isinstance(shown, dict) else None
        if line in wanted and line not in requests:
            exchange = archive.restored(record)
            if exchange is not None:
                requests[line] = exchange.request
    return requests


def _is_passive(failure: Failure) -> bool:
    return CheckId.kind_of(failure.check) is CheckKind.OBSERVED


def _is_of_deletion(failure: Failure) -> bool:
    return _is_passive(failure) and CheckId.parse(failure.check).operation == "delete"


class _Try:
    """One try of all checks on a started run."""

    def __init__(self, run: Run, requests: Mapping[str, Request]) -> None:
        self._run = run
        self._requests = requests

    def attempts(self, failing: Iterable[Failure]) -> Iterator[tuple[Failure, Attempt]]:
        """Yield an attempt for each failure: checks in the order of their stages, as in a run."""
        if problem := self._run.preflight.problem:
            yield from ((failure, Attempt(Outcome.ERROR, self._run.recorder.text(problem))) for failure in failing)
            return
        for failure in sorted(failing, key=_stage):
            yield failure, self._attempt(failure)

    def _attempt(self, failure: Failure) -> Attempt:
        if _is_passive(failure):
            return self._by_judges(failure)
        if check := all_checks().get(failure.check):
            return _attempt_of(self._run.executor.execute(check))
        if review := all_reviews().get(failure.check):
            return self._by_review(review)
        return Attempt(Outcome.NOT_TESTED, "this version of the suite has no such check")

    def _by_review(self, review: Check) -> Attempt:
        """Run the other checks of the clause first: a final review judges the effects of their requests."""
        for check in all_checks().values():
            if check.clause == review.clause:
                self._run.executor.execute(check)
        self._run.context.state.begin_review()
        return _attempt_of(self._run.executor.execute(review))

    # ------------------------------------------------------------ passive clauses

    def _by_judges(self, failure: Failure) -> Attempt:
        attempts = [self._resend(failure.clause, exchange) for exchange in failure.exchanges]
        if not attempts:
            return Attempt(Outcome.NOT_TESTED, "the report names no request of this finding")
        if _is_of_deletion(failure) and self._run.context.profile == "full":
            return self._by_other_exchanges(failure) or Attempt(Outcome.NOT_TESTED, _NO_DELETION)
        worst = min(attempts, key=lambda attempt: _ORDER.index(attempt.outcome))
        if worst.outcome is Outcome.NOT_TESTED and worst.reason.endswith(_NOT_JUDGED):
            return self._by_other_exchanges(failure) or worst
        return worst

    def _by_other_exchanges(self, failure: Failure) -> Attempt | None:
        """The judge's record on the exchanges of the clause's own checks, for a request whose new answer shows nothing.

        A page of one item, for example, does not show that the page size is kept, but other pages do.
        """
        others = _REFUSED_DELETIONS if _is_of_deletion(failure) else ()
        for name, check in all_checks().items():
            if check.clause == failure.clause or name in others:
                self._run.executor.execute(check)
        records = self._run.context.judges.records(self._run.recorder, lambda _: None)
        return next((_attempt_of(record) for record in records if str(record.id) == failure.check), None)

    def _resend(self, clause: str, row: ExchangeRow) -> Attempt:
        text = self._run.recorder.text
        request = self._requests.get(row["curl"])
        if request is None or _is_masked(request):
            return Attempt(Outcome.NOT_TESTED, f"{_NOT_KEPT}; `run --only {clause}` tests the clause again")
        if problem := self._forbidden(request):
            return Attempt(Outcome.NOT_TESTED, problem)
        try:
            key = credentials.authorization(self._run.target, request.key)
            exchange = self._run.client.send(replace(request, authorization=key))
        except LookupError as missing:
            return Attempt(Outcome.NOT_TESTED, text(str(missing.args[0])))
        except (*CANNOT_GO_ON, KeyUnavailableError) as reason:
            return Attempt(Outcome.NOT_TESTED, text(str(reason)))
        return self._judged(clause, exchange)

    def _forbidden(self, request: Request) -> str:
        """Why a recorded request is not sent: the folder may come from anywhere, and must not decide what changes."""
        if request.method in SAFE_METHODS:
            return ""
        instance = request.resources.get("instance")
        is_own_restore = request.operation == "restore" and instance == self._run.target.fixtures.instance_id
        if request.method == "POST" and (is_own_restore or request.expected is not Expected.DOCUMENTED):
            return "" if self._run.context.profile == "full" else f"not sent without {RESTORE_OPTION}: it is a POST"
        if request.operation == "delete" and self._run.context.profile == "read":
            return f"not sent without {RESTORE_OPTION}: it is a DELETE"
        return f"not sent: a replay sends no {request.method} as it was recorded"

    def _judged(self, clause: str, exchange: Exchange) -> Attempt:
        text = self._run.recorder.text
        judges = [judge for judge in judges_of({clause}) if judge.when(exchange)]
        if not judges:
            answer = exchange.status or exchange.failure or "no answer"
            return Attempt(Outcome.NOT_TESTED, text(f"{exchange.request.line} is answered {answer} now{_NOT_JUDGED}"))
        for finding in _found(judges, exchange):
            if finding.outcome in BROKEN:
                return Attempt(finding.outcome, text(finding.sentence))
        if exchange.status is None:
            return Attempt(Outcome.ERROR, text(exchange.failure or "no answer"))
        return Attempt(Outcome.PASSED)


def _found(judges: Iterable[Judge], exchange: Exchange) -> Iterator[FindingRecord]:
    for judge in judges:
        try:
            for finding in judge.function(exchange):
                yield FindingRecord(finding.outcome, finding.wanted, finding.got, finding.pointer)
        except CannotTellError:
            continue


def _attempt_of(record: CheckRecord) -> Attempt:
    return Attempt(record.outcome, record.reason.replace("--profile full", RESTORE_OPTION))


def _is_masked(request: Request) -> bool:
    """Whether a part of the request beside its key was masked, so that it cannot be sent as it was."""
    parts = (request.path, request.query, *(value for _, value in request.headers))
    return (
        any(map(_MASKED.search, parts)) or _MASKED.search((request.body or b"").decode("utf-8", "replace")) is not None
    )


def _stage(failure: Failure) -> Stage:
    check = all_checks().get(failure.check)
    if check is not None:
        return check.stage
    if _is_of_deletion(failure):
        return Stage.DELETES
    return Stage.FINAL_REVIEW if failure.check in all_reviews() else Stage.READS
