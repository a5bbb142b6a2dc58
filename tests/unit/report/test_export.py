"""Exports: each is valid by its format's public schema, and says the same as results.json."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import tarfile
from collections import Counter
from threading import Thread
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog
from support import folders, nodejs, reporting

from conformance.cli import main
from conformance.judging.outcomes import Outcome
from conformance.report import junit
from conformance.report.export import ctrf, cyclonedx, sarif
from conformance.results import files, queries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from xml.etree import ElementTree

CTRF = "ctrf@0.3.0"
CYCLONEDX = JsonStrictValidator(SchemaVersion.V1_6)
SAMPLES = {
    "green": reporting.green(),
    "red": reporting.red(),
    "hostile": reporting.hostile("".join(reporting.HOSTILE[:-1])),
    "long": reporting.hostile(reporting.HOSTILE[-1]),
    **{f"mixed {seed}": reporting.mixed(seed, strict=seed % 3 == 0) for seed in (0, 1, 3, 5)},
}


@pytest.fixture(params=SAMPLES, ids=str)
def results(request: pytest.FixtureRequest) -> Any:
    return queries.shown(SAMPLES[request.param])


# ------------------------------------------------------------ CycloneDX


def test_cyclonedx_is_strictly_valid(results: Any) -> None:
    text = json.dumps(cyclonedx.document(results))
    assert CYCLONEDX.validate_str(text) is None


def test_cyclonedx_references_lead_somewhere(results: Any) -> None:
    document = cyclonedx.document(results)
    declared = Counter(_references(document, "bom-ref"))
    assert max(declared.values()) == 1
    declarations = document["declarations"]
    used = [mapping["requirement"] for mapping in declarations["attestations"][0]["map"]]
    for mapping in declarations["attestations"][0]["map"]:
        used += [*mapping.get("claims", []), *mapping.get("counterClaims", [])]
    for claim in declarations["claims"]:
        used += [claim["target"], *claim["evidence"]]
    assert set(used) <= set(declared)


def _references(value: Any, name: str) -> list[str]:
    if isinstance(value, dict):
        own = [value[name]] if name in value else []
        return own + [found for member in value.values() for found in _references(member, name)]
    return [found for item in value for found in _references(item, name)] if isinstance(value, list) else []


def test_cyclonedx_claims_only_what_was_shown(results: Any) -> None:
    (attestation,) = cyclonedx.document(results)["declarations"]["attestations"]
    mapped = {mapping["requirement"].removeprefix("requirement-"): mapping for mapping in attestation["map"]}
    for row in results["clauses"]:
        mapping, outcome = mapped[row["id"]], Outcome(row["outcome"])
        assert ("claims" in mapping) == (outcome in (Outcome.PASSED, Outcome.WARNED))
        assert ("counterClaims" in mapping) == (outcome in (Outcome.FAILED, Outcome.WARNED))
        score = mapping.get("conformance", {}).get("score")
        assert score == {Outcome.PASSED: 1, Outcome.WARNED: 1, Outcome.FAILED: 0}.get(outcome)


# ------------------------------------------------------------ SARIF


def test_sarif_is_valid(results: Any) -> None:
    SarifLog.model_validate_json(json.dumps(sarif.document(results)), strict=False)


def test_sarif_refuses_what_is_not_in_the_schema() -> None:
    log = sarif.document(SAMPLES["red"])
    log["runs"][0]["results"][0]["surprise"] = 1
    with pytest.raises(ValueError, match="surprise"):
        SarifLog.model_validate(log)


def test_sarif_agrees(results: Any) -> None:
    (run,) = sarif.document(results)["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [row["id"] for row in results["clauses"]]
    shown = {result["ruleId"] for result in run["results"]}
    assert shown == {row["id"] for row in results["clauses"] if Outcome(row["outcome"]) in sarif.SHOWN}
    outcomes = {row["id"]: row["outcome"] for row in results["clauses"]}
    for result in run["results"]:
        assert ("suppressions" in result) == (outcomes[result["ruleId"]] == "waived")
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["kind"] == "fail" or result["level"] == "none"


def test_sarif_help_has_lines() -> None:
    for rule in sarif.document(SAMPLES["red"])["runs"][0]["tool"]["driver"]["rules"]:
        title, level, *_ = rule["help"]["text"].splitlines()
        assert title == rule["shortDescription"]["text"]
        assert level in ("Level: MUST.", "Level: SHOULD.")
        assert "\\n" not in rule["help"]["text"]


def test_sarif_fingerprints_tell_findings_apart_and_not_runs() -> None:
    def prints(results: Any) -> list[str]:
        return [one["partialFingerprints"]["finding/v1"] for one in sarif.document(results)["runs"][0]["results"]]

    first, again = prints(SAMPLES["red"]), prints(reporting.red())
    assert first == again
    assert len(set(first)) == len(first)


# ------------------------------------------------------------ CTRF


@pytest.fixture(scope="module")
def ctrf_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The schema of the reference implementation, as npm has it."""
    folder = tmp_path_factory.mktemp("ctrf")
    line = [nodejs.program("npm"), "pack", "--silent", "--prefer-offline", CTRF]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        nodejs.unavailable(f"npm cannot fetch {CTRF}")
    with tarfile.open(folder / done.stdout.split()[-1]) as packed:
        file = packed.extractfile("package/dist/ctrf-schema-0.0.json")
        assert file is not None
        return json.load(file)


