"""RST-1 … RST-9: a restore restores the backup, and changes nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.contract.operations import RESTORE_OR_DELETE_MAY_CHANGE, SHAPE_CLAUSE
from conformance.contract.pointers import value_at
from conformance.judging.answer_shapes import mismatches_at
from conformance.judging.checks import check
from conformance.judging.expectations import (
    CannotTellError,
    NotTestableError,
    expect_equal,
    expect_equivalent,
    expect_status,
    expect_success,
    expect_unique,
    inconclusive,
    inconclusive_reason,
    object_of,
    resting_on,
    violation,
)
from conformance.judging.job_lifecycle import error_messages, moves_forward
from conformance.judging.outcomes import Outcome
from conformance.scenarios import restore_requests, restore_scenarios
from conformance.scenarios.proofs import restore_evidence, source_instance
from conformance.scenarios.proofs.instance_data import other_data
from conformance.scenarios.proofs.other_clients import unless_restored_by_others
from conformance.scenarios.restore import InstanceData, counted, last_look, message_of
from conformance.suite.support import probed_main_restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.restore import Restore

BUSY = (403, 409, 422, 423, 429)
#: With this many restores, it is no coincidence if each has one log too many.
NO_CHANCE = 3


def expected_restores(context: CheckContext) -> list[Restore]:
    """The restores that are expected to succeed, each followed to its end."""
    main = context.try_scenario("main", restore_scenarios.main)
    candidates = (main.restore if main else None, context.try_scenario("manage", restore_scenarios.manage))
    accepted = [restore for restore in candidates if restore and restore.accepted]
    return accepted or [context.run_once("main", restore_scenarios.main).followed]


@check("RST-1", "restore")
def test_rst_1_restores_come_to_an_end(context: CheckContext) -> Iterator[Finding]:
    """Every accepted restore, the failing one included, within `restore.timeout_s`."""
    restore_scenarios.try_all(context)
    followed = [restore for restore in context.run.state.restores if restore.accepted and restore.after is not None]
    if not followed:
        expected_restores(context)  # raises with the reason
    for restore in followed:
        if restore.ended:
            continue
        if not restore.readable:
            raise CannotTellError("RST-2 failed first: without jobs, only its log shows that a restore has ended")
        wanted = f"a terminal state within {context.fixtures.target.restore.timeout_s:g} s"
        yield violation(wanted, restore.last_seen, last_look(restore), "/data/state/current")
    if not context.exchanges.count:  # no scenario could restore, and the restores are those of other checks
        expected_restores(context)  # raises with the reason


@check("RST-2", "restore")
def test_rst_2_a_restore_leaves_one_log(context: CheckContext) -> Iterator[Finding]:
    """One new log, of type restore, for this backup and instance, without error."""
    restores = expected_restores(context)
    if source := context.try_scenario("source", source_instance.source):  # its log may name the wrong instance
        restores = [*restores, source.restore]
    judged = [restore for restore in restores if not failed_by_itself(context, restore)]
    if not judged:
        raise NotTestableError("set fixtures.backup_id to a backup whose restore is known to succeed")
    for restore in judged:
        yield from left_one_log(context, restore)
    ended = [
        restore
        for restore in context.run.state.restores
        if restore.accepted and restore.ended and restore.logs_exchange
    ]
    if len(ended) >= NO_CHANCE and all(len(earlier.logs) > len(earlier.own_logs) > 0 for earlier in ended):
        yield violation("no log but its own", "one more with each restore", ended[0].logs_exchange, "/data")


def failed_by_itself(context: CheckContext, restore: Restore) -> bool:
    """A failed restore of a backup that the target file does not name; RST-4 alone judges it."""
    return bool(restore.failed) and restore.backup != context.fixtures.target.fixtures.backup_id


def left_one_log(context: CheckContext, restore: Restore) -> Iterator[Finding]:
    """The findings about the logs of one restore."""
    exchange = restore.logs_exchange or restore.answer
    if restore.readable and restore.terminal is None:
        raise CannotTellError("RST-1 failed first: the restore did not come to an end")
    if failures := list(failures_of(restore, exchange)):
        restore_scenarios.try_all(context)  # other backups' restores show whether the backup or the target fails
        yield from restore_evidence.naming_backup(context, restore, failures)
    if len(restore.new_logs) != 1:
        within = f"one new log within {context.fixtures.target.restore.timeout_s:g} s"
        number = violation(within, f"{len(restore.new_logs)} ({restore.last_seen})", exchange, "/data")
        yield from restore_evidence.wrong_number_of_logs(context, restore, number)
    for log in restore.new_logs:
        yield from is_log_of_restore(log, restore, exchange)


def failures_of(restore: Restore, exchange: Exchange) -> Iterator[Finding]:
    """The findings about a restore that did not complete, by its job and by its logs."""
    if restore.terminal not in (None, "completed"):
        message = value_at(last_look(restore).data, "/state/error/message")
        yield violation("a good restore to complete", f"{restore.terminal}: {message}", last_look(restore))
    for log in restore.new_logs:
        if log.get("error") is not None:
            yield violation("no error", f"{value_at(log, '/error/message')}", exchange, "/data")


def is_log_of_restore(log: JsonObject, restore: Restore, exchange: Exchange) -> Iterator[Finding]:
    """Expect the log to be that of a restore, of this backup to this instance."""
    for name, wanted in {"type": "restore", "backup_id": restore.backup, "instance_id": restore.instance}.items():
        yield from expect_equal(log.get(name), wanted, exchange, f"/data/{_index(log, exchange)}/{name}")


def _index(log: JsonObject, exchange: Exchange) -> int:
    return next((index for index, item in enumerate(exchange.items) if item.get("id") == log.get("id")), 0)


@check("RST-3", "restore")
def test_rst_3_a_restore_leaves_the_backup_as_it_was(context: CheckContext) -> Iterator[Finding]:
    """The backup before the request and after the end, except for members that may change."""
    at_once = context.try_scenario("at once", restore_scenarios.at_once)
    last = {accepted.backup: accepted for accepted in at_once.accepted} if at_once else {}
    for restore in [*expected_restores(context), *last.values()]:
        yield from unchanged(restore)


def unchanged(restore: Restore) -> Iterator[Finding]:
    """Get returns the same backup before and after the restore."""
    looks = (restore.before, restore.after)
    if any(look is not None and value_at(look.data, "/id") not in (None, restore.backup) for look in looks):
        raise CannotTellError("GET-2 failed first: get shows another backup")
    if restore.before is not None and restore.after is not None:
        yield from expect_equivalent(
            "backup",
            object_of(restore.before),
            object_of(restore.after),
            restore.after,
            ignore=RESTORE_OR_DELETE_MAY_CHANGE,
        )


@check("RST-4", "restore")
def test_rst_4_a_failed_restore_says_so(context: CheckContext) -> Iterator[Finding]:
    """An error message in the log, job state error with one, and the backup unchanged."""
    restore = context.run_once("failing", restore_scenarios.failing)
    yield from restore_evidence.naming_failing_backup(context, restore, list(says_so(context, restore)))
    for log in restore.new_logs:
        yield from is_log_of_restore(log, restore, restore.logs_exchange or last_look(restore))
    yield from unchanged(restore)


def says_so(context: CheckContext, restore: Restore) -> Iterator[Finding]:
    """The findings about a failed restore whose job or log does not show that it failed."""
    exchange = last_look(restore)
    if restore.readable:
        if restore.terminal is None:
            raise CannotTellError("RST-1 failed first: the failing restore did not come to an end")
        yield from expect_equal(restore.terminal, "error", exchange, "/data/state/current")
        if restore.terminal == "error" and not error_messages(exchange.data):
            yield violation("an error message of the job or of a task", "none", exchange, "/data/state/error")
    logs, logged_in = restore.new_logs, restore.logs_exchange or exchange
    if not any(message_of(log) for log in logs):
        without = violation("a log with an error message", f"{len(logs)} without", logged_in, "/data")
        yield from [without] if logs else restore_evidence.wrong_number_of_logs(context, restore, without)


@check("RST-5", "restore")
def test_rst_5_jobs_only_move_forward(context: CheckContext) -> Iterator[Finding]:
    """The states and times of every job that was followed, read while it ran and again afterwards."""
    restore_scenarios.real_job(context)
    restore_scenarios.try_all(context)
    for restore, last in restore_scenarios.jobs_afterwards(context):
        moves = list(moves_forward([job for job in (*restore.jobs, last) if job.is_success]))
        other_cause = restore_evidence.shared_job(context, restore) if moves else ""
        yield from [inconclusive(other_cause, last)] if other_cause else moves


@check("RST-6", "restore")
def test_rst_6_restores_at_once_do_not_mix(context: CheckContext) -> Iterator[Finding]:
    """Each accepted one has its own job and log and ends as it would alone; the others are refused without effect."""
    at_once = context.run_once("at once", restore_scenarios.at_once)
    refused = [restore for restore in at_once.restores if not restore.accepted and not restore.answer.is_success]
    gone = [restore for restore in refused if restore_requests.is_gone(context, restore)]
    for restore in refused:
        if restore not in gone:
            yield from expect_status(restore.answer, *BUSY)
    if not at_once.accepted:
        if gone:
            raise CannotTellError(restore_requests.why_gone(gone[0].backup))
        if not any(inconclusive_reason(restore.answer) for restore in at_once.restores):
            yield violation("at least one accepted", "none", at_once.restores[0].answer)
        return
    jobs = restore_evidence.own_jobs(context, at_once.accepted)
    yield from expect_unique([restore.job_id for restore in jobs if restore.job_id], jobs[-1].answer, "job")
    for backup in dict.fromkeys(restore.backup for restore in jobs):
        yield from a_log_each(context, [restore for restore in jobs if restore.backup == backup])
    for restore in jobs:
        yield from ends_as_alone(context, restore)


def a_log_each(context: CheckContext, restores: list[Restore]) -> Iterator[Finding]:
    """As many new logs as accepted restores of the one backup."""
    last = restores[-1]
    if len(last.own_logs) == len(restores):
        return
    wanted = f"{counted(len(restores), 'new log')}, one for each accepted restore"
    got = f"{len(last.own_logs)} ({last.last_seen})"
    number = violation(wanted, got, last.logs_exchange or last.answer, "/data")
    if other_cause := restore_evidence.wrong_alone(context):
        yield inconclusive(other_cause, number.exchange)
    elif len(last.own_logs) > len(restores):
        yield from restore_evidence.surplus_of_logs(context, number)
    else:
        problem = context.run.state.log_book.problem
        yield inconclusive(problem, number.exchange) if problem else number


def ends_as_alone(context: CheckContext, restore: Restore) -> Iterator[Finding]:
    """The restore ends, and completes if a restore of the same backup alone is known to complete."""
    exchange = last_look(restore)
    if not restore.ended:
        yield violation("every accepted restore to end", restore.last_seen, exchange, "/data/state/current")
    elif not restore.went_well and restore_evidence.is_good(context, restore.backup):
        wanted = "a restore that completes, as it does alone"
        message = restore.failed or value_at(exchange.data, "/state/error/message") or "no message"
        got = f"{restore.terminal or 'a log with an error'}: {message}"
        yield violation(wanted, got, exchange, "/data/state/current")


@check("RST-7", "restore")
def test_rst_7_reads_go_on_while_a_restore_runs(context: CheckContext) -> Iterator[Finding]:
    """List, get and logs while the main restore runs; what is as wrong before it is another clause's."""
    restore = context.run_once("main", restore_scenarios.main).followed
    wrong_before = {
        answer.operation: answer for answer in restore.reads_before if any(disturbed(context, restore, answer))
    }
    for answer in restore.reads:
        if answer.operation not in wrong_before:
            yield from disturbed(context, restore, answer)
    for operation, answer in wrong_before.items():
        yield inconclusive(f"{SHAPE_CLAUSE[operation]} or a more basic clause failed first, before the restore", answer)


