"""Catalogue, checks and faults speak of the same clauses, and nothing that is registered stays unrun."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest

from conformance.contract import catalogue
from conformance.reference.faults import all_faults
from conformance.suite.registry import all_checks, all_judges, check_ids

if TYPE_CHECKING:
    from conformance.judging.checks import Check, Judge

CLAUSES = {clause.id: clause for clause in catalogue.load()}
LONGEST_CHECK = 25


def described(one: Check | Judge) -> str:
    return f"{one.clause} {one.function.__name__}"


def test_every_clause_from_http_names_its_sections() -> None:
    from_http = {clause.id for clause in CLAUSES.values() if "H" in clause.source.split()}
    assert set(catalogue.sections()) == from_http
    assert catalogue.sources_of("HTTP-4", "H") == ["RFC 9110, section 9.2.1 (safe methods)"]
    assert catalogue.sources_of("HTTP-5", "H U")[-1] == catalogue.load().sources["U"]
    assert catalogue.sources_of("NEW-1", "H X") == [catalogue.load().sources["H"], "X"]


def test_every_clause_has_a_check() -> None:
    assert set(check_ids()) == set(CLAUSES)


def test_every_check_is_of_operations_that_its_clause_speaks_of() -> None:
    strays = [one.id for one in all_checks().values() if one.operation not in CLAUSES[one.clause].operations]
    assert strays == []


def test_every_clause_has_a_fault_that_breaks_it() -> None:
    assert {clause for fault in all_faults().values() for clause in fault.breaks} == set(CLAUSES)


def test_every_fault_breaks_something_and_names_clauses_that_exist() -> None:
    for fault in all_faults().values():
        assert fault.breaks, fault.name
        assert set(fault.breaks) | set(fault.also) <= set(CLAUSES), fault.name
        assert not set(fault.breaks) & set(fault.also), fault.name


#: kinds of checks that share one function for many clauses
MANY_CLAUSES = ("stateful", "schemathesis")


@pytest.mark.parametrize("check_id", sorted(name for name in all_checks() if not name.endswith(MANY_CLAUSES)))
def test_the_name_of_a_check_holds_its_clause(check_id: str) -> None:
    check = all_checks()[check_id]
    name = check.clause.lower().replace("-", "_")
    assert check.function.__name__.startswith(f"test_{name}_")


@pytest.mark.parametrize("one", [*all_checks().values(), *all_judges()], ids=described)
def test_a_check_fits_on_a_screen(one: Check | Judge) -> None:
    assert len(inspect.getsource(one.function).splitlines()) <= LONGEST_CHECK


def test_every_check_says_what_it_does() -> None:
    silent = [
        one.id for one in all_checks().values() if not re.fullmatch(r"\S.*\.", inspect.getdoc(one.function) or "")
    ]
    assert silent == []


def test_every_clause_has_the_edition_that_introduced_it() -> None:
    """An edition that was published keeps its clauses: 2026.1 the 98 of the first release, 2026.2 these four more."""
    later = {name: clause.since for name, clause in CLAUSES.items() if clause.since != catalogue.FIRST_EDITION}
    assert {name for name, since in later.items() if since == "2026.2"} == {"AUTH-10", "LOG-6", "JBS-5", "DEL-5"}
    assert len(CLAUSES) - len(later) == 98
    assert all(since >= "2026.2" for since in later.values())
