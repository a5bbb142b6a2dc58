"""The order of the checks that only read: what most broken targets fail first, so that one is known early."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from conformance.execution import depth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conformance.judging.checks import Check

#: Its checks keep the others from sending, for a while each.
EXCLUSIVE = "HTTP-4"


def soonest_first(checks: Iterable[Check]) -> list[Check]:
    """Sort checks by `place`, but let only one check of EXCLUSIVE wait for the requests that they share."""
    ordered = sorted(checks, key=place)
    others = [check for check in ordered if check.clause == EXCLUSIVE][1:]
    return [*(check for check in ordered if check not in others), *others]


def place(check: Check) -> tuple[bool, bool, int]:
    """Where a check comes: by what it kills for each request, as the cover of the quick depth has it.

    Those that the cover leaves out follow as they come, then those that make the others wait, then the generated ones:
    their requests take longer to make, and what is written out has mostly found the same before.
    """
    ranks = _ranks()
    return (check.kind.is_generated, check.clause == EXCLUSIVE, ranks.get(str(check.id), len(ranks)))


@cache
def _ranks() -> Mapping[str, int]:
    return {check: rank for rank, check in enumerate(depth.ranked_checks())}
