"""RST-9: a restore of a backup that was made of another instance than the one that is restored to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.judging.expectations import CannotTellError, NotTestableError
from conformance.scenarios import restore_requests
from conformance.scenarios.follower import Follower
from conformance.scenarios.proofs.restore_evidence import untouched_backup

if TYPE_CHECKING:
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore

#: What enables this part of RST-9.
NO_SUCH_BACKUP = "the list has no live backup of another instance than fixtures.instance_id that could be restored"


@dataclass(frozen=True)
class SourceRestore:
    """A restore to the own instance of a backup of another one; `before` and `after` are digests of the other one."""

    restore: Restore
    source: str
    before: str
    after: str

    @property
    def touched(self) -> bool:
        """Whether the data of the other instance changed meanwhile."""
        return self.before != self.after


def source(context: CheckContext) -> SourceRestore:
    """Restore a backup of another instance. Raises NotTestableError where there is none, or where it is refused."""
    restore_requests.require_budget(context, "source")
    return _restore_of_another_instance(context)


def source_again(context: CheckContext) -> SourceRestore:
    """A second such restore: another client may have changed the instance during the first."""
    if restore_requests.restores_left(context) < 1:
        raise NotTestableError("raise restore.max_restores")
    return _restore_of_another_instance(context)


def _restore_of_another_instance(context: CheckContext) -> SourceRestore:
    if context.fixtures.target.probe is None:
        raise NotTestableError("set probe.command")
    backup = untouched_backup(context, of_other_instances=True)
    if backup is None:
        raise NotTestableError(NO_SUCH_BACKUP)
    instance = context.fixtures.instance_of(backup)
    before = context.digest_of(instance)
    named = instance == context.fixtures.target.fixtures.second_instance_id
    if not named and context.digest_of(instance) != before:
        raise CannotTellError(f"the data of the instance {instance} changes by itself")
    restore = restore_requests.request_restore(context, backup)
    if not restore.accepted:
        note = "RST-9: a restore of a backup of another instance was refused, so that part was not tested"
        context.run.judges.notes.add(note)
        raise NotTestableError(f"a restore of a backup of another instance was refused ({restore.answer.status})")
    Follower(context).follow(restore)
    if not restore.ended:
        raise CannotTellError("RST-1 failed first: the restore did not come to an end")
    return SourceRestore(restore, instance, before, context.digest_of(instance))
