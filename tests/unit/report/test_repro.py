"""Scripts that replay what broke a clause: honest where the suite is not installed, and inert whatever they quote."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from conformance.report import repro

HOSTILE = "x'; touch pwned; echo '$(touch pwned)`touch pwned`\nend of requests\ntouch pwned\nrm -rf \"\u202e"


def results(*, outcome: str = "failed", words: str = "500", curl: str = "curl 'http://127.0.0.1:9/v1/x'") -> Any:
    """A results.json with one broken clause."""
    finding = {"outcome": outcome, "wanted": "4xx", "got": words, "pointer": words, "exchange": 0, "places": 1}
    check = {"id": "LIST-10/list", "findings": [finding], "exchanges": [{"curl": curl, "operation": "list"}]}
    clause = {"id": "LIST-10", "title": f"a title {words}", "checks": [check]}
    return {"run": {"id": "abc"}, "clauses": [clause]}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with the tools that every machine has, and no suite."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cat", "dirname"):
        program = shutil.which(name)
        assert program
        (folder / name).symlink_to(program)
    return folder


def executed(script: Path, tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", script, *arguments],
        env={**os.environ, "PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
        cwd=script.parent,
    )


def written(found: Any, folder: Path) -> Path:
    repro.write(found, folder)
    return folder / "repro" / "LIST-10.sh"


@pytest.mark.process
def test_a_script_cannot_tell_without_the_suite(tmp_path: Path, tools: Path) -> None:
    done = executed(written(results(), tmp_path), tools)
    assert done.returncode == 3
    assert "backups-conformance is not installed, so nothing was sent" in done.stdout
    assert "curl 'http://127.0.0.1:9/v1/x'" in done.stdout


@pytest.mark.process
@pytest.mark.parametrize("code", [0, 1, 2, 3, 4])
def test_a_script_ends_as_replay_does(code: int, tmp_path: Path, tools: Path) -> None:
    fake = tools / "backups-conformance"
    fake.write_text(f'#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\nexit {code}\n')
    fake.chmod(0o755)
    script = written(results(), tmp_path)
    done = executed(script, tools, "--target", "my target.toml")
    assert done.returncode == code
    folder = Path(done.stdout.splitlines()[1].strip("<>"))
    assert folder.resolve() == tmp_path.resolve()
    assert done.stdout.splitlines()[2:] == ["<--only>", "<LIST-10>", "<--target>", "<my target.toml>"]


@pytest.mark.process
def test_what_is_foreign_is_quoted(tmp_path: Path, tools: Path) -> None:
    done = executed(written(results(words=HOSTILE, curl=HOSTILE), tmp_path), tools)
    assert done.returncode == 3
    assert not list(tmp_path.rglob("pwned"))
    assert "touch pwned" in done.stdout


def test_nothing_is_written_where_nothing_broke(tmp_path: Path) -> None:
    repro.write(results(outcome="error"), tmp_path)
    assert list(tmp_path.iterdir()) == []
