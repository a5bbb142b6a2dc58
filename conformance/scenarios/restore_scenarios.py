"""The restore scenarios, each told once per run and judged by many checks.

A story sends, follows and remembers; it judges nothing. Its name is the key under which `Run.story` keeps it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from conformance.contract.operations import GONE_STATES
from conformance.contract.pointers import value_at
from conformance.http.exchange import Throttled
from conformance.judging.expectations import CannotTellError, NotTestableError, items_of
from conformance.scenarios import paging
from conformance.scenarios.follower import BUSY_S, BUSY_STATUSES, POSSIBLY_BUSY_STATUSES, Follower, Restore

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import RestoreOptions

#: accepted restores that each story needs at the least, the most valuable first; one place more is kept for requests
#: that must be refused, since even those need room in the budget while they are under way
COSTS = {"main": 1, "manage": 1, "failing": 1, "at once": 2, "unusual": 1, "walk": 1}
#: those that are told behind all others: restores asked for at once leave their part of the budget alone
LAST_SCENARIOS = ("unusual", "walk")
RESERVED = 1
#: for so long the main restore goes ahead of all other checks
EXCLUSIVE_S = 1.0
#: of the backups that are offered so many are deleted, or might be, by the checks of delete
DELETES_OF_CHECKS = 3
#: with so many restores at once, one of them is of another backup
MIN_FOR_MIXED_BACKUPS = 3


@dataclass
class Digests:
    """What the probe saw; None where there is no probe, no such instance, or where it failed: `problem` says how."""

    own_before: str | None = None
    own_after: str | None = None
    second_after: str | None = None
    problem: str | None = None


@dataclass
class Main:
    """The full key restores the main backup, after the manage key brought the instance to another state."""

    restore: Restore
    digests: Digests

    @property
    def followed(self) -> Restore:
        """The restore, which was accepted and followed. Raises CannotTellError where it was refused."""
        if not self.restore.accepted:
            raise CannotTellError(f"because JOB-1 failed on {self.restore.answer.request.line}")
        return self.restore


@dataclass
class Deleted:
    """An offered backup was deleted, and looked for until it was gone or the time was over."""

    backup: str
    answer: Exchange
    get: Exchange
    listing: Exchange
    gone_in_get: bool = False
    gone_in_list: bool = False


@dataclass
class AtOnce:
    """Restores to the same instance as before, asked for side by side: of the main backup, and one of another."""

    restores: list[Restore] = field(default_factory=list)
    own_after: str | None = None

    @property
    def accepted(self) -> list[Restore]:
        """Those that the target took on."""
        return [one for one in self.restores if one.accepted]


def scenarios_within_budget(max_restores: int) -> set[str]:
    """The stories that the budget allows, in the order of their value: none before what is worth more than it."""
    left, chosen = max_restores - RESERVED, set()
    for story, cost in COSTS.items():
        left -= cost
        if left < 0:
            break
        chosen.add(story)
    return chosen


def budget_for_all_scenarios() -> int:
    """The smallest `restore.max_restores` that lets every story be told."""
    return sum(COSTS.values()) + RESERVED


def require_budget(context: CheckContext, story: str) -> None:
    """Raises NotTestableError where the story cannot be told, CannotTellError where an earlier one has no end."""
    policy = context.fixtures.target.restore
    if not policy.allow:
        raise NotTestableError("set restore.allow = true")
    if context.profile == "read":
        raise NotTestableError("the read profile starts no restore: use --profile full")
    _nothing_runs(context)
    if story not in scenarios_within_budget(policy.max_restores):
        raise NotTestableError(f"set restore.max_restores to at least {budget_for_all_scenarios()}")


def _nothing_runs(context: CheckContext) -> None:
    """No restore is asked for while an earlier one has no end: not on a stuck instance. Raises CannotTellError."""
    if stuck := next((one for one in context.run.restores if one.accepted and not one.ended), None):
        clause = "RST-1" if stuck.readable else "RST-2"
        raise CannotTellError(f"because {clause} failed: an earlier restore has no end ({stuck.last_seen})")


def ask_for(context: CheckContext, backup: str, **options: Unpack[RestoreOptions]) -> Restore:
    """Asks for a restore to the one instance that may be restored to, and remembers how things were before.

    Where the instance is said to be busy it is asked for again: the work of a job may end a little after the job, and
    without jobs its log may come before.
    """
    context.try_scenario("second instance", second_instance)
    begun = time.monotonic()
    while True:
        [restore] = request_concurrently(context, [backup], **options)
        if not (patience := busy_wait_s(context, restore)) or time.monotonic() - begun > patience:
            break
        context.run.wait(context.fixtures.target.restore.poll_s)
    restore.stayed_busy = patience > 0
    said = "accepted" if restore.accepted else "not accepted"
    context.record_step(
        f"restore of {backup} to {restore.instance} as {restore.answer.request.key}", restore.answer, said
    )
    context.run.restores.append(restore)
    return restore


def busy_wait_s(context: CheckContext, restore: Restore) -> float:
    """How long an instance may be busy that gave this answer; 0 for another answer, or where it was in vain before."""
    answer, timeout_s = restore.answer, context.fixtures.target.restore.timeout_s
    if any(one.stayed_busy for one in context.run.restores) or value_at(answer.error, "/extra/capability"):
        return 0.0
    if answer.status in POSSIBLY_BUSY_STATUSES and not str(answer.code).endswith("permissions"):
        return min(BUSY_S, timeout_s)
    put_off = answer.status == 429 and answer.request.throttled is Throttled.ACCEPT
    return timeout_s if answer.status in BUSY_STATUSES or put_off else 0.0


def request_concurrently(context: CheckContext, backups: list[str], **options: Unpack[RestoreOptions]) -> list[Restore]:
    """Asks for restores of these backups at once. The time of each counts from its answer: it may have been put off."""
    instance, looks = context.fixtures.instance_id, {}
    for backup in dict.fromkeys(backups):
        before, logs = context.send_all([context.build.get(backup), context.build.logs(backup)])
        looks[backup] = before, frozenset(str(log.get("id")) for log in items_of(logs))
    answers = context.send_all(context.build.restore(backup, instance, **options) for backup in backups)
    now = time.monotonic()
    return [
        Restore(answer, backup, instance, looks[backup][1], now, before=looks[backup][0])
        for backup, answer in zip(backups, answers, strict=True)
    ]


def follow(context: CheckContext, restore: Restore) -> Restore:
    """Follows an accepted restore to its end; one that was not accepted has none."""
    if not restore.accepted:
        raise CannotTellError(f"because JOB-1 failed on {restore.answer.request.line}: {restore.answer.status}")
    return Follower(context).follow(restore)


def _another_state(context: CheckContext) -> None:
    """Brings the instance away from the main backup's data, so that a restore that does nothing cannot pass."""
    other, probe = other_backup(context), context.fixtures.target.probe
    if other == context.fixtures.backup_id:
        return  # nothing else can be restored: the instance is looked at as it was found
    restore = context.try_scenario("manage", manage)
    if (restore and restore.accepted) or probe is None or _room(context) <= COSTS["main"]:
        return
    if _digest(context, context.fixtures.instance_id, Digests()) == probe.expected:
        restore = ask_for(context, other)
        if restore.accepted:
            Follower(context).follow(restore)


