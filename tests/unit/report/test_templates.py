"""Compiled templates are kept beside the templates, and a folder that cannot be written to is no obstacle."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment

from conformance.report.html import templates

if TYPE_CHECKING:
    from pathlib import Path

CACHE = "__pycache__"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "greeting.txt").write_text("{% if name %}Hello {{ name }}{% endif %}")
    return tmp_path


def greeting(folder: Path) -> str:
    return templates(folder).get_template("greeting.txt").render(name="<you>")


def test_a_second_environment_compiles_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    greeting(folder)
    assert len(list((folder / CACHE).iterdir())) == 1
    monkeypatch.delattr(Environment, "_compile")
    assert greeting(folder) == "Hello &lt;you&gt;"


def test_a_template_that_changed_is_compiled_again(folder: Path) -> None:
    assert greeting(folder) == "Hello &lt;you&gt;"
    (folder / "greeting.txt").write_text("Goodbye {{ name }}")
    assert greeting(folder) == "Goodbye &lt;you&gt;"


def test_a_folder_that_cannot_hold_the_cache_is_no_obstacle(folder: Path) -> None:
    (folder / CACHE).write_text("a file where the folder would be")
    assert greeting(folder) == "Hello &lt;you&gt;"


@pytest.mark.parametrize("damage", [b"", b"\0" * 64])
def test_a_damaged_cache_is_made_anew(folder: Path, damage: bytes) -> None:
    greeting(folder)
    (kept,) = (folder / CACHE).iterdir()
    kept.write_bytes(damage)
    assert greeting(folder) == "Hello &lt;you&gt;"
    assert kept.read_bytes() != damage


def test_nothing_is_written_where_python_writes_no_bytecode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert greeting(folder) == "Hello &lt;you&gt;"
    assert not (folder / CACHE).exists()
