"""Every legal variant of the reference server is green: no clause failed and none is inconclusive."""

from __future__ import annotations

import pytest
from support import share

from conformance.contract import catalogue
from conformance.qualification.measure import problems, qualify_one
from conformance.reference.variants import all_variants

pytestmark = pytest.mark.slow

#: what each of them alone does not show
TOGETHER = (
    "no_deletion + other_methods_are_forbidden",
    "no_deletion + other_methods_are_not_implemented",
)


@pytest.mark.parametrize("name", [*share.variants(), *TOGETHER])
def test_the_suite_accepts_this_variant(name: str) -> None:
    assert problems(qualify_one(name)) == []


def test_variants_declare_clauses_that_exist() -> None:
    known = {clause.id for clause in catalogue.load()}
    assert {clause for one in all_variants().values() for clause in (*one.warns, *one.untested)} <= known
