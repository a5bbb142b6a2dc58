"""A fleet without its runs: target files, places, archives, the order of submission, the table and its page."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import tarfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from support import dying, folders, reporting

from conformance.config.toml_file import FileProblemsError
from conformance.contract import catalogue
from conformance.fleet import archives, command, dask, executors, model, page, schedule, signing, table, targets
from conformance.fleet.description import InputFile, RunDescription
from conformance.judging.outcomes import Outcome, Verdict
from conformance.results import signoff, verdicts
from conformance.results.sealing import keys
from conformance.results.sealing.signatories import Signatory

if TYPE_CHECKING:
    from pathlib import Path

RUN: model.FleetRunRow = {
    "kind": "run",
    "started": "2026-01-05T10:00:00.000Z",
    "finished": "2026-01-05T12:30:00.000Z",
    "on": "processes",
    "strict": False,
}


def target_file(
    folder: Path, name: str, hub: str = "a" * 24, container: str = "b" * 24, key: str = '"secret-1"'
) -> Path:
    path = folder / f"{name}.toml"
    text = (
        f'[target]\nname = "{name}"\nhub_id = "{hub}"\n[keys]\nfull = {key}\n[fixtures]\ncontainer_id = "{container}"\n'
    )
    path.write_text(text, "utf-8")
    return path


# ---------------------------------------------------------------- target files


def test_files_are_sorted_by_name_and_folders_left_out(tmp_path: Path) -> None:
    for name in ("c", "a", "b"):
        target_file(tmp_path, name)
    (tmp_path / "d.toml").mkdir()
    assert [path.stem for path in targets.matching(f"{tmp_path}/*.toml")] == ["a", "b", "c"]


def test_each_file_has_a_folder_of_its_own_whatever_its_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    files = [
        target_file(tmp_path / "one", "eu"),
        target_file(tmp_path / "two", "EU"),
        target_file(tmp_path, "a b/../c"[:3]),
    ]
    assert [target.name for target in targets.read(files)] == ["eu", "EU-2", "a-b"]


def test_files_of_the_same_hub_and_container_share_a_place_whatever_their_case(tmp_path: Path) -> None:
    files = [target_file(tmp_path, "a"), target_file(tmp_path, "b", hub="A" * 24), target_file(tmp_path, "c", "c" * 24)]
    first, second, third = (target.place for target in targets.read(files))
    assert first == second != third


def test_every_unreadable_file_is_named_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text("= nothing", "utf-8")
    with pytest.raises(FileProblemsError) as error:
        targets.read(targets.matching(f"{tmp_path}/*.toml"))
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(
    ("key", "literal"),
    [('"secret-1"', ["keys.full"]), ('{env = "FULL"}', []), ('{command = ["print-key"]}', [])],
)
def test_a_key_that_the_file_states_is_found(tmp_path: Path, key: str, literal: list[str]) -> None:
    assert targets.literal_secrets(target_file(tmp_path, "a", key=key)) == literal


# ---------------------------------------------------------------- descriptions and places


def test_a_description_travels_and_names_no_key(tmp_path: Path) -> None:
    file = target_file(tmp_path, "a", key='{env = "FULL"}')
    description = RunDescription(
        "a", "targets/a.toml", ("--seed=1",), ("-x",), (InputFile("a.toml", file.read_text()),)
    )
    assert pickle.loads(pickle.dumps(description)) == description  # noqa: S301 - our own
    line = description.command_line(tmp_path / "r")
    assert line == ["run", "--target=targets/a.toml", f"--report-dir={tmp_path / 'r'}", "--seed=1", "--", "-x"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.toml", "a/../../b"])
def test_an_input_file_stays_in_its_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        InputFile(path, "").write(tmp_path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("processes", executors.Processes()),
        ("processes:3", executors.Processes(3)),
        ("dask://scheduler.example:8786", executors.Dask("scheduler.example:8786")),
        ("dask://[::1]:8786", executors.Dask("[::1]:8786")),
    ],
)
def test_a_place_is_parsed_and_written_the_same(text: str, place: executors.Place) -> None:
    assert executors.parse(text) == place
    assert str(place) == text


@pytest.mark.parametrize(
    "text", ["", "process", "processes:0", "processes:9999", "processes:x", "dask://", "dask://host", "dask://host:0",
             "dask://host:70000", "dask://user@host:1", "tcp://host:1", "processes:1\n"]
)  # fmt: skip
def test_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="expected processes"):
        executors.parse(text)


# ---------------------------------------------------------------- the order of submission


@pytest.mark.process
def test_a_process_that_dies_costs_its_task_once_and_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(executors, "TASKS_PER_PROCESS", 2)
    with executors.ProcessExecutor(1) as executor:
        before = [executor.submit(os.getpid) for _ in range(3)]
        again, lost = executor.submit(dying.die_once, tmp_path / "mark"), executor.submit(os._exit, 9)
        after = executor.submit(os.getpid)
        first, second, replaced = (future.result() for future in before)
        assert first == second != replaced
        assert again.result() not in (os.getpid(), replaced)
        with pytest.raises(executors.WorkerLostError, match="died, 2 times"):
            lost.result()
        assert after.result() not in (os.getpid(), again.result())


def test_tasks_of_one_place_never_run_at_once_and_others_do() -> None:
    running: dict[str, int] = {}
    most: dict[str, int] = {}

    def work(subject: str) -> str:
        place = subject[0]
        running[place] = running.get(place, 0) + 1
        most[place] = max(most.get(place, 0), running[place])
        running[place] -= 1
        return subject

    with ThreadPoolExecutor(8) as pool:
        tasks = [schedule.Task(f"{place}{number}", place) for place in "abc" for number in range(10)]
        ended = list(schedule.Schedule(tasks, lambda subject: pool.submit(work, subject), pytest.fail).run())
    assert {subject for subject, _ in ended} == {task.subject for task in tasks}
    assert most == {"a": 1, "b": 1, "c": 1}


def test_runs_not_submitted_when_the_fleet_is_interrupted_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    future: Future[str] = Future()
    stopped: list[str] = []

    def wait(*_: object, **__: object) -> tuple[set[Future[str]], set[Future[str]]]:
        if not stopped:
            raise KeyboardInterrupt
        return {future}, set()

    def stop() -> None:
        stopped.append("stopped")
        future.set_result("ended early")

    monkeypatch.setattr(schedule, "wait", wait)
    tasks = [schedule.Task(name, "place") for name in ("first", "second", "third")]
    ended = dict(schedule.Schedule(tasks, lambda _: future, stop).run())
    assert {name: schedule.result_of(each) for name, each in ended.items()} == {
        "first": "ended early",
        "second": None,
        "third": None,
    }


class OtherCluster:
    """Stands in for Dask's client: an executor whose tasks the test ends, and a number of workers."""

    def __init__(self) -> None:
        self.workers = {"tcp://w:1": 1}
        self.tasks: list[Future[int]] = []

    def get_executor(self, **_: object) -> OtherCluster:
        return self

    def submit(self, *_: object) -> Future[int]:
        self.tasks.append(Future())
        return self.tasks[-1]

    def nthreads(self) -> dict[str, int]:
        return self.workers


