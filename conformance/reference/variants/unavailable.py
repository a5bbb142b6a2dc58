"""Conformant servers against which a run is inconclusive: unreliable availability, other clients, huge responses."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from conformance.reference.core import Answer
from conformance.reference.data import archives
from conformance.reference.data.store import Log, new_id
from conformance.reference.patching import (
    after_restore,
    answer_instead,
    busy,
    drop_when,
    every,
    on_restore_log,
    page_of,
)
from conformance.reference.refusals import RefusalError
from conformance.reference.registry import variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.reference.core import Behaviours, Call, Reply
    from conformance.reference.data.store import Backup, Instance, Job

UNAVAILABLE = "502, 503 and 504 at random mean an unavailable target"
#: How often another run restores a backup, once a second.
RESTORES_OF_ANOTHER_RUN = 20
#: How often another client restores every backup, in seconds.
PACE_OF_ANOTHER_CLIENT_S = 0.5
OTHERS = "an effect is a failure only if it is seen again with another backup: another client may restore this one"


def _at_random(server: Behaviours, nth: int, answer: Answer) -> None:
    now = every(server, nth)
    answer_instead(server, lambda _: now(), lambda _: Answer(answer.status, dict(answer.headers), answer.body))


@variant(UNAVAILABLE, expected="inconclusive")
def random_502(server: Behaviours) -> None:
    """An occasional request is a gateway's HTML 502, whatever it asks for."""
    _at_random(server, 29, page_of(502, "<html><h1>502 Bad Gateway</h1></html>", server="nginx"))


@variant(UNAVAILABLE, expected="inconclusive")
def random_503(server: Behaviours) -> None:
    """An occasional request is a 503 without Retry-After, whatever it asks for."""
    _at_random(server, 31, page_of(503, "<html><h1>503 Service Temporarily Unavailable</h1></html>"))


@variant(UNAVAILABLE, expected="inconclusive")
def random_504(server: Behaviours) -> None:
    """An occasional request is a 504 without a body, whatever it asks for."""
    _at_random(server, 37, Answer(504, {}, b""))


@variant(UNAVAILABLE, expected="inconclusive")
def random_520(server: Behaviours) -> None:
    """An occasional request is a 520 of a content delivery network, whatever it asks for."""
    _at_random(server, 41, page_of(520, "<html><h1>Web server is returning an unknown error</h1></html>"))


@variant(UNAVAILABLE, expected="inconclusive")
def random_resets(server: Behaviours) -> None:
    """An occasional request resets the connection, whatever it asks for."""
    now = every(server, 43)
    drop_when(server, lambda _: now())


@variant("a GET with a body is never blamed for a lost answer (HTTP-3)")
def reads_with_a_body_are_reset(server: Behaviours) -> None:
    """A GET with a body resets the connection."""
    drop_when(
        server,
        lambda call: (
            call.method == "GET"
            and (call.headers.get("content-length", "0") != "0" or "transfer-encoding" in call.headers)
        ),
    )


LOST_ANSWER = "one lost answer to an accepted restore is not the server's fault: the run has budget for another"


def _lose_accepted(server: Behaviours, number: int, lose: Callable[[Behaviours, Callable[[Call], bool]], None]) -> None:
    """The answer to an accepted restore of this number is lost, but its job runs."""
    accepted = count(1)
    restore = server.handlers["restore"]
    lost: list[Call] = []  # kept, so that no later call can be taken for one of them

    def counted(call: Call) -> Reply:
        if next(accepted) == number:
            lost.append(call)
        return restore(call)

    server.handlers["restore"] = counted
    lose(server, lambda call: any(call is each for each in lost))


@variant(LOST_ANSWER)
def first_accepted_restore_is_not_answered(server: Behaviours) -> None:
    """The connection of the first accepted restore is reset before the response."""
    _lose_accepted(server, 1, drop_when)


@variant(LOST_ANSWER)
def one_accepted_restore_is_not_answered(server: Behaviours) -> None:
    """The connection of the third accepted restore is reset before the response."""
    _lose_accepted(server, 3, drop_when)


@variant(
    "a lost answer to a concurrent restore is inconclusive (RST-6) once the budget is used up", expected="inconclusive"
)
def a_concurrent_restore_is_not_answered(server: Behaviours) -> None:
    """The connection of the sixth accepted restore is reset before the response."""
    _lose_accepted(server, 6, drop_when)


@variant("a 503 to a concurrent restore is inconclusive (RST-6)", expected="inconclusive")
def second_restore_is_503(server: Behaviours) -> None:
    """A restore to an instance that is being restored is a 503."""

    def check(call: Call) -> None:
        if busy(call):
            raise RefusalError("503.not-ready")

    server.checks["admission"] = check


def _restored_by_others(server: Behaviours, backup: Backup, instance_id: str) -> None:
    moment = server.clock()
    backup.logs.append(Log(new_id(), instance_id, "restore", "restored by another client", moment, moment))


@variant(OTHERS, expected="inconclusive")
def another_client_restores_once(server: Behaviours) -> None:
    """With the fifth refused restore, another client restores the same backup to the same instance."""
    refused = count(1)

    def remember(call: Call, refusal: RefusalError) -> RefusalError:
        backup = call.store.main.backups.get(call.ids.get("backup", ""))
        if call.operation == "restore" and backup and next(refused) == 5:
            _restored_by_others(server, backup, call.store.fixtures.instance_id)
        return refuse(call, refusal)

    refuse, server.refuse = server.refuse, remember


def _restores_every_backup(server: Behaviours) -> None:
    for backup in server.store.main.backups.values():
        if backup.current == "live":
            _restored_by_others(server, backup, server.store.fixtures.instance_id)


