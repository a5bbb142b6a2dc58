"""What a real run leaves: whole folders without secrets, also when it was killed, and exchanges to judge again."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support import running
from support.waiting import wait_until

from conformance.evidence.redaction import Redactor
from conformance.evidence.secret_members import SECRET_MEMBERS, is_masked
from conformance.execution import journal
from conformance.reference import launch
from conformance.results.files import write_json
from conformance.results.sealing import keys as sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SUBJECT = f"registry.example.test/backups@sha256:{'ab' * 32}"
#: the target lets too many restore, echoes keys in several places and shows its integrations' secrets
FAULTS = ["restore_with_view", "denied_key_echoed", "unknown_key_echoed", "secret_in_clear", "config_in_clear"]
CHAPTERS = "CAP,ERR,INC,AUTH,LIST,HTTP-7"

pytestmark = [pytest.mark.process, pytest.mark.one_worker]  # one run that many look at


def command(*arguments: str | Path, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        running.line(*arguments), capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **env}
    )


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.with_name("pub.pem").write_text(sealing.public_pem(key))
    return path


@pytest.fixture(scope="module")
def broken() -> Iterator[launch.Spawned]:
    with launch.spawn(FAULTS, []) as server:
        yield server


@pytest.fixture(scope="module")
def ran(broken: launch.Spawned, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> running.Ran:
    """A run against a server that gives everything away, as a job on GitHub, signed."""
    folder = tmp_path_factory.mktemp("run")
    summary = folder / "step-summary.md"
    summary.write_text("what another step wrote\n")
    return running.run(
        folder / "report",
        *("--target", broken.target_file, "--only", CHAPTERS, "--seed", "1"),
        *("--subject", SUBJECT, "--sign", key_file),
        env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)},
    )


def test_the_folder_is_whole_and_signed(ran: running.Ran, key_file: Path) -> None:
    assert ran.code == 1, ran.out + ran.err
    assert ran.outcomes["CAP-4"] == ran.outcomes["ERR-7"] == "failed"
    assert ran.outcomes["INC-7"] == "warned"
    done = command("verify", ran.folder, "--key", key_file.with_name("pub.pem"))
    assert done.returncode == 0, done.stdout
    assert "registry.example.test/backups" in done.stdout
    assert "that the target was of the build that --subject named" in done.stdout
    assert not (ran.folder / ".state").exists()


def leaks(ran: running.Ran, redactor: Redactor) -> dict[str, set[str]]:
    """The secrets that stand in what a run left and printed, by file."""
    files = {path.name: path.read_bytes() for path in ran.folder.rglob("*") if path.is_file()}
    files["exchanges"] = gzip.decompress(files["exchanges.ndjson.gz"])
    files |= {"stdout": ran.out.encode(), "stderr": ran.err.encode()}
    return {name: found for name, data in files.items() if (found := redactor.found(data))}


def secrets_of(server: launch.Spawned) -> dict[str, str]:
    """The server's keys."""
    keys = {name: value for name, value in tomllib.loads(server.target_toml)["keys"].items() if name != "other_hub_id"}
    return {name: value for name, value in keys.items() if isinstance(value, str)}


def test_no_file_and_no_screen_has_a_key_in_any_encoding(ran: running.Ran, broken: launch.Spawned) -> None:
    keys = secrets_of(broken)
    assert len(keys) == 6
    assert leaks(ran, Redactor(keys)) == {}
    assert b"[key " in gzip.decompress((ran.folder / "exchanges.ndjson.gz").read_bytes())


def given_away(server: launch.Spawned) -> dict[str, str]:
    """What the server shows of its integrations and must not."""
    target = tomllib.loads(server.target_toml)
    headers = {"Authorization": f"Bearer {target['keys']['full']}", "X-Hub-Id": target["target"]["hub_id"]}
    path = f"/v1/containers/{target['fixtures']['container_id']}/backups?include=integrations"
    included = httpx.get(f"{server.base_url}{path}", headers=headers).json()["includes"]["integrations"]
    members = [(name, one["auth"][name]) for one in included.values() for name in SECRET_MEMBERS if one.get("auth")]
    return {f"{name} {index}": value for index, (name, value) in enumerate(members) if value and not is_masked(value)}


def test_no_file_and_no_screen_has_a_secret_that_the_target_gave_away(ran: running.Ran, broken: launch.Spawned) -> None:
    secrets = given_away(broken)
    assert secrets
    assert leaks(ran, Redactor(secrets)) == {}


def test_a_github_job_gets_annotations_and_a_summary(ran: running.Ran) -> None:
    written = (ran.folder.parent / "step-summary.md").read_text()
    assert written == "what another step wrote\n" + (ran.folder / "summary.md").read_text() + "\n"
    lines = ran.out.splitlines()
    assert any(line.startswith("::error title=CAP-4 (MUST)::") for line in lines)
    assert any(line.startswith("::warning title=INC-7 (SHOULD)::") for line in lines)
    stop = next(line for line in lines if line.startswith("::stop-commands::"))
    token = stop.removeprefix("::stop-commands::")
    between = lines[lines.index(stop) + 1 : lines.index(f"::{token}::")]
    assert any("FAILED CAP-4" in line for line in between)


