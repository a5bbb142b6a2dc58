"""The model that random sequences of requests are checked against, and their findings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.judging.expectations import (
    CannotTellError,
    NotTestableError,
    expect_equivalent,
    items_of,
    object_of,
    violation,
)
from conformance.scenarios import paging, restore_requests
from conformance.scenarios.follower import Follower
from conformance.scenarios.proofs.restore_evidence import wrong_number_of_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore

    Judgement = Callable[[], Iterable[Finding] | None]


#: the keys whose every request must be refused
KEYS_WITHOUT_ACCESS: dict[str, tuple[str, tuple[int, ...]]] = {
    "none": ("AUTH-1", (401,)),
    "other_hub": ("AUTH-6", (401, 403, 404)),
}
#: clauses that forbid effects of refused restores, and the one role that is not a refusal's
CLAUSES_WITHOUT_EFFECT = ("CAP-8", "AUTH-6", "JOB-10")
RESTORE = "restore"
#: clauses that are judged on several operations; their effects are those of a restore
CLAUSES_OF_SEVERAL_OPERATIONS = ("AUTH-1", "AUTH-6", "CAP-5")
KEYS = ("full", "view", "manage", "unrelated", "other_hub", "none")


@dataclass
class Model:
    """The expected state: which keys may read, which backups exist and what they contain, and their logs."""

    keys: list[str]
    #: backup by role; a role is the clause that forbids effects of the refused requests sent for it, or the restore
    roles: dict[str, str] = field(default_factory=dict)
    #: the roles for whose backups requests were sent; before that, a change of the backup breaks no clause
    used_roles: set[str] = field(default_factory=set)
    #: the backups that are watched, as get showed them first, and as the list did
    backups: dict[str, dict[str, object]] = field(default_factory=dict)
    listed: dict[str, dict[str, object]] = field(default_factory=dict)
    logs: dict[str, frozenset[str]] = field(default_factory=dict)
    #: the refused restores of each backup that were sent so far
    refused: dict[str, list[Request]] = field(default_factory=dict)
    everything: set[str] = field(default_factory=set)
    restores_left: int = 0
    running: Restore | None = None

    def key(self, number: int) -> str:
        """One of the keys, the full one first."""
        return self.keys[number % len(self.keys)]

    def backup(self, number: int) -> str:
        """One of the backups that are watched."""
        known = sorted(self.backups)
        return known[number % len(known)]

    def take_role(self, role: str) -> str:
        """The backup of a role, which is played from now on."""
        self.used_roles.add(role)
        return self.roles[role]

    def forget(self, backup: str) -> None:
        """Of a backup whose restore was accepted against the rules nothing can be expected."""
        self.backups.pop(backup, None) if len(self.backups) > 1 else None
        self.listed.pop(backup, None)
        self.logs.pop(backup, None)


@dataclass
class SequenceResults:
    """The results of all sequences: for each clause the findings and steps of the shortest one that broke it."""

    findings: dict[tuple[str, str], list[Finding]] = field(default_factory=dict)
    steps_of: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    #: the clauses that some step was held against
    judged: set[str] = field(default_factory=set)
    stopped: Exception | None = None
    steps: int = 0

    def record(self, clause: str, finding: Finding, steps: Sequence[str]) -> None:
        """Keep a finding unless a shorter sequence has broken the same clause."""
        effect = finding.exchange is None or finding.exchange.request.key not in KEYS_WITHOUT_ACCESS
        operation = "restore" if effect or finding.exchange is None else finding.exchange.operation
        if clause == "CAP-5" and finding.exchange is not None:
            operation = finding.exchange.operation
        name = (clause, operation if clause in CLAUSES_OF_SEVERAL_OPERATIONS else "")
        if name not in self.steps_of or len(steps) < len(self.steps_of[name]):
            self.steps_of[name], self.findings[name] = list(steps), [finding]

    def findings_of(self, clause: str, operation: str) -> tuple[list[Finding], list[str]]:
        """What broke the clause on this operation, and the steps that led there.

        Raises NotTestableError where no step was held against the clause: that is no pass.
        """
        if clause not in self.judged:
            raise NotTestableError("no step of the sequences tested this clause")
        name = (clause, operation if clause in CLAUSES_OF_SEVERAL_OPERATIONS else "")
        return self.findings.get(name, []), self.steps_of.get(name, [])


def initial_model(context: CheckContext) -> Model:
    """Build the initial model from the current state of the target and the budget."""
    there = [name for name in KEYS if name == "none" or context.key_proofs.states.get(name) == "accepted"]
    model = Model(keys=there)
    _assign_roles(context, model)
    backups = list(dict.fromkeys([*model.roles.values(), context.fixtures.backup_id]))
    gets = context.send_all(map(context.build.get, backups))
    for backup, get, logs in zip(backups, gets, context.send_all(map(context.build.logs, backups)), strict=True):
        model.backups[backup] = object_of(get)
        if model.backups[backup].get("id", backup) != backup:
            raise CannotTellError("GET-2 failed first: get shows another backup")
        model.logs[backup] = frozenset(str(log.get("id")) for log in items_of(logs))
    model.everything = set(paging.read_list(context).ids)
    try:
        restore_requests.require_budget(context, "walk")
        model.restores_left = restore_requests.COSTS["walk"]
    except (NotTestableError, CannotTellError):
        model.restores_left = 0
    return model


def _assign_roles(context: CheckContext, model: Model) -> None:
    """Give each kind of refusal a backup of its own, as far as there are enough."""
    wanted = {RESTORE: restore_requests.other_backup(context)} | {
        clause: context.fixtures.dedicated_backup(clause) for clause in CLAUSES_WITHOUT_EFFECT
    }
    for clause, backup in wanted.items():
        if backup not in model.roles.values() and (clause == RESTORE or not context.run.state.accepted(backup)):
            model.roles[clause] = backup


def follow(context: CheckContext, model: Model) -> Iterator[Finding]:
    """Follow the running restore to its end, and expect one log."""
    restore, model.running = model.running, None
    if restore is None:
        return
    Follower(context).follow(restore)
    model.logs[restore.backup] = restore.logs_before | {str(log.get("id")) for log in restore.logs}
    if restore.ended and len(restore.new_logs) != 1:
        exchange = restore.logs_exchange or restore.answer
        number = f"{len(restore.new_logs)} ({restore.last_seen})"
        yield from wrong_number_of_logs(
            context, restore, violation("one new log of the restore", number, exchange, "/data")
        )


def between_equal_gets(
    context: CheckContext, model: Model, shown: Exchange, backup: str, ignored: Collection[str]
) -> Iterator[Finding]:
    """Read the same once more, between two gets, and compare: the backup may have changed since the model was made."""
    build = context.build
    requests = (build.get(backup), shown.request, build.get(backup))
    first, again, last = [context.send(request) for request in requests]
    model.backups[backup] = known = object_of(last)
    if [*expect_equivalent("backup", object_of(first), known, last)]:
        return
    for item in items_of(again) if again.operation == "list" else [object_of(again)]:
        if item.get("id") == backup:
            yield from expect_equivalent("backup", known, item, again, ignored)
