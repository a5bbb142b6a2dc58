"""Generated headers: invalid or unknown hub ids, and content types other than JSON."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.contract.ids import form
from conformance.generation import requests
from conformance.generation.explorer import explore
from conformance.judging.checks import check
from conformance.judging.expectations import ANY_4XX, expect_status
from conformance.scenarios.side_effects import send_expecting_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


def shows_nothing(exchange: Exchange, own: str) -> Iterator[Finding]:
    """A hub id that could exist is refused like that of another hub; a malformed one with any 4xx."""
    return expect_status(
        exchange, *((401, 403, 404) if could_exist(exchange.request.hub_id or "", own) else (ANY_4XX,))
    )


def could_exist(hub: str, own: str) -> bool:
    """Whether a value has the form of our hub's id, where that form is recognisable."""
    return form(hub) == form(own) and form(own) in ("oid", "uuid")


@check("AUTH-9", "list", "get", "logs", kind=CheckKind.GENERATED)
def test_auth_9_generated_hubs_show_nothing(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Our key with hub ids that are unknown, cut, extended, words, odd characters."""
    context.require_served(operation)
    own = context.fixtures.target.hub_id
    yield from explore(
        context, requests.with_other_hubs(context, operation), lambda exchange: shows_nothing(exchange, own)
    )


@check("JOB-7", "restore", kind=CheckKind.GENERATED)
def test_job_7_generated_content_types_are_refused(context: CheckContext) -> Iterator[Finding]:
    """A good body under other types' names, with parameters and in capitals."""
    kinds = requests.with_other_types(context, context.fixtures.dedicated_backup("JOB-7"))
    yield from explore(
        context,
        kinds,
        lambda exchange: expect_status(exchange, ANY_4XX, advise=(415,)),
        send=partial(send_expecting_refusal, context),
    )
