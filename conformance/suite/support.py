"""Helpers that the checks of several chapters share."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack
from urllib.parse import unquote

from conformance.contract import validation
from conformance.contract.operations import GRANTS, lacks
from conformance.contract.pointers import value_at
from conformance.generation.addresses import decoded_address, has_undocumented_method
from conformance.generation.combinations import Combination, combined
from conformance.http.exchange import Expected
from conformance.judging.expectations import (
    ANY_4XX,
    CannotTellError,
    NotTestableError,
    advisory,
    expect_equivalent,
    expect_no_server_error,
    expect_success,
    inconclusive,
    inconclusive_reason,
    violation,
)
from conformance.scenarios import paging, restore_scenarios
from conformance.scenarios.follower import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions
    from conformance.scenarios.restore import InstanceData, Restore


SAME_DATA = (
    "the instance held this data before the restore, so one that does nothing would look the same: "
    "set fixtures.backup_id to a backup whose data differs from the instance's and from the other live backups'"
)


def probed_main_restore(context: CheckContext) -> tuple[Restore, InstanceData, str]:
    """The main restore, the instance's data after it, and the digest that it must produce.

    Raises NotTestableError or CannotTellError if a restore without effect could pass as well.
    """
    probe = context.fixtures.target.probe
    if probe is None or probe.expected is None:
        raise NotTestableError("set probe.command and probe.expected" if probe is None else "set probe.expected")
    context.fixtures.fixture("backup_id")  # the backup whose data is `expected`
    main = context.run_once("main", restore_scenarios.main)
    held = main.restore.data
    if main.digests.own_before is None or held is None:
        raise CannotTellError(main.digests.problem or "RST-1 failed first: the restore did not come to an end")
    if held.digest is None:
        raise CannotTellError(held.doubt)
    if main.restore.ended and not main.restore.went_well:
        raise CannotTellError("RST-2 failed first: the restore did not complete")
    if main.digests.own_before == probe.expected:
        raise NotTestableError(SAME_DATA)
    return main.restore, held, probe.expected


def keys_without(context: CheckContext, operation: Operation) -> list[str]:
    """The valid keys of the target file that lack the operation's capability."""
    names = [name for name in GRANTS if lacks(name, operation)]
    accepted = [name for name in names if context.key_proofs.states.get(name) == "accepted"]
    if not accepted:
        for name in names:
            context.key_proofs.require(name)
        raise NotTestableError(f"set {' or '.join(f'keys.{name}' for name in names)}")
    return accepted


def read_with(context: CheckContext, backup: str, keys: list[str]) -> None:
    """Read a backup, and the list, with those of these keys that may: a server may cache its decision about a key."""
    for key in keys:
        if not lacks(key, "get"):
            context.send_all([context.build.list(key=key), context.build.get(backup, key=key)])


#: The clause that states the response to a key without the capability.
DENIAL_CLAUSE: dict[Operation, str] = {
    "list": "CAP-1", "get": "CAP-2", "logs": "CAP-3", "restore": "CAP-4", "job": "JBS-2", "delete": "DEL-2",
}  # fmt: skip


def expect_accepted(restore: Restore) -> Iterator[Finding]:
    """A valid restore is accepted, in its status and in its job descriptor."""
    yield from expect_success(restore.answer)
    yield from expect_not_declined(restore)


def expect_not_declined(restore: Restore) -> Iterator[Finding]:
    """The job descriptor of a valid restore does not say that the job was not accepted."""
    if value_at(restore.answer.data, "/job/accepted") is False:
        wanted = "an accepted job, since nothing else runs"
        yield violation(wanted, "accepted: false", restore.answer, "/data/job/accepted")


#: How often a difference must be read before it is a finding.
MAX_READINGS = 3


def lasting_differences(
    context: CheckContext, most: int, differences: Callable[[CheckContext, list[str]], dict[str, list[Finding]]]
) -> Iterator[Finding]:
    """The differences in a sample of backups that persist when the backups are read again: live backups change."""
    suspects = context.fixtures.sample(context.rng, most)
    if not suspects and context.fixtures.problem:
        raise CannotTellError(context.fixtures.problem)
    by_backup: dict[str, list[Finding]] = {}
    for _ in range(MAX_READINGS):
        by_backup = differences(context, suspects)
        suspects = list(by_backup)
        if not suspects:
            return
    for findings in by_backup.values():
        yield from findings


#: Of how many backups the logs are read that no other clause needs: of the target file's and of the others.
NAMED_LOGS, OTHER_LOGS = 7, 10


def logs_of_some(context: CheckContext) -> list[Exchange]:
    """The scenario of the logs of some backups: the main one, one in each state, and some that are not restored."""
    return context.run_once("logs of some", _logs_of_some)


