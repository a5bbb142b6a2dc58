"""Faults and variants: named changes to the behaviours of the server."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.behaviour import Behaviours

    Apply = Callable[[Behaviours], None]


@dataclass(frozen=True)
class Fault:
    """One way to be wrong: `breaks` are the clauses broken, `also` those that cannot but fall with them."""

    name: str
    sentence: str
    breaks: tuple[str, ...]
    also: tuple[str, ...]
    needs_probe: bool
    apply: Apply


@dataclass(frozen=True)
class Variant:
    """One way to be different and right: `difference` is the part of the contract that allows it.

    `warns` are the clauses of which it leaves a SHOULD aside, `untested` those that speak of something it has not.
    """

    name: str
    sentence: str
    difference: str
    apply: Apply
    warns: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()


Change = Fault | Variant


class UnknownNameError(LookupError):
    """There is no fault or variant of that name."""


class DuplicateNameError(ValueError):
    """Two faults or variants have one name."""


def sentence_of(apply: Apply) -> str:
    """The sentence in a function's docstring."""
    text = " ".join((apply.__doc__ or "").split())
    if not text:
        raise ValueError(f"{apply.__name__} needs a docstring: it is what a report says about it")
    return text


def fault(
    breaks: tuple[str, ...], also: tuple[str, ...] = (), *, needs_probe: bool = False
) -> Callable[[Apply], Fault]:
    """Make a function that changes the behaviours a fault."""
    return lambda apply: Fault(apply.__name__, sentence_of(apply), breaks, also, needs_probe, apply)


def variant(
    difference: str, *, warns: tuple[str, ...] = (), untested: tuple[str, ...] = ()
) -> Callable[[Apply], Variant]:
    """Make a function that changes the behaviours a legal variant."""
    return lambda apply: Variant(apply.__name__, sentence_of(apply), difference, apply, warns, untested)


def collect(package: str) -> dict[str, Change]:
    """All faults and variants in the modules of a package, by their names."""
    found: dict[str, Change] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        for change in vars(importlib.import_module(f"{package}.{module.name}")).values():
            if isinstance(change, Fault | Variant):
                add(found, change)
    return found


def add(found: dict[str, Change], change: Change) -> None:
    """Add one, unless its name is taken by another."""
    if found.setdefault(change.name, change) is not change:
        raise DuplicateNameError(f"{change.name} is there twice")


@cache
def all_changes() -> dict[str, Change]:
    """All faults and variants: their names are unique together."""
    found = collect("conformance.reference.faults")
    for change in collect("conformance.reference.variants").values():
        add(found, change)
    return found


def find(name: str) -> Change:
    """The fault or variant of that name."""
    known = all_changes()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise UnknownNameError(f"there is no fault or variant {name!r}{hint}")
