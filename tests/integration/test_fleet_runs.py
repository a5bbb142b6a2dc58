"""`run --targets`: fleets of reference servers, run by the command as people and CI jobs run it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from support import fleets, running
from support.waiting import PATIENCE_S

from conformance.contract.schemas import schemas_dir
from conformance.fleet import signing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.process, pytest.mark.one_worker]
QUICK = ("--only", "LIST-9")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three targets, the second one broken."""
    root = tmp_path_factory.mktemp("fleet")
    with fleets.serving(root / "targets", {"a": (), "b": ("unknown_container_is_empty",), "c": ()}):
        yield root


def fleet_of(folder: Path) -> Any:
    return json.loads((folder / "fleet.json").read_text("utf-8"))


def test_a_fleet_has_a_report_for_each_target_and_the_worst_verdict(folder: Path, tmp_path: Path) -> None:
    """As six targets of a team: one is broken, so the fleet is, and the page says which."""
    report = tmp_path / "report"
    ran = running.run(report, "--targets", "targets/*.toml", *QUICK, "--seed", "7", cwd=folder)
    assert ran.code == 1, ran.err
    fleet = fleet_of(report)
    jsonschema_rs.Draft202012Validator(json.loads((schemas_dir() / "fleet.json").read_text())).validate(fleet)
    assert {row["name"]: row["verdict"] for row in fleet["targets"]} == {
        "a": "partial",
        "b": "non-conformant",
        "c": "partial",
    }
    assert [row["seed"] for row in fleet["targets"]] == [7, 7, 7]
    assert signing.verify_folder(report).problems == []
    assert "b: Non-conformant" in ran.out
    assert ran.out.splitlines()[-2].startswith("Non-conformant: 3 targets: 1 non-conformant, 2 partial")
    alone = running.run(tmp_path / "alone", "--target", "targets/b.toml", *QUICK, "--seed", "7", cwd=folder)
    assert alone.outcomes == fleet["targets"][1]["outcomes"]
    assert running.end(running.start(["verify", report]), report).code == 0


def test_the_events_of_a_fleet_are_json(folder: Path, tmp_path: Path) -> None:
    ran = running.run(tmp_path / "r", "--targets", "targets/[ac].toml", *QUICK, "--json", cwd=folder)
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert sorted(event["event"] for event in events) == ["end", *["target-end"] * 2, *["target-start"] * 2]
    assert events[-1]["verdict"] == "partial"
    assert running.run(tmp_path / "q", "--targets", "targets/[ac].toml", *QUICK, "--quiet", cwd=folder).out == (
        "Partial: 2 targets: 2 partial\n"
    )


def test_a_partial_fleet_is_not_enough_where_conformant_is_required(folder: Path, tmp_path: Path) -> None:
    arguments = ("--targets", "targets/a.toml", *QUICK, "--require", "conformant")
    assert running.run(tmp_path / "r", *arguments, cwd=folder).code == 3


def test_an_index_runs_one_file_alone(folder: Path, tmp_path: Path) -> None:
    """As a pod of an Indexed Job does."""
    ran = running.run(tmp_path / "r", "--targets", "targets/*.toml", "--target-index", "1", *QUICK, cwd=folder)
    assert ran.code == 1
    assert ran.results["target"]["name"] == "b"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--targets", "none/*.toml"], "matches no file"),
        (["--targets", "targets/*.toml", "--target-index", "3"], "matches are numbered from 0 to 2"),
        (["--targets", "targets/*.toml", "--target", "targets/a.toml"], "--targets cannot go with --target"),
        (["--on", "processes:2"], "--on needs --targets"),
        (["--target-index", "0"], "--target-index needs --targets"),
        (["--targets", "targets/*.toml", "--on", "threads"], "expected processes"),
        (["--targets", "targets/*.toml", "--on", "dask://127.0.0.1:1"], "keys.full is written out"),
    ],
)
def test_a_wrong_fleet_is_wrong_usage(folder: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    ran = running.run(tmp_path / "r", *arguments, cwd=folder)
    assert ran.code == 2
    assert words in ran.err
    assert not (tmp_path / "r").exists()


def test_one_wrong_file_keeps_the_fleet_from_starting(folder: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "targets"
    wrong.mkdir()
    (wrong / "a.toml").write_bytes((folder / "targets/a.toml").read_bytes())
    (wrong / "b.toml").write_text("[target]\nbase_urll = 1\n", "utf-8")
    ran = running.run(tmp_path / "r", "--targets", f"{wrong}/*.toml")
    assert ran.code == 2
    assert "b.toml:2 target.base_urll: unknown member" in ran.err
    assert not (tmp_path / "r").exists()


def runs_of(folder: Path) -> list[int]:
    """The processes that run targets with reports below a folder."""
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"--report-dir={folder}/targets/a".encode() in words:
            pids.append(int(entry.name))
    return pids


def await_changes(report: Path) -> None:
    """Wait until the run of target a has started to restore."""
    until = time.monotonic() + PATIENCE_S
    while not running.journal_of(report / "targets/a").restores_started:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_killed_run_is_reported_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    """It had begun to restore, so it is not repeated; what it had recorded is reported, as inconclusive."""
    report = tmp_path / "report"
    arguments = ["run", "--targets", "targets/[ac].toml", "--only", "RST-1,LIST-9", "--report-dir", str(report)]
    process = running.start([*arguments, "--on", "processes:2"], cwd=folder)
    await_changes(report)
    for victim in runs_of(report):
        os.kill(victim, signal.SIGKILL)
    ran = running.end(process, report)
    assert ran.code == 3, ran.err
    fleet = fleet_of(report)
    assert {row["name"]: row["verdict"] for row in fleet["targets"]} == {"a": "inconclusive", "c": "partial"}
    assert all(row["folder"] for row in fleet["targets"])
    assert signing.verify_folder(report).problems == []


def test_an_interrupted_fleet_leaves_its_reports(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    arguments = ["run", "--targets", "targets/[ac].toml", "--report-dir", str(report), "--on", "processes:1"]
    process = running.start(arguments, cwd=folder)
    await_changes(report)
    process.send_signal(signal.SIGINT)
    ran = running.end(process, report)
    assert ran.code == 3, ran.err
    first, second = fleet_of(report)["targets"]
    assert first["verdict"] == "inconclusive"
    assert first["folder"]
    assert second["problem"] == "not run: the fleet was interrupted first"
    assert runs_of(report) == []


def test_the_runs_of_a_fleet_that_is_killed_end(folder: Path, tmp_path: Path) -> None:
    """Nobody would read their reports, and they must not go on to change the target."""
    report = tmp_path / "report"
    process = running.start(["run", "--targets", "targets/a.toml", "--report-dir", report], cwd=folder)
    await_changes(report)
    process.kill()
    process.communicate()
    until = time.monotonic() + PATIENCE_S
    while runs_of(report):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert json.loads((report / "targets/a/results.json").read_text())["run"]["interrupted"]
