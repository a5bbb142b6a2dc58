"""Writes the files that options such as `export --output` name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from conformance.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_output(path: Path, text: str, sources: Iterable[Path] = ()) -> None:
    """Write text to a path that the user named: `-` is standard output, and devices, pipes and links are written to.

    Raises UsageError where the path cannot be written, is one of the sources, or is a file of a report folder.
    """
    from conformance.results import signoff  # noqa: PLC0415 - slow to load
    from conformance.results.files import write_atomically  # noqa: PLC0415

    text = text if text.endswith("\n") else f"{text}\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    is_of_a_report = path.name in signoff.NAMES and path.with_name("results.json").exists()
    if is_of_a_report or any(path.exists() and path.samefile(source) for source in sources):
        raise UsageError(f"{path}: is part of a report; name another file to write")
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):  # such as /dev/stdout
            path.write_text(text, encoding="utf-8", newline="\n")
        else:
            write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from None
