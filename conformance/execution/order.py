"""The order of the checks that only read: what most broken targets fail first, so that one is known early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.execution import depth

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.judging.checks import Check

#: Its checks keep the others from sending, for a while each.
EXCLUSIVE = "HTTP-4"


def soonest_first(checks: Iterable[Check]) -> list[Check]:
    """Sort checks by what they kill for each request, as the cover of the quick depth has them.

    Those that it leaves out follow as they come, then those that make the others wait, then the generated ones: their
    requests take longer to make, and what is written out has mostly found the same before.
    """
    ranks = {check: rank for rank, check in enumerate(depth.ranked_checks())}
    last = len(ranks)

    def key(check: Check) -> tuple[bool, bool, int]:
        return (check.kind.is_generated, check.clause == EXCLUSIVE, ranks.get(str(check.id), last))

    return sorted(checks, key=key)