def test_a_task_of_a_cluster_ends_as_it_ends_on_its_worker() -> None:
    client = OtherCluster()
    cluster = dask.Cluster(client)
    ended, failed = cluster.submit(os.getpid), cluster.submit(os.getpid)
    assert not ended.cancel()
    client.tasks[0].set_result(7)
    client.tasks[1].set_exception(ValueError("of the worker"))
    assert ended.result() == 7
    with pytest.raises(ValueError, match="of the worker"):
        failed.result()


def test_a_cluster_that_loses_all_workers_or_its_scheduler_ends_its_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "POLL_S", 0.01)
    client, over = OtherCluster(), threading.Event()
    cluster = dask.Cluster(client)
    without_scheduler = cluster.submit(os.getpid)
    client.tasks[0].cancel()  # as Dask's client does
    with pytest.raises(executors.ExecutorError, match="connection to the scheduler was lost"):
        without_scheduler.result()
    without_workers = cluster.submit(os.getpid)
    client.workers = {}
    watcher = threading.Thread(target=cluster.watch, args=(over, 0.0))
    watcher.start()
    with pytest.raises(executors.ExecutorError, match="all workers were lost"):
        without_workers.result()
    over.set()
    watcher.join()


# ---------------------------------------------------------------- archives


def test_a_report_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = folders.make(tmp_path / "report", reporting.results())
    archives.unpack(archives.pack(folder), tmp_path / "back" / "report")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        path.relative_to(tmp_path / "back/report").as_posix()
        for path in (tmp_path / "back/report").rglob("*")
        if path.is_file()
    } == names
    assert all((tmp_path / "back/report" / name).read_bytes() == (folder / name).read_bytes() for name in names)