def test_the_exchanges_are_judged_again_as_they_were(ran: running.Ran) -> None:
    done = command("rejudge", ran.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^All \d+ checks have the same outcome$", done.stdout, re.MULTILINE)


def test_a_verdict_that_the_exchanges_do_not_bear_is_shown(ran: running.Ran, tmp_path: Path) -> None:
    results = json.loads((ran.folder / "results.json").read_text())
    checks = {check["id"]: check for row in results["clauses"] for check in row["checks"]}
    checks["ERR-7/restore/observed"]["outcome"] = "passed"
    write_json(tmp_path / "results.json", results)
    (tmp_path / "exchanges.ndjson.gz").write_bytes((ran.folder / "exchanges.ndjson.gz").read_bytes())
    done = command("rejudge", tmp_path)
    assert done.returncode == 1, done.stdout
    assert "ERR-7/restore/observed  passed → failed" in done.stdout
    assert "1 of " in done.stdout


HARMS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no archive": (lambda _: b"", "is not an archive"),
    "cut": (lambda data: data[: len(data) // 2], "cannot be read"),
    "changed": (lambda data: data[:2000] + bytes([data[2000] ^ 255]) + data[2001:], ""),
    "other lines": (lambda _: gzip.compress(b'{"format": "backups-conformance/exchanges/1"}\n{}\n'), ""),
    "no JSON": (lambda _: gzip.compress(b'{"format": "backups-conformance/exchanges/1"}\nx\n'), "is damaged"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_archive_is_reported_in_one_line(harm: str, ran: running.Ran, tmp_path: Path) -> None:
    change, words = HARMS[harm]
    (tmp_path / "results.json").write_bytes((ran.folder / "results.json").read_bytes())
    (tmp_path / "exchanges.ndjson.gz").write_bytes(change((ran.folder / "exchanges.ndjson.gz").read_bytes()))
    done = command("rejudge", tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


# ------------------------------------------------------------ killed


def records_of(state: Path) -> list[Any]:
    return journal.read(state).checks if state.is_dir() else []


def killed(folder: Path, *arguments: str | Path, cwd: Path | None = None) -> dict[str, str]:
    """Kill a run in the middle; return the outcomes that it had written down by then."""
    process = running.start(["run", "--seed", "1", *arguments], cwd=cwd)
    states: list[Path] = []

    def in_the_middle() -> bool:
        states.extend([] if states else folder.glob("**/.state"))
        return process.poll() is not None or bool(states and len(records_of(states[0])) >= 10)

    try:
        wait_until(in_the_middle)
        process.send_signal(signal.SIGSTOP)  # it must not end while another command looks at its folder
        assert process.poll() is None, "the run was over before it could be killed"
        assert command("report", states[0].parent).returncode == 2  # it still goes on
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return {str(record.id): record.outcome.value for record in records_of(states[0])}


def test_a_killed_run_is_reported_with_all_that_was_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    known = killed(folder, "--report-dir", folder)
    assert [path.name for path in folder.iterdir()] == [".state"]
    assert command("verify", folder).returncode == 1
    done = command("report", folder)
    assert done.returncode == 3, done.stdout + done.stderr
    results = json.loads((folder / "results.json").read_text())
    assert results["verdict"] == "inconclusive"
    assert results["run"]["interrupted"]
    assert results["run"]["requests"] > 10
    outcomes = {check["id"]: check["outcome"] for row in results["clauses"] for check in row["checks"]}
    assert known.items() <= outcomes.items()
    assert any(name.endswith("/observed") for name in outcomes)  # judged from the exchanges that were kept
    assert results["matrix"]
    assert results["latency"]
    assert results["coverage"]["operations"]["list"]
    assert results["footprint"].keys() == {"restores", "deletions", "lost", "instances"}
    assert len(results["footprint"]["restores"]) >= results["run"]["restores_accepted"]
    assert results["keys"]["full"] == "accepted"
    assert command("verify", folder).returncode == 0
    assert command("rejudge", folder).returncode == 0
    assert not (folder / ".state").exists()
    assert "holds no unfinished run" in command("report", folder).stderr


def test_latest_points_at_no_half_of_a_run(tmp_path: Path) -> None:
    first = command("run", "--only", "CAP-1", "--profile", "read", cwd=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    runs = tmp_path / "reports" / "reference"
    whole = (runs / "latest").resolve()
    (whole / ".state").mkdir()  # what `killed` must not take for the new run's
    (whole / ".state").rmdir()
    killed(runs, cwd=tmp_path)
    assert (runs / "latest").resolve() == whole
    assert command("verify", runs / "latest").returncode == 0
    page = (runs / "index.html").read_text()
    assert page.count("report.html") == 1
    assert command("index", tmp_path / "reports").stdout.endswith("index.html: 1 run\n")


def test_reports_of_an_earlier_run_are_not_taken_for_those_of_a_killed_run(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    running.run(folder, "--only", "CAP-1", "--profile", "read")
    assert (folder / "report.html").is_file()
    killed(folder, "--report-dir", folder)
    assert [path.name for path in folder.iterdir()] == [".state"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "holds no unfinished run"), ("{}", "is damaged"), ('{"format": "x"}', "holds a run of another version")],
)
def test_a_report_that_cannot_be_made_is_an_error_of_one_line(content: str | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / ".state").mkdir()
        (tmp_path / ".state" / "run.json").write_text(content)
    done = command("report", tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
