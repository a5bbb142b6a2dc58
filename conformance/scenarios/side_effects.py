"""Judges refusals twice: by the response, and by whether the target is unchanged right after it and at the end."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from conformance.contract import equivalence
from conformance.contract.operations import GONE_STATES, NOT_LIVE_STATES, RESTORE_MAY_CHANGE, TRANSIENT_STATES
from conformance.contract.pointers import value_at
from conformance.http.exchange import Purpose
from conformance.judging.expectations import (
    CannotTellError,
    Finding,
    inconclusive,
    items_of,
    object_of,
    resting_on,
    violation,
)
from conformance.judging.outcomes import Outcome
from conformance.scenarios.proofs.log_book import names
from conformance.scenarios.proofs.next_accepted import restore_the_main_backup
from conformance.scenarios.proofs.other_clients import (
    ANOTHER_CLIENT,
    MAX_WATCH_S,
    MAX_WATCHED_BACKUPS,
    MIN_WATCH_S,
    UNTOUCHED,
    WATCH_FACTOR,
    changed_alone,
    effects_of_others,
    logs_of_untouched,
)
from conformance.scenarios.request_builder import requests_of
from conformance.scenarios.run_state import CANNOT_GO_ON, Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange, Request
    from conformance.scenarios.context import CheckContext

#: How many requests that must be refused are sent one by one before the others go side by side.
ONE_BY_ONE = 2
#: How many changed members of a backup are reported.
MAX_CHANGES = 3
#: How long to look for an effect on another backup at most, in seconds, and how many backups are tried for that.
MAX_PATIENCE_S = 10.0
MAX_CANDIDATES = 5
#: How many polls the effect may take once another restore was accepted and has ended.
POLLS_AFTER_ACCEPTED = 4
CHANGES_WITH_EACH_READING = "HTTP-4 failed first: the backup changes with each reading"

#: Clauses whose own text forbids an effect of a refused restore. Each has a dedicated backup and a final review.
#: An effect of other clauses' refused restores breaks CAP-8 if the key lacks the capability, and JOB-10 otherwise.
FORBID_EFFECTS = frozenset({"AUTH-5", "AUTH-6", "AUTH-9", "CAP-8", "JOB-10"})


def send_expecting_refusal(context: CheckContext, requests: Sequence[Request]) -> list[Exchange]:
    """Send requests that must be refused. Their effects are `observed_effects`, now and in the final review.

    Others may be sent for other backups at the same time.
    """
    if not requests:
        return []
    with context.run.refusals.of(requests[0].resources.get("backup", "")):
        snapshot = _take_snapshot(context, requests)
        answers = send_until_accepted(context, requests)
        if snapshot is not None:
            get, logs = context.send_all([context.build.get(snapshot.backup), context.build.logs(snapshot.backup)])
            requested = context.run.state.requested(snapshot.backup)
            context.run.looks.keep(snapshot.clause, snapshot.backup, get, logs, requested=requested)
            snapshot.answers += answers
            snapshot.effects += changes_since(context, snapshot, get, logs)
    return answers


def send_until_accepted(context: CheckContext, requests: Sequence[Request]) -> list[Exchange]:
    """Send concurrently, but stop soon after one was accepted: its clause is broken, and each further one costs budget.

    The first few go one by one, since a target that accepts what it must refuse mostly accepts all of it. Requests for
    which an accepted one left no room in the budget are left out.
    """
    answers: list[Exchange] = []
    sent, step = 0, 1
    while sent < len(requests) and not any(answer.is_success for answer in answers):
        answers += context.send_allowed(requests[sent : sent + step])
        sent += step
        step = 1 if sent < ONE_BY_ONE else max(1, context.fixtures.target.limits.concurrency)
    return answers


def observed_effects(context: CheckContext) -> Iterator[Finding]:
    """The findings about immediate effects of this check's refused requests, if its clause forbids effects."""
    for snapshot in context.snapshots:
        if snapshot.clause == context.check.clause:
            yield from confirmed(context, snapshot, snapshot.effects)


