"""Generated ids, in every place of every address: malformed ones, and well-formed ones that name something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.generation import requests
from conformance.generation.engine import explore
from conformance.judging.checks import check
from conformance.judging.expectations import ANY_4XX, harmless, status
from conformance.scenarios.side_effects import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Operation
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api


@check("GET-6", "list", "get", "logs", "job", "restore", kind="generated")
def test_get_6_generated_ids_are_refused(api: Api, operation: Operation) -> Iterator[Found]:
    """Ids that are long, cut, padded, in other digits and scripts, with NULs, controls, slashes, punctuation."""
    if operation == "job":
        api.need_jobs()
    elif operation != "restore":
        api.need_served(operation)
    kinds = requests.with_malformed_ids(api, operation)
    send = (lambda batch: refused(api, batch)) if operation == "restore" else None
    yield from explore(api, kinds, lambda on: harmless(on, ANY_4XX), send=send)


@check("LIST-9", "list", kind="generated")
def test_list_9_generated_containers_are_not_found(api: Api) -> Iterator[Found]:
    """Ids of other things, and of nothing."""
    api.need_served("list")
    yield from explore(api, requests.of_other_things(api, "list"), lambda on: status(on, 404))


@check("GET-4", "get", kind="generated")
def test_get_4_generated_backups_are_not_found(api: Api) -> Iterator[Found]:
    """Ids of other things, and of nothing."""
    api.need_served("get")
    yield from explore(api, requests.of_other_things(api, "get"), lambda on: status(on, 404))


@check("LOG-4", "logs", kind="generated")
def test_log_4_generated_backups_have_no_logs(api: Api) -> Iterator[Found]:
    """Ids of other things, and of nothing."""
    api.need_served("logs")
    yield from explore(api, requests.of_other_things(api, "logs"), lambda on: status(on, 404))


@check("JOB-9", "restore", kind="generated")
def test_job_9_generated_backups_cannot_be_restored(api: Api) -> Iterator[Found]:
    """Ids of other things, and of nothing."""
    kinds = requests.of_other_things(api, "restore")
    yield from explore(api, kinds, lambda on: status(on, 404), send=lambda batch: refused(api, batch))
