"""An option with one value is given once, and an empty ID or path is one problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.cli import main
from conformance.cli.arguments import Once

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

PREFIX = "backups-conformance: error: "


def value_options() -> Iterator[tuple[str, argparse.Action]]:
    """Yield every option of a command that takes one value, with the command's name."""
    _, commands = main.build_parser()
    for name, parser in commands.items():
        for action in parser._actions:
            if action.option_strings and action.nargs in (None, "?") and action.default not in ([], ()):
                yield name, action


@pytest.mark.parametrize(
    ("command", "option"), [pytest.param(name, action, id=f"{name} {action.dest}") for name, action in value_options()]
)
def test_no_option_takes_the_last_of_several_values(command: str, option: argparse.Action) -> None:
    assert isinstance(option, Once), f"{command} {option.option_strings[0]}"


def test_the_options_of_every_command_are_examined() -> None:
    names = {f"{name} {action.option_strings[-1]}" for name, action in value_options()}
    assert {"run --seed", "export --format", "export --output", "clauses --report", "replay --tries"} <= names


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("export D --format sarif --format ctrf", "--format"),
        ("export D --format=sarif -o a --output b", "--output"),
        ("clauses --format csv --format csv", "--format"),
        ("clauses --report a --report b", "--report"),
        ("replay D --tries 1 --tries 2", "--tries"),
    ],
)
def test_a_second_value_is_refused(line: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(line.split()) == 2
    assert capsys.readouterr().err == f"{PREFIX}{option} is given twice; give it once\n"


@pytest.mark.parametrize(
    ("line", "argument"),
    [
        (["run", "--target", ""], "--target"),
        (["run", "--report-dir="], "--report-dir"),
        (["merge", "part", "--report-dir", ""], "--report-dir"),
        (["verify", ""], "DIR"),
        (["export", "part", "--format", "ctrf", "-o", ""], "-o/--output"),
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    line: list[str], argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(line) == 2
    wanted = f"argument {argument}: expected a path, got ''; is the variable that it comes from unset?\n"
    assert capsys.readouterr().err == f"{PREFIX}{wanted}"


@pytest.mark.parametrize("value", [",", "", "CAP,", ",,CAP-1,", " , "])
@pytest.mark.parametrize("option", ["--only", "--skip"])
def test_empty_ids_are_one_problem_with_a_hint(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["run", option, value]) == 2
    wanted = f"{PREFIX}{option}: an ID is empty; give clauses (CAP-4) or chapters (CAP), separated by commas\n"
    assert capsys.readouterr().err == wanted