def _take_snapshot(context: CheckContext, requests: Sequence[Request]) -> Snapshot | None:
    """Take a snapshot of the backup that the requests name; None if they name no existing backup."""
    snapshot = _look_before(context, requests, fresh=False)
    if snapshot is not None:
        context.snapshots.append(snapshot)
        context.run.state.add_snapshot(snapshot)
    return snapshot


def _look_before(context: CheckContext, requests: Sequence[Request], *, fresh: bool = True) -> Snapshot | None:
    """Look at the backup before requests. Unless the look must be fresh, that after the last requests will do."""
    backup = requests[0].resources.get("backup", "")
    if requests[0].ownership in ("missing", "malformed"):
        return None
    instances = {request.resources["instance"] for request in requests if "instance" in request.resources}
    clause = _clause_of_effects(context, requests[0])
    requested = context.run.state.requested(backup)
    look = None if fresh else context.run.looks.last(clause, backup, requested=requested)
    before, logs = look or context.send_all([context.build.get(backup), context.build.logs(backup)])
    if isinstance(before.data, dict) and before.data.get("id") != backup:
        return None  # GET-2's defect: what changes on another backup says nothing of this one
    state, own_instance = context.run.state, context.fixtures.instance_id
    seen = state.log_book.seen(backup, items_of(logs))
    state.record_logs(backup, seen.values())
    return Snapshot(
        clause=clause,
        backup=backup,
        instances=frozenset(instances | {own_instance}),
        before=object_of(before),
        logs=frozenset(seen),
        requested_before=state.requested(backup),
        logged_before=state.restores_logged(backup, seen.values(), own_instance),
        source=str(context.check.id),
        requests=tuple(requests),
    )


def _clause_of_effects(context: CheckContext, request: Request) -> str:
    if context.check.clause in FORBID_EFFECTS:
        return context.check.clause
    return "CAP-8" if request.denied is not None else "JOB-10"


def changes_since(
    context: CheckContext, snapshot: Snapshot, get: Exchange, logs: Exchange, *, foreign: bool = False
) -> Iterator[Finding]:
    """The differences from the snapshot. A restore that was accepted since may leave its log and change a few members.

    `foreign`: logs of restores to instances that nobody named count as well.
    """
    yield from resting_on(_changes_since(context, snapshot, get, logs, foreign=foreign), snapshot.suspects)


def _changes_since(
    context: CheckContext, snapshot: Snapshot, get: Exchange, logs: Exchange, *, foreign: bool
) -> Iterator[Finding]:
    try:
        backup, entries = object_of(get), context.run.state.log_book.seen(snapshot.backup, items_of(logs))
    except CannotTellError as reason:
        yield inconclusive(str(reason), get)
        return
    explained = context.run.state.logs_explained(snapshot.backup, snapshot.logged_before)
    # Even where all logs were there before: the backup may be read, and changed, at another moment than its logs.
    ignored = RESTORE_MAY_CHANGE if context.run.state.accepted(snapshot.backup) else ()
    by_itself = snapshot.state in TRANSIENT_STATES
    changed = () if by_itself else equivalence.differences("backup", snapshot.before, backup, ignore=ignored)
    if changed and changes_by_itself(context, get):
        yield inconclusive(CHANGES_WITH_EACH_READING, get)
        return
    for pointer in changed[:MAX_CHANGES]:
        yield violation("the backup unchanged by a refused request", f"{pointer} changed", get, f"/data{pointer}")
    fresh = [log for log_id, log in entries.items() if log_id not in snapshot.logs]
    new = [log for log in fresh if str(log.get("instance_id")) in snapshot.instances]
    if by_itself:  # the end of saving leaves a log of type "backup"
        new = [log for log in new if log.get("type") == "restore"]
    new += restores_elsewhere(fresh, snapshot.instances) if foreign else []
    if len(new) > explained:
        yield violation("no log of a refused request", f"{len(new) - explained} new", logs, "/data")


def changes_by_itself(context: CheckContext, get: Exchange) -> bool:
    """Whether the backup of a get changes with each reading: then a change shows nothing."""
    again = [context.client.send(get.request, Purpose.CONTROL) for _ in range(2)]
    readings = [get, *(reading for reading in again if reading.is_success)]
    return len(readings) > 2 and all(
        equivalence.differences("backup", first.data, second.data) for first, second in pairwise(readings)
    )


