"""What there is to test with: the target file's fixtures, and what a first look at the target found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.contract.pointers import value_at
from conformance.judging.expectations import CannotTellError, NotTestableError, items_of

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from conformance.config.target import Target
    from conformance.http.exchange import Exchange

#: the first so many free backups may be restored in this run: the main one (where none is named) and one beside it
RESTORED = 2
#: the clauses up to here forbid effects in their own words: their bystanders are no one else's
LAST_OF_ITS_OWN = "AUTH-9"
#: what bystanders are needed for; where there are enough backups each purpose has its own
PURPOSES = (
    "CAP-8", "JOB-10", "AUTH-5", "AUTH-6", "AUTH-9", "CAP-4", "CAP-10", "AUTH-1", "AUTH-2", "AUTH-3", "AUTH-4",
    "JOB-4", "JOB-5", "JOB-6", "JOB-7", "JOB-8", "crossed", "GET-6", "ERR-6", "CAP-7", "CAP-9", "CAP-1", "CAP-2",
    "CAP-3", "HTTP-3", "HTTP-4",
)  # fmt: skip


class Fixtures:
    """The own container and what is in it. Asking for a fixture that is not there says what would enable the check."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.container_id = target.fixtures.container_id
        self.backups: list[dict[str, Any]] = []
        self.problem: str | None = None
        self.plain_list_is_whole = False

    def fixture(self, name: str) -> str:
        """A fixture of the target file. Raises NotTestableError naming the member to set."""
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
        live = [backup["id"] for backup in self.live()]
        if not live:
            raise NotTestableError("set fixtures.backup_id: no live backup was found in the container")
        return str(live[0])

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

    def live(self) -> Iterator[dict[str, Any]]:
        """The backups that were live at the first look."""
        for backup in self.backups:
            state = backup.get("state")
            if isinstance(backup.get("id"), str) and isinstance(state, dict) and state.get("current") == "live":
                yield backup

    def reserved_ids(self) -> set[str]:
        """Backups with a role of their own, which no check may pick at random."""
        fixtures = self.target.fixtures
        named = (fixtures.backup_id, fixtures.failing_backup_id, fixtures.not_live_backup_id)
        return {*fixtures.deletable_backup_ids, *(name for name in named if name)}

    def restored_ids(self) -> set[str]:
        """Backups that the restores of this run move a little: the main one, the failing one, and one beside them."""
        if not self.target.restore.allow:
            return set()
        named = {self.target.fixtures.backup_id, self.target.fixtures.failing_backup_id}
        return {name for name in named if name} | set(self._free()[:RESTORED])

    def stable_ids(self) -> list[str]:
        """Live backups that no restore or delete of this run touches; else the one that most checks read."""
        return self._free() or [self.backup_id]

    def _free(self) -> list[str]:
        return [backup["id"] for backup in self.live() if backup["id"] not in self.reserved_ids()]

    def dedicated_backup(self, purpose: str) -> str:
        """A live backup of its own for each purpose, so that an effect on it points to one culprit."""
        free = self.stable_ids()
        free = free[RESTORED:] or free
        index, own = PURPOSES.index(purpose), PURPOSES.index(LAST_OF_ITS_OWN) + 1
        if index < own or len(free) <= own:
            return free[index % len(free)]
        return free[own + (index - own) % (len(free) - own)]

    def sample(self, rng: random.Random, most: int) -> list[str]:
        """Ids of the container's lasting backups: the target file's, one in each state, then some at random."""
        known = [str(backup["id"]) for backup in self.lasting()]
        of_states = {str(value_at(backup, "/state/current")): str(backup["id"]) for backup in self.lasting()}
        first = [item for item in known if item in self.reserved_ids() or item in of_states.values()]
        rest = [item for item in known if item not in first]
        return (first + rng.sample(rest, len(rest)))[:most]

    def lasting(self) -> Iterator[dict[str, Any]]:
        """The backups that this run deletes none of."""
        for backup in self.backups:
            if backup["id"] not in self.target.fixtures.deletable_backup_ids:
                yield backup

    def discover(self, first: Exchange, more: Sequence[Exchange]) -> None:
        """Takes in the own container's list: its plain answer and its pages."""
        try:
            items = items_of(first)
        except CannotTellError as reason:
            self.problem = str(reason)
            return
        items = [*items, *(item for exchange in more for item in exchange.items)]
        # what says that it is another container's is LIST-2's defect, and nothing to test with
        own = [item for item in items if item.get("container_id", self.container_id) == self.container_id]
        self.backups = list({item["id"]: item for item in own if isinstance(item.get("id"), str)}.values())
        #: the plain list shows all there is: its default page is no smaller
        self.plain_list_is_whole = set(first.ids) >= {backup["id"] for backup in self.backups}
