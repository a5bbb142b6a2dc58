"""Which checks of other clauses a selection executes, so that its clauses are judged as in a whole run."""

from __future__ import annotations

import pytest

from conformance.contract import catalogue
from conformance.contract.check_id import CheckKind
from conformance.execution.effects import is_traffic_for, observed_operations
from conformance.suite.registry import all_checks, all_judges

OBSERVED = sorted({judge.clause for judge in all_judges()}, key=catalogue.sort_key)


@pytest.mark.parametrize("clause_id", OBSERVED)
def test_a_clause_selected_alone_is_judged_on_each_of_its_operations(clause_id: str) -> None:
    own = {check.operation for check in all_checks().values() if check.clause == clause_id and not check.kind}
    others = {check.operation for check in all_checks().values() if is_traffic_for(check, clause_id)}
    assert own | others >= set(catalogue.load()[clause_id].operations)


@pytest.mark.parametrize("clause_id", OBSERVED)
def test_traffic_is_made_of_written_checks_of_the_operations_that_need_it(clause_id: str) -> None:
    traffic = [check for check in all_checks().values() if is_traffic_for(check, clause_id)]
    assert {check.operation for check in traffic} <= observed_operations(clause_id)
    assert {check.kind for check in traffic} <= {CheckKind.EXAMPLE}


@pytest.mark.parametrize("clause_id", ["ERR-2", "AUTH-7", "CAP-11"])
def test_clauses_about_refusals_read_unknown_jobs_and_make_no_ordinary_restore(clause_id: str) -> None:
    traffic = {str(check.id) for check in all_checks().values() if is_traffic_for(check, clause_id)}
    assert {"JBS-3/job", "JOB-5/restore", "CAP-4/restore"} <= traffic
    assert not traffic & {"JOB-1/restore", "JBS-1/job", "RST-6/restore"}


def test_clauses_about_descriptors_need_one_ordinary_restore_and_nothing_else() -> None:
    assert [str(check.id) for check in all_checks().values() if is_traffic_for(check, "JOB-2")] == ["JOB-1/restore"]