def _room(context: CheckContext) -> int:
    """How many more restores the budget allows, but for the place that is kept for what must be refused."""
    return (
        context.fixtures.target.restore.max_restores
        - RESERVED
        - int(context.client.shared_state.read("restores_accepted"))
    )


def other_backup(context: CheckContext) -> str:
    """A live backup other than the main one, where there is any."""
    others = [backup for backup in context.fixtures.stable_ids() if backup != context.fixtures.backup_id]
    return others[0] if others else context.fixtures.backup_id


def manage(context: CheckContext) -> Restore:
    """The manage key restores a backup other than the main one: the instance is in a different, known state then.

    Where there is no other, the main story comes first: it looks at the instance as it was found.
    """
    if other_backup(context) == context.fixtures.backup_id:
        context.try_scenario("main", main)
    require_budget(context, "manage")
    context.key_proofs.require("manage")
    restore = ask_for(context, other_backup(context), key="manage")
    if restore.accepted:
        Follower(context).follow(restore)
    return restore


def again(context: CheckContext) -> Restore:
    """A second opinion on a restore by the manage key that failed: the full key restores the same backup."""
    return follow(context, ask_for(context, other_backup(context)))


def second_instance(context: CheckContext) -> str:
    """What the second instance holds before the first restore of the run. Raises NotTestableError without a probe."""
    return context.digest_of(context.fixtures.fixture("second_instance_id"))


def main(context: CheckContext) -> Main:
    """The full key restores the main backup; reads go on meanwhile, the probe looks before and after."""
    require_budget(context, "main")
    digests = Digests()
    _another_state(context)
    digests.own_before = _digest(context, context.fixtures.instance_id, digests)
    before = _reads(context, context.fixtures.backup_id)

    def look(_: Restore) -> None:
        digests.own_after = _digest(context, context.fixtures.instance_id, digests)
        digests.second_after = _digest(context, context.fixtures.target.fixtures.second_instance_id, digests)

    def read(running: Restore) -> None:
        running.reads += _reads(context, running.backup)

    with context.run.exclusive_window.held(EXCLUSIVE_S):  # a quick restore would be over before it was our turn again
        restore = ask_for(context, context.fixtures.backup_id)
        restore.reads_before = before
        if restore.accepted:
            Follower(context).follow(restore, while_running=read, at_end=look)
    return Main(restore, digests)


def _reads(context: CheckContext, backup: str) -> list[Exchange]:
    return context.send_all([context.build.list(), context.build.get(backup), context.build.logs(backup)])


