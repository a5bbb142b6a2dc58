"""Cases that schemathesis generates from the OpenAPI document, sent by our client and judged by our clauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation.schemathesis_requests import cases_for
from conformance.judging.checks import check
from conformance.judging.expectations import NotTestableError, expect_answer, expect_no_server_error, expect_status
from conformance.scenarios import deletion_scenarios
from conformance.suite.support import expect_method_refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

#: clauses that ask only for no server error; a request that is not answered twice breaks them as well
HARMLESS = ("GET-6", "LIST-10", "INC-6")


def judge_schemathesis_cases(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Judge the cases of the operation that are about the clause of the check."""
    if operation == "job":
        context.require_jobs()
    elif operation == "delete":
        deletion_scenarios.deletable_backup(context, 0)
    elif operation != "restore":
        context.require_served(operation)
    cases = cases_for(context, operation)
    if not cases:
        raise NotTestableError("no generated case is about this clause: raise --examples")
    for case, exchange in cases:
        if context.check.clause == "HTTP-3":
            yield from expect_answer(exchange)
        elif context.check.clause == "HTTP-5":
            yield from expect_method_refused(exchange)
        elif context.check.clause in HARMLESS:
            yield from expect_no_server_error(exchange, *case.allowed)
        else:
            yield from expect_status(exchange, *case.allowed)


def schemathesis_check(clause: str, *operations: Operation) -> object:
    """Declare a check that judges schemathesis's cases for these operations by one clause."""
    return check(clause, *operations, kind=CheckKind.SCHEMATHESIS)(judge_schemathesis_cases)


test_schemathesis_requests_are_answered = schemathesis_check(
    "HTTP-3", "list", "get", "logs", "restore", "job", "delete"
)
test_schemathesis_undocumented_methods_are_refused = schemathesis_check("HTTP-5", "list", "get", "logs", "restore")
test_schemathesis_malformed_ids_are_refused = schemathesis_check("GET-6", "list", "get", "logs", "restore", "job")
test_schemathesis_requests_without_a_key_are_unauthorized = schemathesis_check("AUTH-1", "list", "get", "logs")
test_schemathesis_requests_without_a_hub_id_are_refused = schemathesis_check("AUTH-5", "list", "get", "logs")
test_schemathesis_pages_and_sorts_do_no_harm = schemathesis_check("LIST-10", "list")
test_schemathesis_includes_do_no_harm = schemathesis_check("INC-6", "list", "get")
test_schemathesis_unknown_containers_are_not_found = schemathesis_check("LIST-9", "list")
test_schemathesis_unknown_backups_are_not_found = schemathesis_check("GET-4", "get")
test_schemathesis_logs_of_unknown_backups_are_not_found = schemathesis_check("LOG-4", "logs")
test_schemathesis_unknown_jobs_are_not_found = schemathesis_check("JBS-3", "job")
test_schemathesis_deletions_of_unknown_backups_are_not_found = schemathesis_check("DEL-4", "delete")
test_schemathesis_bodies_that_are_no_json_object_are_refused = schemathesis_check("JOB-4", "restore")
test_schemathesis_missing_and_mistyped_members_are_refused = schemathesis_check("JOB-5", "restore")
test_schemathesis_other_actions_are_refused = schemathesis_check("JOB-6", "restore")
test_schemathesis_unknown_instances_are_refused = schemathesis_check("JOB-8", "restore")
