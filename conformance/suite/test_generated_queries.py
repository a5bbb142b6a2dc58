"""Generated query values, in and out of their grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.generation import queries, requests
from conformance.generation.engine import explore
from conformance.judging.checks import check
from conformance.judging.expectations import ANY_4XX, answered, harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange, Operation
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api


def does_no_harm(on: Exchange) -> Iterator[Found]:
    return harmless(on, range(200, 300), ANY_4XX)


@check("LIST-10", "list", kind="generated")
def test_list_10_generated_pages_and_sorts_do_no_harm(api: Api) -> Iterator[Found]:
    """Pages of zero, negative, huge, in words and other digits, twice; sorts by what nobody sorts by."""
    api.need_served("list")
    kinds = requests.with_queries(api, "list", queries.pages(), queries.sorts())
    yield from explore(api, kinds, does_no_harm)


@check("INC-6", "list", "get", kind="generated")
def test_inc_6_generated_includes_do_no_harm(api: Api, operation: Operation) -> Iterator[Found]:
    """Unknown includes, and the known one garbled, twice, in other scripts."""
    api.need_served(operation)
    yield from explore(api, requests.with_queries(api, operation, queries.includes()), does_no_harm)


@check("HTTP-3", "list", "get", "logs", "job", kind="generated")
def test_http_3_generated_queries_headers_and_addresses_are_answered(api: Api, operation: Operation) -> Iterator[Found]:
    """Parameters and headers that nobody expects, bytes and encodings that are none."""
    if operation == "job":
        api.need_jobs()
    else:
        api.need_served(operation)
    kinds = requests.with_queries(api, operation, queries.strange())
    kinds += [*requests.with_headers(api, operation), *requests.with_odd_paths(api, operation)]
    yield from explore(api, kinds, answered)
