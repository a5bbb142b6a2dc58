"""Chooses by data what a quick run sends: the fewest requests that kill the most faults (greedy set cover)."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, TypedDict

from conformance import __version__
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from conformance.qualification.recording import FaultRecord, SentDeed

#: Requests that the choice may use. The final review is not among them.
MAX_REQUESTS = 460
#: How many requests the only check of a clause may cost though no recorded fault needs it, by the clause's level.
MAX_OPENING, MAX_OPENING_OF_SHOULD = 25, 5
#: How many requests are kept for clauses that the cover has no check of.
RESERVED = 25
#: Kinds whose checks share the requests of one scenario, which is drawn anew for each seed.
SHARED = (CheckKind.STATEFUL, CheckKind.SCHEMATHESIS)
#: Inputs that a quick run sends with their check, whatever they kill: with the others, one of each kind that the
#: contract lists, and one of each kind of read that may change another.
REQUIRED: Mapping[str, tuple[int, ...]] = {
    "LIST-10/list": (85,),
    "HTTP-3/list": (58, 61),
    "HTTP-3/restore": (62,),
    "HTTP-4/list": (0, 3, 6),
}
#: Checks that are chosen first: no single input of theirs kills enough to be worth what their inputs share.
ALWAYS = ("HTTP-4/list",)

#: Checks, each with the places of inputs, that are chosen together.
Option = tuple[tuple[str, tuple[int, ...]], ...]


class Chosen(TypedDict):
    """The choice: IDs of checks in the order of what they add, and what it rests on.

    The first `covering` checks are the cover; those after them use up the budget. `inputs`: by the ID of a check the
    places of the inputs that it sends, of those that it lists. `faults`: how many were recorded. `killed`: how many of
    them the choice kills. `requests`: what the checks send, with what a run sends before its first check. `never`:
    faults that no check killed at this number of examples.
    """

    suite: str
    faults: int
    killed: int
    requests: int
    covering: int
    checks: list[str]
    inputs: dict[str, list[int]]
    never: list[str]


def read(file: Path) -> list[FaultRecord]:
    """Return the records of a file of JSON lines; none where there is no file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def choose(records: Sequence[FaultRecord], budget: int, population: Mapping[str, int] | None = None) -> Chosen:
    """Return what kills the most faults for the fewest requests, within a budget of requests.

    `population`: by clause how many faults there are, recorded or not; unless given, those that were recorded.
    """
    choice = _Choice(_Table.of(records), budget)
    choice.cover()
    covering = len(choice.checks)
    choice.fill(
        Counter(clause for record in records for clause in record["breaks"]) if population is None else population
    )
    never = sorted({record["fault"] for record in records} - choice.table.killable)
    inputs = {check: places | choice.required(check) for check, places in choice.checks.items()}
    return {
        "suite": __version__,
        "faults": len(records),
        "killed": len(choice.killed),
        "requests": choice.used + sum(len(inputs[check] - choice.checks[check]) for check in inputs),
        "covering": covering,
        "checks": list(choice.checks),
        "inputs": {check: sorted(places) for check, places in inputs.items() if choice.table.inputs[check]},
        "never": never,
    }


@dataclass(frozen=True)
class _Table:
    """What the records say of each check: costs are medians, in requests, over records in which it found nothing.

    `own`: what a check sends beside its inputs. `inputs`: how many it lists. `scenarios`: those that it needs, directly
    or not. `kills`: the faults that it kills whichever inputs it sends; `by_input`: those that one input kills;
    `together`: those that it kills with all inputs, and perhaps with fewer.
    """

    before: int
    own: dict[str, int]
    inputs: dict[str, int]
    scenarios: dict[str, frozenset[str]]
    scenario_cost: dict[str, int]
    kills: dict[str, frozenset[str]]
    together: dict[str, frozenset[str]]
    by_input: dict[str, dict[int, frozenset[str]]]

    @classmethod
    def of(cls, records: Sequence[FaultRecord]) -> _Table:
        """Make the table of these records."""
        checks = sorted({check for record in records for check in record["checks"]})
        deeds = {check: [record["checks"][check] for record in _quiet(records, check)] for check in checks}
        inputs = {check: _typical(deed["inputs"] for deed in deeds[check]) for check in checks}
        own = {check: _typical(deed["requests"] - deed["inputs"] for deed in deeds[check]) for check in checks}
        kills: dict[str, set[str]] = defaultdict(set)
        together: dict[str, set[str]] = defaultdict(set)
        by_input: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for record in records:
            for check, deed in record["checks"].items():
                used = [record["scenarios"][name] for name in _closure(record, deed)]
                if deed["kills"] or any(scenario["kills"] for scenario in used):
                    kills[check].add(record["fault"])
                if deed["together"]:
                    together[check].add(record["fault"])
                for place in deed["by_input"]:
                    by_input[check][int(place)].add(record["fault"])
        return cls(
            before=_typical(record["requests"] for record in records),
            own={check: max(cost, 0) for check, cost in own.items()},
            inputs=inputs,
            scenarios={check: _usual(records, check) for check in checks},
            scenario_cost=_scenario_costs(records),
            kills={check: frozenset(kills[check]) for check in checks},
            together={check: frozenset(together[check]) for check in checks},
            by_input={
                check: {place: frozenset(faults) for place, faults in by_input[check].items()} for check in checks
            },
        )

    @property
    def killable(self) -> frozenset[str]:
        """The faults that anything kills."""
        killed = [
            *self.kills.values(),
            *self.together.values(),
            *(faults for places in self.by_input.values() for faults in places.values()),
        ]
        return frozenset().union(*killed)


