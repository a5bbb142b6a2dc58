"""Check IDs: what reports, waivers, journals and the registry call a check."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_CLAUSE = re.compile(r"[A-Z]+-[0-9]+")
_OPERATION = re.compile(r"[a-z]+")


class CheckIdError(ValueError):
    """A text is not a check ID."""


class CheckKind(StrEnum):
    """How a check gets the exchanges that it judges; the value is the last part of the check's ID."""

    #: requests that are written out in the check; such an ID has no last part
    EXAMPLE = ""
    #: every exchange of the run, whichever check sent it
    OBSERVED = "observed"
    GENERATED = "generated"
    STATEFUL = "stateful"
    SCHEMATHESIS = "schemathesis"
    #: reads again, after all other checks, what the run restored, what it deleted, and what refused requests named
    FINAL_REVIEW = "final-review"

    @property
    def is_generated(self) -> bool:
        """Whether a generator makes the requests."""
        return self in (CheckKind.GENERATED, CheckKind.STATEFUL, CheckKind.SCHEMATHESIS)


@dataclass(frozen=True, slots=True)
class CheckId:
    """The clause and the operation that a check judges, and its kind.

    `str()` gives `LIST-5/list`, `LIST-5/list/generated` or, for a check of all operations, `ERR-2/observed`.
    """

    clause: str
    operation: str | None = None
    kind: CheckKind = CheckKind.EXAMPLE

    def __str__(self) -> str:
        return "/".join(part for part in (self.clause, self.operation, self.kind.value) if part)

    @classmethod
    def parse(cls, text: str) -> CheckId:
        """The inverse of `str()`. Raises CheckIdError."""
        clause, *parts = text.split("/")
        kind = CheckKind.EXAMPLE
        if parts and parts[-1] in {kind.value for kind in CheckKind if kind.value}:
            kind = CheckKind(parts.pop())
        is_valid = _CLAUSE.fullmatch(clause) and len(parts) <= 1 and all(map(_OPERATION.fullmatch, parts))
        if not is_valid or not (parts or kind.value):
            raise CheckIdError(f"{text!r} is not a check ID such as LIST-5/list or LIST-5/list/generated")
        return cls(clause, parts[0] if parts else None, kind)

    @classmethod
    def kind_of(cls, text: str) -> CheckKind | None:
        """The kind of the check with this ID; None where the ID is not one of this version's."""
        try:
            return cls.parse(text).kind
        except CheckIdError:
            return None

    def includes(self, other: CheckId) -> bool:
        """Whether a waiver of this check also covers the other: an ID without an operation covers every operation."""
        return (self.clause, self.kind) == (other.clause, other.kind) and self.operation in (None, other.operation)
