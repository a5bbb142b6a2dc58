"""A target that fails everything with long bodies: what the suite writes is never too large for its own readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support import folders, reporting

from conformance.config import untrusted
from conformance.contract import catalogue
from conformance.contract.check_id import CheckId
from conformance.execution.journal import Journal
from conformance.judging.outcomes import CheckRecord, FindingRecord, Outcome
from conformance.judging.record_size import bounded, fair_share, weight
from conformance.pytest_run.finalize import report_killed_run
from conformance.results import reading

if TYPE_CHECKING:
    from pathlib import Path

MB = 2**20
PAGE_MB = 5
#: what takes much room in JSON, in HTML, or in both
TEXT = 'a page of "<&\x01>'
FINDINGS, EXCHANGES = 12, 12


def record(check_id: CheckId, text: str = TEXT) -> CheckRecord:
    """A failure with as much evidence as a check can have."""
    long = (text * 16_384)[:16_384]
    exchange: Any = reporting.exchange(body=long, sent=long, method="POST")
    exchange["response"]["headers"] = {f"x-{number}": (text * 1024)[:1024] for number in range(50)}
    words = (text * 4000)[:4000]
    findings = [
        FindingRecord(Outcome.FAILED, words, f"{number} {words}", words, number, related=tuple(range(EXCHANGES)))
        for number in range(FINDINGS)
    ]
    steps: Any = [{"t_s": float(number), "what": words, "answer": words} for number in range(30)]
    return CheckRecord(check_id, Outcome.FAILED, words, 0.1, findings, [exchange] * EXCHANGES, steps, 100, 100)


def failed_run(folder: Path) -> Path:
    """The folder of a run in which every check of every clause failed with all of this evidence."""
    folders.unfinished(folder)
    state = folder / ".state"
    facts = json.loads((state / "run.json").read_bytes())
    (state / "run.json").write_text(json.dumps({**facts, "selected": [clause.id for clause in catalogue.load()]}))
    journal = Journal(state, "hostile")
    for clause in catalogue.load():
        for operation in clause.operations:
            journal.write(record(CheckId(clause.id, operation)))
    journal.close()
    return folder


@pytest.mark.slow
def test_the_reports_of_a_wholly_broken_target_can_be_read(tmp_path: Path) -> None:
    folder = failed_run(tmp_path)
    journal_mb = (folder / ".state" / "journal-hostile.ndjson").stat().st_size / MB
    report_killed_run(folder)
    sizes = {file.name: file.stat().st_size / MB for file in folder.iterdir() if file.is_file()}
    assert journal_mb < 64
    assert sizes["report.html"] <= PAGE_MB
    assert max(sizes.values()) <= untrusted.MAX_BYTES / MB
    results = reading.load_results(folder)
    assert {row["outcome"] for row in results["clauses"]} == {"failed"}
    failed = [check for row in results["clauses"] for check in row["checks"] if check["outcome"] == "failed"]
    assert all(check["findings"] for check in failed)
    assert failed[0]["exchanges"]


def test_a_record_that_has_room_is_kept_as_it_is() -> None:
    row = record(CheckId("LIST-1", "list")).to_json()
    assert bounded(row, weight(row))[0] is row


@pytest.mark.parametrize("limit", [5_000_000, 1_000_000, 200_000, 50_000, 20_000])
def test_a_record_is_shortened_to_its_limit_and_keeps_its_outcome(limit: int) -> None:
    row = record(CheckId("LIST-1", "list"), "\x01").to_json()
    short, size = bounded(row, limit)
    assert size == weight(short) <= limit < weight(row)
    assert (short["id"], short["outcome"], short["requests"]) == (row["id"], row["outcome"], row["requests"])
    assert short["findings"]
    known = range(len(short["exchanges"]))
    for finding in short["findings"]:
        assert finding["exchange"] is None or finding["exchange"] in known
        assert set(finding.get("related", ())) <= set(known)
    for exchange in short["exchanges"]:
        assert exchange["response"] is not None
        assert exchange["response"]["body_cut"]


@pytest.mark.parametrize("sizes", [[10, 20, 30], [1, 1, 1000], [1000, 1000, 1000], [7]])
@pytest.mark.parametrize("limit", [60, 100, 999])
def test_a_fair_share_cuts_the_largest_only(sizes: list[int], limit: int) -> None:
    share = fair_share(sizes, limit)
    assert sum(min(size, share) for size in sizes) <= limit
    if sum(sizes) <= limit:
        assert share >= max(sizes)