def disturbed(context: CheckContext, restore: Restore, answer: Exchange) -> Iterator[Finding]:
    """What is wrong with a read: not served, not valid, or without the backup that is being restored."""
    yield from expect_success(answer)
    if not answer.is_success:
        return
    if not answer.is_judgeable_success:
        yield violation("an answer as before the restore", "one that is not JSON", answer)
        return
    for mismatch in mismatches_at(answer, ""):
        if not is_in_new_item(restore, answer, mismatch.pointer):
            yield violation(f"{mismatch.wanted}, as before the restore", mismatch.got, answer, mismatch.pointer)
    if answer.operation == "get" and value_at(answer.data, "/id") != restore.backup:
        yield violation(f"the backup {restore.backup}", "another one", answer, "/data/id")
    if answer.operation == "list" and restore.backup not in answer.ids and shows_all(context, restore, answer):
        yield violation("the backup in the list", "not listed", answer, "/data")


def is_in_new_item(restore: Restore, answer: Exchange, pointer: str) -> bool:
    """Whether a pointer leads into a backup or log that was not there before: its shape is another clause's matter."""
    if answer.operation == "get" or not pointer.startswith("/data/"):
        return False
    item_id = value_at(answer.value, f"/data/{pointer.split('/')[2]}/id")
    known = {id_ for read in restore.reads_before if read.operation == answer.operation for id_ in read.ids}
    return isinstance(item_id, str) and item_id not in known


