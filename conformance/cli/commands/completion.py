"""`completion`: a script that lets a shell complete commands and options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance import _compat

if TYPE_CHECKING:
    import argparse

    from conformance.cli.arguments import Commands

SHELLS = ("bash", "zsh", "fish")

EXAMPLES = """to use it, once:
  bash  backups-conformance completion bash > ~/.local/share/bash-completion/completions/backups-conformance
  zsh   backups-conformance completion zsh > "${fpath[1]}/_backups-conformance"
  fish  backups-conformance completion fish > ~/.config/fish/completions/backups-conformance.fish"""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "completion",
        help="print a completion script for a shell",
        description="Prints a script that lets a shell complete commands, options and file names.",
        epilog=EXAMPLES,
    )
    parser.set_defaults(command=execute)
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")


def execute(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab  # noqa: PLC0415 - no other command needs it

    for command in options.parsers.values():
        complete_files(command)
    sys.stdout.write(shtab.complete(options.parser, shell=options.shell))
    return 0


def complete_files(parser: argparse.ArgumentParser) -> None:
    """Mark the arguments that are paths, so that the shell offers files or folders for them."""
    import shtab  # noqa: PLC0415

    for action in _compat.actions_of(parser):
        if action.type is Path:
            folder = action.metavar == "DIR"
            action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
