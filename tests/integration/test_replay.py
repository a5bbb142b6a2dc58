"""`replay`: what failed in a report is sent again, and judged by the suite, on a broken, a fixed and no server."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import running

from conformance.judging.outcomes import Outcome
from conformance.reference import launch
from conformance.replay.model import Attempt, Failure, Replayed, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.process, pytest.mark.one_worker]  # one run for all of them

#: an active check's, a passive judge's, one whose requests are not sent by reads, and one that deletions show as well
FAULTS = ("page_size_zero_breaks_down", "page_size_is_ignored", "restore_with_view", "no_challenge")
CLAUSES = {"LIST-4", "LIST-10", "CAP-4"}
#: warned; DEL-4 sends the deletions
WARNED = "AUTH-7"


@dataclass
class Recorded:
    """A broken server with its report, and a fixed server; each has a target file."""

    broken: launch.Running
    report: Path
    target: Path
    fixed: Path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("replay")
    with launch.serve_in_thread(FAULTS) as broken, launch.serve_in_thread() as fixed:
        made = Recorded(broken, folder / "report", folder / "broken.toml", folder / "fixed.toml")
        for file, server in ((made.target, broken), (made.fixed, fixed)):
            file.write_text(server.target_toml)
            file.chmod(0o600)
        selected = ",".join([*CLAUSES, WARNED, "DEL-4"])
        options = ["--target", str(made.target), "--only", selected, "--seed", "1", "--examples", "5"]
        done = running.run(made.report, *options)
        assert {clause for clause, outcome in done.outcomes.items() if outcome == "failed"} == CLAUSES, done.out
        yield made


def replay(*arguments: str | Path, **variables: str) -> running.Ran:
    process = running.start(["replay", *arguments], env=variables)
    return running.end(process, Path())


def statuses(done: running.Ran) -> dict[str, str]:
    """What was said of each check."""
    known = tuple(status.value for status in Status)
    lines = [line for line in done.out.splitlines() if line.startswith(known) and "/" in line]
    return {line.split()[-1]: next(status for status in known if line.startswith(status)) for line in lines}


def test_a_broken_server_still_fails(recorded: Recorded) -> None:
    done = replay(recorded.report, "--only", "LIST")
    assert done.code == 1, done.out
    assert set(statuses(done).values()) == {"still failing"}
    assert {check.partition("/")[0] for check in statuses(done)} == {"LIST-4", "LIST-10"}
    assert re.search(r"  now +wanted at most \d items, got 10 at /data", done.out)


def test_a_fixed_server_is_reported_as_fixed(recorded: Recorded) -> None:
    done = replay(recorded.report, "--only", "LIST-4,LIST-10", "--target", recorded.fixed)
    assert (done.code, set(statuses(done).values())) == (0, {"fixed"}), done.out
    assert "the report is about" in done.out


def test_what_may_restore_is_sent_only_when_asked_for(recorded: Recorded) -> None:
    jobs = len(recorded.broken.store.jobs)
    kept = replay(recorded.report, "--only", "CAP-4")
    assert kept.code == 3, kept.out
    assert "--restore" in kept.out
    assert len(recorded.broken.store.jobs) == jobs
    sent = replay(recorded.report, "--only", "CAP-4", "--restore", "--tries", "1")
    assert sent.code == 1, sent.out
    assert len(recorded.broken.store.jobs) > jobs


def test_what_deletions_showed_is_looked_for_in_deletions_that_must_be_refused(recorded: Recorded) -> None:
    def backups() -> dict[str, str]:
        containers = recorded.broken.store.containers.values()
        return {name: backup.current for container in containers for name, backup in container.backups.items()}

    before = backups()
    kept = replay(recorded.report, "--only", WARNED, "--tries", "1")
    assert statuses(kept)["AUTH-7/delete/observed"] == "could not tell"
    assert "not sent without --restore: it is a DELETE" in kept.out
    for target, status in ((recorded.target, "still failing"), (recorded.fixed, "fixed")):
        done = replay(recorded.report, "--only", WARNED, "--tries", "1", "--restore", "--target", target)
        assert statuses(done)["AUTH-7/delete/observed"] == status
        assert done.code == Status(status).exit_code
    assert backups() == before


def test_nobody_can_tell_where_nothing_listens(recorded: Recorded, tmp_path: Path) -> None:
    gone = tmp_path / "gone.toml"
    gone.write_text(recorded.broken.target_toml.replace(recorded.broken.base_url, "http://127.0.0.1:9"))
    gone.chmod(0o600)
    done = replay(recorded.report, "--target", gone)
    assert done.code == 3
    assert set(statuses(done).values()) == {"could not tell"}


def test_nobody_can_tell_without_the_key(recorded: Recorded, tmp_path: Path) -> None:
    file = tmp_path / "keyless.toml"
    lines = recorded.broken.target_toml.splitlines()
    file.write_text("\n".join('full = {env = "NO_SUCH_KEY"}' if line.startswith("full = ") else line for line in lines))
    done = replay(recorded.report, "--target", file)
    assert done.code == 3
    assert "NO_SUCH_KEY is not set" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "GET-1"), "GET-1 did not fail in this run: not_tested"),
        (("--only", "NO-1"), "NO-1"),
        (("--target", "no-such-file.toml"), "no-such-file.toml"),
        (("--tries", "0"), "from 1 to 20"),
        (("--target", "a", "--base-url", "b"), "cannot go with"),
    ],
)
def test_wrong_usage_is_2(arguments: tuple[str, ...], words: str, recorded: Recorded) -> None:
    done = replay(recorded.report, *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1


def test_a_folder_without_a_report_is_2(tmp_path: Path) -> None:
    assert replay(tmp_path).code == 2


def test_a_report_of_the_embedded_server_needs_a_target(recorded: Recorded, tmp_path: Path) -> None:
    copy = tmp_path / "report"
    shutil.copytree(recorded.report, copy)
    results = json.loads((copy / "results.json").read_text())
    results["run"]["command"] = "backups-conformance run --profile full --seed 1"
    (copy / "results.json").write_text(json.dumps(results))
    done = replay(copy)
    assert done.code == 2
    assert "give --target FILE" in done.err


def test_a_request_that_deletes_is_never_sent_as_it_was_recorded(recorded: Recorded, tmp_path: Path) -> None:
    """A report may come from anywhere: what it says was sent does not decide what is sent."""
    copy = tmp_path / "report"
    shutil.copytree(recorded.report, copy)
    jobs = len(recorded.broken.store.jobs)
    _make_deletions(copy, recorded)
    done = replay(copy, "--only", "LIST-4", "--restore", "--tries", "1")
    assert "a replay sends no DELETE as it was recorded" in done.out
    assert len(recorded.broken.store.jobs) == jobs


def test_a_request_that_the_report_did_not_keep_is_tested_by_a_run(recorded: Recorded, tmp_path: Path) -> None:
    copy = tmp_path / "report"
    shutil.copytree(recorded.report, copy)
    (copy / "exchanges.ndjson.gz").unlink()
    done = replay(copy, "--only", "LIST-4", "--tries", "1")
    assert done.code == 3
    assert "does not contain the complete request; `run --only LIST-4` tests the clause again" in done.out


def _make_deletions(report: Path, recorded: Recorded) -> None:
    """Turn every request of the archive into the deletion of a backup."""
    file = report / "exchanges.ndjson.gz"
    first, *lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    records = [json.loads(line) for line in lines]
    fixtures = recorded.broken.store.fixtures
    for record in records:
        record["request"].update(
            method="DELETE",
            operation="delete",
            path=f"/v1/containers/{fixtures.container_id}/backups/{fixtures.backup_id}",
            query="",
        )
    file.write_bytes(gzip.compress("\n".join([first, *map(json.dumps, records), ""]).encode()))


def test_the_script_of_a_clause_ends_as_replay_does(recorded: Recorded, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "backups-conformance"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m conformance "$@"\n')
    command.chmod(0o755)
    codes = {}
    for name, file in {"broken": recorded.target, "fixed": recorded.fixed}.items():
        done = subprocess.run(
            ["/bin/sh", recorded.report / "repro" / "LIST-10.sh", "--target", file],
            env=running.environment({"PATH": f"{bin_folder}:/usr/bin:/bin"}), capture_output=True, check=False,
        )  # fmt: skip
        codes[name] = done.returncode
    assert codes == {"broken": 1, "fixed": 0}


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        (("failed", "failed"), Status.FAILING),
        (("warned",), Status.FAILING),
        (("failed", "passed"), Status.FLAKY),
        (("passed", "failed", "error"), Status.FLAKY),
        (("failed", "error"), Status.FAILING),
        (("passed", "passed"), Status.FIXED),
        (("passed", "not_tested"), Status.FIXED),
        (("error", "not_tested"), Status.UNKNOWN),
        ((), Status.UNKNOWN),
    ],
)
def test_the_tries_decide_together(outcomes: tuple[str, ...], status: Status) -> None:
    failure = Failure("LIST-4", "", "LIST-4/list", "", ())
    replayed = Replayed(failure, tuple(Attempt(Outcome(outcome)) for outcome in outcomes))
    assert replayed.status is status
    assert (status is Status.FIXED) == (status.exit_code == 0)