def archive_of(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", archive_of(("../results.json", b"{}")), archive_of(("/etc/results.json", b"{}")),
     archive_of(("results.json", b"{}")), archive_of(("evil.sh", b"rm")), archive_of(("repro/../../x.sh", b"rm"))],
    ids=["empty", "noise", "up", "absolute", "half", "foreign", "out of repro"],
)  # fmt: skip
def test_nothing_but_a_whole_report_is_unpacked(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(archives.ArchiveError):
        archives.unpack(data, tmp_path / "report")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- the table, the page, the record


def row(name: str, tmp_path: Path, **changed: Outcome) -> model.FleetTargetRow:
    """A target whose report has these outcomes, by clause with `_` for `-`; every other clause passed."""
    results = reporting.results({clause.replace("_", "-"): outcome for clause, outcome in changed.items()})
    results["target"]["name"] = name
    return table.row_of(results, f"targets/{name}", folders.make(tmp_path / "targets" / name, results))


def test_the_worst_verdict_decides_in_the_order_of_the_lattice() -> None:
    assert table.worst_verdict(["conformant", "partial", "inconclusive", "non-conformant"]) is Verdict.NON_CONFORMANT
    assert table.worst_verdict(["conformant", "partial", "inconclusive"]) is Verdict.INCONCLUSIVE
    assert table.worst_verdict(["conformant", "partial"]) is Verdict.PARTIAL
    assert table.worst_verdict(["conformant"]) is Verdict.CONFORMANT
    assert table.worst_verdict([]) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("verdict", "require", "code"),
    [
        ("conformant", True, 0),
        ("partial", False, 0),
        ("partial", True, 3),
        ("inconclusive", False, 3),
        ("non-conformant", False, 1),
    ],
)
def test_the_exit_code_follows_from_the_verdict(verdict: str, require: bool, code: int) -> None:
    assert verdicts.exit_code(verdict, require_conformant=require) == code


def test_a_target_without_a_report_is_inconclusive_with_its_reason(tmp_path: Path) -> None:
    rows = [row("a", tmp_path), table.row_without_report("b", "b.toml", "its process was killed <b>")]
    fleet = table.build(rows, RUN)
    assert fleet["verdict"] == "inconclusive"
    assert fleet["headline"] == "Inconclusive: 2 targets: 1 inconclusive, 1 conformant"
    assert "its process was killed &lt;b&gt;" in page.render(fleet)


def test_a_clause_on_which_targets_disagree_is_marked(tmp_path: Path) -> None:
    rows = [
        row("a", tmp_path, LIST_1=Outcome.FAILED, CAP_1=Outcome.ERROR),
        row("b", tmp_path, GET_1=Outcome.FAILED),
        row("c", tmp_path, GET_1=Outcome.FAILED),
    ]
    fleet = table.build(rows, RUN)
    assert {clause["id"] for clause in fleet["clauses"] if clause["disagree"]} == {"LIST-1", "GET-1"}
    shown = page.render(fleet)
    assert "Only one target fails" in shown
    assert shown.index("Only one target fails") < shown.index('id="targets"')
    assert "No target passes" not in shown