def _typical(numbers: Iterable[int]) -> int:
    known = list(numbers)
    return round(median(known)) if known else 0


def _closure(record: FaultRecord, deed: SentDeed) -> set[str]:
    """Return the scenarios that were needed, directly or by others, and that sent something of their own."""
    needed: set[str] = set()
    left = list(deed["uses"])
    while left:
        name = left.pop()
        if name not in needed and name in record["scenarios"]:
            needed.add(name)
            left += record["scenarios"][name]["uses"]
    return needed


def _quiet(records: Sequence[FaultRecord], check: str) -> list[FaultRecord]:
    """Return the records in which a check found nothing, so that it proved nothing either; all that have it if none.

    These show what the check sends to most servers: a proof may cost a thousand requests.
    """
    own = [record for record in records if check in record["checks"]]
    return [record for record in own if not _found(record, record["checks"][check])] or own


def _found(record: FaultRecord, deed: SentDeed) -> bool:
    """Whether a check, or a scenario that it needed, found the fault."""
    deeds = [deed, *(record["scenarios"][name] for name in _closure(record, deed))]
    return any(each["kills"] or each["together"] or each["by_input"] for each in deeds)


def _usual(records: Sequence[FaultRecord], check: str) -> frozenset[str]:
    """Return the scenarios that a check needs against most servers."""
    own = _quiet(records, check)
    needed = Counter(name for record in own for name in _closure(record, record["checks"][check]))
    return frozenset(name for name, count in needed.items() if count * 2 > len(own))


def _scenario_costs(records: Sequence[FaultRecord]) -> dict[str, int]:
    sent: dict[str, list[int]] = defaultdict(list)
    for record in records:
        for name, deed in record["scenarios"].items():
            sent[name].append(deed["requests"])
    return {name: _typical(numbers) for name, numbers in sent.items()}


