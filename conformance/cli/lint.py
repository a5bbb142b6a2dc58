"""Reads target and waivers files without sending anything: what the pre-commit hooks run.

`python -m conformance.cli.lint target FILE …` reports each problem in one line and ends with 1. Environment variables
that a target file names count as set, since a developer's machine has no keys of the target.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.config.target_file import load_target
from conformance.config.toml_file import FileProblemsError
from conformance.config.waivers_file import load_waivers
from conformance.contract import catalogue

if TYPE_CHECKING:
    from collections.abc import Sequence


class EveryVariable(dict[str, str]):
    """An environment in which each variable is set, each to a value of its own."""

    def __missing__(self, name: str) -> str:
        """A value that is long enough for a key."""
        return f"placeholder-of-{name}"

    def __contains__(self, name: object) -> bool:
        """Every name is there."""
        return True

    def get(self, name: str, default: object = None) -> str:  # noqa: ARG002
        """The value of any name."""
        return self[name]


def problems(kind: str, path: Path) -> list[str]:
    """What is wrong with one file."""
    try:
        if kind == "target":
            load_target(path, EveryVariable())
        else:
            load_waivers(path, catalogue.load())
    except FileProblemsError as error:
        return [str(problem) for problem in error.problems]
    return []


def main(arguments: Sequence[str] | None = None) -> int:
    """Lint the files. Exit codes: 0 no problem, 1 a problem, 2 wrong usage."""
    kind, *files = [*(sys.argv[1:] if arguments is None else arguments)] or [""]
    if kind not in ("target", "waivers"):
        sys.stderr.write("usage: python -m conformance.cli.lint target|waivers FILE …\n")
        return 2
    lines = [line for file in files for line in problems(kind, Path(file))]
    sys.stderr.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
