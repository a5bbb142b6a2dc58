"""HTTP-4's interleaved form: a read A, the same again, a different read B, and A once more.

A, B, A, B', A … comes first, with each B once and an A of every operation after it; only a B after which an A differs
is worth the rounds. Of these only what holds in every round counts: A = A and A' ≠ A in three rounds of three, and no
difference at all in three rounds with A in B's place. Each round runs while no other thread of the run sends anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.contract.operations import GRANTS, TRANSIENT_STATES, lacks
from conformance.contract.pointers import value_at
from conformance.judging.answer_shapes import ANSWER_SHAPE
from conformance.judging.expectations import (
    expect_equivalent,
    inconclusive_reason,
    resting_on,
    violation,
    without_items,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

#: A request by its address and key.
Key = tuple[str, str]

ROUNDS = 3
#: How long one round may keep the other threads waiting, in seconds: it has six reads, the target may be far away, and
#: the machine busy.
ROUND_S = 10.0
#: The operations of the A.
READS: tuple[Operation, ...] = ("list", "get", "logs")
#: How many B of the full key, or B of another key together, each with their A, go while the other threads wait.
AT_A_STRETCH = 5
#: How many reads go before a round, so that what the last B left is gone.
SETTLING = 2


@dataclass(frozen=True)
class Round:
    """The answers of one round, and how A' differs from A. `calm`: A = A."""

    calm: bool
    differences: list[Finding]

    @property
    def shows(self) -> bool:
        """Whether B seems to have changed what A shows."""
        return self.calm and bool(self.differences)


def changed_by_other_reads(context: CheckContext, operation: Operation, backup: str) -> Iterator[Finding]:
    """What a read shows differently after another read, always, and never after itself."""
    read = _read(context, operation, backup)
    sequences = list(_others(context, backup))
    between = {_key(request): request for others in sequences for request in others}
    if context.run.is_quick:  # it may send other inputs for each operation
        chosen = context.chosen(list(between.values()))
        some = {key: request for key, request in between.items() if request in chosen}
        suspects = _suspects(context, [read], some)[operation]
    else:
        reads = [_read(context, name, backup) for name in READS]
        suspects = context.run_once("interleaved", lambda context: _suspects(context, reads, between))[operation]
    for others in sequences:
        if suspects.isdisjoint(map(_key, others)):
            continue
        rounds: list[Round] = []
        while len(rounds) < ROUNDS and all(done.shows for done in rounds):
            turn = len(rounds) % len(others)
            rounds.append(_round(context, read, others[turn], others[turn - 1]))
        if not all(done.shows for done in rounds):
            continue
        controls = [_round(context, read, read, read) for _ in range(ROUNDS)]
        if all(control.calm and not control.differences for control in controls):
            yield from rounds[-1].differences[:1]
            return


def _key(request: Request) -> Key:
    return request.target, request.key


def _suspects(
    context: CheckContext, reads: Sequence[Request], between: Mapping[Key, Request]
) -> dict[Operation, set[Key]]:
    """Send all A, then each B followed by all A; return by operation each B after which its A shows something else.

    The A after one B is the A before the next, and no other request comes between them: what that leaves may hide what
    B does. A read that is itself one of the A is not sent as a B: it already follows and precedes other reads. The B of
    another key go side by side, and are suspected together: what a key changes, it changes with each of them.
    """
    suspects: dict[Operation, set[Key]] = {read.operation: set() for read in reads}
    others = [key for key in between if len(reads) == 1 or key not in map(_key, reads)]
    groups = list(_together(others, between))
    for start in range(0, len(groups), AT_A_STRETCH):
        stretch = groups[start : start + AT_A_STRETCH]
        with context.run.window.held(ROUND_S):
            before = _by_operation(context.send_all(reads))
            after = [
                _after(context, [between[key] for key in keys], _in_turns(between, keys, reads)) for keys in stretch
            ]
        for keys, answers in zip(stretch, after, strict=True):
            for operation, answer in answers.items():
                if _differences(before[operation], answer, _ignored(context, before[operation], answer)):
                    suspects[operation].update(keys)
            before = answers
    return suspects


