"""Explores a clause with generated requests: batches of them, and for each defect the smallest case that shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from conformance.generation import batches
from conformance.http.budget import asks_for_restore
from conformance.judging.outcomes import Outcome
from conformance.judging.passive import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from conformance.generation.batches import Case, Kind
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

    Send = Callable[[Sequence[Request]], Sequence[Exchange]]
    Expect = Callable[[Exchange], Iterable[Finding]]

#: defects of one property that are shrunk, and the requests that may be spent on all of them
MAX_SHRUNK = 3
MAX_SENDS = 60

Name = tuple[str, ...]
Key = tuple[object, ...]


class BrokenError(AssertionError):
    """A batch shows the defect that is being shrunk."""


@dataclass(frozen=True)
class Defect:
    """What a finding is called, and the batch in which it was seen first."""

    name: Name
    kinds: tuple[Kind, ...]
    seed: int


def explore(
    context: CheckContext, kinds: Sequence[Kind], expect: Expect, *, send: Send | None = None
) -> Iterator[Finding]:
    """At most `--examples` cases of these kinds, each held to what `expect` says; what is wrong, smallest first.

    Passive judges see the same exchanges; their defects are shrunk as well, but recorded by them.
    """
    explorer = Explorer(context, expect, send or context.send_all)
    explorer.explore(kinds)
    yield from sorted(explorer.found, key=_weight)
    if explorer.stopped is not None:
        raise explorer.stopped


class Explorer:
    """One property: what was sent already, and what was found wrong with it."""

    def __init__(self, context: CheckContext, expect: Expect, send: Send) -> None:
        self.found: list[Finding] = []
        #: why nothing more can be sent; kept from hypothesis, which would take it for a defect
        self.stopped: Exception | None = None
        self._api = context
        self._expect = expect
        self._send = send
        self._seen: dict[Key, frozenset[Name]] = {}
        self._defects: dict[Name, Defect] = {}
        self._left = MAX_SENDS

    def explore(self, kinds: Sequence[Kind]) -> None:
        """Send all batches, then shrink the requests that led to findings."""
        rng = self._api.run.rng(f"{self._api.check.id} generated")
        inputs = self._api.run.inputs
        kinds = [kind for kind in kinds if inputs.sends_kind(self._api.check.id, kind.label)]
        count = batches.count_of(kinds, self._api.run.examples, repeated=inputs.repeats_kinds)
        for chosen in batches.rounds(kinds, count, rng):
            seed = rng.getrandbits(64)
            batches.run_batch(chosen, seed, partial(self._batch, kinds=chosen, seed=seed))
        for defect in list(self._defects.values())[:MAX_SHRUNK]:
            if self.stopped is None and self._left > 0 and self._api.run.judges.first_to_shrink(defect.name):
                self._shrink(defect)

    def _batch(self, batch: list[Case], kinds: Sequence[Kind], seed: int) -> None:
        for name in self._names(batch):
            self._defects.setdefault(name, Defect(name, tuple(kinds), seed))

    def _shrink(self, defect: Defect) -> None:
        """The batch once more, and ever smaller ones that show the defect. What was sent before is not sent again."""

        def test(batch: list[Case]) -> None:
            fresh = {_key(request) for _, request in batch} - self._seen.keys()
            if len(fresh) > self._left:
                return  # treated as passed: the smallest one so far is kept
            self._left -= len(fresh)
            if defect.name in self._names(batch):
                raise BrokenError

        try:
            batches.run_batch(defect.kinds, defect.seed, test, shrink=True)
        except (BrokenError, BaseExceptionGroup):  # the group: it did not show again, the target is not steady
            return

    def _names(self, batch: list[Case]) -> set[Name]:
        """The defects that a batch shows; only cases that were not sent before are sent."""
        fresh = {_key(request): (kind, request) for kind, request in batch if _key(request) not in self._seen}
        if fresh and self.stopped is None:
            try:
                for answer in self._send([request for _, request in fresh.values()]):  # it may leave some out
                    key = _key(answer.request)
                    self._seen[key] = frozenset(self._judge(fresh[key][0], answer))
            except Exception as reason:  # raised again once hypothesis is through
                self.stopped = reason
        return set().union(*(self._seen.get(_key(request), frozenset()) for _, request in batch))

    def _judge(self, kind: Kind, exchange: Exchange) -> Iterator[Name]:
        """The names of the defects of one exchange; one that started a restore, or hung, is not to be tried again."""
        own = [replace(finding, wanted=f"{finding.wanted} for {kind.label}") for finding in self._expect(exchange)]
        self.found += own
        if asks_for_restore(exchange.request) and exchange.is_success:
            return
        if exchange.status is None and "within" in (exchange.failure or ""):
            return  # each step of shrinking would wait for the whole time again
        yield from (
            (str(self._api.check.id), *identity(finding)) for finding in own if finding.outcome is not Outcome.ERROR
        )
        yield from ((clause, *identity(finding)) for clause, finding in self._api.run.judges.findings(exchange))


def _key(request: Request) -> Key:
    return (request.method, request.target, request.body, request.headers, request.key, request.hub_id)


def _weight(finding: Finding) -> int:
    return finding.exchange.request.weight if finding.exchange is not None else 0
