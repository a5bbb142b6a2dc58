"""Parsing of arguments: a parser with errors in one line, and the types that options share."""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from conformance import _compat
from conformance.cli.errors import PROGRAM, UsageError
from conformance.contract import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of a description or epilog, and breaks its lines that are wider than the terminal.

    Lines of a list continue beneath their text. Commands are never broken, so that they can be copied.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(self._fill_line(f"{indent}{line}", width) for line in text.splitlines())

    def _fill_line(self, line: str, width: int) -> str:
        if len(line) <= width or line.startswith(f"  {PROGRAM} "):
            return line
        margin = re.match(r" *(?:\S+ {2,})?", line)
        hanging = " " * (margin.end() if margin else 0)
        return textwrap.fill(line, width, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


class Parser(argparse.ArgumentParser):
    """An argparse parser that reports errors in one line, exits with code 2 and accepts no abbreviations."""

    def __init__(self, **options: object) -> None:
        defaults = {"allow_abbrev": False, "formatter_class": HelpFormatter}
        super().__init__(**{**defaults, **options})  # type: ignore[arg-type]
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        """Raise the message instead of printing the usage text with it."""
        raise UsageError(message)

    def long_options(self) -> list[str]:
        """Return the names of all long options, such as `--seed`."""
        spellings = (option for action in _compat.actions_of(self) for option in action.option_strings)
        return sorted(option for option in spellings if option.startswith("--"))


def _path(text: str) -> Path:
    """Parse a path; an empty one, as from an unset variable, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got ''; is the variable that it comes from unset?")
    return Path(text)


class Commands(Protocol):
    """What `add_subparsers` returns; argparse has no public name for it."""

    def add_parser(self, name: str, **options: object) -> Parser:
        """Add the parser of one command."""


class Once(argparse.Action):
    """Stores a value; a second value is an error, because one of the two would be ignored."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        """Store the value. Raises UsageError for a second one."""
        del parser
        given = namespace.__dict__.setdefault("_given_once", set())
        if self.dest in given:
            raise UsageError(f"{option} is given twice; give it once")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def number(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers between two bounds, both included."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 20 or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text!r}")
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Parse a duration of at most an hour, in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to 3600, got {text!r}")
    return value


def duration(text: str) -> float:
    """Parse a duration such as `90s`, `30m` or `2h`, in seconds: at least a second, at most a week."""
    match = re.fullmatch(r"([0-9]{1,6})(s|m|h|d)", text)
    value = int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]] if match else 0
    if not 1 <= value <= 7 * 86_400:
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 30m or 2h, got {text!r}")
    return float(value)


def selectors(values: Iterable[str]) -> tuple[str, ...]:
    """Split the values of a repeatable option at commas: clause IDs and chapters, in capitals."""
    return tuple(part.strip().upper() for value in values for part in value.split(","))


def selector_problems(option: str, values: Iterable[str]) -> list[str]:
    """Return a line for each selector that names no clause and no chapter."""
    problems = []
    for selector in dict.fromkeys(selectors(values)):
        if not selector:
            problems.append(f"{option}: an ID is empty; give clauses (CAP-4) or chapters (CAP), separated by commas")
            continue
        try:
            catalogue.load().matching([selector])
        except catalogue.UnknownClauseError as error:
            problems.append(f"{option}: {error}")
    return problems


def folder_problem(folder: Path) -> str | None:
    """Return why reports cannot be written to a folder, or None; the test leaves nothing behind."""
    nearest = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(parent))
    if not nearest.is_dir():
        return f"{nearest} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return None
    except OSError as error:
        return f"{nearest} cannot be written to: {error.strerror}"