def _together(others: Sequence[Key], between: Mapping[Key, Request]) -> Iterator[list[Key]]:
    """Each B of the full key by itself, then those of each other key together."""
    of_key: dict[str, list[Key]] = {}
    for key in others:
        if between[key].key == "full":
            yield [key]
        else:
            of_key.setdefault(between[key].key, []).append(key)
    yield from of_key.values()


def _after(
    context: CheckContext, between: Sequence[Request], turns: Sequence[Sequence[Request]]
) -> dict[Operation, Exchange]:
    """Send the B side by side, then the A of each turn."""
    context.send_all(between)
    return _by_operation([answer for reads in turns for answer in context.send_all(reads)])


def _by_operation(answers: Sequence[Exchange]) -> dict[Operation, Exchange]:
    return {answer.operation: answer for answer in answers}


def _in_turns(between: Mapping[Key, Request], keys: Sequence[Key], reads: Sequence[Request]) -> list[list[Request]]:
    """Divide the A: that of B's operation comes after or before the others, from one B to the next.

    It may take back what the others would show, as they may what it would. After another key's B it comes first, since
    the key is the request's, whatever its operation.
    """
    operations, place = {between[key].operation for key in keys}, list(between).index(keys[0])
    own_first = between[keys[0]].key != "full" or place % 2 == 1
    turns = [[read for read in reads if (read.operation in operations) is own] for own in (own_first, not own_first)]
    return [turn for turn in turns if turn]


def _round(context: CheckContext, read: Request, between: Request, opposite: Request) -> Round:
    """Send A, A, B, A', after a request that undoes what an earlier B left: another check may have sent one like it."""
    with context.run.window.held(ROUND_S):
        if opposite != between:
            context.send(opposite)
        for _ in range(SETTLING):
            context.send(read)
        first, second, other, last = [context.send(request) for request in (read, read, between, read)]
    if any(inconclusive_reason(answer) for answer in (first, second, last)):
        return Round(False, [])
    ignored = _ignored(context, first, last)
    calm = not _differences(first, second, ignored)
    return Round(calm, [*resting_on(_differences(second, last, ignored), [other])])


def _differences(first: Exchange, second: Exchange, ignored: set[str]) -> list[Finding]:
    if first.status != second.status:
        return [violation(f"{first.status}, as before another read", f"{second.status}", second)]
    values = without_items(first.value, ignored), without_items(second.value, ignored)
    return list(expect_equivalent(ANSWER_SHAPE[first.operation], *values, second))


def _ignored(context: CheckContext, first: Exchange, last: Exchange) -> set[str]:
    """The backups whose differences say nothing: what is new, is being made or deleted, or belongs to this run."""
    ignored = _changing(context)
    if first.operation == "list":
        ignored |= set(last.ids) - set(first.ids)
        ignored |= {str(item.get("id")) for item in last.items if value_at(item, "/state/current") in TRANSIENT_STATES}
    return ignored


def _changing(context: CheckContext) -> set[str]:
    """The backups that this run restores or deletes."""
    fixtures, state = context.fixtures, context.run.state
    accepted = {str(backup["id"]) for backup in fixtures.backups if state.accepted(str(backup["id"]))}
    return fixtures.restored_ids() | fixtures.reserved_ids() | accepted


def _read(context: CheckContext, operation: Operation, backup: str) -> Request:
    return context.build.list() if operation == "list" else context.build.for_operation(operation, backup=backup)


def _others(context: CheckContext, backup: str) -> Iterator[Sequence[Request]]:
    """The reads that come between: in turns where one of them may leave what the next read would not change."""
    build = context.build
    ascending, descending = build.list(sort="id"), build.list(sort="-id")
    yield (ascending,)
    yield (descending,)
    yield ascending, descending
    yield descending, ascending
    yield ascending, build.list()  # the second may take back what the first has left
    yield build.list(), ascending
    yield (build.list(include="integrations"),)
    yield (build.get(backup, include="integrations"),)
    yield (build.list(page=1, size=1),)
    yield (build.list(page=2, size=2),)
    alive = [key for key in GRANTS if key != "full" and context.key_proofs.states.get(key) == "accepted"]
    allowed = [key for key in alive if not lacks(key, "list")][:1]
    denied = [key for key in alive if lacks(key, "list")][:1]
    for key in (*allowed, *denied):
        yield (build.list(key=key),)
        yield (build.get(backup, key=key),)
        yield (build.logs(backup, key=key),)