# ---------------------------------------------------------------- the same again with another backup


def confirmed(
    context: CheckContext, snapshot: Snapshot, findings: Iterable[Finding], *, foreign: bool = False
) -> Iterator[Finding]:
    """Report effects as failures if the same requests have them on another backup as well, else as inconclusive.

    Another client may restore the backup of the snapshot, and what the run itself did may have changed it.
    """
    suspected: list[Finding] = []
    for finding in findings:
        if finding.outcome is Outcome.FAILED:
            suspected.append(finding)
        else:
            yield finding
    if not suspected:
        return
    if doubt := _doubt(context, snapshot, suspected, foreign=foreign):
        yield inconclusive(doubt, suspected[0].exchange)
    else:
        yield from suspected


def by_refused_requests(
    context: CheckContext, clause: str, requests: Sequence[Request], effects: Iterable[Finding]
) -> Iterator[Finding]:
    """Report effects that were seen after these refused restores of one backup, in the same way."""
    snapshot = Snapshot(
        clause=clause,
        backup=requests[0].resources["backup"],
        instances=frozenset({context.fixtures.instance_id}),
        before={},
        logs=frozenset(),
        requested_before=0,
        logged_before=0,
        source="the walk",
        requests=tuple(requests),
    )
    yield from confirmed(context, snapshot, effects)


def _doubt(context: CheckContext, snapshot: Snapshot, suspected: Sequence[Finding], *, foreign: bool) -> str:
    """Why an effect cannot be blamed on the requests of the snapshot; empty where it was seen again."""
    state = context.run.state
    if state.log_book.problem and all(_is_of_logs(finding) for finding in suspected):
        return state.log_book.problem
    if snapshot.clause in state.confirmed:
        return ""
    name = f"effects of {snapshot.clause} by {snapshot.source}"
    try:
        with context.run.refusals.none():
            doubt = context.run_once(name, lambda own: _why_unconfirmed(own, snapshot, foreign=foreign))
    except CANNOT_GO_ON as reason:
        return f"{ANOTHER_CLIENT}: {reason}"
    if not doubt:
        state.confirmed.add(snapshot.clause)
    return doubt


def _is_of_logs(finding: Finding) -> bool:
    return finding.exchange is not None and finding.exchange.operation == "logs"


def _shows_gone(finding: Finding) -> bool:
    return finding.exchange is not None and value_at(finding.exchange.data, "/state/current") in GONE_STATES


def _why_unconfirmed(context: CheckContext, snapshot: Snapshot, *, foreign: bool) -> str:
    """Why the requests are not proved to have effects; empty if they have them on another backup, and nobody else does.

    Another client may restore the other backup at the same time as well, and backups may change by themselves.
    """
    context.run_once(UNTOUCHED, logs_of_untouched)
    backup = _comparable_backup(context, snapshot)
    if backup is None:
        kind = "that is not live " if snapshot.state in NOT_LIVE_STATES else ""
        return f"{ANOTHER_CLIENT}: there is no other backup {kind}to see it again with"
    again = _try_elsewhere(context, snapshot, backup, foreign=foreign)
    if again is None:
        return f"{ANOTHER_CLIENT}: the same requests for another backup had no effect"
    if again.may_be_chance and (other := changed_alone(context, {snapshot.backup, backup}, again.took_s)):
        return f"backups change by themselves: {other} did while nothing was sent"
    return effects_of_others(context, snapshot, foreign=foreign)


class _Again(NamedTuple):
    """An effect that was seen again: after how many seconds, at the first look or later, and what it was."""

    took_s: float
    is_late: bool
    findings: Sequence[Finding]

    @property
    def may_be_chance(self) -> bool:
        """Whether the backup may have changed by itself: it is gone, or only its members changed, and late.

        The log of a restore names its cause.
        """
        return not any(map(_is_of_logs, self.findings)) and (self.is_late or any(map(_shows_gone, self.findings)))


