"""A refusal is asserted twice: the answer, and the unchanged world, right after it and at the end of the run."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from conformance.contract import equivalence
from conformance.contract.check_id import CheckId, CheckKind
from conformance.contract.operations import RESTORE_MAY_CHANGE
from conformance.http.exchange import Purpose
from conformance.judging.expectations import (
    CannotTellError,
    Finding,
    expect_equivalent,
    inconclusive,
    items_of,
    object_of,
    violation,
)
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.judging.passive import FindingSet, attach
from conformance.scenarios import paging

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from conformance.execution.executor import Run
    from conformance.http.exchange import Exchange, Request
    from conformance.scenarios.context import CheckContext

#: so many requests that must be refused are sent one by one before the others go side by side
ONE_BY_ONE = 2

#: how long to wait for logs that others' restores leave, for how many of them, and on how many backups
MIN_QUIET_S = 3.0
MAX_QUIET_S = 15.0
QUIET_FACTOR = 3
MAX_LOOKED_AT = 64

#: clauses whose own text forbids an effect; CAP-8 does for any other denied restore, JOB-10 for what is refused else
OWN_EFFECT = frozenset({"AUTH-5", "AUTH-6", "AUTH-9", "CAP-8", "RST-6", "DEL-2", "DEL-4"})


@dataclass
class Snapshot:
    """What a backup looked like before requests that must have no effect on it."""

    clause: str
    backup: str
    instances: frozenset[str]
    before: dict[str, Any]
    logs: frozenset[str]
    asked_before: int
    accepted_before: int
    effects: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Kept:
    """A backup as it was before deletes that must be refused, and the clause that says so."""

    clause: str
    backup: str
    before: dict[str, Any]


def send_expecting_refusal(context: CheckContext, requests: Sequence[Request]) -> list[Exchange]:
    """Sends requests that must be refused; what they changed is told by `effects`, now and at the end of the run."""
    watch = _watch(context, requests)
    answers = _until_accepted(context, requests)
    if watch is not None:
        looks = context.send_all([context.build.get(watch.backup), context.build.logs(watch.backup)])
        watch.effects += _changes(context.run, watch, *looks)
    return answers


def _until_accepted(context: CheckContext, requests: Sequence[Request]) -> list[Exchange]:
    """Sends side by side, but stops soon after one was accepted: the clause is broken then, and each more costs budget.

    The first few go one by one, since a target that accepts what it must refuse mostly accepts all of it. What the
    budget has no room for beside one that was accepted is left out.
    """
    answers: list[Exchange] = []
    sent, step = 0, 1
    while sent < len(requests) and not any(answer.is_success for answer in answers):
        answers += context.send_allowed(requests[sent : sent + step])
        sent += step
        step = 1 if sent < ONE_BY_ONE else max(1, context.fixtures.target.limits.concurrency)
    return answers


def send_deletions_expecting_refusal(
    context: CheckContext, backup: str, requests: Sequence[Request]
) -> tuple[list[Exchange], list[Finding]]:
    """Deletes that must be refused, and what they changed: the backup is there and as it was, in get and in list."""
    before = object_of(context.get(backup))
    context.run.kept.append(Kept(context.check.clause, backup, before))
    listed_before = backup in paging.read_list(context).ids
    answers: list[Exchange] = []
    for request in requests:
        answers.append(context.send(request))
        if answers[-1].is_success:  # it is gone now: what comes after it would be refused for that
            break
    after = context.get(backup)
    if not after.is_success:
        return answers, [violation("the backup still there", f"{after.status}", after)]
    changed = list(expect_equivalent("backup", before, after.data, after))
    if not changed and listed_before and backup not in paging.read_list(context).ids:
        changed.append(violation("the backup still listed", "not listed", after))
    return answers, changed


def observed_effects(context: CheckContext) -> Iterator[Finding]:
    """What the refused requests of this very check changed at once, where the check's clause forbids it."""
    for watch in context.watches:
        if watch.clause == context.check.clause:
            yield from watch.effects


def final_review(run: Run) -> list[CheckRecord]:
    """The second look at everything watched since the last one: a record for each clause that forbids effects."""
    found: dict[str, list[Finding]] = defaultdict(list)
    # where the profile or a limit kept the requests back there is nothing to have had an effect
    watches = [watch for watch in run.watches if run.asked[watch.backup] > watch.asked_before]
    looks = [run.client.send_all([run.build.get(watch.backup), run.build.logs(watch.backup)]) for watch in watches]
    elsewhere = [len(_elsewhere(watch, logs)) for watch, (_, logs) in zip(watches, looks, strict=True)]
    quiet = not any(elsewhere) or no_foreign_restores(run, sum(elsewhere))
    for watch, (get, logs) in zip(watches, looks, strict=True):
        later = list(_changes(run, watch, get, logs, elsewhere=quiet))
        found[watch.clause] += watch.effects or later
    run.watches.clear()
    return [_record(run, clause, items) for clause, items in found.items() if clause in run.selected]


