"""The fixtures of a run: those of the target file, and those that were discovered in the target's own container."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from conformance.contract.operations import NOT_LIVE_STATES
from conformance.contract.pointers import value_at
from conformance.contract.timestamps import Instant, parse_time
from conformance.judging.expectations import CannotTellError, NotTestableError, items_of

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterator, Sequence

    from conformance.config.target import Target
    from conformance.contract.json_types import JsonObject
    from conformance.http.exchange import Exchange

#: How many of the free backups a run may restore: the main one, where the target file names none, and another.
RESTORED = 2
NO_LIVE_BACKUP = "set fixtures.backup_id: no live backup was found in the container"


def _created(backup: JsonObject) -> Instant:
    """When a backup was made; the zero time where that cannot be read."""
    created = value_at(backup, "/events/created")
    return (parse_time(created) if isinstance(created, str) else None) or Instant(0)


class Fixtures:
    """The own container and what is in it. A fixture that is missing raises with the member to set.

    `exclusive` names the purposes that get a backup that no other purpose uses, as far as there are enough; `shared`
    names those that share the others as evenly as they can, in groups of which each has one backup. `dedicated_backup`
    takes any other purpose as well.
    """

    def __init__(self, target: Target, exclusive: Sequence[str] = (), shared: Sequence[Collection[str]] = ()) -> None:
        self.target = target
        self.container_id = target.fixtures.container_id
        self.backups: list[JsonObject] = []
        #: Whether `backups` has everything that the list shows; preflight reads only some pages of a long list.
        self.is_list_whole = False
        #: Why the list could not be read; None if it could.
        self.problem: str | None = None
        #: Whether the plain list shows all backups: its default page is no smaller.
        self.plain_list_is_whole = False
        #: The largest page size that the target was seen to accept; a larger one may be refused.
        self.largest_page = 100
        #: The ids of a first page of this size that was seen to hold the whole list; empty where none was.
        self.whole_page: frozenset[str] = frozenset()
        #: Backups whose restore was refused because they are not live any more.
        self.gone: set[str] = set()
        self._exclusive = list(exclusive)
        own = ([purpose for purpose in group if purpose not in exclusive] for group in shared)
        self._shared = [group for group in own if group]

    # ------------------------------------------------------------ the target file's

    def fixture(self, name: str) -> str:
        """Return a fixture of the target file. Raises NotTestableError with the member to set."""
        value: str | None = getattr(self.target.fixtures, name)
        if value is None:
            raise NotTestableError(f"set fixtures.{name}")
        return value

    @property
    def backup_id(self) -> str:
        """The backup that most checks read: the fixture, or a live one that was found."""
        if self.target.fixtures.backup_id:
            return self.target.fixtures.backup_id
        if self.problem:
            raise CannotTellError(self.problem)
        for backup in self.live():
            return str(backup["id"])
        raise NotTestableError(NO_LIVE_BACKUP)

    @property
    def instance_id(self) -> str:
        """The only instance that may be restored to."""
        return self.fixture("instance_id")

    @property
    def other_hub_id(self) -> str:
        """Another hub that exists."""
        if self.target.keys.other_hub_id is None:
            raise NotTestableError("set keys.other_hub_id")
        return self.target.keys.other_hub_id

    # ------------------------------------------------------------ what was found

    def discover(self, first: Exchange, more: Sequence[Exchange], *, is_whole: bool = True) -> None:
        """Take in the own container's list: its plain answer and its pages, all of them or the first ones.

        The newest backups come first, and are used first: retention may remove the oldest ones while the run goes on.
        """
        try:
            items = items_of(first)
        except CannotTellError as reason:
            self.problem = str(reason)
            return
        items = [*items, *(item for exchange in more for item in exchange.items)]
        # an item that names another container is LIST-2's defect, and nothing to test with
        own = [item for item in items if item.get("container_id", self.container_id) == self.container_id]
        by_id = {item["id"]: item for item in own if isinstance(item.get("id"), str)}
        self.backups = sorted(by_id.values(), key=_created, reverse=True)
        self.is_list_whole = is_whole
        self.plain_list_is_whole = is_whole and set(first.ids) >= {backup["id"] for backup in self.backups}
        if is_whole and len(more) == 1:
            self.note_whole_page(more[0])

    def note_whole_page(self, page: Exchange) -> None:
        """Keep what a first page of the own list showed, once the page after it was empty."""
        if len(page.ids) >= len(self.whole_page):
            self.whole_page = frozenset(page.ids)

    def holds_whole_list(self, page: Exchange) -> bool:
        """Whether a first page of the largest size surely holds the whole list, so that the next one need not be read.

        Another such page held more backups, or the very same ones: a page is not cut off before it holds as many.
        """
        shown = frozenset(page.ids)
        return 0 < len(shown) == len(page.ids) and (len(shown) < len(self.whole_page) or shown == self.whole_page)

    def live(self) -> Iterator[JsonObject]:
        """The backups that were live when they were discovered."""
        for backup in self.backups:
            if value_at(backup, "/state/current") == "live":
                yield backup

    def lasting(self) -> Iterator[JsonObject]:
        """The backups that this run does not delete."""
        for backup in self.backups:
            if backup["id"] not in self.target.fixtures.deletable_backup_ids:
                yield backup

    def sample(self, rng: random.Random, most: int) -> list[str]:
        """Return ids of lasting backups: the target file's, one in each state, then some at random."""
        known = [str(backup["id"]) for backup in self.lasting()]
        of_states = {str(value_at(backup, "/state/current")): str(backup["id"]) for backup in self.lasting()}
        first = [item for item in known if item in self.reserved_ids() or item in of_states.values()]
        rest = [item for item in known if item not in first]
        return (first + rng.sample(rest, len(rest)))[:most]

    def instance_of(self, backup: str) -> str:
        """Return the instance that a backup was made of, as the list said; empty where it did not."""
        listed = next((item for item in self.backups if item["id"] == backup), {})
        instance = listed.get("instance_id")
        return instance if isinstance(instance, str) else ""

    # ------------------------------------------------------------ who uses which backup

    def reserved_ids(self) -> set[str]:
        """The backups with a role of their own, which no check may pick at random."""
        fixtures = self.target.fixtures
        named = (fixtures.backup_id, fixtures.failing_backup_id, fixtures.not_live_backup_id)
        return {*fixtures.deletable_backup_ids, *(name for name in named if name)}

    def restored_ids(self) -> set[str]:
        """The backups that restores of this run may change a little: the main one, the failing one, and another."""
        if not self.target.restore.allow:
            return set()
        named = {self.target.fixtures.backup_id, self.target.fixtures.failing_backup_id}
        return {name for name in named if name} | set(self._free()[:RESTORED])

    def stable_ids(self) -> list[str]:
        """Return live backups without a role, or the main one where there is none."""
        return self._free() or [self.backup_id]

    def not_live_ids(self) -> list[str]:
        """Return the lasting backups that were not live when they were discovered, and the target file's."""
        listed = [backup for backup in self.lasting() if value_at(backup, "/state/current") in NOT_LIVE_STATES]
        named = self.target.fixtures.not_live_backup_id
        return [*dict.fromkeys([*(str(backup["id"]) for backup in listed), *([named] if named else [])])]

    def restorable_ids(self) -> list[str]:
        """Return the backups that restores may be requested of at once: the main one and those kept for restores."""
        return [self.backup_id, *self._free()[:RESTORED]]

    def _free(self) -> list[str]:
        reserved = self.reserved_ids()
        return [str(backup["id"]) for backup in self.live() if backup["id"] not in reserved]

    def dedicated_backup(self, purpose: str) -> str:
        """Return the live backup of a purpose, such as a clause, so that an effect on it points to one culprit.

        Clauses that forbid effects have theirs to themselves, as far as there are enough backups; others may share one.
        The backup of a purpose depends on nothing but the target, so that any selection of checks uses the same.
        """
        free = self.stable_ids()
        free = free[RESTORED:] or free
        exclusive, shared = free[: len(self._exclusive)], free[len(self._exclusive) :]
        if purpose in self._exclusive or not shared:
            return exclusive[self._place(purpose) % len(exclusive)]
        return shared[self._place(purpose) % len(shared)]

    def _place(self, purpose: str) -> int:
        if purpose in self._exclusive:
            return self._exclusive.index(purpose)
        for place, group in enumerate(self._shared):
            if purpose in group:
                return place
        return zlib.crc32(purpose.encode())
