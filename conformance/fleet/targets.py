"""The target files of a fleet: which there are, what each report folder is called, and which must not run at once."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.config.toml_file import FileProblemsError, Problem, read_document

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
#: the members whose value is a secret where it is written out
_SECRET_TABLES = ("keys", "headers")
_NO_SECRETS = frozenset({"other_hub_id"})


@dataclass(frozen=True, slots=True)
class FleetTarget:
    """A target file of a fleet; `name` is that of its report folder.

    Files with the same `place`, a hub and a container, run one after the other.
    """

    name: str
    file: Path
    target_name: str
    place: tuple[str, str]


def matching(pattern: str) -> list[Path]:
    """Return the files that match a pattern, sorted by name: the order that `--target-index` counts in."""
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - a pattern may be absolute
    return sorted(path for match in matches if (path := Path(match)).is_file())


def read(files: Iterable[Path]) -> list[FleetTarget]:
    """Return the targets of the files. Raises FileProblemsError with what is wrong with any of them."""
    targets: list[FleetTarget] = []
    problems: list[Problem] = []
    names: set[str] = set()
    for file in files:
        try:
            data = read_document(file).data
        except FileProblemsError as error:
            problems += error.problems
            continue
        name = folder_name(file.stem, names)
        names.add(name.lower())
        place = (_text(data, "target", "hub_id").lower(), _text(data, "fixtures", "container_id").lower())
        targets.append(FleetTarget(name, file, _text(data, "target", "name") or name, place))
    if problems:
        raise FileProblemsError(problems)
    return targets


def literal_secrets(file: Path) -> list[str]:
    """Return the keys and headers whose value the file itself states: they cannot go to another machine."""
    data = read_document(file).data
    secrets = []
    for table in _SECRET_TABLES:
        members = data.get(table)
        if isinstance(members, dict):
            secrets += [f"{table}.{name}" for name, value in members.items() if _is_secret(name, value)]
    return secrets


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and name not in _NO_SECRETS


def folder_name(name: str, taken: set[str]) -> str:
    """Return a name as that of a folder; where two would share one, the later gets a number."""
    stem = _NOT_IN_NAMES.sub("-", name).strip(".-") or "target"
    unique, number = stem, 1
    while unique.lower() in taken:
        number += 1
        unique = f"{stem}-{number}"
    return unique


def _text(data: dict[str, object], table: str, member: str) -> str:
    members = data.get(table)
    value = members.get(member) if isinstance(members, dict) else None
    return value if isinstance(value, str) else ""
