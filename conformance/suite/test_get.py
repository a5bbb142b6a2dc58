"""GET-1 … GET-6 and BKP-1 … BKP-4: one backup, and what every backup must be."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.contract.operations import RESTORE_MAY_CHANGE
from conformance.generation.addresses import with_encoded_slashes
from conformance.judging.answer_shapes import is_expected_success, mismatches_at, serves, succeeds
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    NotTestableError,
    expect_code,
    expect_content,
    expect_documented_status,
    expect_equal,
    expect_equivalent,
    expect_status,
    expect_success,
    violation,
)
from conformance.scenarios import paging, restore_scenarios
from conformance.scenarios.request_builder import addressing, as_malformed
from conformance.scenarios.side_effects import send_expecting_refusal
from conformance.suite.support import (
    backup_id_of,
    crossed_requests,
    deleted_meanwhile,
    expect_malformed_refused,
    is_going,
    lasting_differences,
    require_another_container,
    unchanged_backups,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.contract.json_types import JsonObject
    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

#: how many backups are compared with their items of the list, in a quick run and in any other
QUICK_SAMPLE, SAMPLE = 8, 40
#: how many of the malformed forms are sent in the last place of an address, and how many in another place
MOST_FORMS, FEW_FORMS = 13, 7
#: percent-encoded bytes that are no UTF-8, and half an encoding
NOT_UTF_8 = ("%FF", "%C3%28", "%ED%A0%80")
#: what libraries of browsers accept: JSON first, and then anything
JSON_FIRST = (("Accept", "application/json, text/plain, */*"),)


@passive("GET-1", when=succeeds("get"))
def get_shows_a_backup(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if isinstance(exchange.data, dict):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@check("GET-1", "get")
def test_get_1_backups_are_shown(context: CheckContext) -> Iterator[Finding]:
    """The main backup plain, with integrations and for a list of media types, and others that no get has shown yet."""
    others = [context.build.get(backup) for backup in context.fixtures.sample(context.rng, 5)]
    requests = [context.build.get(), context.build.get(include="integrations"), *others]
    requests.append(context.build.get(headers=JSON_FIRST))
    shown = [request for request in others if context.run.readings.get(request.resources["backup"])]
    for answer in context.send_all(request for request in context.chosen(requests) if request not in shown):
        if not deleted_meanwhile(context, answer):
            yield from expect_content(answer)


@passive("GET-2", when=lambda exchange: serves("get")(exchange) and is_expected_success(exchange))
def get_shows_what_was_asked_for(exchange: Exchange) -> Iterator[Finding]:
    if isinstance(exchange.data, dict):
        ids = exchange.request.resources
        wanted = {"id": ids["backup"], "container_id": ids["container"], "hub_id": exchange.request.hub_id}
        for name, value in wanted.items():
            if isinstance(exchange.data.get(name), str):
                yield from expect_equal(exchange.data[name], value, exchange, f"/data/{name}")


@check("GET-3", "get")
def test_get_3_get_and_list_show_the_same(context: CheckContext) -> Iterator[Finding]:
    """A sample of the list against get; what differs is read again, twice, since live backups move."""
    if not context.fixtures.backups:
        raise NotTestableError("set fixtures.container_id to a container with backups")
    context.require_served("list")
    context.require_served("get")
    yield from lasting_differences(context, QUICK_SAMPLE if context.run.is_quick else SAMPLE, _differences)


def _differences(context: CheckContext, suspects: list[str]) -> dict[str, list[Finding]]:
    """What get shows otherwise than the list; an earlier get is enough where both agree."""
    pages = [*paging.read_list(context).pages, context.list()]
    items = {item["id"]: item for page in pages for item in page.items if isinstance(item.get("id"), str)}
    moving = context.fixtures.restored_ids()

    def compared(backup: str, get: Exchange) -> list[Finding]:
        return list(_compare(get, items.get(backup), RESTORE_MAY_CHANGE if backup in moving else ()))

    known = {backup: get for backup in suspects if (get := context.run.readings.get(backup))}
    left = [backup for backup in suspects if backup not in known or compared(backup, known[backup])]
    gets = context.send_all(map(context.build.get, left))
    by_backup = {backup: compared(backup, get) for backup, get in zip(left, gets, strict=True)}
    differing = {backup: differences for backup, differences in by_backup.items() if differences}
    return {
        backup: differing[backup]
        for backup in unchanged_backups(context, [get for get in gets if backup_id_of(get) in differing])
    }


def _compare(exchange: Exchange, item: JsonObject | None, ignore: tuple[str, ...]) -> Iterator[Finding]:
    if item is None:
        return  # that every backup is listed is LIST-5's business
    if not exchange.is_success:
        yield from expect_success(exchange) if exchange.status != 404 or not is_going(item) else ()
    elif isinstance(exchange.data, dict):
        for finding in expect_equivalent("backup", item, exchange.data, exchange, ignore=ignore):
            yield replace(finding, wanted=finding.wanted.replace("the other response", "the list"))


@check("GET-4", "get")
def test_get_4_an_unknown_backup_is_not_found(context: CheckContext) -> Iterator[Finding]:
    """A well-formed id that names no backup, plain and with integrations."""
    for include in (None, "integrations"):
        answer = context.get(context.build.unknown_id(), ownership="missing", include=include)
        yield from expect_status(answer, 404)
        yield from expect_code(answer, "404.container.backup")


@check("GET-5", "get")
def test_get_5_another_containers_path_shows_nothing(context: CheckContext) -> Iterator[Finding]:
    """Our backup through the sibling's path, and the sibling's backup through ours; plain and with integrations."""
    requests = [*crossed_requests(context, "get"), *crossed_requests(context, "get", include="integrations")]
    for answer in context.send_all(context.chosen(requests)):
        yield from expect_status(answer, 403, 404, advise=(404,))
    require_another_container(context)


@check("GET-6", "list", "get", "logs", "restore", "job")
def test_get_6_malformed_ids_are_refused(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Too short, not hex, very long, padded, with encoded slash, NUL, control characters, unicode; in every place."""
    listed = [*malformed_requests(context, operation), *encoded_slash_requests(context, operation)]
    requests = context.chosen(list({request.path: request for request in listed}.values()))
    answers = send_expecting_refusal(context, requests) if operation == "restore" else context.send_all(requests)
    for answer in answers:
        yield from expect_malformed_refused(context, answer)


