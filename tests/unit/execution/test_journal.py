"""The journal: what workers write is read again, merged, and survives a cut-off line."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from conformance.contract.check_id import CheckId
from conformance.execution import journal
from conformance.execution.journal import (
    Deleted,
    Journal,
    Observations,
    ResponseLost,
    RestoreEnded,
    RestoreStarted,
    WorkerFacts,
)
from conformance.judging.outcomes import CheckRecord, FindingRecord, Outcome

if TYPE_CHECKING:
    from pathlib import Path

FIRST = RestoreStarted("j1", "b1", "i1", "2026-03-01T10:00:00Z")
SECOND = RestoreStarted("", "b2", "i1", "2026-03-01T10:00:01Z")
FINDING = FindingRecord(Outcome.FAILED, "403", "202", None, 0, 2, (1, 2))
RECORD = CheckRecord(CheckId("CAP-4", "restore"), Outcome.FAILED, "wanted 403, got 202", findings=[FINDING], inputs=3)
ENTRIES: tuple[journal.Entry, ...] = (
    RECORD,
    WorkerFacts(7, {"view": "accepted"}, "gone", 2, 1, 0.5),
    FIRST,
    RestoreEnded(FIRST, "completed"),
    Deleted("b3", "2026-03-01T10:00:02Z"),
    ResponseLost("restore", "b4", "2026-03-01T10:00:03Z"),
    Observations(
        frozenset({"note"}),
        ({"get": {"0.01": 2}},),
        Counter({("view", "get", "own", "200"): 3}),
        ({"job states": {"new": 1}},),
    ),
)


def written(folder: Path, **workers: tuple[journal.Entry, ...]) -> journal.Contents:
    for worker, entries in workers.items():
        book = Journal(folder, worker)
        for entry in entries:
            book.write(entry)
        book.close()
    return journal.read(folder)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_is_read_as_it_was_written(entry: journal.Entry, tmp_path: Path) -> None:
    written(tmp_path, main=(entry,))
    assert list(journal.entries(tmp_path / "journal-main.ndjson")) == [entry]


def test_the_entries_of_workers_are_merged(tmp_path: Path) -> None:
    first = (WorkerFacts(5, {"view": "refused: 401", "full": "accepted"}, restores_accepted=2, waited_s=1.0), FIRST)
    two = (WorkerFacts(3, {"view": "accepted"}, "gone", restores_accepted=3), SECOND, RestoreEnded(FIRST), *ENTRIES[6:])
    contents = written(tmp_path, gw0=first, gw1=(*two, RECORD), gw2=(ENTRIES[6], RECORD))
    assert contents.facts == WorkerFacts(8, {"view": "refused: 401", "full": "accepted"}, "gone", 3, 0, 1.0)
    assert contents.restores_maybe_running == [SECOND]
    assert contents.observations.matrix == Counter({("view", "get", "own", "200"): 6})
    [record] = contents.checks
    assert (record.findings[0].places, record.inputs) == (4, 6)


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, main=(FIRST, SECOND))
    file = tmp_path / "journal-main.ndjson"
    file.write_text(file.read_text()[:-20])
    assert list(journal.entries(file)) == [FIRST]


def test_what_comes_after_the_end_is_dropped(tmp_path: Path) -> None:
    book = Journal(tmp_path, "main")
    book.close()
    book.write(FIRST)
    assert journal.read(tmp_path).restores_started == []
