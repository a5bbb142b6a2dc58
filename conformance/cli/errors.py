"""Exit codes, and errors of usage as one line each."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PROGRAM = "backups-conformance"


class ExitCode(IntEnum):
    """The exit codes that all commands share; those of `run` follow from its verdict."""

    OK = 0
    USAGE = 2
    INCONCLUSIVE = 3


class UsageError(Exception):
    """The command cannot do what was asked; each of `lines` names one problem."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


def complain(lines: Iterable[str]) -> None:
    """Write each line to stderr, marked as an error of this program."""
    for line in lines:
        sys.stderr.write(f"{PROGRAM}: error: {line}\n")
