"""Which of the inputs that a check lists a run sends: all of them, or those that a quick run chooses.

A check that sends a long list of similar requests passes it to `CheckContext.chosen`. An input is known by its place in
all lists of its check, counted from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from conformance.http.exchange import Request

#: How many inputs of a list a quick run sends where nothing is recorded of the check.
MAX_UNRECORDED = 8


class Inputs(Protocol):
    """Chooses inputs for the checks of a run."""

    @property
    def is_quick(self) -> bool:
        """Whether scenarios are shortened as well."""
        ...

    def chosen(self, check: str, first: int, listed: Sequence[Request]) -> list[Request]:
        """Return the inputs to send of a list, whose first one has the place `first`."""
        ...


class AllInputs:
    """The inputs of a run of standard and deep depth."""

    is_quick = False

    def chosen(self, check: str, first: int, listed: Sequence[Request]) -> list[Request]:
        """Return all of them."""
        del check, first
        return list(listed)


@dataclass(frozen=True)
class QuickInputs:
    """The inputs of a quick run: by the ID of a check their places."""

    places: Mapping[str, Collection[int]]
    is_quick: bool = True

    def chosen(self, check: str, first: int, listed: Sequence[Request]) -> list[Request]:
        """Return those whose places were chosen; of a check without a record some, evenly spaced.

        Another target may have fewer inputs to send: where its list ends before the first chosen place, its last one
        is sent.
        """
        if check not in self.places:
            step = max(1, -(-len(listed) // MAX_UNRECORDED))
            return list(listed[::step])
        places = self.places[check]
        chosen = [request for place, request in enumerate(listed, first) if place in places]
        is_short = first == 0 and not any(place < len(listed) for place in places)
        return list(listed[-1:]) if is_short else chosen