def _logs_of_some(context: CheckContext) -> list[Exchange]:
    fixtures = context.fixtures
    named = [fixtures.backup_id, *fixtures.sample(context.run.rng("logs of some"), NAMED_LOGS)]
    return context.send_all(map(context.build.logs, dict.fromkeys([*named, *fixtures.stable_ids()[-OTHER_LOGS:]])))


def unchanged_backups(context: CheckContext, gets: list[Exchange]) -> list[str]:
    """Read backups again, and return the ids of those that have not changed.

    A backup that changes between two reads by itself allows no conclusion about what changed it.
    """
    again = context.send_all(context.build.get(backup_id_of(exchange)) for exchange in gets)
    return [
        backup_id_of(before)
        for before, after in zip(gets, again, strict=True)
        if not any(True for _ in expect_equivalent("backup", before.data, after.data, after))
    ]


def backup_id_of(exchange: Exchange) -> str:
    """The id of the backup that the request names. Raises KeyError if it names none."""
    return exchange.request.resources["backup"]


def deleted_meanwhile(context: CheckContext, exchange: Exchange) -> bool:
    """Whether a backup of the list was deleted by someone else: its request is a 404, and the list agrees."""
    if exchange.status != 404 or backup_id_of(exchange) in context.fixtures.reserved_ids() - {
        context.fixtures.target.fixtures.not_live_backup_id
    }:
        return False
    listed = {item.get("id"): item for page in paging.read_list(context).pages for item in page.items}
    return backup_id_of(exchange) not in listed or is_going(listed[backup_id_of(exchange)])


def is_going(item: JsonObject) -> bool:
    """Whether a backup is being deleted or was deleted: get may then show it or not."""
    return value_at(item, "/state/current") in ("deleting", "deleted")


def require_another_container(context: CheckContext) -> None:
    """Raise NotTestableError if the target file names no container or backup to cross paths with."""
    fixtures = context.fixtures.target.fixtures
    if not (fixtures.other_container_id or fixtures.empty_container_id or fixtures.foreign_backup_id):
        raise NotTestableError("set fixtures.other_container_id")


def crossed_requests(
    context: CheckContext, operation: Operation, **options: Unpack[OperationOptions]
) -> Iterator[Request]:
    """Requests that name a backup through a container that is not its own."""
    fixtures = context.fixtures.target.fixtures
    backup = context.fixtures.dedicated_backup("crossed")
    refused: OperationOptions = {**options, "ownership": "crossed", "expected": Expected.REFUSAL}
    for container in (fixtures.other_container_id, fixtures.empty_container_id, context.build.unknown_container()):
        if container:
            yield context.build.for_operation(operation, refused, backup=backup, container=container)
    if foreign := fixtures.foreign_backup_id:
        yield context.build.for_operation(operation, refused, backup=foreign)


def expect_malformed_refused(context: CheckContext, exchange: Exchange) -> Iterator[Finding]:
    """A malformed id is refused.

    If an encoded slash turns the path into another valid address, the server may serve that address; this is a warning.
    """
    decoded = decoded_address(exchange.request.path)
    if exchange.is_success and decoded is not None:
        yield from _expect_decoded_answer(context, exchange, decoded)
    elif exchange.status is not None and 300 <= exchange.status < 400:
        yield advisory("4xx", f"{exchange.status} to {header_of(exchange, 'location') or 'nowhere'}", exchange)
    else:
        allowed = (ANY_4XX, 501) if has_undocumented_method(exchange.request) else (ANY_4XX,)
        yield from expect_no_server_error(exchange, *allowed)


def _expect_decoded_answer(context: CheckContext, exchange: Exchange, decoded: str) -> Iterator[Finding]:
    """A path that is decoded before routing is answered exactly as the decoded path."""
    served = advisory("4xx", f"{exchange.status}: an encoded slash is decoded before routing", exchange)
    if exchange.request.method != "POST":
        yield from _compare(context, exchange, decoded, served)
        return
    *_, backup, _tasks = decoded.split("/")
    if Follower(context).let_end(exchange, unquote(backup)):
        context.run.state.excuse_acceptance(exchange)  # a warning of GET-6 explains no wrong data of RST-8 or RST-9
    yield served