@pytest.mark.node
def test_ctrf_is_valid(results: Any, ctrf_schema: Any) -> None:
    jsonschema.Draft7Validator(ctrf_schema).validate(ctrf.document(results))


def test_ctrf_agrees(results: Any) -> None:
    report = ctrf.document(results)["results"]
    summary, tests = report["summary"], report["tests"]
    counted = Counter(test["status"] for test in tests)
    assert summary["tests"] == len(tests) == sum(counted.values())
    assert all(summary[name] == counted[name] for name in ("passed", "failed", "skipped", "pending", "other"))
    failed = {test["extra"]["clause"] for test in tests if test["status"] == "failed"}
    assert failed == {row["id"] for row in queries.failing(results)}
    assert {test["extra"]["clause"] for test in tests} == {row["id"] for row in results["clauses"]}


# ------------------------------------------------------------ JUnit

#: the attributes and children that the XSD of Jenkins' xunit plugin (junit-10.xsd) allows, by element
JENKINS = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "properties": (set[str](), {"property"}),
    "property": ({"name", "value"}, set[str]()),
    **dict.fromkeys(("failure", "error", "skipped"), ({"type", "message"}, set[str]())),
    **dict.fromkeys(("system-out", "system-err"), (set[str](), set[str]())),
}


def test_junit_has_only_what_jenkins_allows(results: Any) -> None:
    def check(element: ElementTree.Element) -> None:
        attributes, children = JENKINS[element.tag]
        assert set(element.attrib) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
        for child in element:
            check(child)

    check(reporting.parse_xml(junit.render(results)))


# ------------------------------------------------------------ the command


@pytest.mark.parametrize("name", ["ctrf", "sarif", "cyclonedx"])
def test_the_command_writes_a_document(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files.write_json(tmp_path / "results.json", reporting.red())
    assert main.main(["export", str(tmp_path), "--format", name]) == 0
    printed = capsys.readouterr().out
    assert main.main(["export", str(tmp_path), "--format", name, "-o", str(tmp_path / "out.json")]) == 0
    assert (tmp_path / "out.json").read_text() == printed
    assert json.loads(printed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--format"),
        (("--format", "xml"), "invalid choice"),
        (("--format", "ctrf", "-o", "no/such/folder/x"), "cannot be written"),
    ],
)
def test_wrong_usage_is_2(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files.write_json(tmp_path / "results.json", reporting.green())
    assert main.main(["export", str(tmp_path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_devices_and_links_are_written_to_and_not_replaced(tmp_path: Path) -> None:
    files.write_json(tmp_path / "results.json", reporting.green())
    (tmp_path / "out.json").touch()
    (tmp_path / "link").symlink_to("out.json")
    os.mkfifo(tmp_path / "pipe")
    received: list[str] = []
    reader = Thread(target=lambda: received.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    for name in ("link", "pipe"):
        assert main.main(["export", str(tmp_path), "--format", "sarif", "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "pipe").is_fifo()
    reader.join()
    assert received == [(tmp_path / "out.json").read_text()]
    assert json.loads(received[0])


def test_a_dash_is_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_json(tmp_path / "results.json", reporting.green())
    monkeypatch.chdir(tmp_path)
    assert main.main(["export", ".", "--format", "ctrf", "-o", "-"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    "line",
    [
        "export report --format ctrf -o report/results.json",
        "export old.json --format ctrf -o old.json",
        "compare old.json report --html report/report.html",
        "compare old.json report --markdown old.json",
        "compare old.json report --markdown both --html both",
    ],
)
def test_no_file_of_a_report_is_overwritten(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = folders.make(tmp_path / "report", reporting.green())
    files.write_json(tmp_path / "old.json", reporting.green())
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert main.main(line.split()) == 2
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert folder.is_dir()


def test_the_folder_of_a_fleet_names_its_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fleet.json").write_text("{}")
    assert main.main(["export", str(tmp_path), "--format", "ctrf"]) == 2
    assert f"is the folder of a fleet; name a report in {tmp_path / 'targets'}" in capsys.readouterr().err


def test_a_folder_without_results_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["export", str(tmp_path), "--format", "ctrf"]) == 2
    assert "results.json" in capsys.readouterr().err


def _verdict(results: Any) -> None:
    results["verdict"] = "conformant"


def _row(results: Any) -> None:
    row = next(row for row in results["clauses"] if row["outcome"] == "failed")
    row.update(outcome="passed", reason="")
    reporting.judged(results)


@pytest.mark.parametrize("name", ["ctrf", "sarif", "cyclonedx"])
@pytest.mark.parametrize("forge", [_verdict, _row])
def test_results_that_contradict_themselves_are_refused_as_verify_does(
    forge: Callable[[Any], None], name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = copy.deepcopy(reporting.red())
    forge(results)
    folder = folders.make(tmp_path / "run", results)
    assert main.main(["verify", str(folder)]) == 1
    problem = capsys.readouterr().out.splitlines()[1].strip()
    assert problem.startswith("results.json: ")
    assert main.main(["export", str(folder), "--format", name]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"backups-conformance: error: {folder}: not intact: {problem}\n"
