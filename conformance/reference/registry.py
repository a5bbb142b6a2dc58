"""The registry of faults and legal variants: named changes to the server's behaviours."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours

    Apply = Callable[[Behaviours], None]

#: the verdict that a run against a variant must reach
Expected = Literal["conformant", "inconclusive"]


@dataclass(frozen=True)
class Fault:
    """One way to violate the contract: the clauses that it `breaks`, and those that `also` fail as a consequence."""

    name: str
    sentence: str
    breaks: tuple[str, ...]
    also: tuple[str, ...]
    needs_probe: bool
    apply: Apply


@dataclass(frozen=True)
class Variant:
    """One way to differ from the default server and still conform: `difference` quotes what the contract allows.

    `warns` are the clauses whose SHOULD it ignores, `untested` those about a feature that it does not have. `expected`
    is the verdict of a run: against a server that is not reliably available, or that another client uses in the same
    way, clauses may be inconclusive, but none may fail.
    """

    name: str
    sentence: str
    difference: str
    apply: Apply
    warns: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()
    expected: Expected = "conformant"


Change = Fault | Variant


class UnknownNameError(LookupError):
    """No fault or variant has that name."""


class DuplicateNameError(ValueError):
    """Two faults or variants have the same name."""


def sentence_of(apply: Apply) -> str:
    """The docstring of a function, on one line."""
    text = " ".join((apply.__doc__ or "").split())
    if not text:
        raise ValueError(f"{apply.__name__} needs a docstring: reports show it")
    return text


def fault(
    breaks: tuple[str, ...], also: tuple[str, ...] = (), *, needs_probe: bool = False
) -> Callable[[Apply], Fault]:
    """Turn a function that changes the behaviours into a fault."""
    return lambda apply: Fault(apply.__name__, sentence_of(apply), breaks, also, needs_probe, apply)


def variant(
    difference: str,
    *,
    warns: tuple[str, ...] = (),
    untested: tuple[str, ...] = (),
    expected: Expected = "conformant",
) -> Callable[[Apply], Variant]:
    """Turn a function that changes the behaviours into a legal variant."""
    return lambda apply: Variant(apply.__name__, sentence_of(apply), difference, apply, warns, untested, expected)


def collect(package: str) -> dict[str, Change]:
    """All faults and variants by name, in the modules of a package and its subpackages."""
    changes: dict[str, Change] = {}
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        for change in vars(importlib.import_module(module.name)).values():
            if isinstance(change, Fault | Variant):
                add(changes, change)
    return changes


def add(changes: dict[str, Change], change: Change) -> None:
    """Add a change. Raises DuplicateNameError."""
    if changes.setdefault(change.name, change) is not change:
        raise DuplicateNameError(f"{change.name} is defined twice")


@cache
def all_changes() -> dict[str, Change]:
    """All faults and variants by name."""
    changes = collect("conformance.reference.faults")
    for change in collect("conformance.reference.variants").values():
        add(changes, change)
    return changes


def find(name: str) -> Change:
    """The fault or variant with that name. Raises UnknownNameError."""
    known = all_changes()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise UnknownNameError(f"there is no fault or variant {name!r}{hint}")
