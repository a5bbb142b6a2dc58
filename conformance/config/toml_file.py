"""TOML files that people write: read whole, and every problem reported at once with its line and member.

tomllib knows no line numbers, so a small scanner finds the line of each member in a text that tomllib accepts.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    MemberPath = tuple[str | int, ...]

MAX_FILE_BYTES = 1_000_000
#: parts of one dotted key or header: the memory that tomllib takes for a key grows with their square
MAX_KEY_PARTS = 16
#: parts of all keys and headers, and items of all arrays: for each part tomllib builds several objects
MAX_ITEMS = 40_000
#: problems that are reported of one file
MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a file: `where` it is, `what` it is, and a `hint` if one helps."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" + (f"; {self.hint}" if self.hint else "")
        return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


class FileProblemsError(ValueError):
    """A file cannot be used; `problems` has every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return a hint that names the nearest known word; `otherwise`, or all of them, where none is near.

    Neither case nor the dashes of an option make words alike.
    """
    known = list(known)
    bare = {each.lstrip("-").lower(): each for each in known}
    near = get_close_matches(word.lstrip("-").lower(), bare, n=1, cutoff=0.6)
    if near:
        return f"did you mean {bare[near[0]]}?"
    return f"known are {', '.join(known)}" if otherwise is None else otherwise


def kind(value: object) -> str:
    """TOML's word for a value's type."""
    words = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array", dict: "a table"}
    return words.get(type(value), "a date or time")


@dataclass(slots=True)
class Document:
    """A parsed file, the line of each member, and the problems found in it so far."""

    name: str
    data: dict[str, object]
    lines: dict[MemberPath, int]
    names: dict[MemberPath, str] = field(default_factory=dict)
    _found: list[tuple[int, Problem]] = field(default_factory=list)

    @property
    def problems(self) -> list[Problem]:
        """The problems so far, in the order of the file; those without a line come first."""
        return [problem for _, problem in sorted(self._found, key=lambda found: found[0])]

    def report(self, path: MemberPath, what: str, hint: str = "") -> None:
        """Add a problem of the member at `path`, with its line or else that of its table.

        `names` has other names for members that did not come from a file. Raises FileProblemsError after MAX_PROBLEMS:
        the hints of thousands of problems would take minutes.
        """
        if len(self._found) >= MAX_PROBLEMS:
            raise FileProblemsError([*self.problems, Problem(self.name, "has more problems", "correct these first")])
        line = next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), 0)
        where = f"{self.name}:{line} {dotted(path)}" if line else f"{self.name} {dotted(path)}"
        self._found.append((line, Problem(self.names.get(path, where), what, hint)))

    def report_elsewhere(self, problem: Problem) -> None:
        """Add a problem of something that the file relies on, such as an environment variable."""
        self._found.append((0, problem))

    def table(self, name: str) -> Table:
        """The table of that name; an empty one if it is missing or not a table."""
        value = self.data.get(name, {})
        if not isinstance(value, dict):
            self.report((name,), f"wanted a table, got {kind(value)}", f"write [{name}] on a line of its own")
            value = {}
        return Table(self, (name,), value)

    def known_tables(self, known: Iterable[str]) -> None:
        """Report every top-level name that is not among these."""
        known = list(known)
        for name in self.data:
            if name not in known:
                what = "unknown table" if isinstance(self.data[name], dict | list) else "unknown member"
                self.report((name,), what, did_you_mean(name, known))


@dataclass(slots=True)
class Table:
    """A table, read member by member. Every reader reports a problem and then returns the default."""

    document: Document
    path: MemberPath
    data: dict[str, object]
    asked: list[str] = field(default_factory=list)

    def report(self, member: str, what: str, hint: str = "") -> None:
        """Report a problem of one member."""
        self.document.report((*self.path, member), what, hint)

    def raw(self, member: str) -> object:
        """The value of the member, unchecked; None if it is absent."""
        self.asked.append(member)
        return self.data.get(member)

    def string(self, member: str, *, required: bool = False) -> str | None:
        """A string that is not empty."""
        value = self.raw(member)
        if value is None:
            if required:
                self.report(member, "is missing and required")
        elif not isinstance(value, str):
            self.report(member, f"wanted a string, got {kind(value)}")
        elif not value.strip():
            self.report(member, "is empty", "give it a value" if required else "leave it out or give it a value")
        else:
            return value
        return None

    def strings(self, member: str, *, filled: bool = False) -> tuple[str, ...]:
        """An array of strings, none of them empty; `filled`: and at least one."""
        value = self.raw(member)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.report(member, f"wanted an array of strings, got {kind(value)}")
        elif filled and not value:
            self.report(member, "is empty")
        elif wrong := [item for item in value if not isinstance(item, str)]:
            self.report(member, f"wanted an array of strings, got {kind(wrong[0])} in it")
        elif not all(value):
            self.report(member, "contains an empty string")
        else:
            return tuple(value)
        return ()

    def boolean(self, member: str, default: bool) -> bool:
        """A boolean."""
        value = self.raw(member)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        hint = f"write {str(value).lower()} without quotes" if str(value).lower() in ("true", "false") else ""
        self.report(member, f"wanted true or false, got {kind(value)}", hint)
        return default

    def integer(self, member: str, default: int, least: int, most: int) -> int:
        """An integer in a range; `true` is not an integer."""
        value = self.raw(member)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            self.report(member, f"wanted an integer, got {kind(value)}")
        elif self._in_range(member, value, least, most):
            return value
        return default

    def number(self, member: str, default: float, least: float, most: float) -> float:
        """An integer or a float in a range, neither nan nor inf."""
        value = self.raw(member)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.report(member, f"wanted a number, got {kind(value)}")
        elif self._in_range(member, value, least, most):
            return value
        return default

    def _in_range(self, member: str, value: float, least: float, most: float) -> bool:
        inside = least <= value <= most  # both are false for nan
        if not inside:
            got = f"{value:g}" if abs(value) < 1e300 or isinstance(value, float) else "a very large one"
            self.report(member, f"wanted a number from {least:g} to {most:g}, got {got}")
        return inside

    def finish(self) -> None:
        """Report every unknown member; call it once all known members are read."""
        for member in self.data:
            if member not in self.asked:
                self.report(member, "unknown member", did_you_mean(member, self.asked))


def dotted(path: MemberPath) -> str:
    """A member's address as people write it: `restore.max_restores`, `waiver[2].clause`."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part + 1}]"
        else:
            words += ("." if words else "") + part
    return words


