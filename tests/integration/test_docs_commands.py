"""The commands that the documentation shows are executed, against the reference server.

Each page has a folder of its own with the files that its commands name. Runs are cut to one clause: a page promises
that the command works, and other tests say what the whole suite finds in the reference server.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import share

from conformance.reference import launch
from conformance.reference.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
COMMENT = r"(?:<!-- (?P<comment>.*) -->\n *)?"
BLOCK = re.compile(rf"^(?P<indent> *){COMMENT}```sh.*\n(?P<lines>(?:.*\n)*?)(?P=indent)```$", re.MULTILINE)
#: adds a selection to `run` where a page shows none
PROGRAM = """#!/bin/sh
case " $* " in
" run "*" --only "* | " run "*" --plan "*) ;;
" run "*) set -- "$@" --only LIST-9 ;;
esac
exec "{python}" -m conformance "$@"
"""


@dataclass(frozen=True)
class Shown:
    """A block of commands, and the exit code that the page promises."""

    commands: str
    code: int


def executable(path: Path) -> list[Shown]:
    """The blocks of a page that are not named as not executed."""
    shown = []
    for match in BLOCK.finditer(path.read_text("utf-8")):
        comment = match["comment"] or "exit: 0"
        if not comment.startswith("not executed: "):
            lines = re.sub(rf"^{match['indent']}", "", match["lines"], flags=re.MULTILINE)
            shown.append(Shown(lines, int(comment.removeprefix("exit: "))))
    return shown


#: the hand-written documents that show commands
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if executable(path) and path.parent != DOCS / "clauses"]


@dataclass(frozen=True)
class Place:
    """A folder to run commands in, and their environment."""

    folder: Path
    environ: dict[str, str]

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run the commands as a shell does, and stop at the first that fails."""
        command = ["bash", "-euo", "pipefail", "-c", commands]
        return subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with the target files that pages name, and variables with the keys."""
    program = tmp_path / "bin" / "backups-conformance"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable), "utf-8")
    program.chmod(0o755)
    folder = tmp_path / "work"
    (folder / "targets").mkdir(parents=True)
    with (
        launch.serve_in_thread([], [], restore_seconds=0.05) as server,
        launch.serve_in_thread([find("restore_with_view")], [], restore_seconds=0.05) as broken,
    ):
        (folder / "broken.toml").write_text(broken.target_toml, "utf-8")
        for name in ("staging.toml", "targets/a.toml"):
            (folder / name).write_text(server.target_toml, "utf-8")
        target = tomllib.loads(server.target_toml)
        keys = {name: value for name, value in target["keys"].items() if isinstance(value, str)}
        environ = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "BASE_URL": server.base_url,
            "HUB_ID": target["target"]["hub_id"],
            "CONTAINER_ID": target["fixtures"]["container_id"],
            **{f"BACKUPS_KEY_{name.upper()}": value for name, value in keys.items() if not name.endswith("_id")},
            "BACKUPS_OTHER_HUB_ID": keys.get("other_hub_id", ""),
        }
        yield Place(folder, environ)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_command_is_executed_or_the_document_says_why_not(path: Path) -> None:
    """A comment before a block gives `not executed: REASON` or `exit: CODE`; without one its commands must succeed."""
    text = path.read_text("utf-8")
    fences = re.findall(r"^ *```(?:sh|shell|bash|console)(?! title=)", text, re.MULTILINE)
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == len(fences), "a block of commands is fenced with sh"
    comments = [match["comment"] for match in blocks if match["comment"] is not None]
    assert [each for each in comments if not re.fullmatch(r"exit: [0-4]|not executed: \S.*", each)] == []
    assert path in (README, *PAGES) or not executable(path), "nothing executes the commands of this document"


def test_there_are_pages_with_commands() -> None:
    assert len(PAGES) >= 7
    assert any(shown.code == 1 for path in PAGES for shown in executable(path))


@pytest.mark.parametrize("path", [README, *share.some(PAGES, 2)], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_end_as_it_says(path: Path, place: Place) -> None:
    if "-o staging.toml" in path.read_text("utf-8"):
        (place.folder / "staging.toml").unlink()
    for shown in executable(path):
        done = place.run(shown.commands)
        assert done.returncode == shown.code, f"{shown.commands}\n{done.stdout}\n{done.stderr}"
