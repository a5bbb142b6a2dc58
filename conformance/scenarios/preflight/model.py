"""The result of preflight: one entry for each member of the target file, and the cause that stops the run, if any.

`run`, `check` and `--plan` use this data, and so do the reasons of clauses that are not tested, results.json and the
reports. Nothing in it is a failure of the target.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.contract.json_types import JsonObject


class State(StrEnum):
    """What preflight concluded about a member of the target file."""

    OK = "ok"
    #: The member is left out. What needs it is not tested.
    MISSING = "missing"
    #: The target does not know what the member names, or does not take it. What needs it ends in error.
    WRONG = "wrong"
    #: Reads cannot show it.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of the target file, by its dotted name, such as `keys.view`.

    `detail` says in one line what was found, and `fix` what to write instead, or what to set; empty if all is well.
    """

    member: str
    state: State
    detail: str = ""
    fix: str = ""

    @property
    def sentence(self) -> str:
        """The entry in one line: what, and how to fix it."""
        return ": ".join(part for part in (self.member, self.detail) if part) + (f"; {self.fix}" if self.fix else "")


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a check needs and that the target file does not provide."""

    member: str
    fix: str
    #: The member is there, but the target file and the target do not fit: the check ends in error.
    wrong: bool = False
    #: The target file disclaims the optional operation: the clause does not apply.
    exempts: bool = False


@dataclass(frozen=True, slots=True)
class Preflight:
    """The result of preflight.

    `problem` is the cause that stops the run, in one line with what to change; empty if the run goes on. `answered_by`
    names the intermediary that answered instead of the API. `notes` are facts that limit nothing.
    """

    entries: tuple[Entry, ...] = ()
    problem: str = ""
    answered_by: str = ""
    notes: tuple[str, ...] = ()
    #: Requests that preflight sent, and its time in seconds.
    requests: int = 0
    duration_s: float = 0.0
    #: States of the backups that were found in the own container, and their number.
    backups: dict[str, int] = field(default_factory=dict)

    def entry(self, member: str) -> Entry | None:
        """Return the entry of a member; None if preflight did not get to it."""
        return next((entry for entry in self.entries if entry.member == member), None)

    def gap(self, member: str) -> Gap | None:
        """Return what is wrong with a member; None if a check may rely on it."""
        entry = self.entry(member)
        if entry is None or entry.state in (State.OK, State.UNKNOWN):
            return None
        if entry.state is State.WRONG:
            return Gap(member, entry.sentence, wrong=True)
        return Gap(member, entry.fix or f"set {member}")

    @property
    def mistakes(self) -> tuple[Entry, ...]:
        """The members by which the target file and the target do not fit."""
        return tuple(entry for entry in self.entries if entry.state is State.WRONG)

    @property
    def is_ready(self) -> bool:
        """Whether everything fits: nothing stops the run, and no member is wrong."""
        return not self.problem and not self.mistakes

    def rows(self, masked: Callable[[str], str]) -> tuple[dict[str, str], ...]:
        """Return the entries as results.json has them; `masked` takes keys out of a text."""
        return tuple(
            {
                "name": entry.member,
                "state": entry.state.value,
                "detail": masked("; ".join(part for part in (entry.detail, entry.fix) if part)),
            }
            for entry in self.entries
        )

    def masked(self, masked: Callable[[str], str]) -> Preflight:
        """Return the result without keys, which the target may repeat in what it answers."""
        entries = tuple(replace(entry, detail=masked(entry.detail), fix=masked(entry.fix)) for entry in self.entries)
        return replace(
            self,
            entries=entries,
            problem=masked(self.problem),
            answered_by=masked(self.answered_by),
            notes=tuple(map(masked, self.notes)),
        )

    def to_json(self) -> JsonObject:
        """Return the result as results.json and the journal have it."""
        return {**asdict(self), "entries": [asdict(entry) for entry in self.entries], "notes": list(self.notes)}

    @classmethod
    def from_json(cls, data: JsonObject) -> Preflight:
        """Return the inverse of `to_json`."""
        entries = tuple(Entry(**{**row, "state": State(row["state"])}) for row in data["entries"])
        return cls(**{**data, "entries": entries, "notes": tuple(data["notes"])})
