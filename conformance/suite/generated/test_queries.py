"""Generated query values, in and out of their grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation import queries, requests
from conformance.generation.explorer import explore
from conformance.judging.checks import check
from conformance.judging.expectations import ANY_4XX, expect_answer, expect_no_server_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


def does_no_harm(exchange: Exchange) -> Iterator[Finding]:
    """The query is served or refused, but never a 5xx."""
    return expect_no_server_error(exchange, range(200, 300), ANY_4XX)


@check("LIST-10", "list", kind=CheckKind.GENERATED)
def test_list_10_generated_pages_and_sorts_do_no_harm(context: CheckContext) -> Iterator[Finding]:
    """Page numbers that are zero, negative, huge, spelt out, in other digits, or repeated; unknown sorts."""
    context.require_served("list")
    kinds = requests.with_queries(context, "list", queries.pages(), queries.sorts())
    yield from explore(context, kinds, does_no_harm)


@check("INC-6", "list", "get", kind=CheckKind.GENERATED)
def test_inc_6_generated_includes_do_no_harm(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Unknown includes, and the known one garbled, twice, in other scripts."""
    context.require_served(operation)
    yield from explore(context, requests.with_queries(context, operation, queries.includes()), does_no_harm)


@check("HTTP-3", "list", "get", "logs", "job", kind=CheckKind.GENERATED)
def test_http_3_generated_queries_headers_and_addresses_are_answered(
    context: CheckContext, operation: Operation
) -> Iterator[Finding]:
    """Unexpected parameters and headers, invalid bytes and encodings."""
    if operation == "job":
        context.require_jobs()
    else:
        context.require_served(operation)
    kinds = requests.with_queries(context, operation, queries.strange())
    kinds += [*requests.with_headers(context, operation), *requests.with_odd_paths(context, operation)]
    yield from explore(context, kinds, expect_answer)
