"""Requests for restores: what the budget allows, a busy instance, and answers that were lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Unpack

from conformance.contract.operations import CAPABILITY, NOT_LIVE_STATES
from conformance.contract.pointers import value_at
from conformance.http.exchange import Throttled
from conformance.judging.expectations import CannotTellError, NotTestableError, items_of
from conformance.scenarios.fixtures import RESTORED
from conformance.scenarios.follower import Follower
from conformance.scenarios.restore import Restore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import RestoreOptions

#: How many accepted restores each scenario needs at least, the most valuable scenario first.
COSTS = {"main": 1, "manage": 1, "failing": 1, "at once": 2, "source": 1, "unusual": 1, "walk": 1}
#: The scenarios that run behind all others: concurrent restores leave their part of the budget alone.
LAST_SCENARIOS = ("unusual", "walk")
#: Places in the budget that are kept for requests that must be refused: they need one while they are in flight.
RESERVED = 1
#: Statuses that say that the instance is busy. They are believed for as long as a restore may take.
BUSY_STATUSES = (409, 423)
#: Statuses that may say so among other things. They are believed for `POSSIBLY_BUSY_S`.
POSSIBLY_BUSY_STATUSES = (403, 422)
POSSIBLY_BUSY_S = 10.0
#: How many restores are requested again after one whose answer was lost, and how long its log is waited for.
MAX_LOST = 2
LOST_LOG_S = 10.0


class BackupGoneError(CannotTellError):
    """A restore of a backup was refused that is not live any more, though this run did not restore or delete it."""


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
    require_idle(context)
    require_fitting_file(context)
    if scenario not in scenarios_within_budget(policy.max_restores):
        raise NotTestableError(f"set restore.max_restores to at least {budget_for_all_scenarios()}")


def require_idle(context: CheckContext) -> None:
    """Raise CannotTellError while an earlier restore has no end: a stuck instance says nothing about the next."""
    if stuck := next(
        (restore for restore in context.run.state.restores if restore.accepted and not restore.ended), None
    ):
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
    without jobs its log may come before its end. Where no answer came, the restore that may run all the same is waited
    for, and another one requested while the budget allows. Raises BackupGoneError.
    """
    context.try_scenario("second instance", second_instance)
    begun = time.monotonic()
    lost = 0
    while True:
        [restore] = request_concurrently(context, [backup], **options)
        if restore.lost and lost < MAX_LOST and restores_left(context) > 0:
            lost += 1
            await_lost(context, [restore])
            continue
        patience_s = busy_patience_s(context, restore)
        if not patience_s or is_not_live(restore.before) or time.monotonic() - begun > patience_s:
            break
        context.run.wait(context.fixtures.target.restore.poll_s)
    if is_gone(context, restore):
        context.fixtures.gone.add(backup)
        raise BackupGoneError(why_gone(backup))
    restore.stayed_busy = patience_s > 0
    conclusion = "accepted" if restore.accepted else "not accepted"
    key = restore.answer.request.key
    context.record_step(f"restore of {backup} to {restore.instance} as {key}", restore.answer, conclusion)
    context.run.state.add_restores([restore])
    require_fitting_file(context)
    return restore


def request_restore_of_another(context: CheckContext, **options: Unpack[RestoreOptions]) -> Restore:
    """Request a restore of a backup other than the main one; of the next one where that is gone."""
    for _ in range(RESTORED):
        try:
            return request_restore(context, other_backup(context), **options)
        except BackupGoneError:
            continue
    return request_restore(context, other_backup(context), **options)


def is_gone(context: CheckContext, restore: Restore) -> bool:
    """Whether a restore was refused because its backup is not live any more, which is not the work of this run."""
    state = context.run.state
    if not restore.answer.is_refusal or state.accepted(restore.backup) or restore.backup in state.deleted_backups:
        return False
    return is_not_live(context.get(restore.backup))


def why_gone(backup: str) -> str:
    """Why a refused restore of a backup that is not live any more allows no conclusion."""
    return f"the backup {backup} is not live any more: its retention may be over, or another client may have deleted it"


def is_not_live(look: Exchange | None) -> bool:
    """Whether a reading of a backup shows that it is unknown, or in another state than `live`."""
    return look is not None and (look.status == 404 or value_at(look.data, "/state/current") in NOT_LIVE_STATES)


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


def await_lost(context: CheckContext, restores: Iterable[Restore]) -> None:
    """Wait for the logs of restores whose answers were lost, as long as they can be expected to come."""
    for restore in restores:
        context.run.state.add_restores([restore])
        logged = Follower(context).leaves_log(restore, min(LOST_LOG_S, context.fixtures.target.restore.timeout_s))
        conclusion = "it left a log all the same" if logged else "it left no log"
        context.record_step(f"restore of {restore.backup} without an answer", restore.answer, conclusion)


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
    different = list(dict.fromkeys(backups))
    build = context.build
    looks = context.send_all([*map(build.get, different), *map(build.logs, different)])
    for backup, get, logs in zip(different, looks, looks[len(different) :], strict=False):
        seen = context.run.state.log_book.seen(backup, items_of(logs))
        context.run.state.record_logs(backup, seen.values())
        before[backup] = get, frozenset(seen)
    started = context.run.state.restores_started
    answers = context.send_all(context.build.restore(backup, instance, **options) for backup in backups)
    now = time.monotonic()
    return [
        Restore(answer, backup, instance, before[backup][1], now, before=before[backup][0], started_before=started)
        for backup, answer in zip(backups, answers, strict=True)
    ]


def follow(context: CheckContext, restore: Restore) -> Restore:
    """Follow an accepted restore to its end. Raises CannotTellError for one that was not accepted."""
    if not restore.accepted:
        raise CannotTellError(restore.why_not_accepted)
    return Follower(context).follow(restore)


def other_backup(context: CheckContext) -> str:
    """Return a live backup other than the main one, if there is any, else the main one.

    Where some that are kept for restores are gone meanwhile, it is the next of them.
    """
    others = [backup for backup in context.fixtures.stable_ids() if backup != context.fixtures.backup_id]
    left = [backup for backup in others[:RESTORED] if backup not in context.fixtures.gone]
    return next(iter([*left, *others]), context.fixtures.backup_id)


def second_instance(context: CheckContext) -> str:
    """The digest of the second instance before the first restore. Raises NotTestableError without a probe."""
    return context.digest_of(context.fixtures.fixture("second_instance_id"))
