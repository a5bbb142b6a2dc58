"""Reads files from untrusted sources, such as those of a report folder.

Only regular files are opened: no links, no pipes, no devices. What is read is bounded, in bytes as in JSON values.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from conformance.contract import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase, BufferedReader
    from pathlib import Path

    from conformance.contract.json_types import JsonObject

#: bytes of a file that is read as a whole
MAX_BYTES = 32 * 2**20
#: JSON values in such a file, the names of members included
MAX_VALUES = 500_000
#: no number of ours is further from zero
MAX_NUMBER = 10**40
#: levels of arrays and objects
MAX_DEPTH = 100
_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class UntrustedFileError(ValueError):
    """A file that cannot be used; `reason` says why in one line, without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class MissingFileError(UntrustedFileError):
    """A file that is not there."""


def open_regular(path: Path, limit: int | None = None) -> BufferedReader:
    """Open a regular file of at most `limit` bytes for reading. Raises UntrustedFileError."""
    try:
        kind = os.lstat(path)
        if not stat.S_ISREG(kind.st_mode):
            raise UntrustedFileError(path, f"is not a regular file but {_kind(kind.st_mode)}")
        # The file may have been replaced since `lstat`: do not follow a link, and do not block on a pipe.
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise MissingFileError(path, "cannot be read: No such file or directory") from None
    except (OSError, ValueError) as problem:  # ValueError: a null character in the name
        raise UntrustedFileError(path, f"cannot be read: {getattr(problem, 'strerror', None) or problem}") from None
    opened = os.fstat(descriptor)
    if not stat.S_ISREG(opened.st_mode):
        os.close(descriptor)
        raise UntrustedFileError(path, f"is not a regular file but {_kind(opened.st_mode)}")
    if limit is not None and opened.st_size > limit:
        os.close(descriptor)
        raise UntrustedFileError(path, f"is too large: {opened.st_size:,} bytes, at most {limit:,} are read")
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a regular file of at most `limit` bytes. Raises UntrustedFileError."""
    with open_regular(path, limit) as stream:
        try:
            content = stream.read(limit + 1)
        except OSError as problem:
            raise UntrustedFileError(path, f"cannot be read: {problem.strerror or problem}") from None
    if len(content) > limit:  # it has grown since it was opened
        raise UntrustedFileError(path, f"is too large: more than {limit:,} bytes")
    return content


def read_json(path: Path, limit: int = MAX_BYTES, max_values: int = MAX_VALUES) -> object:
    """Return the value of a JSON file. Raises UntrustedFileError."""
    try:
        return parse_json(read_bytes(path, limit), max_values)
    except strict_json.NotJSON as problem:
        raise UntrustedFileError(path, f"is not JSON: {problem}") from None


def read_object(path: Path, limit: int = MAX_BYTES, max_values: int = MAX_VALUES) -> JsonObject:
    """Return the object of a JSON file. Raises UntrustedFileError."""
    value = read_json(path, limit, max_values)
    if not isinstance(value, dict):
        raise UntrustedFileError(path, "contains no JSON object")
    return value


def parse_json(text: bytes, max_values: int = MAX_VALUES) -> object:
    """Return the value of strict JSON, whose values are counted before any of them is built. Raises NotJSON.

    A member that occurs twice in an object is an error: two readers could take different values for it.
    """
    if strict_json.has_more_values(text, max_values):
        raise strict_json.NotJSON(f"it has more than {max_values:,} values")
    try:
        parsed = strict_json.parse(text, max_depth=MAX_DEPTH)
    except ValueError as problem:
        if isinstance(problem, strict_json.NotJSON):
            raise
        raise strict_json.NotJSON(str(problem)) from None
    if parsed.duplicates:
        raise strict_json.NotJSON(f"a member occurs twice: {parsed.duplicates[0][:100]}")
    if _has_extreme_number(parsed.value):
        raise strict_json.NotJSON("a number is out of range")
    return parsed.value


def _has_extreme_number(value: object) -> bool:
    """Whether a number in it is so large that arithmetic on it may fail."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)
        elif isinstance(item, int | float) and not -MAX_NUMBER <= item <= MAX_NUMBER:
            return True
    return False


def lines(stream: BufferedIOBase, longest: int) -> Iterator[bytes]:
    """Yield the lines of a file, each of at most `longest` bytes. Raises ValueError at the first that is longer."""
    while line := stream.readline(longest + 1):
        if len(line) > longest:
            raise ValueError(f"a line is longer than {longest:,} bytes")
        yield line


def read_json_lines(path: Path, limit: int, longest: int) -> Iterator[object]:
    """Yield the value of each whole line of a file; a last line that a crash cut off is left out.

    Raises UntrustedFileError at the first line that is wrong.
    """
    with open_regular(path, limit) as stream:
        try:
            for line in lines(stream, longest):
                if line.endswith(b"\n"):
                    yield parse_json(line)
        except OSError as problem:
            raise UntrustedFileError(path, f"cannot be read: {problem.strerror or problem}") from None
        except strict_json.NotJSON as problem:
            raise UntrustedFileError(path, f"is damaged: a line is not JSON: {problem}") from None
        except ValueError as problem:
            raise UntrustedFileError(path, f"is damaged: {problem}") from None


def _kind(mode: int) -> str:
    return next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
