"""The restore scenarios. Each runs once per run, and many checks judge what it saw.

A scenario sends, follows and keeps what it saw; it judges nothing. `CheckContext.run_once` takes its name as the key.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from conformance.contract.operations import CAPABILITY
from conformance.contract.pointers import value_at
from conformance.http.exchange import Throttled
from conformance.judging.expectations import CannotTellError, NotApplicableError, NotTestableError, items_of
from conformance.scenarios.follower import Follower
from conformance.scenarios.restore import Restore

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import RestoreOptions

#: How many accepted restores each scenario needs at least, the most valuable scenario first.
COSTS = {"main": 1, "manage": 1, "failing": 1, "at once": 2, "source": 1, "unusual": 1, "walk": 1}
#: The scenarios that run behind all others: concurrent restores leave their part of the budget alone.
LAST_SCENARIOS = ("unusual", "walk")
#: Places in the budget that are kept for requests that must be refused: they need one while they are in flight.
RESERVED = 1
#: How long the main restore has exclusive access to the target.
EXCLUSIVE_S = 1.0
#: Statuses that say that the instance is busy. They are believed for as long as a restore may take.
BUSY_STATUSES = (409, 423)
#: Statuses that may say so among other things. They are believed for `POSSIBLY_BUSY_S`.
POSSIBLY_BUSY_STATUSES = (403, 422)
POSSIBLY_BUSY_S = 10.0


@dataclass
class Digests:
    """What the probe printed. None where there is no probe, no such instance, or where it failed: see `problem`."""

    own_before: str | None = None
    own_after: str | None = None
    second_after: str | None = None
    problem: str | None = None


@dataclass
class Main:
    """A restore of the main backup by the full key, after the manage key brought the instance to another state."""

    restore: Restore
    digests: Digests

    @property
    def followed(self) -> Restore:
        """The restore, which was accepted and followed. Raises CannotTellError where it was refused."""
        if not self.restore.accepted:
            raise CannotTellError(f"JOB-1 failed first on {self.restore.answer.request.line}")
        return self.restore


@dataclass
class AtOnce:
    """Concurrent restores to the one instance, of different backups where the list has them."""

    restores: list[Restore] = field(default_factory=list)
    own_after: str | None = None

    @property
    def accepted(self) -> list[Restore]:
        """The restores that the target accepted."""
        return [restore for restore in self.restores if restore.accepted]


# ---------------------------------------------------------------- budget


def scenarios_within_budget(max_restores: int) -> set[str]:
    """Return the scenarios that the budget allows: none before a more valuable one."""
    left, chosen = max_restores - RESERVED, set()
    for scenario, cost in COSTS.items():
        left -= cost
        if left < 0:
            break
        chosen.add(scenario)
    return chosen


def budget_for_all_scenarios() -> int:
    """Return the smallest `restore.max_restores` that lets every scenario run."""
    return sum(COSTS.values()) + RESERVED


def require_budget(context: CheckContext, scenario: str) -> None:
    """Raise NotTestableError where the scenario may not run, CannotTellError where an earlier restore has no end."""
    policy = context.fixtures.target.restore
    if not policy.allow:
        raise NotTestableError("set restore.allow = true")
    if context.profile == "read":
        raise NotTestableError("the read profile starts no restore: use --profile full")
    _require_idle(context)
    require_fitting_file(context)
    if scenario not in scenarios_within_budget(policy.max_restores):
        raise NotTestableError(f"set restore.max_restores to at least {budget_for_all_scenarios()}")


def _require_idle(context: CheckContext) -> None:
    """Raise CannotTellError while an earlier restore has no end: a stuck instance says nothing about the next."""
    if stuck := next((one for one in context.run.state.restores if one.accepted and not one.ended), None):
        clause = "RST-1" if stuck.readable else "RST-2"
        raise CannotTellError(f"{clause} failed first: an earlier restore has no end ({stuck.last_seen})")


def restores_left(context: CheckContext) -> int:
    """Return how many more restores the budget allows, beside the places that are reserved."""
    accepted = int(context.client.shared_state.read("restores_accepted"))
    return context.fixtures.target.restore.max_restores - RESERVED - accepted


# ---------------------------------------------------------------- requesting


def request_restore(context: CheckContext, backup: str, **options: Unpack[RestoreOptions]) -> Restore:
    """Request a restore to the one instance that may be restored to, after reading the backup and its logs.

    The request is repeated while the instance is reported busy: the work of a job may end a little after the job, and
    without jobs its log may come before its end.
    """
    context.try_scenario("second instance", second_instance)
    begun = time.monotonic()
    while True:
        [restore] = request_concurrently(context, [backup], **options)
        patience_s = busy_patience_s(context, restore)
        if not patience_s or time.monotonic() - begun > patience_s:
            break
        context.run.wait(context.fixtures.target.restore.poll_s)
    restore.stayed_busy = patience_s > 0
    conclusion = "accepted" if restore.accepted else "not accepted"
    key = restore.answer.request.key
    context.record_step(f"restore of {backup} to {restore.instance} as {key}", restore.answer, conclusion)
    context.run.state.add_restores([restore])
    require_fitting_file(context)
    return restore


def require_fitting_file(context: CheckContext) -> None:
    """Raise CannotTellError where the refusals of all restores so far show a mistake of the target file.

    Requests cannot read an instance, nor whether a key may restore: the first restore tells.
    """
    restores = context.run.state.restores
    by_full = [restore for restore in restores if restore.answer.request.key == "full"]
    if by_full and all(is_denial(restore.answer) for restore in by_full):
        request = by_full[-1].answer.request.line
        raise CannotTellError(f"keys.full: the key lacks {CAPABILITY['restore']} (403.permissions on {request})")
    answers = [restore.answer for restore in restores]
    if answers and all(_is_about_the_instance(answer) for answer in answers):
        instance = context.fixtures.instance_id
        refusal = f"{answers[-1].status} {answers[-1].code}"
        raise CannotTellError(
            f"fixtures.instance_id: the target knows no such instance ({instance}: {refusal}); "
            f"set it to an instance of container {context.fixtures.container_id}"
        )


def is_denial(answer: Exchange) -> bool:
    """Whether an answer says that the key lacks a capability."""
    return answer.status == 403 and answer.code == "403.permissions"


def _is_about_the_instance(answer: Exchange) -> bool:
    """Whether a restore is refused because of its instance."""
    source = answer.error.get("source")
    return answer.is_refusal and (answer.code == "404.instance" or source == "/contents/instance_id")


def busy_patience_s(context: CheckContext, restore: Restore) -> float:
    """How long the instance may be busy after this answer; 0 for any other answer, and where waiting was in vain."""
    answer, timeout_s = restore.answer, context.fixtures.target.restore.timeout_s
    was_in_vain = any(earlier.stayed_busy for earlier in context.run.state.restores)
    if was_in_vain or value_at(answer.error, "/extra/capability"):
        return 0.0
    if answer.status in POSSIBLY_BUSY_STATUSES and not str(answer.code).endswith("permissions"):
        return min(POSSIBLY_BUSY_S, timeout_s)
    throttled = answer.status == 429 and answer.request.throttled is Throttled.ACCEPT
    return timeout_s if answer.status in BUSY_STATUSES or throttled else 0.0


def request_concurrently(context: CheckContext, backups: list[str], **options: Unpack[RestoreOptions]) -> list[Restore]:
    """Request restores of these backups side by side. The time of each counts from its answer, which may be late."""
    instance, before = context.fixtures.instance_id, {}
    for backup in dict.fromkeys(backups):
        get, logs = context.send_all([context.build.get(backup), context.build.logs(backup)])
        seen = context.run.state.log_book.seen(backup, items_of(logs))
        context.run.state.record_logs(backup, seen.values())
        before[backup] = get, frozenset(seen)
    answers = context.send_all(context.build.restore(backup, instance, **options) for backup in backups)
    now = time.monotonic()
    return [
        Restore(answer, backup, instance, before[backup][1], now, before=before[backup][0])
        for backup, answer in zip(backups, answers, strict=True)
    ]


def follow(context: CheckContext, restore: Restore) -> Restore:
    """Follow an accepted restore to its end. Raises CannotTellError for one that was not accepted."""
    if not restore.accepted:
        raise CannotTellError(f"JOB-1 failed first on {restore.answer.request.line}: {restore.answer.status}")
    return Follower(context).follow(restore)


def other_backup(context: CheckContext) -> str:
    """Return a live backup other than the main one, if there is any, else the main one."""
    others = [backup for backup in context.fixtures.stable_ids() if backup != context.fixtures.backup_id]
    return others[0] if others else context.fixtures.backup_id


# ---------------------------------------------------------------- scenarios


def second_instance(context: CheckContext) -> str:
    """The digest of the second instance before the first restore. Raises NotTestableError without a probe."""
    return context.digest_of(context.fixtures.fixture("second_instance_id"))


def main(context: CheckContext) -> Main:
    """The full key restores the main backup. Reads go on meanwhile, and the probe runs before and after."""
    require_budget(context, "main")
    digests = Digests()
    _leave_main_state(context)
    digests.own_before = _digest(context, context.fixtures.instance_id, digests)
    before = _read_all(context, context.fixtures.backup_id)

    def probe(_: Restore) -> None:
        digests.own_after = _digest(context, context.fixtures.instance_id, digests)
        digests.second_after = _digest(context, context.fixtures.target.fixtures.second_instance_id, digests)

    def read(running: Restore) -> None:
        running.reads += _read_all(context, running.backup)

    with context.run.window.held(EXCLUSIVE_S):  # a quick restore would be over before it was our turn again
        restore = request_restore(context, context.fixtures.backup_id)
        restore.reads_before = before
        if restore.accepted:
            Follower(context).follow(restore, while_running=read, at_end=probe)
    return Main(restore, digests)


def _leave_main_state(context: CheckContext) -> None:
    """Bring the instance away from the main backup's data, so that a restore that does nothing cannot pass."""
    other, probe = other_backup(context), context.fixtures.target.probe
    if other == context.fixtures.backup_id:
        return  # nothing else can be restored: the instance is judged as it was found
    restore = context.try_scenario("manage", manage)
    if (restore and restore.accepted) or probe is None or restores_left(context) <= COSTS["main"]:
        return
    if _digest(context, context.fixtures.instance_id, Digests()) == probe.expected:
        restore = request_restore(context, other)
        if restore.accepted:
            Follower(context).follow(restore)


