"""qualification.json: all trials of a qualification in one document, with its score."""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import TYPE_CHECKING

from conformance.config.settings import DEFAULT_EXAMPLES, Depth
from conformance.contract import catalogue
from conformance.contract.timestamps import in_utc
from conformance.qualification.assessing import ACCUSED, ERROR, GREEN, MISSED, OTHERS, RIGHT
from conformance.results import build

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.qualification.assessing import Row

FORMAT = "backups-conformance/qualification/2"
#: the score alone, which is shipped with its version as conformance/qualification.json
SCORE_FORMAT = "backups-conformance/score/1"
_RUN_OF_SCORE = ("started", "seed", "depth", "examples", "sample", "only", "faults", "interrupted")
#: per cent of the MUST faults that a quick run has to catch; those of other depths catch all of them
MIN_QUICK_SCORE = 95.0
#: The counts of outcomes of the faults of one clause, or of all clauses.
COUNTED = (RIGHT, OTHERS, MISSED, ERROR)


@dataclass(frozen=True)
class Facts:
    """The options of a qualification, and its times."""

    jobs: int
    seed: int
    on: str = "processes"
    depth: Depth = Depth.STANDARD
    examples: int = DEFAULT_EXAMPLES
    fail_fast: bool = False
    sample: int | None = None
    only: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished: datetime = field(default_factory=lambda: datetime.now(UTC))
    interrupted: bool = False


def document(rows: Iterable[Row], facts: Facts) -> dict[str, object]:
    """The whole document. Rows of faults have `breaks`, those of variants have not."""
    rows = list(rows)
    faults, variants = [row for row in rows if is_fault(row)], [row for row in rows if not is_fault(row)]
    return {
        "format": FORMAT,
        "suite": build.identity(),
        "run": _run(facts),
        "summary": _summary(faults, variants),
        "clauses": [_clause(clause, faults) for clause in catalogue.load()],
        "faults": faults,
        "variants": variants,
    }


def score_alone(document: JsonObject) -> dict[str, object]:
    """The part of a document that reports show, which is shipped with the package."""
    run = {name: document["run"][name] for name in _RUN_OF_SCORE}
    return {"format": SCORE_FORMAT, "suite": document["suite"], "run": run, "summary": document["summary"]}


def is_fault(row: Row) -> bool:
    """Whether a row is of a fault."""
    return "breaks" in row


def problems(rows: Iterable[Row]) -> list[Row]:
    """The rows that keep the suite from being qualified.

    These are MUST faults that their clauses did not catch, faults that turned other clauses red or left one
    inconclusive without a cause, variants that were accused, and trials that failed.
    """
    return [row for row in rows if not is_good(row)]


def is_good(row: Row) -> bool:
    """Whether the suite judged this fault or variant as it should."""
    if not is_fault(row):
        return bool(row["outcome"] == GREEN)
    caught = row["outcome"] == RIGHT or (row["level"] != "MUST" and row["outcome"] != ERROR)
    return caught and not row["undeclared"] and not row["inconclusive"]


def undecided(variants: Iterable[Row]) -> list[Row]:
    """The variants that are not accused, and against which a run left MUST clauses undecided: it is no proof of them.

    Rows that were written before this was recorded have no such clauses.
    """
    return [row for row in variants if row["outcome"] == GREEN and row.get("undecided")]


def is_only_missed(row: Row) -> bool:
    """Whether a fault was not caught by its clause, and nothing else is wrong with its row."""
    return row["outcome"] in (MISSED, OTHERS) and not row["undeclared"] and not row["inconclusive"]


def _run(facts: Facts) -> dict[str, object]:
    return {
        "started": in_utc(facts.started),
        "finished": in_utc(facts.finished),
        "duration_s": round((facts.finished - facts.started).total_seconds(), 3),
        "jobs": facts.jobs,
        "on": facts.on,
        "cpus": os.cpu_count(),
        "seed": facts.seed,
        "depth": facts.depth.value,
        "examples": facts.examples,
        "fail_fast": facts.fail_fast,
        "sample": facts.sample,
        "only": list(facts.only),
        "faults": list(facts.patterns),
        "interrupted": facts.interrupted,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _summary(faults: Sequence[Row], variants: Sequence[Row]) -> dict[str, object]:
    must = [row for row in faults if row["level"] == "MUST"]
    should = [row for row in faults if row["level"] != "MUST"]
    return {
        "must": _counts(must),
        "should": _counts(should),
        "structural": sum(row["kind"] == "structural" for row in faults),
        "undeclared": sum(bool(row["undeclared"]) for row in faults),
        "variants": {
            "total": len(variants),
            **{word: sum(row["outcome"] == word for row in variants) for word in (GREEN, ACCUSED, ERROR)},
            "undecided": len(undecided(variants)),
        },
        "catch_s": catch_times(must),
        "score": score(must),
        "problems": len(problems([*faults, *variants])),
    }


def _counts(faults: Sequence[Row]) -> dict[str, int]:
    counted = Counter(row["outcome"] for row in faults)
    return {"total": len(faults), **{word: counted[word] for word in COUNTED}}


def score(must: Sequence[Row]) -> float | None:
    """The share of MUST faults that were caught by the right clause, and by no wrong one, in per cent."""
    if not must:
        return None
    right = sum(row["outcome"] == RIGHT and not row["undeclared"] for row in must)
    return int(1000 * right / len(must)) / 10  # cut, not rounded: 100 means all of them


def catch_times(faults: Iterable[Row]) -> dict[str, object]:
    """How long it took until a MUST was seen broken: from the start of the server on."""
    times = sorted(row["catch_s"] for row in faults if row["catch_s"] is not None)
    if not times:
        return {"count": 0, "median": None, "p90": None, "max": None}
    p90 = quantiles(times, n=10, method="inclusive")[-1] if len(times) > 1 else times[0]
    return {"count": len(times), "median": round(median(times), 3), "p90": round(p90, 3), "max": times[-1]}


def _clause(clause: catalogue.Clause, faults: Sequence[Row]) -> dict[str, object]:
    own = [row for row in faults if clause.id in row["breaks"]]
    return {
        "id": clause.id,
        "level": clause.level,
        "title": clause.text,
        "faults": _counts(own),
        "structural": sum(row["kind"] == "structural" for row in own),
        "accused": [row["name"] for row in faults if clause.id in row["undeclared"]],
        "catch_s": catch_times(own)["median"],
    }