def _compare(context: CheckContext, exchange: Exchange, decoded: str, same: Finding) -> Iterator[Finding]:
    """Compare an answer with that of the decoded path; yield `same`, or a violation.

    What the path shows may change from one answer to the next, as when a backup goes. So a difference counts where the
    decoded path is answered alike before and after the other.
    """
    request, before = replace(exchange.request, path=decoded), None
    for _ in range(MAX_READINGS):
        plain = context.send(request)
        if why := _why_not_comparable(plain):
            yield inconclusive(why, plain)
            return
        if not _shows_the_same(plain, exchange):
            if before is not None and _shows_the_same(before, plain):
                shown = f"the answer {plain.status} of {decoded}" if plain.is_refusal else "4xx"
                yield violation(shown, f"{exchange.status}", exchange)
                return
            before, exchange = plain, context.send(exchange.request)
        if not exchange.is_success and plain.is_success:
            break
        if not exchange.is_success:
            return  # the resource that both paths name no longer exists
        if _shows_the_same(plain, exchange):
            yield same
            return
    yield inconclusive(f"{exchange.request.line} and {decoded} are answered differently each time", exchange)


def _why_not_comparable(exchange: Exchange) -> str | None:
    if exchange.status is not None and 300 <= exchange.status < 400:
        return f"HTTP-9 failed first on {exchange.request.line}: {exchange.status}"
    return inconclusive_reason(exchange)


def _shows_the_same(one: Exchange, other: Exchange) -> bool:
    return one.status == other.status and (not one.is_success or one.value == other.value or one.ids == other.ids)


UNDOCUMENTED_METHODS: dict[Operation, tuple[str, ...]] = {
    "list": ("PUT", "PATCH", "POST", "DELETE"),
    "get": ("PUT", "PATCH", "POST"),
    "logs": ("PUT", "PATCH", "POST", "DELETE"),
    "restore": ("PUT", "PATCH", "DELETE"),
}


METHOD_REFUSALS = (401, 403, 404, 405, 501)


def expect_method_refused(exchange: Exchange) -> Iterator[Finding]:
    """An undocumented method is never served.

    The response has one of METHOD_REFUSALS and the error shape, and a 405 has an Allow header; otherwise a warning.
    """
    if why := inconclusive_reason(exchange):
        yield inconclusive(why, exchange)
    elif exchange.is_success:
        yield violation("no success for an undocumented method", f"{exchange.status}", exchange)
    elif exchange.status == 500:
        yield inconclusive(f"HTTP-3 failed first on {exchange.request.line}: 500", exchange)
    elif _has_plain_body(exchange.request):  # any other body may be refused before the method is checked
        yield from _expect_polite_refusal(exchange)


def _has_plain_body(request: Request) -> bool:
    """Whether the request has no body, or a JSON object as its body."""
    try:
        return not request.body or isinstance(json.loads(request.body), dict)
    except ValueError:
        return False


def _expect_polite_refusal(exchange: Exchange) -> Iterator[Finding]:
    allowed = header_of(exchange, "allow")
    if exchange.status not in METHOD_REFUSALS:
        yield advisory("401, 403, 404, 405 or 501", f"{exchange.status}", exchange)
    elif exchange.status == 405 and allowed is None:
        yield advisory("Allow on a 405", "none", exchange)
    elif exchange.status == 405 and exchange.request.method in re.split(r"[\s,]+", allowed or ""):
        yield advisory(f"an Allow without {exchange.request.method}", f"{allowed}", exchange)
    elif not exchange.oauth and not isinstance(value_at(exchange.value, "/error"), dict):
        yield advisory("the error shape", validation.render(exchange.value), exchange)


def header_of(exchange: Exchange, name: str) -> str | None:
    """The value of a response header; None if it is absent, or without a response."""
    return exchange.response.header(name) if exchange.response else None


def is_served(exchange: Exchange) -> bool:
    """Whether a read is served as if nothing about it were unusual."""
    return exchange.status == 200 and exchange.is_judgeable_success


def send_combined(
    context: CheckContext,
    listed: Sequence[Request],
    *,
    combine: Callable[[Sequence[Request]], list[Combination]] = combined,
    is_usual: Callable[[Exchange], bool] = is_served,
    send: Callable[[Sequence[Request]], list[Exchange]] | None = None,
) -> Iterator[Exchange]:
    """Send unusual requests, several in one; one by one those of a request whose response is not the usual one.

    A quick run sends the combinations of its chosen inputs.
    """
    send = send or context.send_all
    chosen = {request.content for request in context.chosen(listed)}
    combinations = combine(listed) if context.run.inputs.combines else [Combination(each, (each,)) for each in listed]
    sent = [each for each in combinations if not chosen.isdisjoint(part.content for part in each.parts)]
    parts = {each.request.content: each.parts for each in sent}
    again: list[Request] = []
    for answer in send([each.request for each in sent]):  # it may leave some out
        yield answer
        several = parts.get(answer.request.content, ())
        if len(several) > 1 and not (is_usual(answer) and not context.run.judges.findings(answer)):
            again += [part for part in several if part.content in chosen]
    yield from send(again)
