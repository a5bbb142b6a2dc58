"""The model of what each check needs, which of it is missing, and what would provide it.

A need is a member of the target file, or several of which one will do. What a clause needs follows from the operation
of its check; the tables add what single clauses need. A check may still find out for itself that it cannot judge,
such as a list that is too short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.contract.operations import GRANTS, lacks
from conformance.scenarios.preflight.model import Gap
from conformance.scenarios.restore_requests import budget_for_all_scenarios, scenarios_within_budget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.config.target import Target
    from conformance.contract.operations import Operation
    from conformance.judging.checks import Check
    from conformance.scenarios.preflight.model import Preflight

#: The detail of the entry of a key that has the value of keys.full.
EQUAL_TO_FULL = "has the same value as keys.full"
#: A member of the target file, or alternatives of which one will do.
Need = str | tuple[str, ...]

FULL, INSTANCE, BACKUP = "keys.full", "fixtures.instance_id", "fixtures.backup_id"
#: The main backup, named by the target file: `probe.expected` is the digest of that backup.
NAMED_BACKUP = "the named fixtures.backup_id"
PROFILE, ALLOW, FOLLOW, DELETABLE = "--profile full", "restore.allow", "jobs.follow", "fixtures.deletable_backup_ids"
#: That keys.full is no key that may do less: reads cannot measure whether it may restore.
FULL_CHANGES = "keys.full for changes"
RESTORES: tuple[Need, ...] = (FULL, FULL_CHANGES, BACKUP, INSTANCE, ALLOW, PROFILE)

#: What each operation's checks need.
BY_OPERATION: dict[Operation, tuple[Need, ...]] = {
    "list": (FULL,),
    "get": (FULL, BACKUP),
    "logs": (FULL, BACKUP),
    "restore": RESTORES,
    "job": (*RESTORES, FOLLOW),
    "delete": (FULL, FULL_CHANGES, DELETABLE, PROFILE),
}
#: What the written checks of a clause need instead of that, by clause and operation: they use ids that do not exist.
INSTEAD: dict[tuple[str, str], tuple[Need, ...]] = {
    ("GET-4", "get"): (FULL,),
    ("LOG-4", "logs"): (FULL,),
    ("HTTP-5", "list"): (FULL, PROFILE),
    ("HTTP-5", "get"): (FULL, PROFILE),
    ("HTTP-5", "logs"): (FULL, PROFILE),
    ("HTTP-5", "restore"): (FULL, PROFILE),
    ("HTTP-6", "restore"): (FULL, ALLOW, PROFILE),
    ("JBS-3", "job"): (FULL,),
}
#: Clauses whose written checks of reads send no request with the full key.
WITHOUT_FULL = frozenset({"AUTH-1", "AUTH-3", "CAP-1", "CAP-2", "CAP-3", "CAP-9", "CAP-10"})
#: What the checks of a clause need beside that.
BY_CLAUSE: dict[str, tuple[Need, ...]] = {
    "AUTH-3": ("keys.expired",),
    "AUTH-6": ("keys.other_hub", "keys.other_hub_id"),
    "CAP-5": ("keys.view",),
    "CAP-6": ("keys.manage",),
    "CAP-10": ("keys.unrelated",),
    "LIST-8": ("fixtures.empty_container_id",),
    "GET-5": (("fixtures.other_container_id", "fixtures.empty_container_id", "fixtures.foreign_backup_id"),),
    "LOG-5": (("fixtures.other_container_id", "fixtures.empty_container_id", "fixtures.foreign_backup_id"),),
    "RST-4": ("fixtures.failing_backup_id",),
    "RST-5": (FOLLOW,),
    "RST-8": ("probe.command", "probe.expected", NAMED_BACKUP),
    "RST-9": ("probe.command", "fixtures.second_instance_id"),
}
#: Clauses about denials: each needs a key that lacks the operation's capability.
DENIALS = frozenset({"CAP-1", "CAP-2", "CAP-3", "CAP-4", "CAP-7", "CAP-8", "CAP-9", "CAP-11", "JBS-2", "DEL-2"})
#: What a target must do for a clause to be judged, whatever the target file provides.
BY_BEHAVIOUR = {"HTTP-8": Gap("the target", "only a target that answers 429 shows it")}
#: Clauses whose check runs a restore scenario, by the scenario; the budget may not allow it.
BY_SCENARIO: dict[str, str] = {
    **dict.fromkeys(("JOB-1", "JOB-3", "RST-1", "RST-2", "RST-3", "RST-5", "RST-7", "RST-8", "RST-9"), "main"),
    **dict.fromkeys(("JBS-1", "JBS-2"), "main"),
    "CAP-6": "manage",
    "RST-4": "failing",
    "RST-6": "at once",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What is available to the checks of a run: target file, profile, and the result of preflight."""

    target: Target
    profile: str
    preflight: Preflight

    def gaps(self, check: Check) -> list[Gap]:
        """Return everything that the check needs and that is missing, all at once."""
        missing = dict.fromkeys(gap for need in needs_of(check) for gap in self._missing(need))
        return list(missing) or list(self._budget(check))

    def passive_gaps(self, clause: str, operation: Operation) -> list[Gap]:
        """Return what a passive judge of the clause lacks, which needs an exchange about something that exists."""
        if clause in BY_BEHAVIOUR:
            return [BY_BEHAVIOUR[clause]]
        needs = (*BY_OPERATION[operation], *_denials(clause, operation))
        return list(dict.fromkeys(gap for need in needs for gap in self._missing(need)))

    def _missing(self, need: Need) -> list[Gap]:
        if isinstance(need, str):
            gap = self._gap(need)
            return [gap] if gap is not None else []
        gaps = [self._gap(member) for member in need]
        if None in gaps:
            return []
        known = [gap for gap in gaps if gap is not None]
        wrong = [gap for gap in known if gap.wrong]
        return wrong or [_alternatives(known)]

    def _gap(self, member: str) -> Gap | None:
        settings: dict[str, Callable[[], Gap | None]] = {
            PROFILE: self._profile,
            NAMED_BACKUP: self._named_backup,
            FULL_CHANGES: self._full_may_change,
            ALLOW: lambda: None if self.target.restore.allow else Gap(ALLOW, "set restore.allow = true"),
            FOLLOW: self._follow,
            DELETABLE: self._deletable,
        }
        return settings[member]() if member in settings else self.preflight.gap(member)

    def _profile(self) -> Gap | None:
        fix = "the read profile changes nothing: use --profile full"
        return Gap(PROFILE, fix) if self.profile == "read" else None

    def _named_backup(self) -> Gap | None:
        named = self.target.fixtures.backup_id is not None
        return self.preflight.gap(BACKUP) if named else Gap(BACKUP, f"set {BACKUP}")

    def _full_may_change(self) -> Gap | None:
        same = (self.preflight.entry(f"keys.{name}") for name in GRANTS if lacks(name, "restore"))
        doubt = next((entry for entry in same if entry and entry.detail == EQUAL_TO_FULL), None)
        return Gap(FULL, doubt.sentence, wrong=True) if doubt else None

    def _follow(self) -> Gap | None:
        if self.target.claims.jobs is False:
            return Gap("claims.jobs", "does not apply: claims.jobs = false", exempts=True)
        return None if self.target.jobs.follow else Gap(FOLLOW, "set jobs.follow = true")

    def _deletable(self) -> Gap | None:
        if self.target.claims.delete is False:
            return Gap("claims.delete", "does not apply: claims.delete = false", exempts=True)
        entry, gap = self.preflight.entry(DELETABLE), self.preflight.gap(DELETABLE)
        # backups that are gone are as none: an earlier run may have deleted them
        return Gap(DELETABLE, entry.fix) if entry and gap and gap.wrong else gap

    def _budget(self, check: Check) -> Iterator[Gap]:
        scenario = BY_SCENARIO.get(check.clause) if check.operation in ("restore", "job") else None
        if scenario and scenario not in scenarios_within_budget(self.target.restore.max_restores):
            yield Gap("restore.max_restores", f"set restore.max_restores to at least {budget_for_all_scenarios()}")