@variant(OTHERS, expected="inconclusive")
def another_client_restores_every_backup(server: Behaviours) -> None:
    """From the first refused restore on, another client restores every backup to the same instance twice a second."""
    refuse, begun = server.refuse, list[float]()

    def begin(call: Call, refusal: RefusalError) -> RefusalError:
        if call.operation == "restore" and not begun:
            begun.append(time.monotonic())
        return refuse(call, refusal)

    def meanwhile(call: Call) -> list[Log]:
        while begun and begun[-1] < time.monotonic():
            begun[-1] += PACE_OF_ANOTHER_CLIENT_S
            _restores_every_backup(server)
        return visible(call)

    visible, server.visible_logs, server.refuse = server.visible_logs, meanwhile, begin


@variant(OTHERS, expected="inconclusive")
def another_client_restores_with_each_refused(server: Behaviours) -> None:
    """With the first restore of each backup that is refused with a code, another client restores every backup."""
    refuse, refused = server.refuse, set[tuple[str, str]]()

    def together(call: Call, refusal: RefusalError) -> RefusalError:
        kind = call.ids.get("backup", ""), refusal.code
        if call.operation == "restore" and kind[0] in server.store.main.backups and kind not in refused:
            refused.add(kind)
            _restores_every_backup(server)
        return refuse(call, refusal)

    server.refuse = together


@variant(OTHERS, expected="inconclusive")
def another_client_restores_the_same(server: Behaviours) -> None:
    """With the third accepted restore, another client restores the same backup to the same instance."""
    accepted, restore = count(1), server.handlers["restore"]

    def together(call: Call) -> Reply:
        if next(accepted) == 3:
            _restored_by_others(server, call.backup, call.instance.id)
        return restore(call)

    server.handlers["restore"] = together


@variant("another client may restore another backup to the same instance (RST-8)", expected="inconclusive")
def another_client_restores_another(server: Behaviours) -> None:
    """Each restore is followed by another client's, of another backup to the same instance."""
    _restore_others_after(server, lambda job: job.instance)


@variant("another client may restore to an instance that the run does not restore to (RST-9)", expected="inconclusive")
def another_client_restores_elsewhere(server: Behaviours) -> None:
    """Each restore is followed by another client's, of another backup to the second instance."""
    _restore_others_after(server, lambda job: job.container.instances[server.store.fixtures.second_instance_id])


def _restore_others_after(server: Behaviours, instance_of: Callable[[Job], Instance | None]) -> None:
    def another(job: Job) -> None:
        instance, named = instance_of(job), server.store.fixtures
        if instance is None:
            return
        backup = next(
            backup
            for backup in job.container.backups.values()
            if backup.current == "live" and backup.id not in (job.backup.id, named.failing_backup_id)
        )
        archives.unpack(backup.archive, instance.folder)
        _restored_by_others(server, backup, instance.id)

    after_restore(server, another)


@variant("another run with the same target file restores what this one restores (RST-2)", expected="inconclusive")
def another_run_restores_the_same(server: Behaviours) -> None:
    """After each restore another run restores the same backup: at once, and again each second for a while."""

    def follow(job: Job, log: Log) -> None:
        for number in range(RESTORES_OF_ANOTHER_RUN):
            restore = partial(_restored_by_others, server, job.backup, log.instance_id)
            asyncio.get_running_loop().call_later(number, restore)

    on_restore_log(server, follow)


@variant("backups of other clients may come and go (DEL-5)", expected="inconclusive")
def another_client_deletes(server: Behaviours) -> None:
    """Another client deletes a backup at the same time as the first deletion."""
    delete, deleted = server.handlers["delete"], list[str]()

    def together(call: Call) -> Reply:
        named = call.store.fixtures
        kept = {named.backup_id, named.failing_backup_id, *named.deletable_backup_ids}
        live = [
            backup.id
            for backup in call.container.backups.values()
            if backup.current == "live" and backup.id not in kept
        ]
        if live and not deleted:
            deleted.append(live[0])
            del call.container.backups[live[0]]
        return delete(call)

    server.handlers["delete"] = together


@variant("another run with the same target file deletes what the file offers (DEL-5)", expected="inconclusive")
def another_run_deletes(server: Behaviours) -> None:
    """Another run deletes the other backups that the target file offers at the same time as the first deletion."""
    delete = server.handlers["delete"]

    def together(call: Call) -> Reply:
        for backup in set(call.store.fixtures.deletable_backup_ids) - {call.backup.id}:
            call.container.backups.pop(backup, None)
        return delete(call)

    server.handlers["delete"] = together


@variant("another run with the same target file deletes what the file offers (DEL-2, DEL-4)", expected="inconclusive")
def another_run_deletes_what_was_refused(server: Behaviours) -> None:
    """Another run deletes the offered backup for which a deletion was refused first."""
    deleted = list[str]()

    def remember(call: Call, refusal: RefusalError) -> RefusalError:
        backup = call.ids.get("backup", "")
        if call.operation == "delete" and not deleted and backup in call.store.fixtures.deletable_backup_ids:
            deleted.append(backup)
            call.store.main.backups.pop(backup, None)
        return refuse(call, refusal)

    refuse, server.refuse = server.refuse, remember


@variant("a body longer than `limits.max_body_mb` is the suite's limit, not a fault", expected="inconclusive")
def one_log_is_huge(server: Behaviours) -> None:
    """The log of one backup has 17 MiB, more than the target file allows for a body."""
    backup = next(backup for backup in server.store.main.backups.values() if backup.current == "live" and backup.logs)
    backup.logs[0].text = "block written\n" * (17 * 2**20 // 14 + 1)
