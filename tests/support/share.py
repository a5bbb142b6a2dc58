"""How much of the qualification a test run repeats. CONFORMANCE_MATRIX decides:

- few (the default): some faults and variants, so that the tests of every change take minutes
- share: for each clause a fault that breaks it, and every variant, several at once; continuous integration runs it
- all: every fault and every variant by itself, which takes most of an hour
"""

from __future__ import annotations

import os
from collections import defaultdict
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeVar

from conformance.qualification.measure import TOGETHER
from conformance.reference.faults import all_faults
from conformance.reference.variants import all_variants

if TYPE_CHECKING:
    from collections.abc import Iterable


T = TypeVar("T")


class Matrix(StrEnum):
    """How many of the faults and variants are tried."""

    FEW = "few"
    SHARE = "share"
    ALL = "all"


MATRIX = Matrix(os.environ.get("CONFORMANCE_MATRIX") or Matrix.FEW)
#: `few` takes every nth fault and every nth case of a list, and this many groups of variants
FEW_OF_FAULTS, FEW_OF_LISTS, FEW_VARIANTS = 16, 5, 3


def some(names: Iterable[T], one_in: int) -> list[T]:
    """Return every `one_in`th case of a slow test; with `share` and `all` every case."""
    return list(names)[::one_in] if MATRIX is Matrix.FEW else list(names)


def one_of(names: Iterable[T], number: int) -> list[T]:
    """Return one of the cases, another for each number, where tests have the same cases; else every one."""
    cases = list(names)
    return [cases[number % len(cases)]] if MATRIX is Matrix.FEW else cases


def faults() -> list[str]:
    """Names of faults: for every clause one that breaks it, as few as that takes."""
    everything = all_faults()
    if MATRIX is Matrix.ALL:
        return sorted(everything)
    left = {clause for fault in everything.values() for clause in fault.breaks}
    chosen: list[str] = []
    while left:
        best = max(sorted(everything), key=lambda name: len(left.intersection(everything[name].breaks)))
        chosen.append(best)
        left -= set(everything[best].breaks)
    return sorted(chosen)[::FEW_OF_FAULTS] if MATRIX is Matrix.FEW else sorted(chosen)


def variants() -> list[str]:
    """Names of variants: all of them, several at once, one of each module, since those do not contradict each other."""
    everything = all_variants()
    if MATRIX is Matrix.ALL:
        return sorted(everything)
    modules: dict[str, list[str]] = defaultdict(list)
    reliable = {name: variant for name, variant in everything.items() if variant.expected == "conformant"}
    for name, variant in sorted(reliable.items()):
        modules[variant.apply.__module__].append(name)
    rows = zip_longest(*(names for _, names in sorted(modules.items())))
    groups = [TOGETHER.join(name for name in row if name) for row in rows]
    return groups[:FEW_VARIANTS] if MATRIX is Matrix.FEW else groups


def part_of(trials: Iterable[T]) -> list[T]:
    """Return those of a test's own list of trials that this test run takes."""
    return list(trials)[::FEW_OF_LISTS] if MATRIX is Matrix.FEW else list(trials)


def seeds() -> range:
    """Return the seeds with which each of those is tried."""
    return range(1, 6) if MATRIX is Matrix.ALL else range(1, 2)