def shows_all(context: CheckContext, restore: Restore, answer: Exchange) -> bool:
    """Would the plain list show the backup, if it were there? Others' new ones may have moved it off the first page."""
    most = max(len(read.ids) for read in (*restore.reads_before, *restore.reads) if read.operation == "list")
    return context.fixtures.plain_list_is_whole and len(answer.ids) < most


@check("RST-8", "restore")
def test_rst_8_the_instance_holds_the_backups_data(context: CheckContext) -> Iterator[Finding]:
    """The digest that the probe reports once the restore has completed; before it the instance held other data."""
    main, held, expected = probed_main_restore(context)
    if held.digest != expected:
        changed = unless_restored_by_others(context, main.instance, other_data(main, expected, held))
        yield naming_expected(context, expected, changed)
        return
    yield from one_of_them(context, main, expected)


def naming_expected(context: CheckContext, expected: str, finding: Finding) -> Finding:
    """The finding, which names `probe.expected` unless the probe printed that digest after any restore of the run."""
    printed = {restore.data.digest for restore in context.run.state.restores if restore.data}
    if expected in printed or finding.outcome is not Outcome.FAILED:
        return finding
    hint = "or probe.expected is not the digest of fixtures.backup_id: restore it by hand, and run probe.command"
    return replace(finding, got=f"{finding.got}; {hint}")


