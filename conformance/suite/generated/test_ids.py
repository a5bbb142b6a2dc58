"""Generated ids, in every place of every address: malformed ones, and well-formed ones that name something else."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.generation import requests
from conformance.generation.explorer import explore
from conformance.judging.checks import check
from conformance.judging.expectations import expect_status
from conformance.scenarios.side_effects import send_expecting_refusal
from conformance.suite.support import expect_malformed_refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.operations import Operation
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext


@check("GET-6", "list", "get", "logs", "job", "restore", kind=CheckKind.GENERATED)
def test_get_6_generated_ids_are_refused(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Ids that are long, cut, padded, in other digits and scripts, with NULs, controls, slashes, punctuation."""
    if operation == "job":
        context.require_jobs()
    elif operation != "restore":
        context.require_served(operation)
    kinds = requests.with_malformed_ids(context, operation)
    send = (lambda batch: send_expecting_refusal(context, batch)) if operation == "restore" else None
    yield from explore(context, kinds, partial(expect_malformed_refused, context), send=send)


@check("LIST-9", "list", kind=CheckKind.GENERATED)
def test_list_9_generated_containers_are_not_found(context: CheckContext) -> Iterator[Finding]:
    """Ids of other things, and of nothing."""
    context.require_served("list")
    yield from explore(
        context, requests.of_other_things(context, "list"), lambda exchange: expect_status(exchange, 404)
    )


@check("GET-4", "get", kind=CheckKind.GENERATED)
def test_get_4_generated_backups_are_not_found(context: CheckContext) -> Iterator[Finding]:
    """Ids of other things, and of nothing."""
    context.require_served("get")
    yield from explore(context, requests.of_other_things(context, "get"), lambda exchange: expect_status(exchange, 404))


@check("LOG-4", "logs", kind=CheckKind.GENERATED)
def test_log_4_generated_backups_have_no_logs(context: CheckContext) -> Iterator[Finding]:
    """Ids of other things, and of nothing."""
    context.require_served("logs")
    yield from explore(
        context, requests.of_other_things(context, "logs"), lambda exchange: expect_status(exchange, 404)
    )


@check("JOB-9", "restore", kind=CheckKind.GENERATED)
def test_job_9_generated_backups_cannot_be_restored(context: CheckContext) -> Iterator[Finding]:
    """Ids of other things, and of nothing."""
    kinds = requests.of_other_things(context, "restore")
    yield from explore(
        context,
        kinds,
        lambda exchange: expect_status(exchange, 404),
        send=lambda batch: send_expecting_refusal(context, batch),
    )
