"""How much dearer is judging a list of 1,000 backups than merely reading it with json.loads?

Run `python benchmarks/judging.py`: it prints, for reading strictly and judging the shape together, the ratio to
json.loads on the same bytes (the goal for all of judging is 1.5), and what a page costs that breaks HTTP-10 everywhere.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from conformance.contract.strict_json import parse
from conformance.contract.validation import mismatches

if TYPE_CHECKING:
    from collections.abc import Callable

GOAL = 1.5
BACKUPS = 1_000
RUNS = 60


def page(items: int = BACKUPS, *, nulls: bool = False, seed: int = 1) -> bytes:
    """A list answer in JSON with `items` distinct backups; with `nulls` each has an optional member that is null."""
    draw = random.Random(seed)  # noqa: S311 - sample data
    return json.dumps({"data": [_backup(draw, nulls=nulls) for _ in range(items)]}).encode()


def _backup(draw: random.Random, *, nulls: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"current": "live", "changed": _time(draw)}
    return {
        "id": _oid(draw),
        "hub_id": "651586fca6078e98982dbd90",
        "container_id": "651586fca6078e98982dbd91",
        "instance_id": _oid(draw),
        "target": {
            "integration_id": "cold-storage",
            "path": f"backups/{_oid(draw)}",
            "file_id": _oid(draw),
            "size": draw.randrange(10**10),
        },
        "state": state | ({"error": None} if nulls else {}),
        "events": {"created": _time(draw), "updated": _time(draw), "deleted": "0001-01-01T00:00:00Z"},
    }


def _oid(draw: random.Random) -> str:
    return f"{draw.getrandbits(96):024x}"


def _time(draw: random.Random) -> str:
    day = f"2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    return (
        f"{day}T{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:{draw.randint(0, 59):02}.{draw.randrange(10**6):06}Z"
    )


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = perf_counter()
    work()
    return perf_counter() - start


def _ratios(body: bytes, judge: Callable[[bytes], object]) -> list[float]:
    """One ratio per run: both are timed right after each other, so that they meet the same weather."""
    judge(body)
    return [_seconds(lambda: judge(body)) / _seconds(lambda: json.loads(body)) for _ in range(RUNS)]


def _judge(body: bytes) -> object:
    return mismatches("backup-list-answer", parse(body).value)


def main() -> int:
    """Print the ratios; 1 if the valid page is dearer than the goal."""
    cases: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
        "read strictly": (page(), parse),
        "read and judge": (page(), _judge),
        "read and judge, a null in each": (page(nulls=True), _judge),
    }
    medians = {}
    for name, (body, judge) in cases.items():
        ratios = _ratios(body, judge)
        medians[name] = statistics.median(ratios)
        print(f"{name:32} min {min(ratios):5.2f}   median {medians[name]:5.2f}   x json.loads ({len(body):,} bytes)")
    return int(medians["read and judge"] > GOAL)


if __name__ == "__main__":
    sys.exit(main())
