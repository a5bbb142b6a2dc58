"""The restore scenarios. Each runs once per run, and many checks judge what it saw.

A scenario sends requests, follows restores and keeps the results; it judges nothing. `CheckContext.run_once` takes its
name as the key.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.contract.pointers import value_at
from conformance.http.exchange import Throttled
from conformance.judging.expectations import CannotTellError, NotApplicableError, NotTestableError
from conformance.scenarios.follower import Follower
from conformance.scenarios.proofs.instance_data import data_after
from conformance.scenarios.proofs.source_instance import source
from conformance.scenarios.restore_requests import (
    COSTS,
    LAST_SCENARIOS,
    await_lost,
    budget_for_all_scenarios,
    busy_patience_s,
    follow,
    other_backup,
    request_concurrently,
    request_restore,
    request_restore_of_another,
    require_budget,
    require_idle,
    restores_left,
    scenarios_within_budget,
)

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import InstanceData, Restore

#: How long the main restore has exclusive access to the target.
EXCLUSIVE_S = 1.0


@dataclass
class Digests:
    """What the probe printed. None where there is no probe, no such instance, or where it failed: see `problem`.

    `own_before`: of the instance right before the main restore, whichever restore wrote it last.
    """

    own_before: str | None = None
    second_after: str | None = None
    problem: str | None = None


@dataclass
class Main:
    """A restore of the main backup by the full key, after the manage key brought the instance to another state."""

    restore: Restore
    digests: Digests

    @property
    def followed(self) -> Restore:
        """The restore, which was accepted and followed. Raises CannotTellError where it was not accepted."""
        if not self.restore.accepted:
            raise CannotTellError(self.restore.why_not_accepted)
        return self.restore


@dataclass
class AtOnce:
    """Concurrent restores to the one instance, of different backups where the list has them."""

    restores: list[Restore] = field(default_factory=list)
    data: InstanceData | None = None

    @property
    def accepted(self) -> list[Restore]:
        """The restores that the target accepted."""
        return [restore for restore in self.restores if restore.accepted]


# ---------------------------------------------------------------- scenarios


def main(context: CheckContext) -> Main:
    """The full key restores the main backup. Reads go on meanwhile, and the probe runs before and after.

    The restore of a backup of another instance comes before it (RST-9).
    """
    require_budget(context, "main")
    context.try_scenario("source", source)
    digests = Digests()
    _leave_main_state(context)
    require_idle(context)
    digests.own_before = _digest(context, context.fixtures.instance_id, digests)
    before = _read_all(context, context.fixtures.backup_id)

    def probe(ended: Restore) -> None:
        ended.data = data_after(context, [ended])
        digests.second_after = _digest(context, context.fixtures.target.fixtures.second_instance_id, digests)

    def read(running: Restore) -> None:
        running.reads += _read_all(context, running.backup)

    with context.run.window.held(EXCLUSIVE_S):  # a quick restore would end before this thread could send again
        restore = request_restore(context, context.fixtures.backup_id)
        restore.reads_before = before
        if restore.accepted:
            Follower(context).follow(restore, while_running=read, at_end=probe)
    return Main(restore, digests)


def _leave_main_state(context: CheckContext) -> None:
    """Restore other data than the main backup's first, so that a restore without effect cannot pass."""
    other, probe = other_backup(context), context.fixtures.target.probe
    if other == context.fixtures.backup_id:
        return  # nothing else can be restored: the instance is judged as it was found
    restore = context.try_scenario("manage", manage)
    if (restore and restore.accepted) or probe is None or restores_left(context) <= COSTS["main"]:
        return
    if _digest(context, context.fixtures.instance_id, Digests()) == probe.expected:
        restore = request_restore_of_another(context)
        if restore.accepted:
            Follower(context).follow(restore)


def _read_all(context: CheckContext, backup: str) -> list[Exchange]:
    return context.send_all([context.build.list(), context.build.get(backup), context.build.logs(backup)])


def manage(context: CheckContext) -> Restore:
    """The manage key restores a backup other than the main one; its digest shows the data that such a restore yields.

    Where there is no other, the main scenario comes first, which judges the instance as it was found.
    """
    if other_backup(context) == context.fixtures.backup_id:
        context.try_scenario("main", main)
    require_budget(context, "manage")
    context.key_proofs.require("manage")
    restore = request_restore_of_another(context, key="manage")
    return _follow_and_probe(context, restore) if restore.accepted else restore


def _follow_and_probe(context: CheckContext, restore: Restore) -> Restore:
    def probe(ended: Restore) -> None:
        ended.data = data_after(context, [ended])

    return Follower(context).follow(restore, at_end=probe)


def again(context: CheckContext) -> Restore:
    """A second opinion on a restore by the manage key that failed: the full key restores the same backup."""
    return follow(context, request_restore_of_another(context))


def failing(context: CheckContext) -> Restore:
    """A restore that is known to fail."""
    backup = context.fixtures.fixture("failing_backup_id")
    require_budget(context, "failing")
    restore = request_restore(context, backup)
    if restore.lost:
        raise CannotTellError(restore.why_not_accepted)
    if not restore.accepted:
        raise NotTestableError(f"the failing backup's restore was refused at once ({restore.answer.status})")
    Follower(context).follow(restore)
    if restore.ended:
        Follower(context).await_message(restore)
    return restore