def needs_of(check: Check) -> tuple[Need, ...]:
    """Return what a check needs: by its operation, by its clause, by its stage, and for a denial a denied key."""
    base = BY_OPERATION[check.operation]
    if check.kind in (CheckKind.EXAMPLE, CheckKind.GENERATED):
        base = INSTEAD.get((check.clause, check.operation), base)
    if check.operation == "job" and check.kind.is_generated:
        base = (FULL, FOLLOW)  # generated jobs do not exist
    if check.kind is CheckKind.EXAMPLE and check.clause in WITHOUT_FULL and PROFILE not in base:
        base = tuple(need for need in base if need != FULL)
    denials = _denials(check.clause, check.operation)
    sequences = (ALLOW, PROFILE) if check.kind is CheckKind.STATEFUL else ()
    changes = (PROFILE,) if check.stage.changes else ()
    return tuple(dict.fromkeys((*base, *BY_CLAUSE.get(check.clause, ()), *denials, *sequences, *changes)))


def _denials(clause: str, operation: Operation) -> tuple[Need, ...]:
    """Return the need of a clause about denials: one of the keys that lack the operation's capability."""
    denied = tuple(f"keys.{name}" for name in GRANTS if lacks(name, operation))
    return (denied,) if clause in DENIALS else ()


def in_one_line(gaps: list[Gap]) -> str:
    """Return what to change, all of it in one line."""
    return "; ".join(dict.fromkeys(gap.fix for gap in gaps))


def _alternatives(gaps: list[Gap]) -> Gap:
    fixes = [gap.fix for gap in gaps]
    starts = {fix.partition(" ")[0] for fix in fixes}
    if len(starts) == 1:
        start = starts.pop()
        return Gap(gaps[0].member, f"{start} {' or '.join(fix.removeprefix(f'{start} ') for fix in fixes)}")
    return Gap(gaps[0].member, " or ".join(fixes))
