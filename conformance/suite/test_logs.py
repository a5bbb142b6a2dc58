"""LOG-1 … LOG-6: what a backup's logs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.judging.answer_shapes import is_expected_success, mismatches_at, serves, succeeds
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    expect_content,
    expect_documented_status,
    expect_equal,
    expect_status,
    expect_success,
    expect_unique,
    violation,
)
from conformance.suite.support import crossed_requests, deleted_meanwhile, logs_of_some, require_another_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

#: How many backups' logs are read several times, in a quick run and in any other, and how often.
QUICK_SAMPLE, SAMPLE, READINGS = 2, 6, 3


@passive("LOG-1", when=succeeds("logs"))
def logs_are_logs(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if mismatch.pointer != "/data":
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@check("LOG-1", "logs")
def test_log_1_logs_are_served(context: CheckContext) -> Iterator[Finding]:
    """The logs of the main backup and of others, those of the target file first."""
    if context.run.is_quick:
        backups = [context.fixtures.backup_id, *context.fixtures.sample(context.rng, 12)]
        answers = context.send_all(context.chosen([context.build.logs(backup) for backup in backups]))
    else:
        answers = logs_of_some(context)
    for answer in answers:
        if not deleted_meanwhile(context, answer):
            yield from expect_content(answer)


@passive(
    "LOG-2", when=lambda exchange: serves("logs")(exchange) and is_expected_success(exchange) and bool(exchange.items)
)
def logs_are_of_this_backup(exchange: Exchange) -> Iterator[Finding]:
    ids = exchange.request.resources
    wanted = {"backup_id": ids["backup"], "container_id": ids["container"], "hub_id": exchange.request.hub_id}
    for index, log in enumerate(exchange.items):
        for name, value in wanted.items():
            if isinstance(log.get(name), str):
                yield from expect_equal(log[name], value, exchange, f"/data/{index}/{name}")


@passive("LOG-3", when=lambda exchange: serves("logs")(exchange) and len(exchange.ids) > 1)
def log_ids_are_unique(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_unique(exchange.ids, exchange, "log")


@check("LOG-4", "logs")
def test_log_4_the_logs_of_an_unknown_backup_are_not_found(context: CheckContext) -> Iterator[Finding]:
    """A well-formed id that names no backup."""
    answer = context.logs(context.build.unknown_id(), ownership="missing")
    yield from expect_status(answer, 404)


@check("LOG-6", "logs")
def test_log_6_a_log_that_was_shown_stays_shown(context: CheckContext) -> Iterator[Finding]:
    """Several readings of some backups' logs in a row; the final review judges all other readings of the run."""
    sample = dict.fromkeys((context.fixtures.backup_id, *context.fixtures.sample(context.rng, SAMPLE)))
    for backup in list(sample)[: QUICK_SAMPLE if context.run.is_quick else SAMPLE]:
        readings = [context.logs(backup) for _ in range(READINGS)]
        unreadable = next((reading for reading in readings if not reading.is_judgeable_success), None)
        if unreadable is not None and not deleted_meanwhile(context, unreadable):
            yield from expect_success(unreadable)
    offered = context.fixtures.target.fixtures.deletable_backup_ids  # a deleted backup may lose its logs
    lost = [loss for loss in context.run.state.log_book.losses if loss.backup not in offered]
    for loss in lost[:1]:
        wanted = f"the log {loss.log.get('id')}, which an earlier response showed"
        yield violation(wanted, "a response without it", loss.reading, "/data")


@check("LOG-5", "logs")
def test_log_5_another_containers_path_shows_no_logs(context: CheckContext) -> Iterator[Finding]:
    """Our backup's logs through the sibling's path, and the sibling's through ours."""
    for answer in context.send_all(crossed_requests(context, "logs")):
        yield from expect_status(answer, 403, 404, advise=(404,))
    require_another_container(context)