def failing(context: CheckContext) -> Restore:
    """A restore that is known to fail."""
    backup = context.fixtures.fixture("failing_backup_id")
    require_budget(context, "failing")
    restore = ask_for(context, backup)
    if not restore.accepted:
        raise NotTestableError(f"the failing backup's restore was refused at once ({restore.answer.status})")
    Follower(context).follow(restore)
    if restore.ended:
        Follower(context).await_message(restore)
    return restore


def at_once(context: CheckContext) -> AtOnce:
    """Restores of the main backup, side by side, as many as budget and concurrency allow; told last of all."""
    require_budget(context, "at once")
    for name, tell in (("main", main), ("failing", failing)):
        context.try_scenario(name, tell)
    _nothing_runs(context)
    policy, limits = context.fixtures.target.restore, context.fixtures.target.limits
    later = sum(COSTS[story] for story in LAST_SCENARIOS if story in scenarios_within_budget(policy.max_restores))
    room = _room(context) - later
    count = min(room, limits.concurrency)
    if count < COSTS["at once"]:
        needed = max(
            budget_for_all_scenarios(), policy.max_restores + COSTS["at once"] - room
        )  # lost answers took places, too
        raise NotTestableError(f"set restore.max_restores to at least {needed}, limits.concurrency to 2")
    if (state := value_at(context.get(context.fixtures.backup_id).data, "/state/current")) != "live":
        raise CannotTellError(f"because RST-3 failed: the backup is {state} after a restore")
    told = AtOnce(_at_once(context, count))
    context.run.restores += told.restores
    for one in told.restores:
        said = "accepted" if one.accepted else "refused"
        context.record_step(f"restore of {one.backup} to {one.instance} at once", one.answer, said)
    if told.accepted:
        Follower(context).follow_all(told.accepted)
        told.own_after = _digest(context, context.fixtures.instance_id, Digests())
    return told


def _at_once(context: CheckContext, count: int) -> list[Restore]:
    """So many restores side by side; again where all of them are refused, since what ran before may not be over."""
    last = other_backup(context) if count >= MIN_FOR_MIXED_BACKUPS else context.fixtures.backup_id
    begun = time.monotonic()
    while True:
        restores = request_concurrently(
            context, [context.fixtures.backup_id] * (count - 1) + [last], throttled=Throttled.ACCEPT
        )
        patience = min(busy_wait_s(context, one) for one in restores)
        if any(one.accepted for one in restores) or time.monotonic() - begun >= patience:
            return restores
        context.run.wait(context.fixtures.target.restore.poll_s)


def unusual(context: CheckContext, raw: bytes) -> Restore:
    """A restore asked for by a valid request that is written unusually, followed to its end."""
    require_budget(context, "unusual")
    restore = ask_for(context, other_backup(context), raw=raw)

    def look(ended: Restore) -> None:
        ended.digest = _digest(context, context.fixtures.instance_id, Digests())

    return Follower(context).follow(restore, at_end=look) if restore.accepted else restore


def tell_all(context: CheckContext) -> None:
    """Every story that the target file offers and the budget allows, for checks that judge all restores of a run."""
    for name, tell in (("main", main), ("failing", failing), ("at once", at_once)):
        context.try_scenario(name, tell)


def deleted(context: CheckContext, index: int = 0) -> Deleted:
    """Deletes an offered backup, and looks for it until it is gone from get and list."""
    backup = context.deletable(index)
    context.run.deleted.add(backup)
    answer = context.delete(backup)
    context.record_step(f"deletion of {backup}", answer, "accepted" if answer.is_success else "not accepted")
    if not answer.is_success:
        raise CannotTellError(f"because DEL-1 failed on {answer.request.line}: {answer.status}")
    deadline = time.monotonic() + context.fixtures.target.restore.timeout_s
    while True:
        told = _look_for(context, backup, answer)
        if told.gone_in_get and told.gone_in_list:
            context.run.gone.add(backup)
        if backup in context.run.gone or time.monotonic() > deadline:
            context.record_step(
                "looked for it", told.get, "gone" if told.gone_in_get and told.gone_in_list else "still there"
            )
            return told
        context.run.wait(context.fixtures.target.restore.poll_s)


def _look_for(context: CheckContext, backup: str, answer: Exchange) -> Deleted:
    get = context.get(backup)
    pages = paging.read_list(context).pages
    shown_in = [page for page in pages if backup in page.ids]
    states = [value_at(item, "/state/current") for page in shown_in for item in page.items if item.get("id") == backup]
    return Deleted(
        backup,
        answer,
        get,
        shown_in[0] if shown_in else pages[0],
        gone_in_get=get.status == 404 or value_at(get.data, "/state/current") in GONE_STATES,
        gone_in_list=all(state in GONE_STATES for state in states),
    )


def _digest(context: CheckContext, instance: str | None, seen: Digests) -> str | None:
    """What the probe says; that it fails is a matter of the clauses that need it, and of no other."""
    if instance is None or context.fixtures.target.probe is None:
        return None
    try:
        return context.digest_of(instance)
    except CannotTellError as reason:
        seen.problem = str(reason)
        return None
