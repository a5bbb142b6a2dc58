"""Every fault of the reference server turns the clauses that it breaks red, and no other."""

from __future__ import annotations

import pytest
from support import share

from conformance.qualification.measure import problems, qualify_one

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", share.faults())
def test_the_suite_catches_this_fault_and_accuses_nothing_else(name: str) -> None:
    assert problems(qualify_one(name)) == []
