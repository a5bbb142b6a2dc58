"""Which of the inputs that a check lists a run sends: all of them, or those that its depth chooses.

A check that sends a long list of similar requests passes it to `CheckContext.chosen`. A quick run knows an input by its
place in all lists of its check, counted from 0; a standard run by its description, which is the same for every target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from conformance.contract.ids import ZERO

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from conformance.contract.check_id import CheckId
    from conformance.http.exchange import Request

    Describe = Callable[[Request], str]

#: How many inputs of a list a quick run sends where nothing is recorded of the check.
MAX_UNRECORDED = 8
#: What may be an id or a part of one, also behind a percent-encoded character.
_HEX = re.compile(r"(?:(?<![0-9a-f%])|(?<=%[0-9A-F]{2}))[0-9a-f]{21,}")
#: Where a kind of generated requests puts what is odd, which its label says last.
_PLACE = re.compile(r" \((container|backup|job|instance|action)\)$")


class Inputs(Protocol):
    """Chooses inputs for the checks of a run."""

    @property
    def is_quick(self) -> bool:
        """Whether scenarios are shortened as well."""
        ...

    @property
    def repeats_kinds(self) -> bool:
        """Whether more than one generated request of a kind is sent, where `--examples` leaves room for them."""
        ...

    @property
    def combines(self) -> bool:
        """Whether inputs that do not touch each other may share a request."""
        ...

    def chosen(self, check: str, first: int, listed: Sequence[Request], describe: Describe) -> list[Request]:
        """Return the inputs to send of a list, whose first one has the place `first`."""
        ...

    def sends_kind(self, check: CheckId, label: str) -> bool:
        """Whether a check sends a kind of generated requests."""
        ...


class AllInputs:
    """The inputs of a run of deep depth."""

    is_quick = False
    repeats_kinds = True
    combines = True

    def chosen(self, check: str, first: int, listed: Sequence[Request], describe: Describe) -> list[Request]:
        """Return all of them."""
        del check, first, describe
        return list(listed)

    def sends_kind(self, check: CheckId, label: str) -> bool:
        """Whatever the kind is."""
        del check, label
        return True


@dataclass(frozen=True)
class StandardInputs(AllInputs):
    """The inputs of a standard run: one of each kind.

    `left_out`: by the ID of a check the descriptions of inputs that it does not send. `kinds`: by clause and kind of
    generated requests the operations that send it; a kind that is not named is sent by all of them.
    """

    left_out: Mapping[str, Collection[str]] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, Collection[str]]] = field(default_factory=dict)
    repeats_kinds = False

    def chosen(self, check: str, first: int, listed: Sequence[Request], describe: Describe) -> list[Request]:
        """Return those that are not left out."""
        del first
        left_out = self.left_out.get(check, ())
        return [request for request in listed if not left_out or describe(request) not in left_out]

    def sends_kind(self, check: CheckId, label: str) -> bool:
        """Whether it is one that the operation of the check sends."""
        operations = self.kinds.get(check.clause, {}).get(_PLACE.sub("", label))
        return operations is None or check.operation in operations


@dataclass(frozen=True)
class QuickInputs:
    """The inputs of a quick run: by the ID of a check their places."""

    places: Mapping[str, Collection[int]]
    is_quick: bool = True
    repeats_kinds: bool = True
    combines: bool = True

    def chosen(self, check: str, first: int, listed: Sequence[Request], describe: Describe) -> list[Request]:
        """Return those whose places were chosen; of a check without a record some, evenly spaced.

        Another target may have fewer inputs to send: where its list ends before the first chosen place, its last one
        is sent.
        """
        del describe
        if check not in self.places:
            step = max(1, -(-len(listed) // MAX_UNRECORDED))
            return list(listed[::step])
        places = self.places[check]
        chosen = [request for place, request in enumerate(listed, first) if place in places]
        is_short = first == 0 and not any(place < len(listed) for place in places)
        return list(listed[-1:]) if is_short else chosen

    def sends_kind(self, check: CheckId, label: str) -> bool:
        """Whatever the kind is: there are few examples to choose from."""
        del check, label
        return True


def described(request: Request, names: Mapping[str, str]) -> str:
    """Describe an input by what may be odd about it: its address if that is malformed, else its body; and its headers.

    `names`: what to write for ids of the target. Others of 24 hex digits are written `{id}`; what was made of one is
    written by its length.
    """
    hub = (("X-Hub-Id", request.hub_id or ""),) if request.ownership == "other hub" else ()
    headers = [f"{name}: {value}" for name, value in (*hub, *request.headers) if value != "application/json"]
    is_address = request.ownership == "malformed" or request.body is None
    odd = request.path if is_address else (request.body or b"").decode("utf-8", "backslashreplace")
    text = " ".join((*headers, *(f"no {name}" for name in request.without), odd))
    for known, name in names.items():
        text = text.replace(known, name)
    return _HEX.sub(_id_or_length, f"{text}?{request.query}" if request.query else text)


def _id_or_length(digits: re.Match[str]) -> str:
    length = len(digits[0])
    return "{id}" if length == len(ZERO) else f"{{{length} digits}}"
