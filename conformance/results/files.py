"""Writes files atomically: a reader never sees half a report."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replace the file in one step; the text gets its final newline here."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text if text.endswith("\n") else text + "\n")
        # mkstemp makes files that only their owner can read; reports are for everyone who may read the folder.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_json(path: Path, value: object) -> None:
    """Write JSON in ASCII, so that any string that Python holds (lone surrogates too) can be written and read back."""
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False))