def at_once(context: CheckContext) -> AtOnce:
    """Concurrent restores, as many as budget and concurrency allow, behind the scenarios of single ones."""
    require_budget(context, "at once")
    for name, scenario in (("main", main), ("failing", failing)):
        context.try_scenario(name, scenario)
    require_idle(context)
    backups = _concurrent_backups(context)
    if (state := value_at(context.get(context.fixtures.backup_id).data, "/state/current")) != "live":
        raise CannotTellError(f"RST-3 failed first: the backup is {state} after a restore")
    concurrent = AtOnce(_request_at_once(context, backups))
    if lost := [restore for restore in concurrent.restores if restore.lost]:
        concurrent = _request_at_once_again(context, concurrent, lost)
    context.run.state.add_restores(concurrent.restores)
    for restore in concurrent.restores:
        conclusion = "accepted" if restore.accepted else "refused"
        what = f"restore of {restore.backup} to {restore.instance} at once"
        context.record_step(what, restore.answer, conclusion)
    if concurrent.accepted:
        Follower(context).follow_all(concurrent.accepted)
        concurrent.data = data_after(context, concurrent.restores)
    return concurrent


def _request_at_once_again(context: CheckContext, concurrent: AtOnce, lost: list[Restore]) -> AtOnce:
    """Request restores at once again, after those of which some had no answer are over, if the budget allows."""
    if not _has_room(context):
        return concurrent
    if concurrent.accepted:
        context.run.state.add_restores(concurrent.accepted)
        Follower(context).follow_all(concurrent.accepted)
    await_lost(context, lost)
    return AtOnce(_request_at_once(context, _concurrent_backups(context))) if _has_room(context) else concurrent


def _has_room(context: CheckContext) -> bool:
    """Whether the budget allows two more concurrent restores."""
    try:
        return bool(_concurrent_backups(context))
    except NotTestableError:
        return False


def _concurrent_backups(context: CheckContext) -> list[str]:
    """The backups to restore at once: different ones where there are any, as many as budget and concurrency allow.

    Raises NotTestableError where there is no room for two restores.
    """
    policy, limits = context.fixtures.target.restore, context.fixtures.target.limits
    later = sum(COSTS[name] for name in LAST_SCENARIOS if name in scenarios_within_budget(policy.max_restores))
    room = restores_left(context) - later
    count = min(room, limits.concurrency)
    if count < COSTS["at once"]:
        # restores whose answers were lost took places as well
        needed = max(budget_for_all_scenarios(), policy.max_restores + COSTS["at once"] - room)
        raise NotTestableError(f"set restore.max_restores to at least {needed}, limits.concurrency to 2")
    main, other = context.fixtures.backup_id, other_backup(context)
    used = {main, other, *context.fixtures.gone}
    more = [backup for backup in context.fixtures.restorable_ids() if backup not in used]
    if context.fixtures.target.probe is not None:
        more = []  # what the instance then holds is only known of backups that were restored alone
    return [main, other, *more][:count]


def _request_at_once(context: CheckContext, backups: list[str]) -> list[Restore]:
    """Request these restores; again where all of them are refused, since an earlier one may not be over."""
    begun = time.monotonic()
    while True:
        restores = request_concurrently(context, backups, throttled=Throttled.ACCEPT)
        for restore in restores:
            restore.at_once = True
        patience_s = min(busy_patience_s(context, restore) for restore in restores)
        if any(restore.accepted for restore in restores) or time.monotonic() - begun >= patience_s:
            return restores
        context.run.wait(context.fixtures.target.restore.poll_s)


def unusual(context: CheckContext, raw: bytes) -> Restore:
    """A restore by a valid request that is written unusually, followed to its end."""
    require_budget(context, "unusual")
    restore = request_restore_of_another(context, raw=raw)
    return _follow_and_probe(context, restore) if restore.accepted else restore


def try_all(context: CheckContext) -> None:
    """Run every scenario that the target file offers and the budget allows, for checks that judge all restores."""
    for name, scenario in (("main", main), ("failing", failing), ("at once", at_once)):
        context.try_scenario(name, scenario)


def _digest(context: CheckContext, instance: str | None, digests: Digests) -> str | None:
    """What the probe prints. That it fails matters to the clauses that need it, and to no other."""
    if instance is None or context.fixtures.target.probe is None:
        return None
    try:
        return context.digest_of(instance)
    except CannotTellError as reason:
        digests.problem = str(reason)
        return None


# ---------------------------------------------------------------- what other checks need of them


def restored_by_manage(context: CheckContext) -> Restore:
    """Return the restore that the key with manage alone requested."""
    return context.run_once("manage", manage)


def jobs_afterwards(context: CheckContext) -> list[tuple[Restore, Exchange]]:
    """Return the readable jobs of the restores so far, read once for all checks that judge them afterwards.

    In a quick run only the final review reads them once more.
    """
    restores = [restore for restore in context.run.state.restores if restore.accepted and restore.readable]
    if context.run.is_quick:
        context.exchanges.add([restore.jobs[-1] for restore in restores])  # also where the scenario was broken off
        return [(restore, restore.jobs[-1]) for restore in restores]

    def read(own: CheckContext) -> list[tuple[Restore, Exchange]]:
        jobs = own.send_all(own.build.job(restore.job_id) for restore in restores)
        return list(zip(restores, jobs, strict=True))

    return context.run_once(f"jobs of {len(restores)} restores", read)


def real_job(context: CheckContext) -> str:
    """Return a job that exists and that the full key can read. Raises NotTestableError where there is none."""
    context.require_jobs()
    context.try_scenario("main", main)
    restores = [restore for restore in context.run.state.restores if restore.accepted]
    restores = restores or [context.run_once("main", main).followed]
    job = next((restore.job_id for restore in restores if restore.readable), None)
    if job is None:
        if context.fixtures.target.claims.jobs:
            raise CannotTellError("JBS-1 failed first: the target shows no jobs, though claims.jobs = true")
        raise NotApplicableError("does not apply: the target shows no jobs")
    return job