def _read_all(context: CheckContext, backup: str) -> list[Exchange]:
    return context.send_all([context.build.list(), context.build.get(backup), context.build.logs(backup)])


def manage(context: CheckContext) -> Restore:
    """The manage key restores a backup other than the main one: then the instance is in another, known state.

    Where there is no other, the main scenario comes first, which judges the instance as it was found.
    """
    if other_backup(context) == context.fixtures.backup_id:
        context.try_scenario("main", main)
    require_budget(context, "manage")
    context.key_proofs.require("manage")
    restore = request_restore(context, other_backup(context), key="manage")
    if restore.accepted:
        Follower(context).follow(restore)
    return restore


def again(context: CheckContext) -> Restore:
    """A second opinion on a restore by the manage key that failed: the full key restores the same backup."""
    return follow(context, request_restore(context, other_backup(context)))


def failing(context: CheckContext) -> Restore:
    """A restore that is known to fail."""
    backup = context.fixtures.fixture("failing_backup_id")
    require_budget(context, "failing")
    restore = request_restore(context, backup)
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
    _require_idle(context)
    backups = _concurrent_backups(context)
    if (state := value_at(context.get(context.fixtures.backup_id).data, "/state/current")) != "live":
        raise CannotTellError(f"RST-3 failed first: the backup is {state} after a restore")
    concurrent = AtOnce(_request_at_once(context, backups))
    context.run.state.add_restores(concurrent.restores)
    for restore in concurrent.restores:
        conclusion = "accepted" if restore.accepted else "refused"
        what = f"restore of {restore.backup} to {restore.instance} at once"
        context.record_step(what, restore.answer, conclusion)
    if concurrent.accepted:
        Follower(context).follow_all(concurrent.accepted)
        concurrent.own_after = _digest(context, context.fixtures.instance_id, Digests())
    return concurrent


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
    more = [backup for backup in context.fixtures.restorable_ids() if backup not in (main, other)]
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
    restore = request_restore(context, other_backup(context), raw=raw)

    def probe(ended: Restore) -> None:
        ended.digest = _digest(context, context.fixtures.instance_id, Digests())

    return Follower(context).follow(restore, at_end=probe) if restore.accepted else restore


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


def real_job(context: CheckContext) -> str:
    """Return a job that exists and that the full key can read. Raises NotTestableError where there is none."""
    context.require_jobs()
    restore = context.run_once("main", main).followed
    if restore.job_id is None or not restore.readable:
        raise NotApplicableError("does not apply: the target shows no jobs")
    return restore.job_id
