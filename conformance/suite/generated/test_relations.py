"""Metamorphic relations: equivalent requests must get equivalent responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.contract.check_id import CheckKind
from conformance.contract.operations import RESTORE_MAY_CHANGE
from conformance.judging.checks import check
from conformance.judging.expectations import (
    NotTestableError,
    expect_equivalent,
    expect_ordered,
    expect_same_ids,
    expect_success,
    inconclusive,
    inconclusive_reason,
    violation,
)
from conformance.scenarios import paging
from conformance.suite.support import MAX_READINGS, lasting_differences, unchanged_backups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import GetOptions, OperationOptions

SORTS = (None, "id", "-id")
INCLUDES = (None, "integrations")
KEYS = ("full", "view")
#: How many pages a size at random makes at most, or about as many: only the smallest size makes more.
PAGES_OF_A_RANDOM_SIZE = 4


def held_still(context: CheckContext, relate: Callable[[], list[Finding]]) -> Iterator[Finding]:
    """The findings of a relation: those that are read again on a list that does not change meanwhile."""
    findings = relate()
    if not findings:
        return
    for _ in range(MAX_READINGS):
        before = set(paging.read_list(context).ids)
        findings = relate()
        if not findings or before == set(paging.read_list(context).ids):
            yield from findings
            return
    yield inconclusive("the list kept changing while it was read, three times over")


def ways(context: CheckContext, most: int) -> list[paging.Way]:
    """Ways of asking for the list that must not change what is in it."""
    least, few = paging.smallest_page(most), max(1, most // PAGES_OF_A_RANDOM_SIZE)
    sizes = [least, most, *(context.rng.randint(few, most + 1) for _ in range(context.run.examples // 8))]
    keys = [
        key for key in KEYS if context.key_proofs.states.get(key) == "accepted" and context.list(key=key).is_success
    ] or ["full"]
    return [
        {"size": size, "sort": context.rng.choice(SORTS), "include": context.rng.choice(INCLUDES),
         "key": context.rng.choice(keys)}
        for size in sizes
    ]  # fmt: skip


@check("LIST-5", "list", kind=CheckKind.GENERATED)
def test_list_5_however_it_is_asked_for_the_list_is_the_same(context: CheckContext) -> Iterator[Finding]:
    """The smallest pages, all in one, and pages of sizes at random; with sorts, includes and keys at random."""
    context.require_served("list")

    readings = paging.read_in(context, ways(context, max(len(context.fixtures.backups), 1)))
    if not any(paged.ids for _, paged in readings):
        raise NotTestableError("set fixtures.container_id to a container with backups")
    yield from paging.judged(
        context, readings, lambda paged, expected: expect_same_ids(paged.ids, expected, paged.last, "backup")
    )


@check("LIST-7", "list", kind=CheckKind.GENERATED)
def test_list_7_one_sort_is_the_other_backwards(context: CheckContext) -> Iterator[Finding]:
    """Ascending backwards is descending, on pages of sizes at random, with and without integrations."""
    if len(context.fixtures.backups) < 2:
        raise NotTestableError("set fixtures.container_id to a container with at least two backups")
    context.require_served("list")
    count = len(context.fixtures.backups)
    few = max(1, count // PAGES_OF_A_RANDOM_SIZE)
    sizes = [context.rng.randint(few, count + 1) for _ in range(max(1, context.run.examples // 12))]

    def relate() -> list[Finding]:
        findings: list[Finding] = []
        for size in sizes:
            up, down = (
                paging.read_list(context, size=size, sort="id"),
                paging.read_list(context, size=size, sort="-id", include="integrations"),
            )
            findings += expect_ordered(list(dict.fromkeys(up.ids)), up.last)
            if list(dict.fromkeys(up.ids)) != list(dict.fromkeys(down.ids))[::-1] and set(up.ids) == set(down.ids):
                findings.append(violation("the list of sort=id backwards", "another order", down.last, "/data"))
        return findings

    yield from held_still(context, relate)


@check("GET-3", "get", kind=CheckKind.GENERATED)
def test_get_3_however_it_is_asked_for_a_backup_is_the_same(context: CheckContext) -> Iterator[Finding]:
    """One backup by get and in the list, with and without integrations, with an unknown include."""
    if not context.fixtures.backups:
        raise NotTestableError("set fixtures.container_id to a container with backups")
    context.require_served("list")
    context.require_served("get")
    yield from lasting_differences(context, max(2, context.run.examples // 5), disagreements)


def disagreements(context: CheckContext, suspects: list[str]) -> dict[str, list[Finding]]:
    """What the ways of asking for each of these backups do not agree on."""
    ways: tuple[GetOptions, ...] = ({}, {"include": "integrations"}, {"include": "nope"}, {"key": "view"})
    ways = tuple(way for way in ways if context.key_proofs.states.get(way.get("key", "full")) == "accepted")
    # not what an earlier get has shown: each pass must tell a difference from a change since
    asked = [context.build.get(backup, **way) for backup in suspects for way in ways]
    gets = [get for get in context.send_all(asked) if get.is_success and isinstance(get.data, dict)]
    least = max(1, len(context.fixtures.backups) // PAGES_OF_A_RANDOM_SIZE)
    size = context.rng.randint(least, max(least, 100))
    pages = [page for include in INCLUDES for page in paging.read_list(context, size=size, include=include).pages]
    by_backup = {}
    for backup in suspects:
        shown = [(get, get.data) for get in gets if get.request.resources["backup"] == backup]
        shown += [(page, item) for page in pages for item in page.items if item.get("id") == backup]
        ignore = RESTORE_MAY_CHANGE if backup in context.fixtures.restored_ids() else ()
        differing = [
            finding
            for get, data in shown[1:]
            for finding in expect_equivalent("backup", shown[0][1], data, get, ignore)
        ]
        if differing and (shown[0][0].operation == "list" or unchanged_backups(context, [shown[0][0]])):
            by_backup[backup] = differing
    return by_backup


@check("CAP-5", "list", "get", "logs", kind=CheckKind.GENERATED)
def test_cap_5_answers_of_keys_do_not_mix(context: CheckContext, operation: Operation) -> Iterator[Finding]:
    """The same request with one key after the other, in an order at random: view sees what full sees."""
    context.key_proofs.require("view")
    context.require_served(operation)
    options: OperationOptions = {}
    if operation != "list":
        options["backup"] = context.rng.choice(context.fixtures.stable_ids())
    others = [
        name for name in ("manage", "unrelated", "other_hub") if context.key_proofs.states.get(name) == "accepted"
    ]
    keys = [
        context.rng.choice(["full", "view", "view", "none", *others]) for _ in range(max(4, context.run.examples // 3))
    ]
    requests = [context.build.for_operation(operation, options, key=key) for key in ["full", *keys]]
    yield from same_for_both_keys(lambda: answers_by_key(context, requests))


def same_for_both_keys(ask: Callable[[], AnswersByKey]) -> Iterator[Finding]:
    """The view key is served, and what it does not see of the full key's items it does not see in several rounds."""
    answers = ask()
    yield from answers.not_served()
    missing = answers.missing_items()
    for _ in range(MAX_READINGS - 1):
        if not missing:
            return
        missing = ask().missing_items()
    yield from missing


@dataclass(frozen=True)
class AnswersByKey:
    """Answers to the view key, and one to the full key before them and one after them."""

    view: list[Exchange]
    first: Exchange
    last: Exchange

    def not_served(self) -> Iterator[Finding]:
        """The answers that are no success, unless the full key is refused as well."""
        for full in (self.first, self.last):
            if why := inconclusive_reason(full) or (
                None if full.is_success else f"the full key is answered {full.status} as well"
            ):
                yield inconclusive(why, full)
                return
        for answer in self.view:
            yield from expect_success(answer)

    def missing_items(self) -> list[Finding]:
        """The answers without an item that both answers to the full key have."""
        lasting = set(self.first.ids) & set(self.last.ids)
        return [
            violation("all items that the full key sees", f"{len(missing)} missing", answer, "/data")
            for answer in self.view
            if answer.is_success and (missing := lasting - set(answer.ids))
        ]


def answers_by_key(context: CheckContext, requests: list[Request]) -> AnswersByKey:
    """Send requests that differ in their keys, the first with the full one, and the first again at the end."""
    answers = context.send_all(requests)
    view = [answer for answer in answers if answer.request.key == "view"]
    return AnswersByKey(view, answers[0], context.send(requests[0]))
