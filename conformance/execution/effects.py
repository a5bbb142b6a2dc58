"""The most that a run may change, given the selected clauses: `--plan` shows it, and the run keeps to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind
from conformance.scenarios import deletion_scenarios
from conformance.scenarios.preflight.requirements import BY_SCENARIO
from conformance.suite.registry import all_checks, check_ids

if TYPE_CHECKING:
    from collections.abc import Collection

    from conformance.config.target import Target
    from conformance.judging.checks import Check

#: operations whose checks cannot do without a restore of the run: jobs and logs of restores come from nowhere else
NEEDING_RESTORES = frozenset({"restore", "job"})
#: the checks that make an ordinary restore, and read its job
ORDINARY_RESTORES = ("JOB-1/restore", "JBS-1/job")
#: clauses whose passive judges look at refusals alone
ABOUT_REFUSALS = frozenset({*(f"ERR-{number}" for number in range(1, 7)), "AUTH-7", "CAP-7", "CAP-11"})
DELETING_CHAPTER = "DEL"
#: the checks of delete, and one deletion in a random sequence
MAX_DELETIONS = deletion_scenarios.DELETIONS_OF_CHECKS + 1


@dataclass(frozen=True)
class Effect:
    """The largest number of accepted restores and of deleted backups of a whole run.

    `may_restore` and `may_delete` say whether the selected clauses need that; the target file may still not allow it.
    """

    restores: int
    deletions: int
    may_restore: bool = True
    may_delete: bool = True

    def fits(self, check: Check) -> bool:
        """Whether a check may run: random sequences restore, whatever their clause is about."""
        if check.operation == "delete":
            return self.may_delete
        return self.may_restore or check.kind is not CheckKind.STATEFUL


def effect_of(target: Target, profile: str, selected: Collection[str]) -> Effect:
    """Return how much a run that tests these clauses may change.

    A run restores only where a selected clause is about restores or jobs, and deletes only where one is about delete.
    """
    if profile == "read":
        return Effect(0, 0)
    may_restore = any(map(_needs_restores, selected))
    may_delete = any(clause.chapter == DELETING_CHAPTER for clause in catalogue.load() if clause.id in selected)
    return Effect(
        restores=target.restore.max_restores if may_restore and target.restore.allow else 0,
        deletions=min(len(target.fixtures.deletable_backup_ids), MAX_DELETIONS) if may_delete else 0,
        may_restore=may_restore,
        may_delete=may_delete,
    )


def limited(target: Target, effect: Effect) -> Target:
    """Return the target with the effect as its limit: what the run does not need is not allowed."""
    restore, fixtures = target.restore, target.fixtures
    return replace(
        target,
        restore=restore if effect.may_restore else replace(restore, allow=False, max_restores=0),
        fixtures=fixtures if effect.may_delete else replace(fixtures, deletable_backup_ids=()),
    )


def _needs_restores(clause_id: str) -> bool:
    """Whether a clause is judged on restores or jobs: by checks of its own, or on the exchanges of other checks."""
    operations = {check.operation for check in all_checks().values() if check.clause == clause_id}
    return bool((operations | observed_operations(clause_id)) & NEEDING_RESTORES)


@cache
def observed_operations(clause_id: str) -> frozenset[str]:
    """Return the operations on which a clause is judged by the exchanges of other clauses' checks.

    Those of a passive judge that no written check of its clause covers; all of them for a clause about both reads and
    restores, since each kind of response shows another aspect of it.
    """
    if CheckId(clause_id, kind=CheckKind.OBSERVED) not in check_ids().get(clause_id, ()):
        return frozenset()
    operations = frozenset(catalogue.load()[clause_id].operations)
    if operations & NEEDING_RESTORES and operations - NEEDING_RESTORES:
        return operations
    written = {check.operation for check in all_checks().values() if check.clause == clause_id and not check.kind}
    return operations - written


def is_traffic_for(check: Check, clause_id: str) -> bool:
    """Whether a check of another clause sends what this clause is judged on.

    Written checks do: those of reads and of refused restores and, for a clause that speaks of successes, the one that
    makes an ordinary restore and the one that reads its job.
    """
    operations = observed_operations(clause_id)
    if check.kind or check.operation not in operations or check.clause == "HTTP-5":
        return False  # answers to undocumented methods are HTTP-5's alone
    if str(check.id) in ORDINARY_RESTORES:
        return clause_id not in ABOUT_REFUSALS
    restores = check.operation in NEEDING_RESTORES and check.clause in BY_SCENARIO
    return not restores and not operations <= NEEDING_RESTORES
