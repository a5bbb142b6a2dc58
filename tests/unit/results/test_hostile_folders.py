"""Report folders that somebody made to hurt their reader: one line, never a traceback, a hang or much memory."""

from __future__ import annotations

import copy
import gzip
import json
import os
import shutil
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import folders, reporting
from support.folders import CHECK, RECORD, unfinished

from conformance.cli import main
from conformance.evidence import archive
from conformance.report import rendering
from conformance.results import build, reading, signoff
from conformance.results.files import write_json
from conformance.results.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = json.dumps({"format": archive.FORMAT})


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of this very version, for all tests."""
    results = reporting.red()
    results["suite"] = build.identity()
    return folders.make(tmp_path_factory.mktemp("original") / "run", results)


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """The test's own copy of the folder."""
    return shutil.copytree(original, tmp_path / "run")


def pack(folder: Path, *lines: str) -> None:
    (folder / archive.FILE).write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line of a command that takes no such folder."""
    assert main.main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    return printed.err


def changed(*steps: str | int, value: Any) -> dict[str, Any]:
    """The record with another value at one place."""
    record = copy.deepcopy(RECORD)
    place: Any = record
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    return record


def without(*steps: str) -> dict[str, Any]:
    record = copy.deepcopy(RECORD)
    place: Any = record
    for step in steps[:-1]:
        place = place[step]
    del place[steps[-1]]
    return record


MUTATIONS: dict[str, Any] = {
    "a list": [],
    "null": None,
    "a number": 5,
    "a string": "x",
    "nothing": {},
    "a member more": {**RECORD, "more": 1},
    "no request": without("request"),
    "a request that is null": changed("request", value=None),
    "a request that is a list": changed("request", value=[]),
    "an unknown operation": changed("request", "operation", value="drop"),
    "a method that is a number": changed("request", "method", value=1),
    "no method": changed("request", "method", value=""),
    "a path that is null": changed("request", "path", value=None),
    "a query that is a list": changed("request", "query", value=[]),
    "a key that is an object": changed("request", "key", value={}),
    "an authorization that is a number": changed("request", "authorization", value=7),
    "headers that are an object": changed("request", "headers", value={"a": "b"}),
    "headers of three parts": changed("request", "headers", value=[["a", "b", "c"]]),
    "headers of strings": changed("request", "headers", value=["ab"]),
    "headers of numbers": changed("request", "headers", value=[["a", 1]]),
    "a body that is a number": changed("request", "body", value=1),
    "a body that is no base64": changed("request", "body", value={"base64": "?"}),
    "an unknown expectation": changed("request", "expected", value="surely"),
    "an expectation that is true": changed("request", "expected", value=True),
    "an unknown sender": changed("request", "sender", value="somebody"),
    "an unknown ownership": changed("request", "ownership", value="stolen"),
    "resources that are a list": changed("request", "resources", value=["c"]),
    "resources of numbers": changed("request", "resources", value={"container": 1}),
    "what was asked as a string": changed("request", "asked", value="page"),
    "without as a string": changed("request", "without", value="accept"),
    "a member of a request more": changed("request", "patient", value=True),
    "no response member": without("response"),
    "a response that is a list": changed("response", value=[]),
    "neither response nor failure": changed("response", value=None),
    "a status that is a string": changed("response", "status", value="200"),
    "a status that is true": changed("response", "status", value=True),
    "a status that is a fraction": changed("response", "status", value=200.5),
    "a status of five digits": changed("response", "status", value=20000),
    "a status below zero": changed("response", "status", value=-1),
    "response headers that are null": changed("response", "headers", value=None),
    "a response body that is a list": changed("response", "body", value=["x"]),
    "a response body that is broken base64": changed("response", "body", value={"base64": "AAA"}),
    "a response body with a lone surrogate": changed("response", "body", value="\ud800"),
    "secrets_shown as a string": changed("response", "secrets_shown", value="no"),
    "an elapsed time that is a string": changed("response", "elapsed_s", value="1"),
    "an elapsed time below zero": changed("response", "elapsed_s", value=-1),
    "an elapsed time out of range": changed("response", "elapsed_s", value=1e20),
    "a problem that is true": changed("response", "problem", value=True),
    "too_large as a number": changed("response", "too_large", value=0),
    "a failure that is a list": changed("failure", value=[]),
    "a start that is a string": changed("started", value="now"),
    "seen once": changed("seen", value=[1]),
    "seen in words": changed("seen", value="2 of 2"),
    "unanswered as a number": changed("unanswered", value=1),
    "left out, and there": changed("left_out", value=True),
    "left_out as a number": changed("left_out", value=0),
    "shown as a string": changed("shown", value="curl"),
    "a URL that is null": changed("shown", "url", value=None),
    "shown headers as pairs": changed("shown", "headers", value=[["a", "b"]]),
    "a curl line that is a number": changed("shown", "curl", value=1),
    "a name with a lone surrogate": changed("request", "resources", value={"\ud800": "c"}),
}


def test_the_record_itself_is_judged(folder: Path) -> None:
    pack(folder, HEADER, json.dumps(RECORD), json.dumps(changed("response", "status", value=404)))
    assert main.main(["rejudge", str(folder)]) in (0, 1)


@pytest.mark.parametrize("name", MUTATIONS)
def test_an_exchange_of_wrong_types_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack(folder, HEADER, json.dumps(RECORD), json.dumps(MUTATIONS[name]))
    assert "an exchange cannot be read: " in refused(capsys, "rejudge", folder)


LINES: dict[str, tuple[str, ...]] = {
    "no first line": (json.dumps(RECORD),),
    "another format": ('{"format": "backups-conformance/exchanges/9"}',),
    "a first line more": (HEADER, HEADER),
    "an empty line": (HEADER, ""),
    "half a line": (HEADER, json.dumps(RECORD)[:-5]),
    "two records in a line": (HEADER, json.dumps(RECORD) * 2),
    "a constant": (HEADER, json.dumps(changed("started", value=float("nan")))),
    "a member twice": (HEADER, json.dumps(RECORD)[:-1] + ', "left_out": true}'),
    "deep nesting": (HEADER, '{"request": ' + "[" * 100_000),
    "deep nesting, closed": (HEADER, "[" * 5000 + "]" * 5000),
    "many values": (HEADER, json.dumps(changed("request", "headers", value=[["a", "b"]] * 300_000))),
    "a long number": (HEADER, json.dumps(RECORD).replace("200", "9" * 5000)),
    "no ASCII": (HEADER, "\udcff"),
    "nothing": (),
}


@pytest.mark.parametrize("name", LINES)
def test_a_damaged_archive_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(f"{line}\n" for line in LINES[name])
    (folder / archive.FILE).write_bytes(gzip.compress(text.encode("utf-8", "surrogateescape")))
    assert archive.FILE in refused(capsys, "rejudge", folder) or name == "a first line more"


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain text": lambda _: HEADER.encode(),
    "cut off": lambda whole: whole[:-9],
    "a wrong checksum": lambda whole: whole[:-8] + bytes(8),
    "something behind it": lambda whole: whole + b"x" * 20,
    "no bytes": lambda _: b"",
    "a zip": lambda _: b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("name", PACKED)
def test_what_is_no_gzip_file_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = gzip.compress(f"{HEADER}\n{json.dumps(RECORD)}\n".encode())
    (folder / archive.FILE).write_bytes(PACKED[name](whole))
    assert archive.FILE in refused(capsys, "rejudge", folder)


def bomb(path: Path, line: bytes, times: int) -> None:
    with gzip.open(path, "wb", compresslevel=1) as packed:
        packed.write(f"{HEADER}\n".encode())
        for _ in range(times):
            packed.write(line)


@pytest.mark.parametrize(
    ("line", "times", "words"),
    [
        (b"a" * 2**20, 64, "longer than"),
        (b"[" * 2**20, 64, "longer than"),
        (f"{json.dumps(changed('request', 'body', value='x' * 2**20))}\n".encode(), 600, "is too large"),
    ],
)
def test_a_bomb_costs_no_more_than_its_bounds(
    line: bytes, times: int, words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if words == "is too large":
        monkeypatch.setattr(archive, "MAX_UNPACKED", 2**24)
    bomb(folder / archive.FILE, line, min(times, 64))
    tracemalloc.start()
    try:
        with pytest.raises(archive.ArchiveError, match=words):
            for _ in archive.read(folder / archive.FILE):
                pass
        assert tracemalloc.get_traced_memory()[1] < 4 * archive.MAX_LINE
    finally:
        tracemalloc.stop()


def test_a_body_of_more_values_than_any_answer_is_refused() -> None:
    body = "[" + "[]," * 1_500_000 + "[]]"
    with pytest.raises(archive.ArchiveError, match="larger than any"):
        archive.restored(changed("response", "body", value=body))


# ------------------------------------------------------------ what is no file


def a_link_out(path: Path) -> None:
    outside = path.parent.parent / f"outside-{path.name}"
    shutil.copyfile(path, outside)
    path.unlink()
    path.symlink_to(outside)


def a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_sparse_file(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.truncate(2**40)


KINDS = [a_link_out, a_device, a_pipe, a_folder, a_sparse_file]
FILES = [*signoff.REQUIRED, "target.json", "badge.svg", archive.FILE, signoff.FILE, "repro/CAP-4.sh"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", FILES)
def test_verify_takes_regular_files_only(name: str, kind: Callable[[Path], None], folder: Path) -> None:
    assert verify(folder).problems == []
    kind(folder / name)
    assert any(problem.startswith(f"{name}: ") for problem in verify(folder).problems)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_other_readers_take_regular_files_only(
    kind: Callable[[Path], None], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(folder, folder.with_name("other")))
    for name, command in (("results.json", "compare"), (archive.FILE, "rejudge"), (signoff.FILE, "index")):
        kind(folder / name)
        arguments = {"compare": (other, folder), "rejudge": (folder,), "index": (folder.parent,)}[command]
        code = main.main([command, *map(str, arguments)])
        printed = capsys.readouterr()
        assert (code, printed.err.count("\n")) == (2, 1), printed.err
        assert name in printed.err or "results.json" in printed.err
        if command == "compare":
            shutil.rmtree(folder)
            shutil.copytree(other, folder)


def test_a_folder_of_scripts_that_is_a_link_is_no_part_of_a_report(folder: Path) -> None:
    shutil.move(folder / "repro", folder.parent / "elsewhere")
    (folder / "repro").symlink_to(folder.parent / "elsewhere")
    problems = verify(folder).problems
    assert "repro: is not a folder of the report" in problems
    assert any("is not in a folder of the report" in problem for problem in problems)


def test_no_report_is_written_through_a_link(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    shutil.rmtree(folder / "repro")
    (folder / "repro").symlink_to(outside)
    folders.make(folder, reporting.red())
    assert list(outside.iterdir()) == []


# ------------------------------------------------------------ results.json


RESULTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "clauses as an object": lambda r: r.update(clauses={}),
    "a clause as a string": lambda r: r["clauses"].append("CAP-4"),
    "checks as null": lambda r: r["clauses"][0].update(checks=None),
    "an unknown outcome": lambda r: r["clauses"][0].update(outcome="fine"),
    "an outcome as a list": lambda r: r["clauses"][0].update(outcome=[]),
    "a reason as a number": lambda r: r["clauses"][0].update(reason=1),
    "a clause twice": lambda r: r["clauses"].append(r["clauses"][0]),
    "an exchange that is not there": lambda r: first_finding(r).update(exchange=99),
    "a related exchange that is not there": lambda r: first_finding(r).update(related=[-1]),
    "a start that is no moment": lambda r: r["run"].update(started="yesterday"),
    "an end that is no moment": lambda r: r["run"].update(finished="9999-99-99T00:00:00Z"),
    "a duration as a string": lambda r: r["run"].update(duration_s="long"),
    "a duration out of range": lambda r: r["run"].update(duration_s=10**400),
    "a selection as null": lambda r: r["run"].update(selection=None),
    "a target as a list": lambda r: r.update(target=[]),
    "no run": lambda r: r.pop("run"),
    "no clauses": lambda r: r.pop("clauses"),
    "counts as strings": lambda r: r["summary"].update(failed="0"),
    "latency as a string": lambda r: r.update(latency="fast"),
    "a member more": lambda r: r.update(more=1),
    "a format of its own": lambda r: r.update(format="mine/1"),
    "a format as a list": lambda r: r.update(format=[]),
}


def first_finding(results: dict[str, Any]) -> dict[str, Any]:
    findings = (finding for row in results["clauses"] for check in row["checks"] for finding in check["findings"])
    return dict_of(next(findings))


def dict_of(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("command", ["compare", "rejudge", "verify"])
@pytest.mark.parametrize("name", RESULTS)
def test_results_of_wrong_types_are_refused(
    name: str, command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(shutil.copytree(folder, folder.with_name("other")))
    results = json.loads((folder / "results.json").read_text())
    RESULTS[name](results)
    (folder / "results.json").write_text(json.dumps(results))
    if command == "verify":
        resigned(folder)
        problems = verify(folder, render=rendering).problems
        assert [problem.partition(":")[0] for problem in problems] == ["results.json"]
    else:
        assert "results.json: " in refused(capsys, command, *([other] if command == "compare" else []), folder)


def resigned(folder: Path) -> None:
    """The digest of results.json in the record, as it now is."""
    record = json.loads((folder / signoff.FILE).read_text())
    (entry,) = [entry for entry in record["predicate"]["configuration"] if entry["name"] == "results.json"]
    entry["digest"]["sha256"] = signoff.sha256(folder / "results.json")
    write_json(folder / signoff.FILE, record)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[", "[]", "{}", "NaN", '{"format": 1}', '{"format": "backups-conformance/results/2"}', "\udcff",
        "[" * 100_000, "[" * 300 + "]" * 300, '{"a":' * 3000 + "1" + "}" * 3000, "[" + "[]," * 600_000 + "[]]",
    ],
)  # fmt: skip
def test_what_is_no_results_file_is_refused(text: str, folder: Path) -> None:
    (folder / "results.json").write_text(text, errors="surrogateescape")
    tracemalloc.start()
    try:
        with pytest.raises(reading.ResultsError) as raised:
            reading.load_results(folder)
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()
    assert "\n" not in str(raised.value)


# ------------------------------------------------------------ facts that stand in several files

FACTS: dict[str, tuple[Callable[[dict[str, Any]], Any], set[str]]] = {
    "the target's name": (lambda r: r["target"].update(name="another"), {"target.json", "junit.xml", "summary.md"}),
    "the base URL": (
        lambda r: r["target"].update(base_url="https://another.example.test"),
        {"target.json", "junit.xml", "summary.md", "report.html"},
    ),
    "the hub": (lambda r: r["target"].update(hub_id="another"), {"target.json"}),
    "the start": (lambda r: r["run"].update(started="2026-01-01T00:00:00Z"), {"summary.md", "report.html"}),
    "the end": (lambda r: r["run"].update(finished="2026-01-01T00:00:00Z"), {"results.json"}),
    "end and duration": (
        lambda r: r["run"].update(finished="2036-01-01T00:00:00Z", duration_s=duration(r, "2036-01-01T00:00:00Z")),
        {"summary.md", "report.html"},
    ),
    "the seed": (lambda r: r["run"].update(seed=99), {"junit.xml", "summary.md", "report.html"}),
    "the profile": (lambda r: r["run"].update(profile="read"), {"junit.xml", "summary.md", "report.html"}),
    "the requests": (lambda r: r["run"].update(requests=99), {"summary.md", "report.html"}),
    "the restores": (lambda r: r["run"].update(restores_accepted=99), {"summary.md", "report.html"}),
    "a reason": (lambda r: failed(r).update(reason="another"), {"summary.md"}),
    "what a finding wanted": (lambda r: first_finding(r).update(wanted="another"), {"report.html"}),
}


def duration(results: dict[str, Any], finished: str) -> float:
    from datetime import datetime  # noqa: PLC0415

    moments = [datetime.fromisoformat(text) for text in (results["run"]["started"], finished)]
    return (moments[1] - moments[0]).total_seconds()


def failed(results: dict[str, Any]) -> dict[str, Any]:
    return dict_of(next(row for row in results["clauses"] if row["outcome"] == "failed"))


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_that_differs_between_files_is_found(name: str, folder: Path) -> None:
    change, files = FACTS[name]
    assert verify(folder, render=rendering).problems == []
    results = json.loads((folder / "results.json").read_text())
    change(results)
    write_json(folder / "results.json", results)
    folders.resign(folder)
    kinds = {problem.partition(":")[0] for problem in verify(folder, render=rendering).problems}
    assert files <= kinds


@pytest.mark.parametrize("name", ["report.html", "junit.xml", "summary.md", "badge.svg", "repro/CAP-4.sh"])
def test_a_report_that_was_written_anew_is_found(name: str, folder: Path) -> None:
    path = folder / name
    text = path.read_text()
    path.write_text(text.replace("onformant", "onform\u00e4nt").replace("wanted", "w\u00e4nted"))
    assert path.read_text() != text
    folders.resign(folder)
    assert any(problem.startswith(f"{name}: ") for problem in verify(folder, render=rendering).problems)


def test_a_folder_of_another_build_is_not_accused(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    results["suite"]["rendering_sha256"] = "0" * 64
    write_json(folder / "results.json", results)
    (folder / "summary.md").write_text("rendered otherwise\n")
    folders.resign(folder)
    verification = verify(folder, render=rendering)
    assert verification.problems == []
    assert "that every report says what results.json says: another build of the suite wrote them" in (
        verification.unproved
    )


# ------------------------------------------------------------ what a killed run left


def state_with(name: str, text: str) -> Callable[[Path], object]:
    return lambda state: (state / name).write_text(text)


def told_with(*steps: str, value: Any) -> Callable[[Path], object]:
    def change(state: Path) -> None:
        written = json.loads((state / "run.json").read_text())
        place = written
        for step in steps[:-1]:
            place = place[step]
        place[steps[-1]] = value
        write_json(state / "run.json", written)

    return change


def entry(**value: Any) -> str:
    return json.dumps({"kind": "check", "value": {**CHECK, **value}}) + "\n"


STATES: dict[str, Callable[[Path], object]] = {
    "facts that are a list": state_with("run.json", "[]"),
    "facts that are null": state_with("run.json", "null"),
    "facts that nest deeply": state_with("run.json", "[" * 100_000),
    "a start that is a number": told_with("facts", "started", value=1),
    "a start without a time zone": told_with("facts", "started", value="2026-01-01T00:00:00"),
    "a seed that is a string": told_with("facts", "seed", value="x"),
    "settings that are null": told_with("settings", value=None),
    "a selection of numbers": told_with("selected", value=[1]),
    "a target as a list": told_with("target", value=[]),
    "a base URL that is a number": told_with("target", "base_url", value=5),
    "an unknown setting": told_with("settings", "more", value=1),
    "an unknown kind of entry": state_with("journal-main.ndjson", '{"kind": "x", "value": {}}\n'),
    "an entry that is a list": state_with("journal-main.ndjson", "[]\n"),
    "an entry that is no JSON": state_with("journal-main.ndjson", "{\n"),
    "facts of wrong types": state_with("journal-main.ndjson", '{"kind": "facts", "value": {"requests": "1"}}\n'),
    "an unknown outcome": state_with("journal-main.ndjson", entry(outcome="fine")),
    "a check of no clause": state_with("journal-main.ndjson", entry(id="x")),
    "findings as a string": state_with("journal-main.ndjson", entry(findings="x")),
    "exchanges of numbers": state_with("journal-main.ndjson", entry(exchanges=[1])),
    "a duration as a string": state_with("journal-main.ndjson", entry(duration_s="x")),
    "an exchange of wrong types": state_with("exchanges-main.ndjson", "{}\n"),
    "an exchange that is no JSON": state_with("exchanges-main.ndjson", "x\n"),
    "a lock that is a link": lambda state: (state / "run.lock").symlink_to(state.parent.parent / "precious"),
    "a lock of a worker that is a link": lambda state: (state / "journal-x.lock").symlink_to("/dev/zero"),
    "a journal that is a link": lambda state: (state / "journal-x.ndjson").symlink_to("/dev/zero"),
    "a journal that is a pipe": lambda state: os.mkfifo(state / "journal-x.ndjson"),
    "exchanges that are a pipe": lambda state: os.mkfifo(state / "exchanges-x.ndjson"),
    "facts that are a device": lambda state: a_device(state / "run.json"),
}


def test_what_a_killed_run_left_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = unfinished(tmp_path / "run")
    with (folder / ".state" / "exchanges-main.ndjson").open("a") as stream:
        stream.write('{"cut off')
    assert main.main(["report", str(folder)]) in (1, 3)
    capsys.readouterr()
    assert verify(folder, render=rendering).problems == []


@pytest.mark.parametrize("name", STATES)
def test_a_damaged_state_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    folder = unfinished(tmp_path / "run")
    STATES[name](folder / ".state")
    refused(capsys, "report", folder)
    assert precious.read_text() == "kept"
    assert not (folder / "results.json").exists()


def test_a_state_that_is_a_link_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unfinished(tmp_path / "elsewhere")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".state").symlink_to(tmp_path / "elsewhere" / ".state")
    assert "is a link" in refused(capsys, "report", tmp_path / "run")


# ------------------------------------------------------------ the index

RECORDS: dict[str, str] = {
    "null": "null",
    "a list": "[]",
    "no JSON": "x",
    "deep": "[" * 50_000,
    "no annotations": '{"predicate": {"configuration": [{}]}}',
    "a negative count": "",
    "a count as a string": "",
    "a target as an object": "",
    "a selection as a string": "",
    "an unknown verdict": "",
}
CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a negative count": lambda told: told["summary"].update(failed=-1),
    "a count as a string": lambda told: told["summary"].update(failed="1"),
    "a target as an object": lambda told: told.update(target={}),
    "a selection as a string": lambda told: told.update(selection="all"),
    "an unknown verdict": lambda told: told.update(verdict="fine"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_wrong_types_is_named_and_the_others_are_listed(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, folder.with_name("other"))
    record = json.loads((folder / signoff.FILE).read_text())
    if name in CHANGES:
        CHANGES[name](record["predicate"]["configuration"][0]["annotations"])
    (folder / signoff.FILE).write_text(RECORDS[name] or json.dumps(record))
    assert main.main(["index", str(folder.parent)]) == 2
    printed = capsys.readouterr()
    assert printed.out.endswith(": 1 run\n")
    assert printed.err.count("\n") == 1
    assert signoff.FILE in printed.err
