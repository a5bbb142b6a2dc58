"""Report folders of older versions: every reader still takes them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conformance.cli import main
from conformance.judging.outcomes import Verdict
from conformance.report import index
from conformance.results import reading, rejudge
from conformance.results.model import FORMAT
from conformance.results.verify import verify

OLDER = Path(__file__).parents[2] / "older"
RED, WAIVED = OLDER / "format-1-red", OLDER / "format-1-waived"


def test_a_failure_of_format_1_is_still_one() -> None:
    results = reading.load_results(RED)
    assert (results["format"], results["verdict"]) == (FORMAT, "non-conformant")
    assert results["headline"] == "Non-conformant: 1 of 81 MUST clauses failed, 76 not tested"
    checks = {check["id"]: check["outcome"] for row in results["clauses"] for check in row["checks"]}
    assert checks["RST-3/restore/final-review"] == "failed"


def test_a_waived_run_of_a_selection_was_conformant_and_is_partial() -> None:
    assert json.loads((WAIVED / "results.json").read_text())["verdict"] == "conformant"
    results = reading.load_results(WAIVED)
    assert results["verdict"] == "partial"
    assert results["headline"] == "Partial: 2 of 81 MUST clauses passed, 78 not tested, 1 waived"


@pytest.mark.parametrize("folder", [RED, WAIVED], ids=lambda folder: folder.name)
def test_an_older_folder_is_verified(folder: Path) -> None:
    verification = verify(folder)
    assert verification.problems == []
    assert any("the verdict follows from the rows" in words for words in verification.unproved)


@pytest.mark.parametrize("name", ["results.json", "report.html", "junit.xml", "exchanges.ndjson.gz"])
def test_a_change_in_an_older_folder_is_found(name: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(RED, tmp_path / "run"))
    with (folder / name).open("ab") as stream:
        stream.write(b" ")
    assert [problem.partition(":")[0] for problem in verify(folder).problems] == [name]


def test_older_runs_are_listed(tmp_path: Path) -> None:
    for folder in (RED, WAIVED):
        shutil.copytree(folder, tmp_path / folder.name)
    entries = {entry.path: entry for entry in index.entries(tmp_path)}
    assert {path: entry.verdict for path, entry in entries.items()} == {
        RED.name: Verdict.NON_CONFORMANT,
        WAIVED.name: Verdict.PARTIAL,
    }


def test_older_exchanges_are_judged_again() -> None:
    assert rejudge.rejudge(WAIVED).exchanges > 10


def test_older_results_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["compare", str(WAIVED), str(RED)]) == 1
    assert "Broken: " in capsys.readouterr().out
