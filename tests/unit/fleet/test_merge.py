"""`merge`: several runs of one target as one report, runs of several targets as a fleet page."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from support import folders, reporting

from conformance.cli.errors import UsageError
from conformance.cli.main import main, parse
from conformance.fleet import signing
from conformance.fleet.merging import command as merging
from conformance.fleet.merging.fold import MAX_EXCHANGES, MAX_FINDINGS, Merge
from conformance.judging.outcomes import Outcome
from conformance.results import reading, signoff, verify

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "results.json").read_text())


def results_of(seed: int, **outcomes: Outcome) -> Any:
    """Results of a run with this seed and these outcomes, by clause with `_` for `-`; every other clause passed."""
    named = {clause.replace("_", "-"): outcome for clause, outcome in outcomes.items()}
    return reporting.results(named, id=f"{seed:016x}", seed=seed)


def merged(tmp_path: Path, *parts: Any, force: bool = False) -> tuple[Any, int]:
    """The merged results of runs with these results, and the exit code."""
    given = [folders.make(tmp_path / f"part-{number}", part) for number, part in enumerate(parts)]
    _, code = merging.merge(merging.MergeOptions(given, tmp_path / "merged", force=force))
    return json.loads((tmp_path / "merged/results.json").read_text()), code


def clause(results: Any, clause_id: str) -> Any:
    return next(row for row in results["clauses"] if row["id"] == clause_id)


def test_the_worst_outcome_of_each_clause_counts_and_names_its_seed(tmp_path: Path) -> None:
    results, code = merged(
        tmp_path,
        results_of(1, CAP_1=Outcome.ERROR, RST_8=Outcome.NOT_TESTED),
        results_of(2, LIST_1=Outcome.FAILED, RST_8=Outcome.NOT_TESTED),
        results_of(3, CAP_1=Outcome.FAILED),
    )
    assert code == 1
    assert clause(results, "LIST-1")["outcome"] == "failed"
    assert clause(results, "LIST-1")["reason"].endswith("(seed 2)")
    assert clause(results, "CAP-1")["outcome"] == "failed"
    assert clause(results, "CAP-1")["reason"].endswith("(seed 3)")
    assert [finding["seed"] for finding in clause(results, "CAP-1")["checks"][0]["findings"]] == [3]
    assert clause(results, "RST-8")["outcome"] == "passed"
    assert results["headline"].startswith("Non-conformant: 2 of")


def test_counts_are_added_and_the_parts_are_named(tmp_path: Path) -> None:
    parts = [results_of(seed) for seed in (1, 2)]
    results, code = merged(tmp_path, *parts)
    run = results["run"]
    assert code == 0
    assert run["requests"] == sum(part["run"]["requests"] for part in parts)
    assert run["restores_accepted"] == sum(part["run"]["restores_accepted"] for part in parts)
    assert results["latency"][1]["count"] == 2 * parts[0]["latency"][1]["count"]
    assert [part["seed"] for part in run["parts"]] == [1, 2]
    check, single = clause(results, "LIST-1")["checks"][0], clause(parts[0], "LIST-1")["checks"][0]
    assert check["requests"] == 2 * single["requests"]


def test_a_merged_folder_verifies_and_its_record_names_the_parts(tmp_path: Path) -> None:
    results, _ = merged(tmp_path, results_of(1), results_of(2, LIST_1=Outcome.FAILED))
    jsonschema.validate(results, SCHEMA)
    assert verify.verify(tmp_path / "merged").problems == []
    record = json.loads((tmp_path / "merged/signoff.json").read_text())
    named = {entry["name"]: entry["digest"]["sha256"] for entry in record["predicate"]["configuration"]}
    assert named[f"{1:016x}/signoff.json"] == signoff.sha256(tmp_path / "part-0/signoff.json")
    shown = (tmp_path / "merged/report.html").read_text()
    assert "seed 2" in shown


@pytest.mark.parametrize("seed", range(0, 12, 3))
def test_any_runs_merge_to_a_folder_that_verifies_whatever_their_order(tmp_path: Path, seed: int) -> None:
    """The verdict does not depend on the order in which the folders are given."""
    parts = [reporting.mixed(seed + number) for number in range(3)]
    for number, part in enumerate(parts):
        part["run"] = {**part["run"], "id": f"{number:016x}", "seed": number}
    results, code = merged(tmp_path, *parts)
    assert verify.verify(tmp_path / "merged").problems == []
    (tmp_path / "other").mkdir()
    backwards, other_code = merged(tmp_path / "other", *reversed(parts))
    assert code == other_code
    assert [row["outcome"] for row in results["clauses"]] == [row["outcome"] for row in backwards["clauses"]]
    assert results["summary"] == backwards["summary"]
    for row in results["clauses"]:
        worst = max((Outcome(clause(part, row["id"])["outcome"]) for part in parts), key=lambda outcome: outcome.rank)
        assert row["outcome"] == worst


def test_a_matrix_of_chapters_merges_to_the_whole(tmp_path: Path) -> None:
    """Jobs that each tested a share: what one left out, another tested."""
    every = [row["id"] for row in reporting.results()["clauses"]]
    shares = [every[:40], every[40:]]
    parts = []
    for number, share in enumerate(shares):
        untested = dict.fromkeys(set(every) - set(share), Outcome.NOT_TESTED)
        selection = {"only": share, "skip": []}
        parts.append(reporting.results(untested, id=f"{number:016x}", selection=selection))
    results, _ = merged(tmp_path, *parts)
    assert results["verdict"] == "conformant"
    assert results["run"]["selection"] == {"only": every, "skip": []}


def test_a_report_that_changes_while_it_is_merged_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [folders.make(tmp_path / str(seed), results_of(seed)) for seed in (1, 2)]

    def change_one(*_: object, **__: object) -> None:
        file = reports[1] / "results.json"
        file.write_bytes(file.read_bytes() + b"\n")

    monkeypatch.setattr(merging, "_check", change_one)
    with pytest.raises(merging.MergeError, match=r"results\.json: has changed since it was verified"):
        merging.merge(merging.MergeOptions(reports, tmp_path / "merged"))
    assert not (tmp_path / "merged" / "results.json").exists()


def test_evidence_stays_bounded_and_findings_keep_theirs(tmp_path: Path) -> None:
    merge = Merge()
    for seed in range(25):
        part = results_of(seed, LIST_1=Outcome.FAILED)
        check = clause(part, "LIST-1")["checks"][0]
        check["findings"][0]["got"] = f"status {seed}"
        check["exchanges"][0]["key"] = f"key-{seed}"
        folder = folders.make(tmp_path / str(seed), part)
        merge.add(part, merging.part_row(part, merging.inspect(folder)))
    check = clause(merge.results(), "LIST-1")["checks"][0]
    assert len(check["findings"]) == MAX_FINDINGS
    assert len(check["exchanges"]) <= MAX_EXCHANGES
    for finding in check["findings"]:
        assert check["exchanges"][finding["exchange"]]["key"] == f"key-{finding['seed']}"
        assert finding["got"] == f"status {finding['seed']}"


def test_equal_findings_are_counted_once(tmp_path: Path) -> None:
    results, _ = merged(tmp_path, results_of(1, LIST_1=Outcome.FAILED), results_of(2, LIST_1=Outcome.FAILED))
    (finding,) = clause(results, "LIST-1")["checks"][0]["findings"]
    assert (finding["places"], finding["seed"]) == (2, 1)


@pytest.mark.parametrize("member", ["version", "catalogue_sha256", "edition"])
def test_runs_of_different_suites_are_not_mixed(tmp_path: Path, member: str) -> None:
    other = results_of(2)
    if member == "edition":
        other = reporting.results(id="2", seed=2, edition="2026.1")
    else:
        other["suite"] = {**other["suite"], member: "b" * 64}
    with pytest.raises(merging.MergeError, match="--force"):
        merged(tmp_path, results_of(1), other)
    assert not (tmp_path / "merged").exists()


def test_force_mixes_suites(tmp_path: Path) -> None:
    other = results_of(2)
    other["suite"] = {**other["suite"], "version": "0.0.9"}
    _, code = merged(tmp_path, results_of(1), other, force=True)
    assert code == 0


@pytest.mark.parametrize("editions", [("2026.1", "2026.2"), ("2026.2", "2026.1")])
def test_the_newest_of_several_editions_decides(tmp_path: Path, editions: tuple[str, str]) -> None:
    parts = [reporting.results(id=f"{seed}", seed=seed, edition=edition) for seed, edition in enumerate(editions)]
    results, _ = merged(tmp_path, *parts, force=True)
    assert results["edition"] == "2026.2"
    assert not [row["id"] for row in results["clauses"] if not row.get("decides", True)]
    assert verify.verify(tmp_path / "merged").problems == []


def test_the_same_run_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(merging.MergeError, match="the same run"):
        merged(tmp_path, results_of(1), deepcopy(results_of(1)))


def test_a_part_without_a_whole_report_makes_the_rest_inconclusive(tmp_path: Path) -> None:
    first = folders.make(tmp_path / "first", results_of(1))
    lost = tmp_path / "lost"
    (lost / ".state").mkdir(parents=True)
    headline, code = merging.merge(merging.MergeOptions([first, lost], tmp_path / "merged"))
    assert code == 3
    assert headline.startswith("Inconclusive")
    assert verify.verify(tmp_path / "merged").problems == []


def _edited(change: Callable[[Any], None]) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        results = json.loads(file.read_text())
        change(results)
        file.write_text(json.dumps(results))

    return edit


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.unlink()
        make(file)

    return replace


#: what is done to results.json, and the fault that is named
BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "a list as the seed": (_edited(lambda r: r["run"].update(seed=[1])), "does not match its schema: run/seed"),
    "checks as an object": (_edited(lambda r: r["clauses"][0].update(checks={"a": 1})), "schema: clauses/0/checks"),
    "brackets": (lambda file: void(file.write_text("[" * 200_000)), "is not JSON: "),
    "NaN": (lambda file: void(file.write_text("NaN")), "is not JSON: "),
    "empty": (lambda file: void(file.write_text("")), "is not JSON: "),
    "a pipe": (_replaced(os.mkfifo), "is not a regular file but a pipe"),
    "a folder": (_replaced(Path.mkdir), "is not a regular file but a folder"),
    "a link to a device": (_replaced(lambda file: file.symlink_to("/dev/zero")), "is not a regular file but a link"),
    "500 MB": (lambda file: os.truncate(file, 500_000_000), "is too large: 500,000,000 bytes"),
    "another run": (_edited(lambda r: r["run"].update(seed=7)), "is not the file that signoff.json names"),
}


def void(_: object) -> None:
    """Take the value of a call that is made for its effect."""


@pytest.mark.parametrize("is_given", [True, False], ids=["given", "found"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_with_a_broken_report_is_named_and_nothing_is_merged(
    name: str, is_given: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken = (
        folders.make(tmp_path / "runs/whole", results_of(1)),
        folders.make(tmp_path / "runs/b", results_of(2)),
    )
    damage, fault = BROKEN[name]
    damage(broken / "results.json")
    given = [whole, broken] if is_given else [tmp_path / "runs"]
    assert main(["merge", *map(str, given), "--report-dir", str(tmp_path / "merged")]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith(f"backups-conformance: error: {broken}: results.json: ")
    assert fault in line
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("name", BROKEN)
def test_the_index_leaves_out_a_folder_with_a_broken_report(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders.make(tmp_path / "whole", results_of(1))
    broken = folders.make(tmp_path / "b", results_of(2))
    damage, fault = BROKEN[name]
    damage(broken / "results.json")
    assert main(["index", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out.endswith("index.html: 1 run\n")
    assert printed.err.count("\n") == 1
    assert printed.err.startswith(f"backups-conformance: error: {broken / 'results.json'}: ")
    assert fault in printed.err


def test_the_index_lists_the_targets_of_fleets_and_merged_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = []
    for number, name in enumerate(("eu", "eu", "us")):
        part = results_of(number)
        part["target"] = {**part["target"], "name": name}
        parts.append(folders.make(tmp_path / f"parts/{number}", part))
    merging.merge(merging.MergeOptions(parts, tmp_path / "reports/fleet"))
    merging.merge(merging.MergeOptions(parts[:2], tmp_path / "reports/merged/2026"))
    merging.merge(merging.MergeOptions(parts, tmp_path / "reports/fleets/eu/2026"))
    assert main(["index", str(tmp_path / "reports")]) == 0
    printed = capsys.readouterr()
    assert printed.out.endswith("index.html: 5 runs\n")
    assert printed.err == ""
    page = (tmp_path / "reports/index.html").read_text()
    for report in ("fleet/targets/eu", "fleet/targets/us", "merged/2026", "fleets/eu/2026/targets/us"):
        assert f'"{report}/report.html' in page


def test_the_index_compares_the_newest_runs_of_all_targets(tmp_path: Path) -> None:
    for number, name in enumerate(("eu", "eu", "us")):
        run = results_of(number, **({"LIST_1": Outcome.FAILED} if number == 1 else {}))
        run["target"] = {**run["target"], "name": name}
        run["run"] = {**run["run"], "started": f"2026-01-0{number + 1}T00:00:00.000Z"}
        folders.make(tmp_path / name / str(number), run)
    assert main(["index", str(tmp_path)]) == 0
    assert 'href="fleet.html"' in (tmp_path / "index.html").read_text()
    page = (tmp_path / "fleet.html").read_text()
    assert 'href="eu/1/report.html"' in page
    assert 'href="us/2/report.html"' in page
    assert "eu/0" not in page  # an earlier run is a part of the trend
    assert page.count("<i class=") == 1
    assert re.search(r'id="LIST-1"><th scope="row" class="fl-differ"', page)
    shutil.rmtree(tmp_path / "us")
    assert main(["index", str(tmp_path)]) == 0
    assert not (tmp_path / "fleet.html").exists()
    assert "fleet.html" not in (tmp_path / "index.html").read_text()


def test_the_index_never_replaces_the_page_of_a_fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = results_of(2)
    part["target"] = {**part["target"], "name": "us"}
    parts = [folders.make(tmp_path / "parts/1", results_of(1)), folders.make(tmp_path / "parts/2", part)]
    merging.merge(merging.MergeOptions(parts, tmp_path / "fleet"))
    before = (tmp_path / "fleet/index.html").read_bytes()
    assert main(["index", str(tmp_path / "fleet")]) == 2
    assert "is the page of a fleet" in capsys.readouterr().err
    assert (tmp_path / "fleet/index.html").read_bytes() == before


def test_runs_of_several_targets_become_a_fleet(tmp_path: Path) -> None:
    parts = []
    for number, name in enumerate(("eu", "eu", "us")):
        part = results_of(number, **({"LIST_1": Outcome.FAILED} if number == 1 else {}))
        part["target"] = {**part["target"], "name": name}
        parts.append(folders.make(tmp_path / f"parts/{number}", part))
    (tmp_path / "parts/3").mkdir()
    headline, code = merging.merge(merging.MergeOptions([*parts, tmp_path / "parts/3"], tmp_path / "merged"))
    assert code == 1
    assert headline == "Non-conformant: 3 targets: 1 non-conformant, 1 inconclusive, 1 conformant"
    assert signing.verify_folder(tmp_path / "merged").problems == []
    eu = reading.load_results(tmp_path / "merged/targets/eu")
    assert [part["seed"] for part in eu["run"]["parts"]] == [0, 1]
    again, _ = merging.merge(merging.MergeOptions([tmp_path / "merged"], tmp_path / "again"))
    assert again == "Non-conformant: 2 targets: 1 non-conformant, 1 conformant"


def test_a_folder_of_folders_is_looked_through(tmp_path: Path) -> None:
    """As CI systems unpack the artifacts of a matrix."""
    for number in range(2):
        folders.make(tmp_path / f"artifacts/job-{number}/report", results_of(number))
    merging.merge(merging.MergeOptions([tmp_path / "artifacts"], tmp_path / "merged"))
    assert len(reading.load_results(tmp_path / "merged")["run"]["parts"]) == 2


def test_the_merged_folder_is_not_one_of_the_parts(tmp_path: Path) -> None:
    folder = folders.make(tmp_path / "part", results_of(1))
    with pytest.raises(merging.MergeError, match="another one"):
        merging.merge(merging.MergeOptions([folder], folder))


def test_nothing_to_merge_is_wrong_usage(tmp_path: Path) -> None:
    options = parse(["merge", str(tmp_path), "--report-dir", str(tmp_path / "merged")])
    with pytest.raises(UsageError, match="holds no report"):
        options.command(options)


@pytest.mark.slow
def test_a_hundred_seeds_merge_within_300_mb(tmp_path: Path) -> None:
    given = [folders.make(tmp_path / f"{seed}", reporting_red(seed)) for seed in range(100)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    merging.merge(merging.MergeOptions(given, tmp_path / "merged"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= 200 * 1024


def reporting_red(seed: int) -> Any:
    results = reporting.red()
    results["run"] = {**results["run"], "id": f"{seed:016x}", "seed": seed}
    return results