def _try_elsewhere(context: CheckContext, snapshot: Snapshot, backup: str, *, foreign: bool) -> _Again | None:
    """Send the requests again for a backup that nothing touched, and look for effects until the time is over.

    Nothing that the target must accept is sent meanwhile, so that the requests alone can have the effects. Only then a
    restore of the main backup is: effects may come with it. Return None if there were none. Raises CannotTellError.
    """
    requests = requests_for(snapshot, backup)
    before = _look_before(context, requests)
    if before is None:
        raise CannotTellError("the other backup cannot be read")
    began, is_late, is_last = time.monotonic(), False, False
    send_until_accepted(context, requests)
    deadline = time.monotonic() + min(context.fixtures.target.restore.timeout_s, MAX_PATIENCE_S)
    while True:
        get, logs = context.send_all([context.build.get(backup), context.build.logs(backup)])
        effects = list(changes_since(context, before, get, logs, foreign=foreign))
        if effects := [finding for finding in effects if finding.outcome is Outcome.FAILED]:
            context.record_step(f"sent the same requests for backup {backup}", logs, "they had the same effect")
            return _Again(time.monotonic() - began, is_late, effects)
        if time.monotonic() > deadline and not is_last and restore_the_main_backup(context):
            is_last, deadline = True, time.monotonic() + POLLS_AFTER_ACCEPTED * context.fixtures.target.restore.poll_s
        elif time.monotonic() > deadline:
            context.record_step(f"sent the same requests for backup {backup}", logs, "they had no effect")
            return None
        is_late = True
        context.run.wait(context.fixtures.target.restore.poll_s)


def _comparable_backup(context: CheckContext, snapshot: Snapshot) -> str | None:
    """A backup for which the requests must be refused for the same reason: live, or not, as that of the snapshot is.

    One in the same state comes first, then one that no restore was requested of. None of them was restored.
    """
    state, fixtures = context.run.state, context.fixtures
    is_live = snapshot.state not in NOT_LIVE_STATES
    own = {snapshot.backup, *fixtures.restored_ids()}
    known = fixtures.stable_ids() if is_live else fixtures.not_live_ids()
    free = sorted((backup for backup in known if backup not in own and not state.accepted(backup)), key=state.requested)
    others: list[str] = []
    for backup in free[:MAX_CANDIDATES]:
        current = value_at(context.get(backup).data, "/state/current")
        if current == (snapshot.state or "live"):
            return backup
        if current in NOT_LIVE_STATES:
            others.append(backup)
    return None if is_live else next(iter(others), None)


def requests_for(snapshot: Snapshot, backup: str) -> list[Request]:
    """The requests of the snapshot with another backup in their addresses.

    A request that named a backup of another container is left out: for one of this container it may be legal.
    """
    return requests_of(snapshot.requests, snapshot.backup, backup)


# ---------------------------------------------------------------- restores to other instances


def new_logs_elsewhere(snapshot: Snapshot, logs: Exchange) -> list[JsonObject]:
    """New logs of restores to other instances: the request may have gone astray, or another client restores."""
    new = [log for log in logs.items if str(log.get("id")) not in snapshot.logs and names(log, snapshot.backup)]
    return restores_elsewhere(new, snapshot.instances)


def restores_elsewhere(logs: Iterable[JsonObject], instances: Collection[str]) -> list[JsonObject]:
    """The logs of restores to other instances."""
    return [log for log in logs if log.get("type") != "backup" and str(log.get("instance_id")) not in instances]


def no_foreign_restores(context: CheckContext, count: int) -> bool:
    """Whether no more logs come while nothing is requested. `count` came in the run: they would come as fast now.

    Other clients may restore any backup, so all are watched.
    """
    requests = [context.build.logs(str(backup["id"])) for backup in context.fixtures.backups[:MAX_WATCHED_BACKUPS]]
    before = context.send_all(requests)
    pace_s = (time.monotonic() - context.run.started) / count
    context.run.wait(max(MIN_WATCH_S, min(MAX_WATCH_S, WATCH_FACTOR * pace_s)))
    after = context.send_all(requests)
    return all(set(later.ids) <= set(earlier.ids) for earlier, later in zip(before, after, strict=True))
