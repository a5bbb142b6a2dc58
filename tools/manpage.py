"""Writes the man page from the parsers of the program: `python tools/manpage.py`, before a release."""

from __future__ import annotations

import argparse
import re
import textwrap
import tomllib
from pathlib import Path

from argparse_manpage.manpage import Manpage

from conformance.cli import examples
from conformance.cli.commands import run
from conformance.cli.errors import PROGRAM
from conformance.cli.main import build_parser

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "deploy" / "backups-conformance.1"


def rendered() -> str:
    """The page in roff, with the date of the release, so that it changes only with the program."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    parser, commands = build_parser()
    for each in (parser, *commands.values()):
        each.formatter_class = argparse.HelpFormatter
    parser.epilog = None  # its lists have sections of their own, with their line breaks
    about = {
        "project_name": project["name"],
        "description": "check whether a server conforms to the container-backups API contract",
        "version": project["version"],
        "authors": [author["name"] for author in project["authors"]],
        "manual_section": 1,
        "manual_title": "User Commands",
        "date": released(project["version"]),
    }
    calls = [f"{PROGRAM} {line}" for shown in examples.EXAMPLES.values() for line, _ in shown]
    _, _, codes = run.EXIT_CODES.partition("\n")
    sections = verbatim("EXAMPLES", calls) + verbatim("EXIT STATUS", [f"of {PROGRAM} run:", *codes.splitlines()])
    page, author, rest = str(Manpage(parser, about)).partition("\n.SH AUTHOR")
    return f"{page}\n{sections}{author.lstrip()}{rest}"


def released(version: str) -> str:
    """The date of a version in the changelog."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    dated = re.search(rf"^## \[{re.escape(version)}\] - (\S+)$", changelog, re.MULTILINE)
    return dated[1] if dated else ""


def verbatim(title: str, lines: list[str]) -> str:
    """A section whose line breaks are kept; long lines continue beneath their text, but commands are never broken."""
    text = "\n".join(
        line if line.startswith(PROGRAM) else textwrap.fill(line, 72, subsequent_indent="     ") for line in lines
    )
    text = text.replace("\\", "\\\\").replace("-", "\\-")
    return f".SH {title}\n.nf\n{text}\n.fi\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