def read_document(path: Path) -> Document:
    """The file at `path`. Raises FileProblemsError where it is missing, unreadable, not UTF-8 or not TOML."""
    name = path.name or str(path)
    text = _read_text(path, name)
    _check_size_of_keys(name, text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileProblemsError([_not_toml(name, text, str(error))]) from None
    except (RecursionError, ValueError):
        raise FileProblemsError(
            [Problem(name, "is not TOML that can be read: nested too deeply, or a number too long")]
        ) from None
    return Document(name, data, dict(member_lines(text)))


def _read_text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise FileProblemsError([Problem(str(path), "no such file")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileProblemsError([Problem(str(path), f"cannot be read: {reason}")]) from None
    if len(raw) > MAX_FILE_BYTES:
        raise FileProblemsError([Problem(str(path), "is larger than 1 MB")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FileProblemsError([Problem(f"{name}:{line}", "is not UTF-8")]) from None


#: A string that is closed, a comment, the start of a string that is not closed, a run of dots, or a delimiter. The
#: quantifiers are possessive: the others keep a state for each character, which takes 100 MB for a long string.
_KEY_PIECE = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"{3,5}'
    r"|'''(?:[^']++|'(?!''))*+'{3,5}"
    r'|"(?!"")(?:[^"\\\n]++|\\[^\n])*+"'
    r"|'(?!'')[^'\n]*+'"
    r"|#[^\n]*+|[\"']|\.++|[=,\[\]{}\n]",
    re.DOTALL,
)


def _check_size_of_keys(name: str, text: str) -> None:
    """Raise FileProblemsError where the keys of a text would take too much memory to parse.

    The rule needs no parser. Between two delimiters outside strings, valid TOML has more than one dot only in a key, so
    no string, comment or number counts. A string that is not closed ends the scan: tomllib reads no further either.
    """
    dots, items = 0, 0
    previous = "\n"
    for match in _KEY_PIECE.finditer(text):
        piece = match[0]
        if piece[0] == ".":
            dots += len(piece)
            if dots >= MAX_KEY_PARTS:
                line = text.count("\n", 0, match.start()) + 1
                what = f"has {MAX_KEY_PARTS} dots or more outside quotes, and no key needs that many"
                raise FileProblemsError([Problem(f"{name}:{line}", what, "quote the text, or shorten the key")])
        elif piece in ("'", '"'):
            return
        elif len(piece) == 1:
            is_key = piece == "=" or (piece == "]" and previous in "[.")
            items += 1 + dots if is_key else piece == ","
            if items > MAX_ITEMS:
                what = f"has more than {MAX_ITEMS:,} names and items of arrays"
                raise FileProblemsError([Problem(name, what, "shorten it")])
            dots = 0
        if len(piece) == 1 or piece[0] == ".":
            previous = piece[0]


def _not_toml(name: str, text: str, message: str) -> Problem:
    """Return what keeps a text from being TOML: a member given twice, a value without quotes, or the parser's words."""
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", message)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1
    if message.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate")) and (twice := _given_twice(text)):
        path, again, first = twice
        return Problem(
            f"{name}:{again} {dotted(path)}", f"is given twice, first in line {first}", "keep one of the two"
        )
    if member := _without_quotes(text, line):
        hint = f'write {member.rpartition(".")[2]} = "…"'
        return Problem(f"{name}:{line} {member}", "is not TOML: a text needs quotes", hint)
    what = message.replace(place[0], "") if place else message
    return Problem(f"{name}:{line}" if place and place[1] else name, f"is not TOML: {what[:1].lower()}{what[1:]}")


def _given_twice(text: str) -> tuple[MemberPath, int, int] | None:
    """Return the first member that a text gives twice, with both its lines, the later one first."""
    seen: dict[MemberPath, int] = {}
    for path, line in member_lines(text):
        if path in seen:
            return path, line, seen[path]
        seen[path] = line
    return None


def _without_quotes(text: str, line: int) -> str:
    """Return the member that this line sets to a value without quotes that only a string can be; empty if none."""
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    member = re.match(r"\s*([A-Za-z0-9_.-]+)\s*=\s*([^\s\"'\[{#][^\"'\[{#]*)", written)
    if member is None or re.fullmatch(r"[-+0-9._eE:TZ]+|true|false|inf|nan", member[2].strip()):
        return ""
    headers = (re.match(r"\s*\[+\s*([A-Za-z0-9_.-]+)\s*\]", before) for before in reversed(lines[: line - 1]))
    table = next((header[1] for header in headers if header), "")
    return f"{table}.{member[1]}" if table else member[1]


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_HEADER = re.compile(r"\[(\[)?((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\]\"'])*)\]\]?")
_MEMBER = re.compile(r"((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|[^=\"'])*)=")
_PART = re.compile(r"\"((?:\\.|[^\"\\])*)\"|'([^']*)'|([A-Za-z0-9_-]+)")
_VALUE_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}\n]|[^"\'#\[\]{}\n]+',
    re.DOTALL,
)


def member_lines(text: str) -> Iterator[tuple[MemberPath, int]]:
    """The path and line of every table header and every member. The text must be valid TOML."""
    table: MemberPath = ()
    arrays: dict[MemberPath, int] = {}
    line, counted = 1, 0
    position = _skip(_BLANK, text, 0)
    while position < len(text):
        line, counted = line + text.count("\n", counted, position), position
        if text[position] == "[":
            header = _HEADER.match(text, position)
            if header is None:
                return
            table, end = _table_path(_parts(header[2]), bool(header[1]), arrays), header.end()
            yield table, line
        else:
            member = _MEMBER.match(text, position)
            if member is None:
                return
            yield (*table, *_parts(member[1])), line
            end = _skip_value(text, member.end())
        position = _skip(_BLANK, text, end)


def _table_path(parts: tuple[str, ...], is_array: bool, arrays: dict[MemberPath, int]) -> MemberPath:
    """A header's path; the name of each array of tables is followed by the index of the element."""
    path: MemberPath = ()
    for depth, part in enumerate(parts, 1):
        path = (*path, part)
        if is_array and depth == len(parts):
            arrays[path] = arrays.get(path, -1) + 1
        if path in arrays:
            path = (*path, arrays[path])
    return path


def _parts(dotted_name: str) -> tuple[str, ...]:
    return tuple(next(group for group in match.groups() if group is not None) for match in _PART.finditer(dotted_name))


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _skip_value(text: str, position: int) -> int:
    """Where a member's value ends: at the first line end outside all brackets and strings."""
    depth = 0
    while position < len(text) and (piece := _VALUE_PIECE.match(text, position)):
        if piece[0] == "\n" and depth <= 0:
            break
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(piece[0], 0)
        position = piece.end()
    else:
        return len(text)
    return position
