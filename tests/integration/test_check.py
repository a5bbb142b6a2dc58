"""`check`: a target file that fits is ready; one that does not is told apart from a broken server."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from support import running

from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.process
UNKNOWN = "651586fca6078e98982dbd98"


@pytest.fixture(scope="module")
def target_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("check") / "target.toml"
    with launch.spawn(write_target=file):
        yield file


def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it, with what it printed."""
    return subprocess.run(running.line(*arguments), capture_output=True, text=True, check=False)


def with_member(file: Path, folder: Path, member: str, value: str) -> Path:
    """The target file with another value of one member."""
    changed = folder / "changed.toml"
    text, count = re.subn(rf"^{member} = .*$", f'{member} = "{value}"', file.read_text("utf-8"), flags=re.MULTILINE)
    assert count == 1
    changed.write_text(text, "utf-8")
    return changed


def test_a_target_file_that_fits_is_ready(target_file: Path) -> None:
    done = run_command("check", "--target", target_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "Ready: reference answers as the target file says"


@pytest.mark.parametrize("member", ["hub_id", "container_id", "backup_id"])
def test_an_unknown_id_is_named_with_its_member(target_file: Path, tmp_path: Path, member: str) -> None:
    done = run_command("check", "--target", with_member(target_file, tmp_path, member, UNKNOWN))
    assert done.returncode == 3
    assert "Not ready" in done.stdout
    assert member in done.stdout
    assert UNKNOWN in done.stdout


def test_json_holds_what_the_table_shows(target_file: Path) -> None:
    done = run_command("check", "--target", target_file, "--json")
    preflight = json.loads(done.stdout)
    assert preflight["problem"] == ""
    assert 0 < preflight["requests"] <= 30
    assert {"member": "keys.view", "state": "ok"}.items() <= next(
        entry for entry in preflight["entries"] if entry["member"] == "keys.view"
    ).items()


def test_a_server_that_is_not_there_is_not_ready(target_file: Path, tmp_path: Path) -> None:
    done = run_command("check", "--target", with_member(target_file, tmp_path, "base_url", "http://127.0.0.1:9"))
    assert done.returncode == 3
    assert "Not ready" in done.stdout
    assert "http://127.0.0.1:9" in done.stdout


def test_a_wrong_target_file_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[target]\n", "utf-8")
    done = run_command("check", "--target", file)
    assert done.returncode == 2
    assert "base_url" in done.stderr


def test_without_a_target_it_says_what_it_needs() -> None:
    done = run_command("check")
    assert done.returncode == 2
    assert "check needs --target FILE" in done.stderr
