"""A container may hold any number of backups: none of them is an error of the suite, or a failure of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import share
from support.stock import stocked

from conformance.judging.outcomes import Outcome
from conformance.qualification.measure import judge

if TYPE_CHECKING:
    from pathlib import Path

#: how many backups there are, and the largest page where it is capped; the first and the sixth are tried in every run
STOCKS = {
    "1000 in pages of 100": (1000, 100),
    "1": (1, None),
    "2": (2, None),
    "3": (3, None),
    "99": (99, None),
    "none": (0, None),
    "100": (100, None),
    "101 in pages of 100": (101, 100),
    "125 in pages of 100": (125, 100),
    "1000": (1000, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("stock", share.part_of(STOCKS))
def test_the_reference_passes_with_any_number_of_backups(stock: str, tmp_path: Path) -> None:
    count, largest_page = STOCKS[stock]
    with stocked(count, tmp_path, largest_page=largest_page) as target:
        judged = judge(target)
    red = {
        name: clause.reason
        for name, clause in judged.items()
        if clause.outcome not in (Outcome.PASSED, Outcome.NOT_TESTED)
    }
    assert red == {}
    assert not [clause.reason for clause in judged.values() if "bug" in clause.reason]
