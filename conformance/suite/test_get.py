"""GET-1 … GET-6 and BKP-1 … BKP-4: one backup, and what every backup must be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from conformance.contract.pointers import value_at
from conformance.contract.timestamps import parse_time
from conformance.judging.answer_shapes import backups, is_expected_success, mismatches_at, serves
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    NotTestableError,
    expect_code,
    expect_documented_status,
    expect_equal,
    expect_equivalent,
    expect_no_server_error,
    expect_status,
    expect_success,
    violation,
)
from conformance.scenarios.context import as_malformed
from conformance.scenarios.side_effects import send_expecting_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.http.exchange import Exchange, Operation, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext

SAMPLE = 40
#: so often something is looked at before it is told that it differs
TIMES = 3
#: what a restore that runs meanwhile may move
MAY_MOVE = ("/events/updated", "/state/changed", "/state/error")


@passive("GET-1", when=serves("get"))
def get_shows_a_backup(exchange: Exchange) -> Iterator[Finding]:
    yield from expect_documented_status(exchange)
    for mismatch in mismatches_at(exchange, "/data"):
        if isinstance(exchange.data, dict):
            yield violation(mismatch.wanted, mismatch.got, exchange, mismatch.pointer)


@check("GET-1", "get")
def test_get_1_backups_are_shown(context: CheckContext) -> Iterator[Finding]:
    """The main backup plain and with integrations, and others of the container."""
    others = [context.build.get(backup) for backup in context.fixtures.sample(context.rng, 5)]
    for answer in context.send_all([context.build.get(), context.build.get(include="integrations"), *others]):
        if not vanished(context, answer):
            yield from expect_success(answer)


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
    context.need_served("list")
    context.need_served("get")
    yield from lasting(context, SAMPLE, _differences)


def lasting(
    context: CheckContext, most: int, differences: Callable[[CheckContext, list[str]], dict[str, list[Finding]]]
) -> Iterator[Finding]:
    """What differs in a sample of backups, and still does when they are looked at again: live backups move."""
    suspects = context.fixtures.sample(context.rng, most)
    found: dict[str, list[Finding]] = {}
    for _ in range(TIMES):
        found = differences(context, suspects)
        suspects = list(found)
        if not suspects:
            return
    for of_one in found.values():
        yield from of_one


def _differences(context: CheckContext, suspects: list[str]) -> dict[str, list[Finding]]:
    gets = context.send_all(context.build.get(backup) for backup in suspects)
    pages = [*context.walk(100).pages, context.list()]
    items = {item["id"]: item for page in pages for item in page.items if isinstance(item.get("id"), str)}
    moving = context.fixtures.restored_ids()
    found = {
        backup: list(_compare(x, items.get(backup), MAY_MOVE if backup in moving else ()))
        for backup, x in zip(suspects, gets, strict=True)
    }
    differing = {backup: differences for backup, differences in found.items() if differences}
    return {backup: differing[backup] for backup in unmoved(context, [x for x in gets if backup_of(x) in differing])}


def unmoved(context: CheckContext, gets: list[Exchange]) -> list[str]:
    """The backups that get still shows as it did: of those that move by themselves nothing can be concluded."""
    again = context.send_all(context.build.get(backup_of(x)) for x in gets)
    pairs = zip(gets, again, strict=True)
    return [backup_of(x) for x, y in pairs if not any(True for _ in expect_equivalent("backup", x.data, y.data, y))]


def backup_of(exchange: Exchange) -> str:
    return exchange.request.resources["backup"]


def vanished(context: CheckContext, exchange: Exchange) -> bool:
    """A backup that was found in the list, and is gone from there as well by now, or deleted: lists live."""
    if exchange.status != 404 or backup_of(exchange) in context.fixtures.reserved_ids() - {
        context.fixtures.target.fixtures.not_live_backup_id
    }:
        return False
    listed = {item.get("id"): item for page in context.walk(100).pages for item in page.items}
    return backup_of(exchange) not in listed or is_going(listed[backup_of(exchange)])


def is_going(item: dict[str, Any]) -> bool:
    """A backup that is as good as gone: once it was deleted get may show it or not."""
    return value_at(item, "/state/current") in ("deleting", "deleted")


def _compare(exchange: Exchange, item: dict[str, Any] | None, ignore: tuple[str, ...]) -> Iterator[Finding]:
    if item is None:
        return  # that every backup is listed is LIST-5's business
    if not exchange.is_success:
        yield from expect_success(exchange) if exchange.status != 404 or not is_going(item) else ()
    elif isinstance(exchange.data, dict):
        for one in expect_equivalent("backup", item, exchange.data, exchange, ignore=ignore):
            yield violation(
                one.wanted.replace("the other reading", "the list"), one.got, exchange, f"/data{one.pointer}"
            )


@check("GET-4", "get")
def test_get_4_an_unknown_backup_is_not_found(context: CheckContext) -> Iterator[Finding]:
    """A well-formed id that names no backup, plain and with integrations."""
    for how in ({}, {"include": "integrations"}):
        answer = context.get(context.build.unknown_id(), ownership="missing", **how)
        yield from expect_status(answer, 404)
        yield from expect_code(answer, "404.container.backup")


@check("GET-5", "get")
def test_get_5_another_containers_path_shows_nothing(context: CheckContext) -> Iterator[Finding]:
    """Our backup through the sibling's path, and the sibling's backup through ours; plain and with integrations."""
    for answer in context.send_all([*crossed(context, "get"), *crossed(context, "get", include="integrations")]):
        yield from expect_status(answer, 403, 404, advise=(404,))
    need_another_container(context)


def need_another_container(context: CheckContext) -> None:
    """Raises NotTestableError where no path was crossed but that of a container which does not exist."""
    fixtures = context.fixtures.target.fixtures
    if not (fixtures.other_container_id or fixtures.empty_container_id or fixtures.foreign_backup_id):
        raise NotTestableError("set fixtures.other_container_id")


def crossed(context: CheckContext, operation: Operation, **how: Any) -> Iterator[Request]:
    """Requests that name a backup through a container that is not its own."""
    fixtures = context.fixtures.target.fixtures
    backup, how = context.fixtures.dedicated_backup("crossed"), {"ownership": "crossed", "refusable": True, **how}
    for container in (fixtures.other_container_id, fixtures.empty_container_id, context.build.unknown_container()):
        if container:
            yield context.build.for_operation(operation, backup=backup, container=container, **how)
    if foreign := fixtures.foreign_backup_id:
        yield context.build.for_operation(operation, backup=foreign, **how)


@check("GET-6", "list", "get", "logs", "restore", "job")
def test_get_6_malformed_ids_are_refused(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """Too short, not hex, very long, padded, with encoded slash, NUL, control characters, unicode; in every place."""
    good = {"container": context.fixtures.container_id, "backup": context.fixtures.dedicated_backup("GET-6")}
    if operation == "job":
        good["job"] = context.real_job()
    places = {"list": ("container",), "job": ("job",)}.get(operation, ("backup", "container"))
    requests = [
        as_malformed(context.build.for_operation(operation, **_ids(operation, good | {place: form})))
        for place in places
        for form in malformed(good[place], brief=place != places[0] or operation not in ("list", "get"))
    ]
    answers = send_expecting_refusal(context, requests) if operation == "restore" else context.send_all(requests)
    for answer in answers:
        yield from expect_no_server_error(answer, ANY_4XX)


def _ids(operation: Operation, good: dict[str, str]) -> dict[str, str]:
    wanted = {"list": ("container",), "job": ("job",)}.get(operation, ("container", "backup"))
    return {name: good[name] for name in wanted}


def malformed(good: str, *, brief: bool = False) -> list[str]:
    """Forms that no id may have, most of them made of a good one so that careless reading would accept them."""
    forms = [f" {good}", f"{good} ", f"{good}\x00", f"{good}/", good * 42]
    if not re.fullmatch(r"[0-9a-f]{24}", good):  # not an oid: cut or extended it could be the name of something else
        return forms
    forms += [good[:-1], f"{good}0", "z" * 24, "0", "null", f"{good}\n", f"{good}.json", "é" * 24]
    if brief:
        return forms
    wide = "".join(chr(ord(digit) - ord("0") + 0xFF10) if digit.isdecimal() else digit for digit in good)
    found = [
        *forms,
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
    return [form for form in found if form != good]


def shows_backups(exchange: Exchange, *states: str) -> bool:
    """A success of list or get with a backup in it, in one of these states where some are named."""
    shown = backups(exchange) if serves("list", "get")(exchange) else []
    return any(not states or value_at(backup, "/state/current") in states for _, backup in shown)


@passive("BKP-1", when=shows_backups)
def created_is_set_and_first(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        created, updated = (time_at(backup, f"/events/{name}") for name in ("created", "updated"))
        if created is not None and created.unset:
            yield violation("a time at which it was created", "not set", exchange, f"{pointer}/events/created")
        elif created and updated and not updated.unset and updated < created:
            yield violation("updated not before created", "earlier", exchange, f"{pointer}/events/updated")


@passive("BKP-2", when=lambda exchange: shows_backups(exchange, "saving", "live"))
def deleted_is_set_only_when_deleted(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        deleted = time_at(backup, "/events/deleted")
        if deleted and not deleted.unset and value_at(backup, "/state/current") in ("saving", "live"):
            yield violation("deleted not set in this state", "set", exchange, f"{pointer}/events/deleted")


@passive("BKP-3", when=shows_backups)
def size_is_not_negative(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        size = value_at(backup, "/target/size")
        if isinstance(size, int | float) and size < 0:
            yield violation("a size of 0 or more", f"{size}", exchange, f"{pointer}/target/size")


@passive("BKP-4", when=lambda exchange: shows_backups(exchange, "live"))
def live_backups_have_a_file(exchange: Exchange) -> Iterator[Finding]:
    for pointer, backup in backups(exchange):
        for name in ("path", "file_id") if value_at(backup, "/state/current") == "live" else ():
            if value_at(backup, f"/target/{name}") == "":
                yield violation(f"the {name} of a live backup", "an empty string", exchange, f"{pointer}/target/{name}")


def time_at(backup: dict[str, Any], pointer: str) -> Any:
    value = value_at(backup, pointer)
    return parse_time(value) if isinstance(value, str) else None
