"""GET-1 … GET-6 and BKP-1 … BKP-4: one backup, and what every backup must be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from conformance.contract.timestamps import parse_time
from conformance.judging.answer_shapes import backups, rightful, serves, violations_at
from conformance.judging.checks import check, passive
from conformance.judging.expectations import (
    ANY_4XX,
    NotTestableError,
    at,
    broken,
    code,
    equal,
    harmless,
    same,
    shown_status,
    status,
    success,
)
from conformance.scenarios.context import as_malformed
from conformance.scenarios.side_effects import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.http.exchange import Exchange, Operation, Request
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api

SAMPLE = 40
#: so often something is looked at before it is told that it differs
TIMES = 3
#: what a restore that runs meanwhile may move
MAY_MOVE = ("/events/updated", "/state/changed", "/state/error")


@passive("GET-1", when=serves("get"))
def get_shows_a_backup(x: Exchange) -> Iterator[Found]:
    yield from shown_status(x)
    for violation in violations_at(x, "/data"):
        if isinstance(x.data, dict):
            yield broken(violation.wanted, violation.got, x, violation.pointer)


@check("GET-1", "get")
def test_get_1_backups_are_shown(api: Api) -> Iterator[Found]:
    """The main backup plain and with integrations, and others of the container."""
    others = [api.ask.get(backup) for backup in api.world.sample(api.rng, 5)]
    for answer in api.send_all([api.ask.get(), api.ask.get(include="integrations"), *others]):
        if not vanished(api, answer):
            yield from success(answer)


@passive("GET-2", when=lambda x: serves("get")(x) and rightful(x))
def get_shows_what_was_asked_for(x: Exchange) -> Iterator[Found]:
    if isinstance(x.data, dict):
        ids = x.request.resources
        wanted = {"id": ids["backup"], "container_id": ids["container"], "hub_id": x.request.hub_id}
        for name, value in wanted.items():
            if isinstance(x.data.get(name), str):
                yield from equal(x.data[name], value, x, f"/data/{name}")


@check("GET-3", "get")
def test_get_3_get_and_list_show_the_same(api: Api) -> Iterator[Found]:
    """A sample of the list against get; what differs is read again, twice, since live backups move."""
    if not api.world.backups:
        raise NotTestableError("set fixtures.container_id to a container with backups")
    api.need_served("list")
    api.need_served("get")
    yield from lasting(api, SAMPLE, _differences)


def lasting(api: Api, most: int, differences: Callable[[Api, list[str]], dict[str, list[Found]]]) -> Iterator[Found]:
    """What differs in a sample of backups, and still does when they are looked at again: live backups move."""
    suspects = api.world.sample(api.rng, most)
    found: dict[str, list[Found]] = {}
    for _ in range(TIMES):
        found = differences(api, suspects)
        suspects = list(found)
        if not suspects:
            return
    for of_one in found.values():
        yield from of_one


def _differences(api: Api, suspects: list[str]) -> dict[str, list[Found]]:
    gets = api.send_all(api.ask.get(backup) for backup in suspects)
    pages = [*api.walk(100).pages, api.list()]
    items = {item["id"]: item for page in pages for item in page.items if isinstance(item.get("id"), str)}
    moving = api.world.restored_ids()
    found = {
        backup: list(_compare(x, items.get(backup), MAY_MOVE if backup in moving else ()))
        for backup, x in zip(suspects, gets, strict=True)
    }
    differing = {backup: differences for backup, differences in found.items() if differences}
    return {backup: differing[backup] for backup in unmoved(api, [x for x in gets if backup_of(x) in differing])}


def unmoved(api: Api, gets: list[Exchange]) -> list[str]:
    """The backups that get still shows as it did: of those that move by themselves nothing can be concluded."""
    again = api.send_all(api.ask.get(backup_of(x)) for x in gets)
    pairs = zip(gets, again, strict=True)
    return [backup_of(x) for x, y in pairs if not any(True for _ in same("backup", x.data, y.data, y))]


def backup_of(x: Exchange) -> str:
    return x.request.resources["backup"]


def vanished(api: Api, x: Exchange) -> bool:
    """A backup that was found in the list, and is gone from there as well by now, or deleted: lists live."""
    if x.status != 404 or backup_of(x) in api.world.reserved_ids() - {api.world.target.fixtures.not_live_backup_id}:
        return False
    listed = {item.get("id"): item for page in api.walk(100).pages for item in page.items}
    return backup_of(x) not in listed or is_going(listed[backup_of(x)])


def is_going(item: dict[str, Any]) -> bool:
    """A backup that is as good as gone: once it was deleted get may show it or not."""
    return at(item, "/state/current") in ("deleting", "deleted")


def _compare(x: Exchange, item: dict[str, Any] | None, ignore: tuple[str, ...]) -> Iterator[Found]:
    if item is None:
        return  # that every backup is listed is LIST-5's business
    if not x.succeeded:
        yield from success(x) if x.status != 404 or not is_going(item) else ()
    elif isinstance(x.data, dict):
        for one in same("backup", item, x.data, x, ignore=ignore):
            yield broken(one.wanted.replace("the other reading", "the list"), one.got, x, f"/data{one.at}")


@check("GET-4", "get")
def test_get_4_an_unknown_backup_is_not_found(api: Api) -> Iterator[Found]:
    """A well-formed id that names no backup, plain and with integrations."""
    for how in ({}, {"include": "integrations"}):
        answer = api.get(api.ask.unknown_id(), ownership="missing", **how)
        yield from status(answer, 404)
        yield from code(answer, "404.container.backup")


@check("GET-5", "get")
def test_get_5_another_containers_path_shows_nothing(api: Api) -> Iterator[Found]:
    """Our backup through the sibling's path, and the sibling's backup through ours; plain and with integrations."""
    for answer in api.send_all([*crossed(api, "get"), *crossed(api, "get", include="integrations")]):
        yield from status(answer, 403, 404, advise=(404,))
    need_another_container(api)


def need_another_container(api: Api) -> None:
    """Raises NotTestableError where no path was crossed but that of a container which does not exist."""
    fixtures = api.world.target.fixtures
    if not (fixtures.other_container_id or fixtures.empty_container_id or fixtures.foreign_backup_id):
        raise NotTestableError("set fixtures.other_container_id")


def crossed(api: Api, operation: Operation, **how: Any) -> Iterator[Request]:
    """Requests that name a backup through a container that is not its own."""
    fixtures = api.world.target.fixtures
    backup, how = api.world.bystander("crossed"), {"ownership": "crossed", "refusable": True, **how}
    for container in (fixtures.other_container_id, fixtures.empty_container_id, api.ask.unknown_container()):
        if container:
            yield api.ask.on(operation, backup=backup, container=container, **how)
    if foreign := fixtures.foreign_backup_id:
        yield api.ask.on(operation, backup=foreign, **how)


@check("GET-6", "list", "get", "logs", "restore", "job")
def test_get_6_malformed_ids_are_refused(api: Api, operation: Operation) -> Iterator[Found]:
    """Too short, not hex, very long, padded, with encoded slash, NUL, control characters, unicode; in every place."""
    good = {"container": api.world.container_id, "backup": api.world.bystander("GET-6")}
    if operation == "job":
        good["job"] = api.real_job()
    places = {"list": ("container",), "job": ("job",)}.get(operation, ("backup", "container"))
    requests = [
        as_malformed(api.ask.on(operation, **_ids(operation, good | {place: form})))
        for place in places
        for form in malformed(good[place], brief=place != places[0] or operation not in ("list", "get"))
    ]
    answers = refused(api, requests) if operation == "restore" else api.send_all(requests)
    for answer in answers:
        yield from harmless(answer, ANY_4XX)


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


def shows_backups(x: Exchange, *states: str) -> bool:
    """A success of list or get with a backup in it, in one of these states where some are named."""
    shown = backups(x) if serves("list", "get")(x) else []
    return any(not states or at(backup, "/state/current") in states for _, backup in shown)


@passive("BKP-1", when=shows_backups)
def created_is_set_and_first(x: Exchange) -> Iterator[Found]:
    for pointer, backup in backups(x):
        created, updated = (time_at(backup, f"/events/{name}") for name in ("created", "updated"))
        if created is not None and created.unset:
            yield broken("a time at which it was created", "not set", x, f"{pointer}/events/created")
        elif created and updated and not updated.unset and updated < created:
            yield broken("updated not before created", "earlier", x, f"{pointer}/events/updated")


@passive("BKP-2", when=lambda x: shows_backups(x, "saving", "live"))
def deleted_is_set_only_when_deleted(x: Exchange) -> Iterator[Found]:
    for pointer, backup in backups(x):
        deleted = time_at(backup, "/events/deleted")
        if deleted and not deleted.unset and at(backup, "/state/current") in ("saving", "live"):
            yield broken("deleted not set in this state", "set", x, f"{pointer}/events/deleted")


@passive("BKP-3", when=shows_backups)
def size_is_not_negative(x: Exchange) -> Iterator[Found]:
    for pointer, backup in backups(x):
        size = at(backup, "/target/size")
        if isinstance(size, int | float) and size < 0:
            yield broken("a size of 0 or more", f"{size}", x, f"{pointer}/target/size")


@passive("BKP-4", when=lambda x: shows_backups(x, "live"))
def live_backups_have_a_file(x: Exchange) -> Iterator[Found]:
    for pointer, backup in backups(x):
        for name in ("path", "file_id") if at(backup, "/state/current") == "live" else ():
            if at(backup, f"/target/{name}") == "":
                yield broken(f"the {name} of a live backup", "an empty string", x, f"{pointer}/target/{name}")


def time_at(backup: dict[str, Any], pointer: str) -> Any:
    value = at(backup, pointer)
    return parse_time(value) if isinstance(value, str) else None