def one_of_them(context: CheckContext, main: Restore, expected: str) -> Iterator[Finding]:
    """After concurrent restores that all completed, the instance holds the data of one backup, and no mixture."""
    at_once = context.try_scenario("at once", restore_scenarios.at_once)
    manage = context.try_scenario("manage", restore_scenarios.manage)
    if at_once is None or at_once.data is None or not all(restore.went_well for restore in at_once.accepted):
        return
    known = {main.backup: InstanceData(expected)}
    if manage and manage.went_well and manage.data:
        known.setdefault(manage.backup, manage.data)
    wanted = [known.get(restore.backup) for restore in at_once.restores]
    compared = [data for data in wanted if data and data.digest]
    held, digests = at_once.data, {data.digest for data in compared}
    if len(compared) == len(wanted) and held.digest and held.digest not in digests:
        mixed = other_data(at_once.accepted[-1], " or ".join(sorted(filter(None, digests))), held, *compared)
        yield unless_restored_by_others(context, main.instance, mixed)


@check("RST-9", "restore")
def test_rst_9_other_instances_are_untouched(context: CheckContext) -> Iterator[Finding]:
    """The probe's digest of the second instance before the first restore, after the main one, and after all."""
    if context.fixtures.target.probe is None:
        raise NotTestableError("set probe.command")
    yield from source_instance_untouched(context)
    second = context.fixtures.fixture("second_instance_id")
    main = context.run_once("main", restore_scenarios.main)
    before = context.run_once("second instance", restore_requests.second_instance)
    restore_scenarios.try_all(context)
    for digest in (main.digests.second_after, context.digest_of(second)):
        if digest is not None and digest != before:
            changed = violation(f"the data {before} on instance {second} as before", digest, last_look(main.restore))
            other_cause = context.run.state.wrong_acceptance
            changed = inconclusive(other_cause, changed.exchange) if other_cause else changed
            yield from resting_on([unless_restored_by_others(context, second, changed)], [main.restore.answer])
            return


def source_instance_untouched(context: CheckContext) -> Iterator[Finding]:
    """The instance that a backup was made of, after a restore of it to another one, and after a second such restore."""
    first = context.try_scenario("source", source_instance.source)
    if first is None or not first.touched:
        return
    again = context.try_scenario("source again", source_instance.source_again)
    exchange = last_look(first.restore)
    if again is None or not again.touched:
        yield inconclusive(f"the instance {first.source} changed, but not with a second such restore", exchange)
        return
    wanted = f"the data {first.before} on instance {first.source}, of which the restored backup was made, as before"
    changed = violation(wanted, first.after, exchange)
    other_cause = context.run.state.wrong_acceptance
    changed = inconclusive(other_cause, exchange) if other_cause else changed
    changed = unless_restored_by_others(context, again.source, changed)
    yield from resting_on([changed], [first.restore.answer, again.restore.answer])
