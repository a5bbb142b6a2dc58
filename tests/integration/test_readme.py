"""README and CONTRIBUTING: their commands parse, their examples are in the code, and their links resolve."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import conformance
from conformance.cli import main, options
from conformance.contract import catalogue
from conformance.qualification import page

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PROGRAM = "backups-conformance"


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """The text under a heading of the README, up to the next heading."""
    section = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", README, re.MULTILINE | re.DOTALL)
    assert section is not None, f"README.md has no section {title!r}"
    return section[1]


def rows(text: str) -> list[list[str]]:
    """The body of the first table of a text, cell by cell."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) > 2
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[2:]]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells]


def scripts(document: Any) -> Iterator[str]:
    """Every command line of a CI configuration."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "run":
                yield from str(value).splitlines()
            elif name == "script":
                yield from value
            else:
                yield from scripts(value)
    elif isinstance(document, list):
        yield from chain.from_iterable(map(scripts, document))


def commands() -> list[str]:
    """Every call of the program in the README, its CI recipes and CONTRIBUTING."""
    lines = [line for text in (README, CONTRIBUTING) for block in blocks(text, "sh") for line in block.splitlines()]
    lines += [line for block in blocks(README, "yaml") for line in scripts(yaml.safe_load(block))]
    lines += [code for _, code in rows(CONTRIBUTING)]
    lines = [part.strip(" `") for line in lines for part in line.split("&&")]
    return [line for line in lines if Path(line.split()[0]).name == PROGRAM]


def actions(*names: str) -> list[argparse.Action]:
    """The arguments of a command, without --help."""
    _, known = main.build_parser()
    return [action for name in names for action in known[name]._actions if "--help" not in action.option_strings]


# ---------------------------------------------------------------- commands and options


def test_there_are_commands_to_look_at() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize("line", commands())
def test_a_command_parses(line: str) -> None:
    assert callable(main.parse(shlex.split(line)[1:]).command)


def test_pytest_has_the_options_of_run_under_the_same_names() -> None:
    ours = {option for action in actions("run") for option in action.option_strings}
    theirs = {option.pytest_name for option in options.IN_PYTEST}
    of_the_command = {"--plan", "--open", "--quiet", "--json", "--targets", "--target-index", "--on", "--for"}
    assert ours - theirs == {"--strict", *of_the_command}
    assert theirs - ours == {"--conformance-strict"}


def test_what_the_screen_is_said_to_show_has_the_counts_of_the_catalogue() -> None:
    clauses = list(catalogue.load())
    must = sum(clause.level == "MUST" for clause in clauses)
    (shown,) = blocks(section("Try it"), "text")
    assert f"Conformant: {must} of {must} MUST clauses passed" in shown
    (counts,) = [line for line in shown.splitlines() if "waived" in line]
    assert sum(map(int, re.findall(r"\d+", counts))) == len(clauses)
    assert f"{len(clauses)} numbered clauses" in README
    assert f"{len(clauses)} clauses, {must} of them MUST" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_clauses_and_faults_that_are_named_exist() -> None:
    from conformance.reference.registry import all_changes  # noqa: PLC0415 - loads the server

    known = {clause.id for clause in catalogue.load()}
    named = {name for text in (README, CONTRIBUTING) for name in re.findall(r"\b[A-Z]{3,4}-\d+\b", text)}
    assert {name for name in named if name.partition("-")[0] not in ("PLAT", "RFC", "UTF", "SHA")} <= known
    faults = {name for text in (README, CONTRIBUTING) for name in re.findall(r"--fault (\w+)", text)}
    assert faults
    assert faults <= set(all_changes())


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "reports/README.md"])
def test_links_lead_somewhere(file: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / file).read_text("utf-8"))
    dead = [link for link in links if "://" not in link and not (ROOT / file).parent.joinpath(link).exists()]
    assert dead == []


# ---------------------------------------------------------------- CONTRIBUTING


def test_the_worked_example_equals_the_code() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "conformance").rglob("*.py"))
    examples = blocks(CONTRIBUTING, "python")
    assert len(examples) == 3
    assert [block for block in examples if block not in code] == []
    (row,) = blocks(CONTRIBUTING, "toml")
    assert row in (ROOT / "conformance/contract/catalogue.toml").read_text("utf-8")


def test_what_it_catches_is_what_was_published() -> None:
    score = json.loads((ROOT / "conformance" / "qualification.json").read_text())
    should = score["summary"]["should"]
    sentence = f"{page.headline(score)}, {should['right']} of {should['total']} SHOULD faults warned of"
    version = score["suite"]["version"]
    assert f"On {score['run']['started'][:10]}, with version {version}: {sentence}" in README
    unmeasured = f"Version {conformance.__version__} has not been measured yet."
    assert (unmeasured in README) == (version != conformance.__version__)
    assert page.headline(score) in (ROOT / "docs" / "qualification.md").read_text("utf-8")


def test_the_layout_names_every_package_and_nothing_else() -> None:
    packages = {f"{folder.name}/" for folder in (ROOT / "conformance").iterdir() if (folder / "__init__.py").is_file()}
    assert set(re.findall(r"^\| `([a-z_]+/)` \|", CONTRIBUTING, re.MULTILINE)) == packages
    named = re.findall(r"`([a-z_]+/[a-z_/]*(?:\.[a-z]+)?)`", CONTRIBUTING)
    places = (ROOT, ROOT / "conformance")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


# ---------------------------------------------------------------- the two one-liners


def lines_of(start: str) -> list[str]:
    return [line for block in blocks(README, "sh") for line in block.splitlines() if line.startswith(start)]


def test_ci_runs_the_readmes_test_command_to_the_letter(tmp_path: Path) -> None:
    """With stand-ins for the programs that the command calls, which write down how they were called."""
    (command,) = [line for line in lines_of("python3 -m venv") if line.endswith("tox")]
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_text((ROOT / ".ci/run").read_text("utf-8"), "utf-8")
    (tmp_path / "README.md").write_text(README, "utf-8")
    (tmp_path / "bin").mkdir()
    for name in ("bin/python3", ".venv/bin/pip", ".venv/bin/tox"):
        stand_in = tmp_path / name
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(f'#!/bin/sh\necho "{Path(name).name} $* $CONFORMANCE_REQUIRE_NODE" >> calls\n', "utf-8")
        stand_in.chmod(0o755)
    environ = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", tmp_path / ".ci/run"], capture_output=True, text=True, check=False, cwd="/", env=environ
    )
    assert done.returncode == 0, done.stderr
    assert f"+ {command}\n" in done.stdout
    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert calls == ["python3 -m venv .venv 1", "pip install -q tox 1", "tox  1"]


def test_the_run_command_installs_this_checkout_and_runs_it() -> None:
    (command,) = [line for line in lines_of("python3 -m venv") if not line.endswith("tox")]
    steps = [shlex.split(step) for step in command.split("&&")]
    assert steps[1][1:] == ["install", "-q", "."]
    assert steps[2] == [f".venv/bin/{PROGRAM}", "run"]
