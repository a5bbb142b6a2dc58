"""A container may hold any number of backups: none of them is an error of the suite, or a failure of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.share import MATRIX, Matrix
from support.stock import stocked

from conformance.judging.outcomes import Outcome
from conformance.qualification.measure import judge

if TYPE_CHECKING:
    from pathlib import Path

#: how many backups there are, and how many a page may hold
STOCKS = [
    (0, None),
    (1, None),
    (2, None),
    (3, None),
    (99, None),
    (100, None),
    (101, 100),
    (125, 100),
    (1000, None),
    (1000, 100),
]


@pytest.mark.parametrize(("count", "largest_page"), STOCKS[::3] if MATRIX is Matrix.FEW else STOCKS)
def test_the_reference_passes_with_any_number_of_backups(count: int, largest_page: int | None, tmp_path: Path) -> None:
    with stocked(count, tmp_path, largest_page=largest_page) as target:
        judged = judge(target)
    red = {
        name: clause.reason
        for name, clause in judged.items()
        if clause.outcome not in (Outcome.PASSED, Outcome.NOT_TESTED)
    }
    assert red == {}
    assert not [clause.reason for clause in judged.values() if "bug" in clause.reason]
