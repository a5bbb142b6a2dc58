"""The whole OpenAPI document, driven by schemathesis: its cases, our client and keys, our clauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation.schemathesis_requests import SentCases, send_cases
from conformance.judging.checks import Stage, check
from conformance.judging.expectations import NotTestableError, expect_answer, expect_no_server_error, expect_status
from conformance.scenarios import deletion_scenarios
from conformance.suite.support import expect_method_refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

#: clauses whose words are "no harm": no answer, twice, breaks them too
HARMLESS = ("GET-6", "LIST-10", "INC-6")


def sent_by_schemathesis(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """What came of the operation's cases, by the clause that each is about."""
    if operation == "job":
        context.require_jobs()
    elif operation == "delete":
        deletion_scenarios.deletable_backup(context, 0)
    elif operation != "restore":
        context.require_served(operation)
    sent: SentCases = context.run_once(f"schemathesis {operation}", lambda context: send_cases(context, operation))
    cases = sent.about(context.check.clause)
    if not cases:
        raise NotTestableError("none of the generated cases is about it: raise --examples")
    for case, on in cases:
        if context.check.clause == "HTTP-3":
            yield from expect_answer(on)
        elif context.check.clause == "HTTP-5":
            yield from expect_method_refused(on)
        elif context.check.clause in HARMLESS:
            yield from expect_no_server_error(on, *case.allowed)
        else:
            yield from expect_status(on, *case.allowed)


def of_the_document(clause: str, *operations: Operation) -> object:
    return check(clause, *operations, kind=CheckKind.SCHEMATHESIS, stage=Stage.GENERATED)(sent_by_schemathesis)


test_document_is_answered = of_the_document("HTTP-3", "list", "get", "logs", "restore", "job", "delete")
test_document_has_no_other_methods = of_the_document("HTTP-5", "list", "get", "logs", "restore")
test_document_has_no_malformed_ids = of_the_document("GET-6", "list", "get", "logs", "restore", "job")
test_document_needs_a_key = of_the_document("AUTH-1", "list", "get", "logs")
test_document_needs_a_hub = of_the_document("AUTH-5", "list", "get", "logs")
test_document_has_pages_and_sorts = of_the_document("LIST-10", "list")
test_document_has_includes = of_the_document("INC-6", "list", "get")
test_document_lists_what_is_there = of_the_document("LIST-9", "list")
test_document_gets_what_is_there = of_the_document("GET-4", "get")
test_document_reads_logs_of_what_is_there = of_the_document("LOG-4", "logs")
test_document_shows_jobs_that_are_there = of_the_document("JBS-3", "job")
test_document_deletes_what_is_there = of_the_document("DEL-4", "delete")
test_document_needs_a_body = of_the_document("JOB-4", "restore")
test_document_needs_its_members = of_the_document("JOB-5", "restore")
test_document_has_one_action = of_the_document("JOB-6", "restore")
test_document_needs_an_instance = of_the_document("JOB-8", "restore")
