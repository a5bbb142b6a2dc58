"""Which faults and variants a plain run of our tests takes: a share that meets every clause, or all when asked.

CONFORMANCE_MATRIX=all runs every fault and every variant by itself; that takes the better part of an hour. `few` takes
a part of the share, for continuous integration, which has everything else to run as well.
"""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import zip_longest

from conformance.qualification.measure import TOGETHER
from conformance.reference.faults import all_faults
from conformance.reference.variants import all_variants

ALL = os.environ.get("CONFORMANCE_MATRIX") == "all"
FEW = os.environ.get("CONFORMANCE_MATRIX") == "few"
#: one in so many of the share
ONE_IN = 12


def faults() -> list[str]:
    """Names of faults: for every clause one that breaks it, as few as that takes."""
    everything = all_faults()
    if ALL:
        return sorted(everything)
    left = {clause for fault in everything.values() for clause in fault.breaks}
    chosen: list[str] = []
    while left:
        best = max(sorted(everything), key=lambda name: len(left.intersection(everything[name].breaks)))
        chosen.append(best)
        left -= set(everything[best].breaks)
    return sorted(chosen)[::ONE_IN] if FEW else sorted(chosen)


def variants() -> list[str]:
    """Names of variants: all of them, several at once, one of each module, since those do not contradict each other."""
    everything = all_variants()
    if ALL:
        return sorted(everything)
    modules: dict[str, list[str]] = defaultdict(list)
    for name, variant in sorted(everything.items()):
        modules[variant.apply.__module__].append(name)
    rows = zip_longest(*(names for _, names in sorted(modules.items())))
    groups = [TOGETHER.join(name for name in row if name) for row in rows]
    return groups[:4] if FEW else groups
