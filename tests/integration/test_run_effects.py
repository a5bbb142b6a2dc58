"""A run changes no more than the selected clauses need, and no more than its plan says."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from support import recording, running

from conformance.config.target_file import load_target
from conformance.contract import catalogue
from conformance.execution.effects import Effect, effect_of

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from conformance.reference import launch

#: whoever asks restores and deletes, so that each request that could change something does
CARELESS = ("restore_for_everyone", "deletion_for_everyone")


def described(server: launch.Running, folder: Path) -> Path:
    file = folder / "target.toml"
    file.write_text(server.target_toml)
    return file


def effects(server: launch.Running) -> tuple[int, int]:
    """The accepted restores, and the backups that were deleted since the server started."""
    backups = [backup for container in server.store.containers.values() for backup in container.backups.values()]
    deleted = [
        backup for backup in backups if backup.deleted and backup.id in server.store.fixtures.deletable_backup_ids
    ]
    return server.store.counters.accepted_restores, len(deleted)


def asked_for_effects(lines: Counter[str]) -> list[str]:
    """The requests for a restore or a deletion; other methods go to IDs that do not exist, and must be refused."""
    return [line for line in lines if line.startswith("DELETE ") or (line.startswith("POST ") and "/tasks" in line)]


@pytest.mark.parametrize("only", ["GET-3", "LIST-1", "HTTP-4", "CAP-1,CAP-2,CAP-3", "BKP,INC"])
def test_clauses_of_reads_restore_and_delete_nothing_in_the_full_profile(only: str, tmp_path: Path) -> None:
    with recording.counting_server(*CARELESS) as (server, lines):
        arguments = ("--target", described(server, tmp_path), "--profile", "full", "--only", only, "--examples", "2")
        ran = running.run(tmp_path / "out", *arguments)
        restored, deleted = effects(server)
    assert asked_for_effects(lines) == [], ran.out
    assert (restored, deleted) == (0, 0)
    selected = catalogue.load().select(only.split(","))
    assert {ran.outcomes[clause] for clause in selected} <= {"passed", "failed"}


@pytest.mark.parametrize("only", ["JOB-1", "JOB-2", "JBS-4", "RST-1"])
def test_clauses_of_restores_delete_nothing(only: str, tmp_path: Path) -> None:
    with recording.counting_server() as (server, _):
        arguments = ("--target", described(server, tmp_path), "--only", only, "--examples", "1")
        ran = running.run(tmp_path / "out", *arguments)
        restored, deleted = effects(server)
    assert deleted == 0
    assert restored >= 1
    assert ran.outcomes[only] == "passed", ran.out


@pytest.mark.parametrize("only", ["GET-3", "CAP", "DEL", "JOB-1", ""])
def test_the_run_keeps_the_numbers_of_its_plan(only: str, tmp_path: Path) -> None:
    selection = ("--only", only) if only else ()
    with recording.counting_server(*CARELESS) as (server, _):
        target = described(server, tmp_path)
        planned = subprocess.run(
            running.line("run", "--target", target, "--plan", *selection), capture_output=True, text=True, check=True,
            cwd=tmp_path, env=running.environment({}),
        )  # fmt: skip
        restores, deletions = map(
            int, re.findall(r"At most (\d+) accepted restores? and (\d+) deleted", planned.stdout)[0]
        )
        before = effects(server)
        running.run(tmp_path / "out", "--target", target, *selection, "--examples", "1")
        restored, deleted = effects(server)
    assert before == (0, 0)
    assert restored <= restores
    assert deleted <= deletions


def test_the_effect_of_a_selection(tmp_path: Path) -> None:
    with recording.counting_server() as (server, _):
        target = load_target(described(server, tmp_path), {})
    known = catalogue.load()
    limit, offered = target.restore.max_restores, len(target.fixtures.deletable_backup_ids)
    assert offered >= 4

    def effect(only: tuple[str, ...] = (), skip: tuple[str, ...] = (), profile: str = "full") -> Effect:
        return effect_of(target, profile, known.select(only, skip))

    assert effect() == Effect(limit, 4)
    assert effect(profile="read") == Effect(0, 0)
    assert effect(skip=("DEL",)) == Effect(limit, 0, may_delete=False)
    assert effect(only=("GET",), skip=("GET-6",)) == Effect(0, 0, may_restore=False, may_delete=False)
    assert effect(only=("DEL",)) == Effect(0, 4, may_restore=False)
