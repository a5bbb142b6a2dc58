"""Records one real failure for each clause: the finding that a run makes against the reference server with a fault.

The records stand in `docs/data/examples.json`, which is reviewed like any other document. Record them again with

    python docs/sitegen/examples.py            # clauses without a record, or whose fault no longer exists
    python docs/sitegen/examples.py CAP-4 RST  # these clauses and chapters
    python docs/sitegen/examples.py --all      # every clause; takes about ten minutes

A record keeps what the page of the clause shows: the fault, the finding, and the exchange that it rests on.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.contract import catalogue
from conformance.reference import launch
from conformance.reference.faults import all_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.catalogue import Clause
    from conformance.reference.registry import Fault

RECORDS = Path(__file__).parents[1] / "data" / "examples.json"
ADDRESS = "http://127.0.0.1:4010"
MAX_BODY = 1_500
MAX_FINDINGS = 3
#: headers of an answer that say something about the contract
HEADERS = frozenset(
    {"content-type", "allow", "location", "www-authenticate", "retry-after", "access-control-allow-origin"}
)
FAILURES = {"MUST": "failed", "SHOULD": "warned"}


@dataclass(frozen=True)
class Recorded:
    """The findings of one run for one clause, and the exchange of the first."""

    fault: str
    sentence: str
    check: str
    outcome: str
    findings: list[dict[str, str | None]]
    exchange: dict[str, Any] | None

    def to_json(self) -> dict[str, Any]:
        """The record as it is stored."""
        return dict(vars(self))


def load() -> dict[str, dict[str, Any]]:
    """The records by clause ID."""
    records: dict[str, dict[str, Any]] = json.loads(RECORDS.read_text("utf-8")) if RECORDS.exists() else {}
    return records


def candidates(clause: Clause) -> list[Fault]:
    """The faults that break the clause, those that break nothing else first."""
    faults = [fault for fault in all_faults().values() if clause.id in fault.breaks]
    return sorted(faults, key=lambda fault: (len(fault.breaks) + len(fault.also), fault.name))


def record(clause: Clause) -> Recorded | list[str]:
    """Run the suite against one fault of the clause after the other until one fails as the catalogue says.

    If none does, return the outcome of each run.
    """
    others = []
    for fault in candidates(clause)[:4]:
        with tempfile.TemporaryDirectory() as folder:
            results = run_against(fault, clause.id, Path(folder))
        (row,) = [row for row in results["clauses"] if row["id"] == clause.id]
        if row["outcome"] == FAILURES[clause.level]:
            return next(recorded_checks(fault, row))
        others.append(f"with {fault.name} it is {row['outcome']}: {row['reason'] or 'its checks found nothing'}")
    return others or ["it has none"]


def run_against(fault: Fault, clause_id: str, folder: Path) -> dict[str, Any]:
    """What results.json says of a run that tests one clause of a server with one fault."""
    with launch.serve_in_thread([fault], [], restore_seconds=0.1) as server:
        (folder / "target.toml").write_text(server.target_toml, "utf-8")
        command = [sys.executable, "-m", "conformance", "run", "--target", "target.toml", "--only", clause_id]
        command += ["--seed", "1", "--report-dir", "report"]
        subprocess.run(command, cwd=folder, check=False, capture_output=True)
        text = (folder / "report" / "results.json").read_text("utf-8").replace(server.base_url, ADDRESS)
    results: dict[str, Any] = json.loads(text)
    return results


def recorded_checks(fault: Fault, row: dict[str, Any]) -> Iterator[Recorded]:
    """A record for each check of the row that failed; those with few findings and an exchange first."""
    checks = [check for check in row["checks"] if check["outcome"] == row["outcome"]]
    for check in sorted(checks, key=lambda check: (not check["exchanges"], check["id"].count("/"))):
        findings = [found for found in check["findings"] if found["outcome"] == row["outcome"]]
        place = findings[0]["exchange"]
        exchange = check["exchanges"][place] if place is not None and place < len(check["exchanges"]) else None
        yield Recorded(
            fault=fault.name,
            sentence=fault.sentence,
            check=check["id"],
            outcome=row["outcome"],
            findings=[shown_finding(found) for found in findings[:MAX_FINDINGS]],
            exchange=None if exchange is None else shown_exchange(exchange, findings[0]["pointer"]),
        )


def shown_finding(finding: dict[str, Any]) -> dict[str, str | None]:
    """The difference that a finding names."""
    expected = finding["expected"] if "expected" in finding else finding["wanted"]
    return {"expected": expected, "got": finding["got"], "pointer": finding["pointer"]}


def shown_exchange(exchange: dict[str, Any], pointer: str | None) -> dict[str, Any]:
    """Request and response without what changes from run to run, with bodies cut to a readable length."""
    request, response = exchange["request"], exchange["response"]
    shown: dict[str, Any] = {
        "request": {"method": request["method"], "url": request["url"], "headers": request["headers"]}
    }
    if request.get("body"):
        shown["request"]["body"] = readable(request["body"], None)
    if response is None:
        return {**shown, "failure": exchange["failure"]}
    headers = {name: value for name, value in response["headers"].items() if name.lower() in HEADERS}
    body = readable(response["body"], pointer)
    return {**shown, "response": {"status": response["status"], "headers": headers, "body": body}}


def readable(body: str | None, pointer: str | None) -> str:
    """A JSON body indented, with long arrays cut around `pointer`; anything else as it is, up to `MAX_BODY`."""
    text = body or ""
    try:
        value = json.loads(text)
    except ValueError:
        text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "\N{REPLACEMENT CHARACTER}", text)
    else:
        indented = json.dumps(value, indent=2, ensure_ascii=False)
        if len(indented) > MAX_BODY:
            indented = json.dumps(cut_arrays(value, steps_of(pointer)), indent=2, ensure_ascii=False)
        # a body that another reader would see otherwise (duplicate names, number spellings) is shown as it was sent
        text = indented if json.dumps(value, separators=(",", ":"), ensure_ascii=False) == text else text
    if len(text) <= MAX_BODY:
        return text
    return f"{text[:MAX_BODY].rpartition(chr(10))[0] or text[:MAX_BODY]}\n…"


def steps_of(pointer: str | None) -> list[str]:
    """The steps of a JSON pointer."""
    return [step.replace("~1", "/").replace("~0", "~") for step in (pointer or "").split("/")[1:]]


def cut_arrays(value: Any, steps: list[str]) -> Any:
    """`value` with each array cut to the item that `steps` lead to, or to its first; a text counts the rest."""
    step, below = (steps[0], steps[1:]) if steps else ("", [])
    if isinstance(value, dict):
        return {name: cut_arrays(item, below if name == step else []) for name, item in value.items()}
    if isinstance(value, list) and value:
        kept = int(step) if step.isdecimal() and int(step) < len(value) else 0
        shown = [cut_arrays(value[kept], below if step else [])]
        before, after = kept, len(value) - kept - 1
        return [f"… {before} before"] * bool(before) + shown + [f"… {after} more"] * bool(after)
    return value


def main() -> int:
    """Record the clauses that were asked for, and store after each, so that an interrupted run loses nothing."""
    parser = argparse.ArgumentParser(description="Record one real failure for each clause.")
    parser.add_argument("ids", nargs="*", metavar="ID", help="clauses or chapters (default: those without a record)")
    parser.add_argument("--all", action="store_true", help="every clause")
    options = parser.parse_args()
    records, clauses = load(), catalogue.load()
    wanted = clauses.matching(options.ids)
    if not options.ids:
        known = {fault.name for fault in all_faults().values()}
        stale = {name for name in clauses.clauses if records.get(name, {}).get("fault") not in known}
        wanted = set(clauses.clauses) if options.all else stale
    missing = []
    for clause in (clause for clause in clauses if clause.id in wanted):
        recorded = record(clause)
        if isinstance(recorded, list):
            print(f"{clause.id}: no fault fails it: {'; '.join(recorded)}", flush=True)
            missing.append(clause.id)
            continue
        print(f"{clause.id}: {recorded.fault}", flush=True)
        records[clause.id] = recorded.to_json()
        ordered = {clause.id: records[clause.id] for clause in clauses if clause.id in records}
        RECORDS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
