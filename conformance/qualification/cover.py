"""Chooses checks by data: the fewest requests that kill the most faults (greedy set cover)."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING, TypedDict

from conformance import __version__
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId, CheckKind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from conformance.qualification.recording import FaultRecord

#: requests that the choice may use; restores of scenarios that checks share, and their following, are not among them
MAX_REQUESTS = 178

#: kinds whose checks share the requests of one scenario: by itself each of them seems to cost nothing
SHARED = (CheckKind.STATEFUL, CheckKind.SCHEMATHESIS)


class Chosen(TypedDict):
    """The choice: IDs of checks in the order of what they add, and what it rests on.

    The first `covering` checks are the cover; those after them use up the budget. `faults`: how many were recorded.
    `killed`: how many of them the cover kills. `requests`: what the checks send, with what a run sends before its first
    check. `never`: faults that no check killed at this number of examples.
    """

    suite: str
    faults: int
    killed: int
    requests: int
    covering: int
    checks: list[str]
    never: list[str]


def read(file: Path) -> list[FaultRecord]:
    """Return the records of a file of JSON lines; none where there is no file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def choose(records: Sequence[FaultRecord], budget: int) -> Chosen:
    """Return the checks that kill the most faults for the fewest requests, within a budget of requests."""
    killers = _killers(records)
    cost = _costs(records)
    killable = set().union(*killers.values()) if killers else set()
    used = round(median([record["requests"] for record in records])) if records else 0
    chosen: list[str] = []
    killed: set[str] = set()
    while killed != killable:
        affordable = [check for check in killers if check not in chosen and used + cost[check] <= budget]
        best = max(affordable, key=lambda check: _worth(killers[check] - killed, cost[check]), default=None)
        if best is None or not killers[best] - killed:
            break
        chosen.append(best)
        killed |= killers[best]
        used += cost[best]
    covering = len(chosen)
    used = _fill(chosen, cost, used, budget)
    never = sorted({record["fault"] for record in records} - killable)
    return {
        "suite": __version__,
        "faults": len(records),
        "killed": len(killed),
        "requests": used,
        "covering": covering,
        "checks": chosen,
        "never": never,
    }


def _fill(chosen: list[str], cost: dict[str, int], used: int, budget: int) -> int:
    """Use up the budget with the cheapest checks: first for clauses that have none yet, MUST before SHOULD.

    No record covers every fault: a clause that no recorded fault is about still gets its cheapest check.
    """
    known = catalogue.load()
    own = [check for check in cost if CheckId.parse(check).kind not in SHARED]
    for only_new in (True, False):
        for check in sorted(own, key=lambda check: (known[CheckId.parse(check).clause].level, cost[check], check)):
            clauses = {CheckId.parse(each).clause for each in chosen}
            is_wanted = check not in chosen and not (only_new and CheckId.parse(check).clause in clauses)
            if is_wanted and used + cost[check] <= budget:
                chosen.append(check)
                used += cost[check]
    return used


def _worth(new: Collection[str], cost: int) -> tuple[float, int]:
    return len(new) / (cost + 1), len(new)


def _killers(records: Sequence[FaultRecord]) -> dict[str, set[str]]:
    killers: dict[str, set[str]] = {}
    for record in records:
        for deed in record["checks"]:
            if deed["kills"] and CheckId.parse(deed["check"]).kind not in SHARED:
                killers.setdefault(deed["check"], set()).add(record["fault"])
    return killers


def _costs(records: Sequence[FaultRecord]) -> dict[str, int]:
    sent: dict[str, list[int]] = {}
    for record in records:
        for deed in record["checks"]:
            sent.setdefault(deed["check"], []).append(deed["requests"])
    return {check: round(median(numbers)) for check, numbers in sent.items()}
