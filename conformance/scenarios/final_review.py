"""The last look at restores: their logs, jobs and backups, and what was deleted, when everything else is over."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.contract.check_id import CheckId, CheckKind
from conformance.contract.operations import GONE_STATES, RESTORE_OR_DELETE_MAY_CHANGE
from conformance.contract.pointers import value_at
from conformance.judging.expectations import (
    CannotTellError,
    expect_equivalent,
    expect_success,
    object_of,
    violation,
)
from conformance.judging.outcomes import CheckRecord, Outcome
from conformance.judging.passive import FindingSet, attach
from conformance.scenarios.follower import of_instance
from conformance.scenarios.job_lifecycle import moves_forward
from conformance.scenarios.side_effects import astray, no_foreign_restores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.execution.executor import Run
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.follower import Restore

    Judged = tuple[str, list[Finding]]

#: restores that must each have left a log too many, before it is put down to them
ENOUGH_TO_TELL = 3
OPERATIONS: dict[str, Operation] = {"JBS": "job", "DEL": "delete"}


def recount(run: Run) -> Iterator[CheckRecord]:
    """What every restore left in the end; a record for each clause that something was held against."""
    ended = [one for one in run.restores if one.accepted and one.ended]
    tallies: dict[str, FindingSet] = defaultdict(FindingSet)
    for clause, findings in (*_logs(run, ended), *_jobs(run, ended), *_backups(run, ended), *_deletions(run)):
        tallies[clause].judged += 1
        for found in findings:
            tallies[clause].add(found)
    for clause, tally in tallies.items():
        if clause not in run.selected:
            continue
        operation = OPERATIONS.get(clause[:3], "restore")
        record = CheckRecord(CheckId(clause, operation, CheckKind.FINAL_REVIEW), Outcome.PASSED)
        attach(record, run.catalogue, tally.defects.values(), run.recorder, run.look_again)
        yield record


# ---------------------------------------------------------------- logs


@dataclass(frozen=True)
class Left:
    """What the restores of one backup left: the logs that are new since the first of them."""

    restores: list[Restore]
    exchange: Exchange

    @property
    def backup(self) -> str:
        """The backup."""
        return self.restores[0].backup

    @property
    def new(self) -> list[dict[str, Any]]:
        """The logs that were not there before."""
        return [log for log in self.exchange.items if log.get("id") not in self.restores[0].logs_before]

    @property
    def astray(self) -> list[dict[str, Any]]:
        """Those that name an instance to which we restored nothing."""
        return astray(self.new, {one.instance for one in self.restores})


def _logs(run: Run, ended: list[Restore]) -> Iterator[Judged]:
    """As many new logs as accepted restores, for every backup that was restored, and none of them gone again.

    What is too many is RST-2's; where restores at once were refused, they are what had an effect: RST-6's.
    """
    found = [*_left(run, ended)]
    for left in found:
        all_accepted = all(one.accepted for one in run.restores if one.backup == left.backup)
        yield "RST-2" if all_accepted else "RST-6", list(_differences(run, left))
    if found:
        yield "RST-2", list(_in_step(run, found))


def _left(run: Run, ended: list[Restore]) -> Iterator[Left]:
    for backup in dict.fromkeys(one.backup for one in ended):
        exchange = run.client.send(run.build.logs(backup))
        if exchange.is_judgeable_success and isinstance(exchange.data, list):
            yield Left([one for one in ended if one.backup == backup], exchange)


def _differences(run: Run, left: Left) -> Iterator[Finding]:
    accepted = max(len(left.restores), run.accepted[left.backup])
    own = of_instance(left.new, left.restores[0].instance)
    if len(own) > accepted:
        wanted = f"{accepted} new logs for {accepted} accepted restores"
        yield violation(wanted, f"{len(own)} in the end", left.exchange, "/data")
    there = {log.get("id") for log in left.exchange.items}
    gone = {log.get("id") for restore in left.restores for log in restore.own_logs} - there
    if gone:
        yield violation("the logs of the restores still there", f"{len(gone)} of them gone", left.exchange, "/data")


def _in_step(run: Run, found: list[Left]) -> Iterator[Finding]:
    """A log of another instance beside each of ours: others restore as well, but not in step with us, and go on."""
    well = [left for left in found if all(one.went_well for one in left.restores)]
    count = sum(len(left.astray) for left in well)
    if count < ENOUGH_TO_TELL or any(len(left.astray) != run.accepted[left.backup] for left in well):
        return
    if no_foreign_restores(run, count):
        got = "one more each time, of another instance"
        yield violation("one log for each accepted restore", got, well[0].exchange, "/data")


# ---------------------------------------------------------------- jobs


def _jobs(run: Run, ended: list[Restore]) -> Iterator[Judged]:
    """Jobs that were seen moved forward only, are still there, and in the state in which they ended."""
    restores = [one for one in ended if one.readable]
    for restore, job in zip(restores, run.client.send_all(run.build.job(one.job_id) for one in restores), strict=True):
        yield "JBS-1", list(expect_success(job))
        yield "RST-5", list(moves_forward([one for one in (*restore.jobs, job) if one.is_success]))


# ---------------------------------------------------------------- backups


def _backups(run: Run, ended: list[Restore]) -> Iterator[Judged]:
    """Backups whose restores went well are as they were before the first of them. They may have been deleted since."""
    first = {one.backup: one for one in reversed(ended) if one.went_well and one.before is not None}
    looks = run.client.send_all(run.build.get(backup) for backup in first)
    for restore, get in zip(first.values(), looks, strict=True):
        try:
            before, now = object_of(restore.before) if restore.before else {}, object_of(get)
        except CannotTellError:
            continue
        ignored = (
            (*RESTORE_OR_DELETE_MAY_CHANGE, "/state/current")
            if value_at(now, "/state/current") in GONE_STATES
            else RESTORE_OR_DELETE_MAY_CHANGE
        )
        if {before.get("id"), now.get("id")} == {restore.backup}:
            yield "RST-3", list(expect_equivalent("backup", before, now, get, ignored))


# ---------------------------------------------------------------- deletions


def _deletions(run: Run) -> Iterator[Judged]:
    """What was deleted has not come back, and what was not to be deleted is still there."""
    for get in run.client.send_all(run.build.get(backup) for backup in sorted(run.gone)):
        there = get.is_success and value_at(get.data, "/state/current") not in GONE_STATES
        yield "DEL-3", [violation("404, deleting or deleted for good", "a backup as before", get)] if there else []
    kept = [one for one in run.kept if one.backup not in run.deleted]
    for one, get in zip(kept, run.client.send_all(run.build.get(one.backup) for one in kept), strict=True):
        if get.status == 404:
            yield one.clause, [violation("the backup still there", "404", get)]
        elif get.is_success:
            yield (
                one.clause,
                list(expect_equivalent("backup", one.before, get.data, get, RESTORE_OR_DELETE_MAY_CHANGE)),
            )