def malformed_requests(context: CheckContext, operation: Operation) -> Iterator[Request]:
    """The operation with one malformed id, in each place in turn."""
    good = own_ids(context, operation)
    for place in reversed(good):
        forms, is_last = malformed(good[place]), place == next(reversed(good))
        if operation != "get" or not is_last:  # all forms once: most servers read the other places by the same code
            forms = forms[: MOST_FORMS if is_last else FEW_FORMS]
        for form in forms:
            yield as_malformed(context.build.for_operation(operation, addressing(good | {place: form})))
        plain = context.build.for_operation(operation, addressing(good))
        for raw in NOT_UTF_8 if is_last else NOT_UTF_8[:1]:
            path = plain.path.replace(good[place], f"{good[place][:-1]}{raw}")
            yield as_malformed(replace(plain, path=path))


def encoded_slash_requests(context: CheckContext, operation: Operation) -> Iterator[Request]:
    """The operation with slashes encoded, so that an id holds another address: its own, or another container's."""
    good = own_ids(context, operation)
    yield from with_encoded_slashes(context.build.for_operation(operation, addressing(good)))
    if operation in ("get", "logs"):
        for container in other_containers(context):
            plain = context.build.for_operation(operation, addressing(good | {"container": container}))
            yield from list(with_encoded_slashes(plain))[:2]


def own_ids(context: CheckContext, operation: Operation) -> dict[str, str]:
    """The ids of the operation's address, in its order."""
    if operation == "job":
        return {"job": restore_scenarios.real_job(context)}
    good = {"container": context.fixtures.container_id}
    return good if operation == "list" else {**good, "backup": context.fixtures.dedicated_backup("GET-6")}


def other_containers(context: CheckContext) -> list[str]:
    """Containers of the target file to which no backup of ours belongs."""
    fixtures = context.fixtures.target.fixtures
    return [container for container in (fixtures.other_container_id, fixtures.empty_container_id) if container]


def malformed(good: str) -> list[str]:
    """Forms that no id may have, most of them made of a good one so that careless reading would accept them.

    Those come first that more servers are known to accept or to break down on.
    """
    forms = [f" {good}", f"{good} ", f"{good}\x00", f"{good}/", good * 42]
    if not re.fullmatch(r"[0-9a-f]{24}", good):  # not an oid: cut or extended it could be the name of something else
        return forms
    forms += ["z" * 24, f"{good}.json", good[:-1], f"{good}0", "0", "null", f"{good}\n", "é" * 24]
    wide = "".join(chr(ord(digit) - ord("0") + 0xFF10) if digit.isdecimal() else digit for digit in good)
    values = [
        *forms,
        *(f"{good}'", f"%{ord(good[0]):02x}{good[1:]}", f"{good};x=1", f"{good}/../..", "../../etc/passwd"),
        *("not-an-id", "-1", "undefined", "*", "%", "{id}", "\x00", "\x7f", "\u202e" + good),
        *(f"\t{good}", f"/{good}", f"{good[:12]}/{good[12:]}", f"{good},{good}", f"{good};", f'"{good}"'),
        *(
            f"{good[:8]}-{good[8:]}",
            f"0{good}",
            wide,
            f"{good}\u200b",
            f"0x{good}",
            f"{good}%00",
            f"+{good}",
            f"{good}?x",
            f"{good}#",
            "g" + good[1:],
        ),
    ]
    return [form for form in values if form != good]
