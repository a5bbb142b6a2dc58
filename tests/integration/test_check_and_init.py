"""`check` and `init`: from nothing but a server and its keys to a target file that fits."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from support import running
from support.waiting import PATIENCE_S

from conformance.reference import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

pytestmark = [pytest.mark.process, pytest.mark.one_worker]  # one server for all of them


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def server() -> Iterator[launch.Running]:
    with launch.serve_in_thread() as running_server:
        yield running_server


@pytest.fixture
def described(server: launch.Running) -> dict[str, Any]:
    return tomllib.loads(server.target_toml)


def command(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    done = subprocess.run(
        running.line(*arguments), capture_output=True, text=True, check=False, cwd=cwd,
        env=running.environment(env), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


def keys_of(described: dict[str, Any], *names: str) -> dict[str, str]:
    return {f"BACKUPS_KEY_{name.upper()}": described["keys"][name] for name in names}


def quick(described: dict[str, Any]) -> list[str]:
    target, fixtures = described["target"], described["fixtures"]
    return ["--base-url", target["base_url"], "--hub", target["hub_id"], "--container", fixtures["container_id"]]


def without_secrets(done: Done, described: dict[str, Any]) -> bool:
    secrets = [value for name, value in described["keys"].items() if name != "other_hub_id"]
    return not any(secret in done.out + done.err for secret in secrets)


# ---------------------------------------------------------------- check


def test_a_target_that_fits_is_ready(server: launch.Running, described: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(server.target_toml)
    before = server.store.counters.requests
    done = command("check", "--target", "t.toml", cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    assert done.out.splitlines()[-1].startswith("Ready: a run of reference (http://127.0.0.1:")
    assert without_secrets(done, described)
    assert server.store.counters.accepted_restores == 0
    assert server.store.counters.requests - before <= 30
    assert [path.name for path in tmp_path.iterdir()] == ["t.toml"]


MISTAKES: dict[str, tuple[Callable[[dict[str, Any]], tuple[str, str]], str]] = {
    "hub": (lambda t: (t["target"]["hub_id"], "f" * 24), "target.hub_id"),
    "container": (lambda t: (t["fixtures"]["container_id"], "f" * 24), "fixtures.container_id"),
    "backup": (lambda t: (t["fixtures"]["backup_id"], "f" * 24), "fixtures.backup_id"),
    "empty container": (lambda t: (t["fixtures"]["empty_container_id"], "f" * 24), "fixtures.empty_container_id"),
    "base path": (lambda t: (t["target"]["base_url"], t["target"]["base_url"] + "/v1"), "target.base_url"),
    "scheme": (lambda _: ("http://", "https://"), "http"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_of_the_file_is_named_with_what_to_change(
    name: str, server: launch.Running, described: dict[str, Any], tmp_path: Path
) -> None:
    change, words = MISTAKES[name]
    (tmp_path / "t.toml").write_text(server.target_toml.replace(*change(described)))
    done = command("check", "--target", "t.toml", cwd=tmp_path)
    assert done.code == 3, done.out + done.err
    assert "Not ready: " in done.out.splitlines()[-1]
    problems = [line for line in done.out.splitlines() if line.startswith(("wrong", "Not ready"))]
    assert any(words in line for line in problems), done.out
    assert without_secrets(done, described)


def test_a_file_that_is_wrong_in_itself_is_2(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("[target]\nbase_url = 'ftp://x'\n")
    done = command("check", "--target", "t.toml", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "t.toml:2 target.base_url: " in done.err


def test_json_has_the_same_conclusion(server: launch.Running, described: dict[str, Any], tmp_path: Path) -> None:
    wrong = server.target_toml.replace(described["fixtures"]["backup_id"], "f" * 24)
    for text, code in ((server.target_toml, 0), (wrong, 3)):
        (tmp_path / "t.toml").write_text(text)
        done = command("check", "--target", "t.toml", "--json", cwd=tmp_path)
        printed = json.loads(done.out)
        assert (done.code, printed["ready"]) == (code, code == 0)
        states = {entry["member"]: entry["state"] for entry in printed["preflight"]["entries"]}
        assert states["fixtures.backup_id"] == ("ok" if code == 0 else "wrong")
        assert without_secrets(done, described)


def test_what_is_missing_names_the_variable_where_there_is_no_file(described: dict[str, Any], tmp_path: Path) -> None:
    done = command("check", *quick(described), cwd=tmp_path, env=keys_of(described, "full"))
    assert done.code == 0, done.out + done.err
    assert "keys.view" in done.out
    assert "export BACKUPS_KEY_VIEW" in done.out
    assert "set keys.view" not in done.out


# ---------------------------------------------------------------- init


def test_init_writes_a_file_that_check_accepts(described: dict[str, Any], tmp_path: Path) -> None:
    env = keys_of(described, "full", "view")
    more = ("--empty-container", described["fixtures"]["empty_container_id"])
    done = command("init", *quick(described), *more, cwd=tmp_path, env=env)
    assert done.code == 0, done.out + done.err
    text = (tmp_path / "target.toml").read_text()
    written = tomllib.loads(text)
    assert written["keys"] == {name: {"env": f"BACKUPS_KEY_{name.upper()}"} for name in ("full", "view")}
    assert written["fixtures"]["container_id"] == described["fixtures"]["container_id"]
    assert written["fixtures"]["empty_container_id"] == described["fixtures"]["empty_container_id"]
    assert written["fixtures"]["backup_id"]
    assert written["restore"]["allow"] is False
    assert "instance_id" not in written["fixtures"]  # a person decides whose data may be overwritten
    assert '# instance_id = "' in text
    assert all(key not in text + done.out + done.err for key in env.values())
    checked = command("check", "--target", "target.toml", cwd=tmp_path, env=env)
    assert checked.code == 0, checked.out


def test_init_replaces_a_file_only_with_force(described: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text("mine")
    env = keys_of(described, "full")
    done = command("init", *quick(described), cwd=tmp_path, env=env)
    assert done.code == 2
    assert done.err == (
        "backups-conformance: error: target.toml: exists; name another file with -o, or replace it with --force\n"
    )
    assert (tmp_path / "target.toml").read_text() == "mine"
    assert command("init", *quick(described), "--force", cwd=tmp_path, env=env).code == 0
    assert "[target]" in (tmp_path / "target.toml").read_text()


def test_init_without_a_terminal_names_everything_that_is_missing(tmp_path: Path) -> None:
    done = command("init", cwd=tmp_path)
    assert done.code == 2
    starts = [line.split(": ")[2] for line in done.err.splitlines()]
    assert starts == ["--base-url", "--hub", "--container", "BACKUPS_KEY_FULL"]
    assert list(tmp_path.iterdir()) == []


def test_init_of_a_target_that_is_away_writes_nothing(described: dict[str, Any], tmp_path: Path) -> None:
    arguments = ["--base-url", "http://127.0.0.1:9", *quick(described)[2:]]
    done = command("init", *arguments, cwd=tmp_path, env=keys_of(described, "full"))
    assert done.code == 2
    assert "http://127.0.0.1:9" in done.err
    assert list(tmp_path.iterdir()) == []


def test_init_asks_on_a_terminal_and_never_shows_or_writes_the_key(described: dict[str, Any], tmp_path: Path) -> None:
    target, key = described["target"], described["keys"]["full"]
    answers = [target["base_url"], target["hub_id"], described["fixtures"]["container_id"], key]
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        running.line("init"), stdin=terminal, stdout=terminal, stderr=terminal, cwd=tmp_path, close_fds=True,
        env=running.environment({}), start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    questions = (b"Base URL", b"ID of the hub", b"ID of a container", b"not written): ")
    for question, answer in zip(questions, answers, strict=True):
        while question not in shown or not shown.endswith(b": "):
            shown += os.read(controller, 1024)
        os.write(controller, answer.encode() + b"\n")
        shown += b"\n"
    try:
        while piece := os.read(controller, 1024):
            shown += piece
    except OSError:  # the terminal's other end is closed
        pass
    assert process.wait(PATIENCE_S) == 0, shown.decode()
    assert key.encode() not in shown
    assert b"First export BACKUPS_KEY_FULL" in shown
    assert key not in (tmp_path / "target.toml").read_text()