def test_what_no_target_passes_comes_first(tmp_path: Path) -> None:
    shown = page.render(table.build([row(name, tmp_path, LIST_1=Outcome.FAILED) for name in "ab"], RUN))
    assert shown.index("No target passes") < shown.index('id="targets"')


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    hostile = row("a", tmp_path)
    hostile["name"] = hostile["headline"] = "<script>alert(1)</script>\u202e"
    fleet = table.build([hostile], RUN)
    assert "<script" not in page.render(fleet)
    assert "\u202e" not in page.render(fleet)
    assert "<script" not in page.markdown(fleet)


@pytest.mark.parametrize(
    ("started", "words"),
    [
        ("2026-01-05T12:29:30.000Z", "30 s"),
        ("2026-01-05T10:00:00.000Z", "2 h"),
        ("2026-01-01T10:00:00.000Z", "4 d"),
        ("", ""),
    ],
)
def test_the_age_of_a_run(started: str, words: str) -> None:
    assert page.age(started, datetime(2026, 1, 5, 12, 30, tzinfo=UTC)) == words


def test_a_fleet_folder_verifies_and_a_changed_report_does_not(tmp_path: Path) -> None:
    fleet = table.build([row("a", tmp_path), row("b", tmp_path, LIST_1=Outcome.FAILED)], RUN)
    command.write(fleet, tmp_path)
    assert signing.verify_folder(tmp_path).problems == []
    statement = json.loads((tmp_path / signoff.FILE).read_text())
    assert statement["predicate"]["result"] == "FAILED"
    assert [entry["name"] for entry in statement["predicate"]["configuration"][3:]] == [
        "targets/a/signoff.json",
        "targets/b/signoff.json",
    ]
    (tmp_path / "targets/a/badge.svg").write_text("green")
    assert any("badge.svg" in problem for problem in signing.verify_folder(tmp_path).problems)


@pytest.mark.parametrize("member", ["verdict", "headline", "outcome"])
def test_a_fleet_whose_table_was_changed_does_not_verify(tmp_path: Path, member: str) -> None:
    fleet = table.build([row("a", tmp_path), row("b", tmp_path, LIST_1=Outcome.FAILED)], RUN)
    if member == "outcome":
        fleet["targets"][1]["outcomes"]["LIST-1"] = "passed"
    else:
        fleet[member] = "conformant"  # type: ignore[literal-required] # a member of Fleet
    command.write(fleet, tmp_path)
    assert signing.verify_folder(tmp_path).problems


def test_a_fleet_folder_is_signed(tmp_path: Path) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key: keys.PrivateKey = ed25519.Ed25519PrivateKey.generate()
    command.write(table.build([row("a", tmp_path)], RUN), tmp_path, keys.KeySigner(key))
    public = keys.load_public(keys.public_pem(key).encode(), "key")
    verified = signing.verify_folder(tmp_path, Signatory(public))
    assert verified.problems == []
    assert any("signature" in text for text in verified.checked)
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    assert signing.verify_folder(tmp_path, Signatory(other)).problems


@pytest.mark.slow
def test_the_page_of_a_thousand_targets_is_built_in_ten_seconds_and_has_five_megabytes() -> None:
    chance = random.Random(1)
    weights = [1, 90, 1, 2, 1, 5]
    clauses = list(catalogue.load().clauses)
    rows: list[model.FleetTargetRow] = []
    for number in range(1000):
        outcomes = chance.choices([outcome.value for outcome in Outcome], weights, k=len(clauses))
        empty = table.row_without_report(f"target-{number:04}", "", "")
        verdict = "non-conformant" if "failed" in outcomes else "partial"
        named = dict(zip(clauses, outcomes, strict=True))
        started = f"2026-01-05T{number % 12:02}:00:00.000Z"
        rows.append({**empty, "folder": f"t/{number}", "verdict": verdict, "outcomes": named, "started": started})
    begun = time.process_time()
    fleet = table.build(rows, RUN)
    shown = page.render(fleet)
    assert time.process_time() - begun <= 10
    assert len(shown.encode()) <= 5_000_000
    assert shown.count("<tr class=") == 1000
