"""The reference server in a process of its own: how it starts, refuses wrong usage and ends."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
from support.waiting import PATIENCE_S

from conformance.reference import launch

pytestmark = pytest.mark.process


def test_a_server_runs_in_its_own_process(tmp_path: Path) -> None:
    file = tmp_path / "target.toml"
    with launch.spawn(variants=["zero_times"], write_target=file) as spawned:
        table = tomllib.loads(file.read_text("utf-8"))
        root = Path(table["probe"]["command"][-2]).parent
        assert table["target"]["base_url"] == spawned.base_url
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert root.is_dir()
        assert httpx.get(f"{spawned.base_url}/v1/jobs/{'0' * 24}").status_code == 401
    assert spawned.process.returncode == 0
    assert not root.exists()


def test_a_server_that_does_not_start_raises_the_reason() -> None:
    with pytest.raises(launch.LaunchError, match="did you mean no_cors"), launch.spawn(["no_corz"]):
        pass


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "conformance.reference", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_wrong_usage_prints_one_line_and_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = (
            (("--fault", "no_corz"), "did you mean no_cors?"),
            (("--port", port), f"port {port} cannot be used"),
            (("--port", "99999"), "port 99999 cannot be used"),
            (("--data", str(tmp_path)), "is not empty"),
            (("--nonsense",), "--nonsense"),
            (("--restore-seconds", "-1"), "--restore-seconds"),
        )
        for arguments, words in cases:
            ended = run_command(*arguments)
            assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
            assert words in ended.stderr


def test_it_exits_when_stdin_closes() -> None:
    with launch.spawn() as spawned:
        assert spawned.process.stdin
        spawned.process.stdin.close()
        assert spawned.process.wait(PATIENCE_S) == 0
