"""The traceability matrix: every clause leads from its sources to checks, faults and an outcome, in each format."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import reporting

from conformance.cli import main, traceability
from conformance.contract import catalogue
from conformance.results import files

ROOT = Path(traceability.__file__).parents[2]


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.main(["clauses", *arguments]) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    files.write_json(folder / "results.json", reporting.red())
    return folder


def rows_of(text: str) -> dict[str, Any]:
    return {row["id"]: row for row in json.loads(text)}


def test_every_clause_has_sources_checks_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(written(capsys, "--format", "json"))
    assert list(rows) == list(catalogue.load().clauses)
    for row in rows.values():
        assert row["sources"]
        assert row["checks"]
        assert row["faults"]
        assert row["outcome"] == ""


def test_places_are_where_the_checks_are(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = rows_of(written(capsys, "--format", "json", "CAP-4")).values()
    file, line, name = row["checks"]["CAP-4/restore"].replace(" ", ":").split(":")[:3]
    lines = (ROOT / file).read_text().splitlines()
    assert any(name in text for text in lines[int(line) - 1 : int(line) + 6])


def test_what_cannot_be_tested_in_every_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(written(capsys, "--format", "json"))
    assert rows["HTTP-8"]["limits"] == traceability.OBSERVED_ONLY
    assert rows["RST-4"]["limits"] == ""
    assert "fixtures.failing_backup_id" in rows["RST-4"]["needs"]
    assert (
        "fixtures.other_container_id or fixtures.empty_container_id or fixtures.foreign_backup_id"
        in rows["GET-5"]["needs"]
    )
    assert "keys.expired" in rows["AUTH-3"]["needs"]
    members = r"(keys|fixtures|restore|jobs|probe|claims)\.\w+"
    needs = {need for row in rows.values() for need in row["needs"]}
    assert [
        need for need in needs if not re.fullmatch(rf"(the named )?{members}( or {members})*|--profile full", need)
    ] == []


def test_outcomes_are_those_of_the_report(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(written(capsys, "--format", "json", "--report", str(report)))
    expected = {row["id"]: (row["outcome"], row["reason"]) for row in reporting.red()["clauses"]}
    assert {name: (row["outcome"], row["reason"]) for name, row in rows.items()} == expected


def test_csv_has_the_same(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(written(capsys, "--format", "json", "--report", str(report)))
    table = list(csv.DictReader(io.StringIO(written(capsys, "--format", "csv", "--report", str(report)), newline="")))
    assert [row["id"] for row in table] == list(rows)
    for row in table:
        assert row["text"] == rows[row["id"]]["text"]
        assert row["checks"].splitlines() == [f"{name}: {place}" for name, place in rows[row["id"]]["checks"].items()]
        assert row["outcome"] == rows[row["id"]]["outcome"]


def test_a_cell_is_no_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = reporting.red()
    for row in results["clauses"]:
        row["reason"] = "=HYPERLINK(1)"
    files.write_json(tmp_path / "results.json", results)
    table = csv.DictReader(io.StringIO(written(capsys, "--format", "csv", "--report", str(tmp_path)), newline=""))
    assert {row["reason"] for row in table} == {"'=HYPERLINK(1)"}


def test_markdown_is_one_table(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = written(capsys, "--format", "markdown", "--report", str(report)).splitlines()
    assert len(lines) == len(catalogue.load().clauses) + 2
    assert {line.replace("\\|", "").count(" | ") for line in lines} == {8}
    assert "AUTH-1/list" in next(line for line in lines if "| AUTH-1 |" in line)


def test_a_report_needs_a_format(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["clauses", "--report", str(report)]) == 2
    assert main.main(["clauses", "--report", str(report / "none"), "--format", "csv"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
