"""Writes the man page from the parsers of the program: `python tools/manpage.py`, before a release."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from argparse_manpage.manpage import Manpage

from conformance.cli.main import build_parser

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "deploy" / "backups-conformance.1"


def rendered() -> str:
    """The page in roff, without a date, so that it changes only with the program."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    parser, commands = build_parser()
    for each in (parser, *commands.values()):
        each.formatter_class = argparse.HelpFormatter
    about = {
        "project_name": project["name"],
        "description": "check whether a server conforms to the container-backups API contract",
        "version": project["version"],
        "authors": [author["name"] for author in project["authors"]],
        "manual_section": 1,
        "manual_title": "User Commands",
        "date": "",
    }
    return str(Manpage(parser, about))


def main() -> None:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")


if __name__ == "__main__":
    main()