@dataclass
class _Choice:
    """What was chosen so far: by the ID of a check the places of its inputs."""

    table: _Table
    budget: int
    checks: dict[str, set[int]] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)
    scenarios: set[str] = field(default_factory=set)

    @property
    def used(self) -> int:
        """How many requests the choice costs."""
        table = self.table
        checks = sum(table.own[check] + len(places) for check, places in self.checks.items())
        return table.before + checks + sum(table.scenario_cost[name] for name in self.scenarios)

    def required(self, check: str) -> set[int]:
        """Return the places of the inputs that the check sends whatever they kill."""
        return {place for place in REQUIRED.get(check, ()) if place < self.table.inputs[check]}

    def cover(self) -> None:
        """Choose whatever kills most for its cost, until nothing more is killed or the budget is used up.

        The checks that only judge scenarios come first: one at a time none would be worth the requests of a scenario.
        """
        self._take(tuple((check, tuple(self.required(check))) for check in ALWAYS if check in self.table.own))
        together = max(self._only_judging(), key=len, default=())
        if len(together) > 1 and self._cost(together) <= self.budget - self.used:
            self._take(together)
        while True:
            left = self.budget - self.used - RESERVED
            options = [option for option in self._options() if self._cost(option) <= left]
            best = max(options, key=self._worth, default=())
            if not self._new(best):
                return
            self._take(best)

    def fill(self, population: Mapping[str, int]) -> None:
        """Use up the budget: no record covers every fault.

        Each clause gets its cheapest check, MUST before SHOULD. Then checks and inputs are added, in proportion to the
        number of faults that break their clauses.
        """
        for level in ("MUST", "SHOULD"):
            for check in sorted(self._of_level(level), key=lambda check: (self._opening(check), check)):
                if self._units(CheckId.parse(check).clause) == 0:
                    self._take_if_affordable(check, MAX_OPENING if level == "MUST" else MAX_OPENING_OF_SHOULD)
        while self._take_next(population):
            pass

    def _take_next(self, population: Mapping[str, int]) -> bool:
        """Take the check or input whose clause has the fewest for its faults; return False where none is affordable."""

        def worth(check: str) -> float:
            clause = CheckId.parse(check).clause
            return population[clause] / (1 + self._units(clause)) / max(1, self._opening(check))

        left = self.budget - self.used
        options = [check for check in self._of_level("MUST") if self._has_more(check) and self._opening(check) <= left]
        best = max(options, key=lambda check: (worth(check), -len(self.checks.get(check, ())), check), default=None)
        if best is None:
            return False
        self._take(((best, self._next_place(best)),))
        return True

    def _of_level(self, level: str) -> list[str]:
        known = catalogue.load()
        ids = {check: CheckId.parse(check) for check in self.table.own}
        return [check for check, id_ in ids.items() if known[id_.clause].level == level and id_.kind not in SHARED]

    def _units(self, clause: str) -> int:
        """Return how many checks of a clause without inputs, and how many inputs of its others, were chosen."""
        return sum(
            max(1, len(places)) for check, places in self.checks.items() if CheckId.parse(check).clause == clause
        )

    def _has_more(self, check: str) -> bool:
        return check not in self.checks or len(self.checks[check]) < self.table.inputs[check]

    def _next_place(self, check: str) -> tuple[int, ...]:
        """Return the input that is farthest from those that were chosen; none for a check that lists no inputs."""
        chosen = self.checks.get(check, set())
        left = [place for place in range(self.table.inputs[check]) if place not in chosen]
        farthest = max(
            left, key=lambda place: min((abs(place - other) for other in chosen), default=-place), default=None
        )
        return () if farthest is None else (farthest,)

    def _opening(self, check: str) -> int:
        return self._cost(((check, self._next_place(check)),))

    def _take_if_affordable(self, check: str, most: int) -> None:
        if self._opening(check) <= min(most, self.budget - self.used):
            self._take(((check, self._next_place(check)),))

    def _options(self) -> Iterator[Option]:
        """Yield each input alone, each check with all of its inputs, and checks that share scenarios."""
        for check in self._choosable:
            for place in self.table.by_input[check]:
                yield ((check, (place,)),)
            yield ((check, tuple(range(self.table.inputs[check]))),)
        yield from self._only_judging()
        yield from self._sharing()

    @property
    def _choosable(self) -> list[str]:
        return [check for check in self.table.own if CheckId.parse(check).kind not in SHARED]

    def _only_judging(self) -> Iterator[Option]:
        """Yield by scenarios the checks that need no others and send nothing themselves."""
        checks = self._choosable
        for scenarios in sorted(
            {self.table.scenarios[check] for check in checks if self.table.scenarios[check]}, key=sorted
        ):
            sharing = [check for check in checks if self.table.scenarios[check] <= scenarios]
            yield tuple((check, ()) for check in sharing if self.table.own[check] + self.table.inputs[check] == 0)

    def _sharing(self) -> Iterator[Option]:
        """Yield by scenario the checks that need it, list no inputs, and kill something that is not yet killed."""
        for scenario in sorted(frozenset().union(*self.table.scenarios.values())):
            sharing = [check for check in self._choosable if scenario in self.table.scenarios[check]]
            yield tuple((check, ()) for check in sharing if not self.table.inputs[check] and self._new(((check, ()),)))

    def _cost(self, option: Option) -> int:
        opened = [check for check, _ in option if check not in self.checks]
        scenarios = frozenset().union(*(self.table.scenarios[check] for check in opened)) - self.scenarios
        inputs = sum(len(set(places) - self.checks.get(check, set())) for check, places in option)
        own = sum(self.table.own[check] for check in opened)
        return own + inputs + sum(self.table.scenario_cost[name] for name in scenarios)

    def _kills(self, check: str, places: tuple[int, ...]) -> frozenset[str]:
        """Return what the check kills with these inputs beside those that it has."""
        sent = {*places, *self.checks.get(check, ())}
        by_input = self.table.by_input[check]
        together = self.table.together[check] if len(sent) >= self.table.inputs[check] else frozenset()
        return (self.table.kills[check] | together).union(*(by_input.get(place, frozenset()) for place in sent))

    def _new(self, option: Option) -> frozenset[str]:
        return frozenset().union(*(self._kills(check, places) for check, places in option)) - self.killed

    def _worth(self, option: Option) -> tuple[float, int]:
        new = len(self._new(option))
        return new / (self._cost(option) + 1), new

    def _take(self, option: Option) -> None:
        self.killed |= self._new(option)
        for check, places in option:
            self.checks.setdefault(check, set()).update(places)
            self.scenarios |= self.table.scenarios[check]
