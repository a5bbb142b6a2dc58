"""The clauses of the contract as data; everything else refers to them by ID."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Level = Literal["MUST", "SHOULD"]

#: The edition of the clauses that name no other.
FIRST_EDITION = "2026.1"


class UnknownClauseError(ValueError):
    """A selection names no clause of the catalogue; the message says which and what is near it."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: `source` and `errata` say where it comes from and how disagreeing sources are read."""

    id: str
    level: Level
    operations: tuple[str, ...]
    text: str
    source: str
    should: str | None = None
    errata: str | None = None
    since: str = FIRST_EDITION

    @property
    def chapter(self) -> str:
        """The prefix of the ID, e.g. `CAP`."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All clauses in the contract's order, with the chapters' titles and the sources' names."""

    clauses: dict[str, Clause]
    chapters: dict[str, str]
    sources: dict[str, str]
    sha256: str

    def __iter__(self) -> Iterator[Clause]:
        return iter(self.clauses.values())

    @property
    def editions(self) -> list[str]:
        """The editions that clauses came with, the newest last."""
        return sorted({clause.since for clause in self})

    def decides(self, clause_id: str, edition: str) -> bool:
        """Return whether a clause decides the verdict of an edition; one that is unknown here does."""
        clause = self.clauses.get(clause_id)
        return clause is None or clause.since <= edition

    def __getitem__(self, clause_id: str) -> Clause:
        return self.clauses[clause_id]

    def matching(self, selectors: Iterable[str]) -> set[str]:
        """IDs named by selectors, each an ID or a whole prefix (`CAP`, `LIST-5`). Raises UnknownClauseError."""
        return {clause_id for selector in selectors for clause_id in self._matching_one(selector.strip())}

    def select(self, only: Iterable[str] = (), skip: Iterable[str] = ()) -> set[str]:
        """The clauses that a run with `--only` and `--skip` tests."""
        only, skip = list(only), list(skip)
        chosen = self.matching(only) if only else set(self.clauses)
        return chosen - self.matching(skip)

    def _matching_one(self, selector: str) -> list[str]:
        wanted = selector.upper()
        matches = [clause.id for clause in self if wanted in (clause.id, clause.chapter)]
        if not matches:
            near = get_close_matches(wanted, [*self.clauses, *self.chapters], n=1)
            hint = f"; did you mean {near[0]}?" if near else "; `backups-conformance clauses` lists them"
            raise UnknownClauseError(f"unknown clause {selector!r}{hint}")
        return matches


@cache
def load() -> Catalogue:
    """The catalogue that ships with this version of the suite."""
    raw = files("conformance.contract").joinpath("catalogue.toml").read_bytes()
    data = tomllib.loads(raw.decode())
    clauses = [Clause(**{**row, "operations": tuple(row["operations"])}) for row in data["clause"]]
    return Catalogue(
        clauses={clause.id: clause for clause in clauses},
        chapters=data["chapters"],
        sources=data["sources"],
        sha256=hashlib.sha256(raw).hexdigest(),
    )


@cache
def sections() -> dict[str, list[str]]:
    """Return the sections of RFCs behind the clauses whose source is HTTP, by clause."""
    raw = files("conformance.contract").joinpath("sections.toml").read_text("utf-8")
    by_clause: dict[str, list[str]] = tomllib.loads(raw)["rfc"]
    return by_clause


def sources_of(clause_id: str, letters: str) -> list[str]:
    """Describe the sources of a clause: RFC and section for HTTP, the names of the others."""
    names = load().sources
    words: list[str] = []
    for letter in letters.split():
        words += sections().get(clause_id, [names[letter]]) if letter == "H" else [names.get(letter, letter)]
    return words


def sort_key(clause_id: str) -> tuple[int, int]:
    """Orders IDs as the contract does: by chapter, then by number."""
    chapter, number = re.fullmatch(r"([A-Z]+)-(\d+)", clause_id.upper()).groups()  # type: ignore[union-attr]
    return (list(load().chapters).index(chapter), int(number))
