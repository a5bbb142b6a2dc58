"""Merges the results of several runs of one target: the worst outcome of each clause, and which run it is from."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar, cast

from conformance.judging.outcomes import CheckRow, FindingRow, Outcome, of_clause
from conformance.results import verdicts
from conformance.results.build import bound_evidence, mark_deciding
from conformance.results.model import FORMAT, CoverageRow, FootprintRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conformance.evidence.rows import ExchangeRow
    from conformance.http.latency import LatencyRow
    from conformance.results.model import (
        ClauseRow,
        PartRow,
        PermissionRow,
        Results,
        RunRow,
        ValuesRow,
        WaiverRow,
    )

N = TypeVar("N", int, float)
#: findings, and exchanges, of one check that are kept; the parts have all of theirs
MAX_FINDINGS, MAX_EXCHANGES, MAX_STEPS = 20, 20, 200
_FROM_RUN = (Outcome.FAILED, Outcome.ERROR, Outcome.WARNED)
#: of several states of a waiver the first of these counts
_WAIVER_STATES = ("used", "expired", "stale", "untested")


def identity(results: Results) -> tuple[str, str, str]:
    """Return what runs must have in common to be merged: suite, catalogue and edition."""
    suite = results["suite"]
    return suite["version"], suite["catalogue_sha256"], results.get("edition", "")


@dataclass
class _Check:
    """A check over the parts so far; `exchanges` are those that the findings refer to, or evidence of a pass."""

    row: CheckRow
    findings: dict[tuple[str, str, str, str | None], FindingRow] = field(default_factory=dict)

    def add(self, other: CheckRow, seed: int) -> None:
        """Add the record of the same check in another part."""
        row, is_worse = self.row, Outcome(other["outcome"]).rank > Outcome(self.row["outcome"]).rank
        if is_worse:
            row["outcome"], row["reason"] = other["outcome"], other["reason"]
            row["left_out"] = other.get("left_out", False)
            if not self.findings:  # evidence of a pass gives way to that of the failure
                row["exchanges"], row["timeline"] = [], []
        row["duration_s"] = round(row["duration_s"] + other["duration_s"], 4)
        row["requests"] = row.get("requests", 0) + other.get("requests", 0)
        row["inputs"] = row.get("inputs", 0) + other.get("inputs", 0)
        row["applies"] = row.get("applies", True) or other.get("applies", True)
        if is_worse:
            row["timeline"] = (row["timeline"] + other["timeline"])[:MAX_STEPS]
        if is_worse and not other["findings"]:
            row["exchanges"] = (row["exchanges"] + other["exchanges"])[:MAX_EXCHANGES]
        self.add_findings(other, seed)

    def add_findings(self, other: CheckRow, seed: int) -> None:
        """Add findings, each with the seed of its run; equal ones are counted, and keep the first seed."""
        for finding in other["findings"]:
            key = (finding["outcome"], finding["wanted"], finding["got"], finding["pointer"])
            known = self.findings.get(key)
            if known is not None:
                known["places"] += finding["places"]
            elif len(self.findings) < MAX_FINDINGS:
                kept: FindingRow = {
                    **finding,
                    "exchange": self._keep(other["exchanges"], finding["exchange"]),
                    "related": [
                        index
                        for old in finding.get("related", ())
                        if (index := self._keep(other["exchanges"], old)) is not None
                    ],
                    "seed": finding.get("seed", seed),
                }
                self.findings[key] = kept
        self.row["findings"] = list(self.findings.values())

    def _keep(self, exchanges: list[ExchangeRow], index: int | None) -> int | None:
        """Keep an exchange that a finding rests on; return its index among those that are kept."""
        if index is None or not 0 <= index < len(exchanges) or len(self.row["exchanges"]) >= MAX_EXCHANGES:
            return None
        self.row["exchanges"].append(exchanges[index])
        return len(self.row["exchanges"]) - 1


@dataclass
class _Clause:
    """A clause over the parts so far; `part` is the index of the one that decides."""

    row: ClauseRow
    part: int
    checks: dict[str, _Check] = field(default_factory=dict)


class Merge:
    """Merges one part after the other, so that no more than two are in memory."""

    def __init__(self) -> None:
        self.parts: list[PartRow] = []
        self._results: list[Results] = []
        self._clauses: dict[str, _Clause] = {}
        self._waivers: dict[tuple[str, str | None, str | None], WaiverRow] = {}
        self._missing: list[str] = []

    def add(self, results: Results, part: PartRow) -> None:
        """Add a part."""
        index = len(self.parts)
        self.parts.append(part)
        for row in results["clauses"]:
            self._add_clause(row, index, part["seed"])
        for waiver in results["waivers"]:
            self._add_waiver(waiver)
        self._results.append(cast("Results", {**results, "clauses": [], "waivers": []}))

    def add_missing(self, words: str) -> None:
        """Record a part without a whole report: its outcomes are unknown."""
        self._missing.append(words)

    def _add_clause(self, row: ClauseRow, index: int, seed: int) -> None:
        known = self._clauses.get(row["id"])
        if known is None:
            known = self._clauses[row["id"]] = _Clause(cast("ClauseRow", {**row, "checks": []}), index)
        elif _precedes(row, known.row):
            known.row = cast("ClauseRow", {**known.row, "outcome": row["outcome"], "reason": row["reason"]})
            known.part = index
        known.row["applies"] = known.row["applies"] or row["applies"]
        for check in row["checks"]:
            merged = known.checks.get(check["id"])
            if merged is None:
                fresh = cast("CheckRow", {**check, "findings": [], "exchanges": list(check["exchanges"])})
                if check["findings"]:
                    fresh["exchanges"] = []
                merged = known.checks[check["id"]] = _Check(fresh)
                merged.add_findings(check, seed)
            else:
                merged.add(check, seed)

    def _add_waiver(self, waiver: WaiverRow) -> None:
        key = (waiver["clause"], waiver.get("operation"), waiver.get("check"))
        known = self._waivers.get(key)
        if known is None or _WAIVER_STATES.index(waiver["state"]) < _WAIVER_STATES.index(known["state"]):
            self._waivers[key] = waiver

    def results(self) -> Results:
        """Return the merged results. There must be a part."""
        rows = [self._clause_row(clause) for clause in self._clauses.values()]
        bound_evidence(rows)
        # The newest edition decides: no clause that decides a part stops counting.
        edition = max(results.get("edition", "") for results in self._results)
        if edition:
            mark_deciding(rows, edition)
        run = self._run()
        judged = verdicts.judge(rows, strict=run["strict"], interrupted=run["interrupted"], problem=run["problem"])
        newest = max(self._results, key=lambda results: results["run"]["started"])
        merged: Results = {
            **newest,
            "format": FORMAT,
            "run": run,
            "verdict": judged["verdict"],
            "headline": judged["headline"],
            "summary": judged["summary"],
            "waivers": list(self._waivers.values()),
            "notes": sorted({note for results in self._results for note in results["notes"]}),
            "keys": self._keys(),
            "matrix": self._matrix(),
            "latency": self._latency(),
            "clauses": rows,
        }
        if coverages := [results["coverage"] for results in self._results if "coverage" in results]:
            merged["coverage"] = _coverage(coverages)
        if edition:
            merged["edition"] = edition
        if footprints := [results["footprint"] for results in self._in_order() if "footprint" in results]:
            merged["footprint"] = _footprint(footprints)
        return merged

    def _clause_row(self, clause: _Clause) -> ClauseRow:
        row = cast("ClauseRow", {**clause.row, "checks": [check.row for check in clause.checks.values()]})
        together = of_clause((Outcome(check["outcome"]), check.get("left_out", False)) for check in row["checks"])
        if row["applies"] and row["outcome"] == Outcome.NOT_TESTED != together:
            row["outcome"], row["reason"] = together.value, ""  # no part ran all checks, but together they did
        if Outcome(row["outcome"]) in _FROM_RUN and len(self.parts) > 1:
            row["reason"] = f"{row['reason']} ({self._name(clause.part)})"
        return row

    def _name(self, index: int) -> str:
        part = self.parts[index]
        alike = sum(other["seed"] == part["seed"] for other in self.parts)
        return f"seed {part['seed']}" if alike == 1 else f"run {part['run']}"

    def _in_order(self) -> list[Results]:
        return sorted(self._results, key=lambda results: results["run"]["started"])

    def _decisive(self) -> int:
        """The part that a reader should repeat: of a failed clause, else the first."""
        failed = [clause.part for clause in self._clauses.values() if clause.row["outcome"] == Outcome.FAILED]
        return min(failed, default=0)

    def _run(self) -> RunRow:
        runs = [results["run"] for results in self._results]
        newest, decisive = max(runs, key=lambda run: run["started"]), runs[self._decisive()]
        interruptions = [run["interruption"] for run in runs if run["interrupted"]] + self._missing
        digests = {run["waivers_sha256"] for run in runs}
        row: RunRow = {
            **newest,
            "id": hashlib.sha256("\n".join(sorted(run["id"] for run in runs)).encode()).hexdigest()[:16],
            "started": min(run["started"] for run in runs),
            "finished": max(run["finished"] for run in runs),
            "duration_s": _seconds_between(min(run["started"] for run in runs), max(run["finished"] for run in runs)),
            "seed": decisive["seed"],
            "command": decisive["command"],
            "profile": "full" if any(run["profile"] == "full" for run in runs) else "read",
            "requests": sum(run["requests"] for run in runs),
            "restores_accepted": sum(run["restores_accepted"] for run in runs),
            "selection": {
                "only": _union(run["selection"]["only"] for run in runs),
                "skip": _intersection(run["selection"]["skip"] for run in runs),
            },
            "strict": any(run["strict"] for run in runs),
            "interrupted": bool(interruptions),
            "interruption": interruptions[0] if interruptions else "",
            "problem": next((run["problem"] for run in runs if run["problem"]), ""),
            "throttled": {
                "count": sum(run["throttled"]["count"] for run in runs),
                "waited_s": round(sum(run["throttled"]["waited_s"] for run in runs), 3),
            },
            "restores_maybe_running": [restore for run in runs for restore in run["restores_maybe_running"]],
            "subjects": [subject for subject in runs[0]["subjects"] if all(subject in run["subjects"] for run in runs)],
            "waivers_sha256": next(iter(digests)) if len(digests) == 1 else None,
            "parts": self.parts,
        }
        row.pop("ci", None)
        return row

    def _keys(self) -> dict[str, str]:
        keys: dict[str, str] = {}
        for results in self._in_order():
            for name, state in results["keys"].items():
                if not keys.get(name, "").startswith("refused"):
                    keys[name] = state
        return keys

    def _matrix(self) -> list[PermissionRow]:
        cells: dict[tuple[str, str, str], PermissionRow] = {}
        for results in self._results:
            for row in results["matrix"]:
                key = (row["key"], row["operation"], row["resource"])
                known = cells.get(key)
                statuses = row["statuses"] if known is None else _added([known["statuses"], row["statuses"]])
                cells[key] = {**row, "statuses": statuses}
        return [cells[key] for key in sorted(cells)]

    def _latency(self) -> list[LatencyRow]:
        operations: dict[str, list[LatencyRow]] = {}
        for results in self._results:
            for row in results["latency"]:
                operations.setdefault(row["operation"], []).append(row)
        return [_latency(rows) for _, rows in sorted(operations.items())]


def _seconds_between(started: str, finished: str) -> float:
    return round((datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds(), 3)


def _precedes(row: ClauseRow, known: ClauseRow) -> bool:
    """Whether a row is worse, or the first that tested or applies where the known one did not."""
    if Outcome(row["outcome"]).rank != Outcome(known["outcome"]).rank:
        return Outcome(row["outcome"]).rank > Outcome(known["outcome"]).rank
    return row["applies"] and not known["applies"]


def _latency(rows: list[LatencyRow]) -> LatencyRow:
    if len(rows) == 1:
        return rows[0]
    bars: Counter[float] = Counter()
    for row in rows:
        for bound, count in row["buckets"]:
            bars[bound] += count
    longest = max(row["max_s"] for row in rows)
    return {
        "operation": rows[0]["operation"],
        "count": sum(row["count"] for row in rows),
        "p50_s": min(longest, _quantile(bars, 0.5)),
        "p95_s": min(longest, _quantile(bars, 0.95)),
        "max_s": longest,
        "buckets": sorted(bars.items()),
    }


def _quantile(bars: Counter[float], share: float) -> float:
    """The upper bound of the bar that the quantile falls into: the parts have no single times."""
    wanted, seen = share * bars.total(), 0
    for bound, count in sorted(bars.items()):
        seen += count
        if seen >= wanted:
            return bound
    return 0.0


def _coverage(rows: list[CoverageRow]) -> CoverageRow:
    operations: dict[str, dict[str, int]] = {}
    values: dict[str, ValuesRow] = {}
    for row in rows:
        for operation, statuses in row["operations"].items():
            operations[operation] = _added([operations.get(operation, {}), statuses])
        for value in row["values"]:
            known = values.get(value["name"])
            seen = value["seen"] if known is None else _added([known["seen"], value["seen"]])
            names = value["unseen"] if known is None else known["unseen"]
            values[value["name"]] = {
                "name": value["name"],
                "seen": seen,
                "unseen": [name for name in names if name not in seen],
            }
    return {
        "operations": operations,
        "values": list(values.values()),
        "inputs": _added([row["inputs"] for row in rows]),
    }


def _footprint(rows: list[FootprintRow]) -> FootprintRow:
    instances: dict[str, str] = {}
    for row in rows:  # the oldest first: the last restore to an instance counts
        instances |= row["instances"]
    return {
        "restores": [restore for row in rows for restore in row["restores"]],
        "deletions": [deletion for row in rows for deletion in row["deletions"]],
        "lost": [lost for row in rows for lost in row["lost"]],
        "instances": instances,
    }


def _added(counts: Iterable[Mapping[str, N]]) -> dict[str, N]:
    total: dict[str, N] = {}
    for each in counts:
        for name, number in each.items():
            total[name] = total.get(name, 0) + number
    return total


def _union(lists: Iterable[list[str]]) -> list[str]:
    """All of the selectors; none where a run had none, and so selected everything."""
    lists = list(lists)
    return [] if not all(lists) else list(dict.fromkeys(value for each in lists for value in each))


def _intersection(lists: Iterable[list[str]]) -> list[str]:
    lists = list(lists)
    return [value for value in lists[0] if all(value in each for each in lists)]
