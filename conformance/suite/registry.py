"""All checks of the suite: importing its modules declares them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

import conformance.suite
from conformance.judging import checks

if TYPE_CHECKING:
    from collections.abc import Collection

    from conformance.contract.check_id import CheckId
    from conformance.judging.checks import Check, Judge

#: Where final reviews are declared.
REVIEWS = "conformance.scenarios.final_review"


@cache
def load() -> None:
    """Declare all checks, reviews and judges. It costs nothing the second time."""
    for module in pkgutil.walk_packages(conformance.suite.__path__, "conformance.suite."):
        if module.name.rpartition(".")[2].startswith("test_"):
            importlib.import_module(module.name)
    importlib.import_module(REVIEWS)


def all_checks() -> dict[str, Check]:
    """Every active check, by ID; without the final reviews."""
    load()
    return checks.declared_checks()


def all_reviews() -> dict[str, Check]:
    """Every final review, by ID."""
    load()
    return checks.declared_reviews()


def all_judges() -> list[Judge]:
    """Every passive judge."""
    load()
    return checks.declared_judges()


def judges_of(clauses: Collection[str]) -> list[Judge]:
    """The passive judges of these clauses."""
    return [judge for judge in all_judges() if judge.clause in clauses]


def check_ids() -> dict[str, list[CheckId]]:
    """Clause ID to the IDs of its checks; a passive judge is `ERR-2/observed`."""
    load()
    return checks.check_ids()
