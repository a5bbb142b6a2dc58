"""Relations between answers, for what no oracle knows: many ways of asking the same must come to the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.judging.checks import check
from conformance.judging.expectations import (
    NotTestableError,
    broken,
    no_verdict,
    ordered,
    same,
    same_ids,
    success,
    untold,
)
from conformance.scenarios import paging
from conformance.suite.test_get import MAY_MOVE, TIMES, lasting, unmoved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.http.exchange import Exchange, Operation
    from conformance.judging.expectations import Found
    from conformance.scenarios.context import Api

SORTS = (None, "id", "-id")
INCLUDES = (None, "integrations")
KEYS = ("full", "view")


def held_still(api: Api, relate: Callable[[], list[Found]]) -> Iterator[Found]:
    """What a relation finds wrong on a list that did not change meanwhile."""
    found: list[Found] = []
    for _ in range(TIMES):
        before = set(api.walk(100).ids)
        found = relate()
        if not found or before == set(api.walk(100).ids):
            yield from found
            return
    yield untold("the list kept changing while it was read, three times over")


def ways(api: Api, most: int) -> list[dict[str, Any]]:
    """Ways of asking for the list that must not change what is in it."""
    sizes = [1, 2, 3, 7, most, most + 1, *(api.rng.randint(1, most + 1) for _ in range(api.run.examples // 8))]
    least = max(1, most // 40)
    keys = [key for key in KEYS if api.proofs.states.get(key) == "accepted" and api.list(key=key).succeeded] or ["full"]
    return [
        {"size": max(size, least), "sort": api.rng.choice(SORTS), "include": api.rng.choice(INCLUDES),
         "key": api.rng.choice(keys)}
        for size in sizes
    ]  # fmt: skip


@check("LIST-5", "list", kind="generated")
def test_list_5_however_it_is_asked_for_the_list_is_the_same(api: Api) -> Iterator[Found]:
    """Pages of 1, 2, 3, 7, all, and of sizes at random; with sorts, includes and keys at random."""
    api.need_served("list")

    told = paging.tell(api, ways(api, max(len(api.world.backups), 1)))
    if not any(walk.ids for _, walk in told):
        raise NotTestableError("set fixtures.container_id to a container with backups")
    yield from paging.judged(api, told, lambda walk, there: same_ids(walk.ids, there, walk.last, "backup"))


@check("LIST-7", "list", kind="generated")
def test_list_7_one_sort_is_the_other_backwards(api: Api) -> Iterator[Found]:
    """Ascending backwards is descending, on pages of sizes at random, with and without integrations."""
    if len(api.world.backups) < 2:
        raise NotTestableError("set fixtures.container_id to a container with at least two backups")
    api.need_served("list")
    count = len(api.world.backups)
    sizes = [api.rng.randint(max(1, count // 10), count + 1) for _ in range(max(1, api.run.examples // 12))]

    def relate() -> list[Found]:
        found: list[Found] = []
        for size in sizes:
            up, down = api.walk(size, sort="id"), api.walk(size, sort="-id", include="integrations")
            found += ordered(list(dict.fromkeys(up.ids)), up.last)
            if list(dict.fromkeys(up.ids)) != list(dict.fromkeys(down.ids))[::-1] and set(up.ids) == set(down.ids):
                found.append(broken("the list of sort=id backwards", "another order", down.last, "/data"))
        return found

    yield from held_still(api, relate)


@check("GET-3", "get", kind="generated")
def test_get_3_however_it_is_asked_for_a_backup_is_the_same(api: Api) -> Iterator[Found]:
    """One backup by get and in the list, with and without integrations, with an include that nobody knows."""
    if not api.world.backups:
        raise NotTestableError("set fixtures.container_id to a container with backups")
    api.need_served("list")
    api.need_served("get")
    yield from lasting(api, max(2, api.run.examples // 3), disagreements)


def disagreements(api: Api, suspects: list[str]) -> dict[str, list[Found]]:
    """What the ways of asking for each of these backups do not agree on."""
    hows: tuple[dict[str, Any], ...] = ({}, {"include": "integrations"}, {"include": "nope"}, {"key": "view"})
    hows = tuple(how for how in hows if api.proofs.states.get(how.get("key", "full")) == "accepted")
    asked = [api.ask.get(backup, **how) for backup in suspects for how in hows]
    gets = [x for x in api.send_all(asked) if x.succeeded and isinstance(x.data, dict)]
    size = api.rng.randint(max(1, len(api.world.backups) // 8), 100)
    pages = [page for include in INCLUDES for page in api.walk(size, include=include).pages]
    found = {}
    for backup in suspects:
        shown = [(x, x.data) for x in gets if x.request.resources["backup"] == backup]
        shown += [(page, item) for page in pages for item in page.items if item.get("id") == backup]
        ignore = MAY_MOVE if backup in api.world.restored_ids() else ()
        differing = [one for x, data in shown[1:] for one in same("backup", shown[0][1], data, x, ignore)]
        if differing and (shown[0][0].operation == "list" or unmoved(api, [shown[0][0]])):
            found[backup] = differing
    return found


@check("CAP-5", "list", "get", "logs", kind="generated")
def test_cap_5_answers_of_keys_do_not_mix(api: Api, operation: Operation) -> Iterator[Found]:
    """The same request with one key after the other, in an order at random: view sees what full sees."""
    api.proofs.need("view")
    api.need_served(operation)
    backup = {} if operation == "list" else {"backup": api.rng.choice(api.world.stable_ids())}
    others = [name for name in ("manage", "unrelated", "other_hub") if api.proofs.states.get(name) == "accepted"]
    keys = [api.rng.choice(["full", "view", "view", "none", *others]) for _ in range(api.run.examples)]
    answers = api.send_all(api.ask.on(operation, key=key, refusable=True, **backup) for key in ["full", *keys])
    yield from agree([x for x in answers if x.request.key == "view"], answers[0], api.send(answers[0].request))


def agree(answers: list[Exchange], first: Exchange, last: Exchange) -> Iterator[Found]:
    """Each answer to the key that may read has all that the full key saw before it as well as after it."""
    for full in (first, last):
        if why := no_verdict(full) or (None if full.succeeded else f"the full key is answered {full.status} as well"):
            yield untold(why, full)
            return
    lasting = set(first.ids) & set(last.ids)
    for x in answers:
        yield from success(x)
        if x.succeeded and (missing := lasting - set(x.ids)):
            yield broken("all items that the full key sees", f"{len(missing)} missing", x, "/data")
