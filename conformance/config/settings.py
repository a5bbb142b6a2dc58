"""The validated settings of one run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.config.target import Target
    from conformance.config.waivers_file import Waiver

DEFAULT_EXAMPLES = 25
QUICK_EXAMPLES = 4
#: generated cases of a deep run, as a multiple of those of a standard run
DEEP_FACTOR = 4


class Output(StrEnum):
    """What a run writes to standard output."""

    TEXT = "text"
    #: the verdict alone
    QUIET = "quiet"
    #: an event per line
    JSON = "json"


class Depth(StrEnum):
    """How much a run sends."""

    #: at most 500 requests
    QUICK = "quick"
    #: one case of each kind
    STANDARD = "standard"
    #: everything that checks list, and four times the generated cases
    DEEP = "deep"


def examples_of(depth: Depth) -> int:
    """Return the generated cases per property."""
    return {
        Depth.QUICK: QUICK_EXAMPLES,
        Depth.STANDARD: DEFAULT_EXAMPLES,
        Depth.DEEP: DEEP_FACTOR * DEFAULT_EXAMPLES,
    }[depth]


@dataclass(frozen=True, slots=True)
class Settings:
    """The validated command line. `target` None means the embedded reference server."""

    target: Target | None = None
    target_file: Path | None = None
    report_dir: Path | None = None
    profile: str | None = None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    seed: int | None = None
    examples: int = DEFAULT_EXAMPLES
    depth: Depth = Depth.STANDARD
    #: whether requests with bad keys may be sent
    bad_keys: bool = True
    waivers_file: Path | None = None
    waivers: tuple[Waiver, ...] = ()
    plan: bool = False
    strict: bool = False
    #: the edition of the catalogue whose clauses decide; empty: the newest
    edition: str = ""
    #: a partial verdict ends with exit code 3
    require_conformant: bool = False
    #: what is being released, by name and digest
    subjects: tuple[dict[str, str], ...] = ()
    #: what signs the record: the file of a private key, or `sigstore`
    sign: str | None = None
    output: Output = Output.TEXT
    open_report: bool = False