def _record(run: Run, clause: str, found: Iterable[Finding]) -> CheckRecord:
    record = CheckRecord(CheckId(clause, "restore", CheckKind.FINAL_REVIEW), Outcome.PASSED)
    tally = FindingSet()
    for one in found:
        tally.add(one)
    attach(record, run.catalogue, tally.defects.values(), run.recorder, run.look_again)
    return record


def _watch(context: CheckContext, requests: Sequence[Request]) -> Snapshot | None:
    """Looks at the backup that the requests name; None where they name none that exists."""
    backup = requests[0].resources.get("backup", "")
    if requests[0].ownership in ("missing", "malformed"):
        return None
    of_others = "CAP-8" if requests[0].denied is not None else "JOB-10"
    clause = context.check.clause if context.check.clause in OWN_EFFECT else of_others
    instances = {request.resources["instance"] for request in requests if "instance" in request.resources}
    before, listed_logs = context.send_all([context.build.get(backup), context.build.logs(backup)])
    if isinstance(before.data, dict) and before.data.get("id") != backup:
        return None  # GET-2's defect: what changes on another backup says nothing of this one
    logs = frozenset(log["id"] for log in items_of(listed_logs) if isinstance(log.get("id"), str))
    watch = Snapshot(
        clause=clause,
        backup=backup,
        instances=frozenset(instances | {context.fixtures.instance_id}),
        before=object_of(before),
        logs=logs,
        asked_before=context.run.asked[backup],
        accepted_before=_logged(context.run, backup, logs),
    )
    context.watches.append(watch)
    context.run.watches.append(watch)
    return watch


def _logged(run: Run, backup: str, logs: frozenset[str]) -> int:
    """How many of the restores that were accepted so far have their log: one may still be running, its log to come."""
    first = next((watch for watch in run.watches if watch.backup == backup), None)
    came = run.accepted[backup] if first is None else first.accepted_before + len(logs - first.logs)
    return min(came, run.accepted[backup])


def _changes(run: Run, watch: Snapshot, get: Exchange, logs: Exchange, *, elsewhere: bool = False) -> Iterator[Finding]:
    """What is different now. A restore that was accepted meanwhile may leave its log and move a few members.

    `elsewhere`: logs of restores to instances that nobody asked for count as well.
    """
    try:
        backup, entries = object_of(get), items_of(logs)
    except CannotTellError:
        return
    explained = run.accepted[watch.backup] - watch.accepted_before
    moving = RESTORE_MAY_CHANGE if explained else ()
    changed = equivalence.differences("backup", watch.before, backup, ignore=moving)[:3]
    if changed and _moves_by_itself(run, get):
        yield inconclusive("because HTTP-4 failed: the backup changes with each reading", get)
        return
    for pointer in changed:
        yield violation("the backup unchanged by a refused request", f"{pointer} changed", get, f"/data{pointer}")
    new = [log for log in entries if log.get("id") not in watch.logs and log.get("instance_id") in watch.instances]
    new += _elsewhere(watch, logs) if elsewhere else []
    if len(new) > explained:
        yield violation("no log of a refused request", f"{len(new) - explained} new", logs, "/data")


def _moves_by_itself(run: Run, get: Exchange) -> bool:
    """Does the backup change while nothing is asked of it? Then a change shows nothing."""
    again = [run.client.send(get.request, Purpose.CONTROL) for _ in range(2)]
    readings = [get, *(reading for reading in again if reading.is_success)]
    return len(readings) > 2 and all(
        equivalence.differences("backup", first.data, second.data) for first, second in pairwise(readings)
    )


def _elsewhere(watch: Snapshot, logs: Exchange) -> list[dict[str, Any]]:
    """New logs of restores to other instances: the request may have gone astray, or somebody else restores."""
    return astray([log for log in logs.items if log.get("id") not in watch.logs], watch.instances)


def astray(logs: Iterable[dict[str, Any]], instances: Collection[str]) -> list[dict[str, Any]]:
    """Those of them that tell of restores to other instances."""
    return [log for log in logs if log.get("type") != "backup" and log.get("instance_id") not in instances]


def no_foreign_restores(run: Run, count: int) -> bool:
    """While nothing is asked for, do no more logs come? So many came in the run: as fast they would come now.

    Others' restores are of any backup, so all are looked at.
    """
    asks = [run.build.logs(str(backup["id"])) for backup in run.fixtures.backups[:MAX_LOOKED_AT]]
    looks = run.client.send_all(asks)
    run.wait(max(MIN_QUIET_S, min(MAX_QUIET_S, QUIET_FACTOR * (time.monotonic() - run.started) / count)))
    again = run.client.send_all(asks)
    return all(set(later.ids) <= set(look.ids) for look, later in zip(looks, again, strict=True))
