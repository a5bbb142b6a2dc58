"""What a run has done to the target so far, and what the final review must read again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

from conformance.config.machine import MachineError
from conformance.config.secrets import KeyUnavailableError
from conformance.contract.json_types import JsonObject
from conformance.contract.operations import UNAVAILABLE
from conformance.contract.pointers import value_at
from conformance.http.budget import NotAllowedError, asks_for_restore
from conformance.http.clock import TargetGoneError
from conformance.http.exchange import Expected
from conformance.judging.expectations import CannotTellError, NoAnswerError, NotTestableError
from conformance.scenarios.proofs.log_book import LogBook
from conformance.scenarios.restore import log_ids, of_instance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.restore import Restore

T = TypeVar("T")

#: Reasons for which a check cannot go on. None of them says anything about its clause.
CANNOT_GO_ON = (NotTestableError, CannotTellError, NotAllowedError, TargetGoneError, KeyUnavailableError, MachineError)


#: How often a scenario that got no answer is run.
MAX_TRIES = 3

#: Backups by their ids.
Items = Mapping[str, JsonObject]


@dataclass(frozen=True)
class Neighbours:
    """The list before a deletion: `steady` are the live backups that did not change between two readings.

    `read_at`: when the first of them began, in monotonic seconds.
    """

    deleted: str
    listed: Items
    steady: Items
    read_at: float


@dataclass
class Changes:
    """What had changed about the neighbours in a later reading."""

    #: The findings about steady neighbours, by backup.
    of_steady: dict[str, Finding] = field(default_factory=dict)
    #: Steady neighbours that this run restored, and that are gone: that alone is no failure, but shows it again.
    restored_and_gone: set[str] = field(default_factory=set)
    #: Whether a backup appeared, or one that was not steady went or changed: another client uses the container.
    others_moved: bool = False
    #: Why other changes, or all, cannot be blamed on a deletion; empty where every change was judged.
    doubt: str = ""
    #: The backups that the later list shows.
    listed: Collection[str] = ()

    @property
    def shows_collateral(self) -> bool:
        """Whether backups beside the deleted one changed, or are gone."""
        return bool(self.of_steady or self.restored_and_gone)


@dataclass
class Snapshot:
    """A backup and its logs before requests that must have no effect on it, for the clause that says so."""

    clause: str
    backup: str
    #: The instances that the requests name.
    instances: frozenset[str]
    before: JsonObject
    #: The ids of the logs.
    logs: frozenset[str]
    #: How many restores of the backup were requested before, and how many of those accepted had left their log.
    requested_before: int
    logged_before: int
    #: The answers to the requests: any of them may be of the request that had an effect.
    answers: list[Exchange] = field(default_factory=list)
    #: What had changed right after the requests.
    effects: list[Finding] = field(default_factory=list)
    #: The check that sent the requests, and the requests, to send them again for another backup.
    source: str = ""
    requests: tuple[Request, ...] = ()

    @property
    def state(self) -> str:
        """The state of the backup before the requests; empty where it is not known."""
        current = value_at(self.before, "/state/current")
        return current if isinstance(current, str) else ""

    @property
    def suspects(self) -> list[Exchange]:
        """The answers, those that say that the request was accepted first."""
        return sorted(self.answers, key=lambda answer: not answer.is_success)


@dataclass
class KeptBackup:
    """A backup before deletions that must be refused, and the clause that says so."""

    clause: str
    backup: str
    before: JsonObject
    #: The answers to the deletions.
    answers: list[Exchange] = field(default_factory=list)
    #: Why what changed about it cannot be blamed on them.
    doubt: str = ""


@dataclass(frozen=True)
class _FirstLogs:
    """The first reading of a backup's logs, and how many restores of it had been accepted by then."""

    ids: frozenset[str]
    accepted: int


class RunState:
    """The restores, deletions, snapshots and scenarios of one worker's run. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: The logs that were ever shown.
        self.log_book = LogBook()
        self._requested: Counter[str] = Counter()
        self._accepted: Counter[str] = Counter()
        self._restores: list[Restore] = []
        self._first_logs: dict[str, _FirstLogs] = {}
        self._snapshots: list[Snapshot] = []
        self._kept: list[KeptBackup] = []
        self._deleted: set[str] = set()
        self._gone: set[str] = set()
        self._refused_to_delete: set[str] = set()
        self._neighbours: list[tuple[Neighbours, Changes]] = []
        self._scenarios: dict[str, _Scenario] = {}
        self._broken_off: Counter[str] = Counter()
        self._reviews = 0
        self.is_last_review = True  # no later review will see what this one does not see yet
        self._wrongly_accepted: list[tuple[str, Exchange]] = []
        self._followed: list[Restore] = []
        self._unended: list[Exchange] = []
        #: Clauses whose effects were seen again with another backup.
        self.confirmed: set[str] = set()
        #: When the last restore or deletion was refused, in monotonic seconds.
        self.last_refused_change: float | None = None

    # ------------------------------------------------------------ restores

    def observe(self, exchange: Exchange) -> None:
        """Count a request for a restore, and keep the logs that a reading shows.

        A restore whose answer was lost, on the way or by an intermediary, counts as accepted.
        """
        self.log_book.observe(exchange)
        is_restore, is_deletion = asks_for_restore(exchange.request), exchange.request.operation == "delete"
        if (is_restore or is_deletion) and not exchange.is_success:
            self.last_refused_change = time.monotonic()
        if is_deletion and not exchange.is_success:
            self._refused_to_delete.add(exchange.request.resources.get("backup", ""))
        if not is_restore:
            return
        backup = exchange.request.resources["backup"]
        with self._lock:
            self._requested[backup] += 1
            lost = exchange.status is None or exchange.status in UNAVAILABLE
            declined = value_at(exchange.data, "/job/accepted") is False
            self._accepted[backup] += (exchange.is_success and not declined) or lost

    def observe_acceptance(self, clause: str, exchange: Exchange) -> None:
        """Keep a restore that was accepted though it had to be refused, and the clause of the check that sent it."""
        request = exchange.request
        if asks_for_restore(request) and exchange.is_success and request.expected is Expected.REFUSAL:
            with self._lock:
                self._wrongly_accepted.append((clause, exchange))

    def excuse_acceptance(self, exchange: Exchange) -> None:
        """Forget a restore that was accepted where the contract allows it, and that ran as any other to its end."""
        with self._lock:
            self._wrongly_accepted = [kept for kept in self._wrongly_accepted if kept[1] is not exchange]

    @property
    def wrong_acceptance(self) -> str:
        """Why an instance may hold anything by now: a restore was accepted that had to be refused. Empty if none."""
        with self._lock:
            clause, exchange = next(iter(self._wrongly_accepted), ("", None))
        return f"{clause} failed first: {exchange.request.line} was accepted" if exchange else ""

    def add_unended(self, answer: Exchange) -> None:
        """Keep the answer to a restore that no scenario requested, and whose end was not seen."""
        with self._lock:
            self._unended.append(answer)

    @property
    def unended(self) -> str:
        """Why an instance may still be written: a restore that no scenario requested has no end. Empty if none."""
        with self._lock:
            answer = next(iter(self._unended), None)
        return f"{answer.request.line}: the end of the restore was not observed" if answer else ""

    def add_restores(self, restores: Iterable[Restore]) -> None:
        """Keep restores that a scenario requested."""
        added = list(restores)
        with self._lock:
            self._restores += added
            self._followed += added

    def add_unrequested(self, restore: Restore) -> None:
        """Keep a restore that was accepted though no scenario requested it, and that is followed to its end."""
        with self._lock:
            self._followed.append(restore)

    @property
    def restores(self) -> Sequence[Restore]:
        """The restores that scenarios requested so far, in their order."""
        with self._lock:
            return tuple(self._restores)

    @property
    def followed(self) -> Sequence[Restore]:
        """The restores that were followed so far, in their order: those of scenarios, and unrequested ones."""
        with self._lock:
            return tuple(self._followed)

    def requested(self, backup: str) -> int:
        """Return how many restores of a backup were requested, whatever the answer."""
        with self._lock:
            return self._requested[backup]

    def accepted(self, backup: str) -> int:
        """Return how many restores of a backup were accepted, or may have been."""
        with self._lock:
            return self._accepted[backup]

    @property
    def restores_started(self) -> int:
        """How many restores were accepted so far, or may have been, whichever check sent them."""
        with self._lock:
            return self._accepted.total()

    # ------------------------------------------------------------ logs that restores explain

    def record_logs(self, backup: str, logs: Iterable[JsonObject]) -> None:
        """Remember the first reading of a backup's logs, which later ones are counted from."""
        ids = log_ids(logs)
        with self._lock:
            self._first_logs.setdefault(backup, _FirstLogs(ids, self._accepted[backup]))

    def restores_logged(self, backup: str, logs: Iterable[JsonObject], instance: str) -> int:
        """Return how many of the accepted restores to the instance have left their log in this reading.

        The log of a restore that still runs is yet to come, also where it was accepted before the first reading.
        """
        own = log_ids(log for log in of_instance(logs, instance) if log.get("type") != "backup")
        with self._lock:
            accepted, first = self._accepted[backup], self._first_logs.get(backup, _FirstLogs(frozenset(), 0))
            logged_first = min(first.accepted, len(own & first.ids))
            return min(accepted, logged_first + len(own - first.ids))

    def logs_explained(self, backup: str, logged_before: int = 0) -> int:
        """Return how many new logs of a backup the restores of this run explain.

        `logged_before` is how many of them had left their log when counting began.
        """
        return self.accepted(backup) - logged_before

    # ------------------------------------------------------------ what the end must review

    def begin_review(self, *, is_last: bool = True) -> None:
        """Note that another final review begins: its looks are new ones. `is_last`: no other one will follow."""
        with self._lock:
            self._reviews += 1
            self.is_last_review = is_last

    @property
    def reviews(self) -> int:
        """How many final reviews have begun."""
        with self._lock:
            return self._reviews

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Have the final review look at a backup again."""
        with self._lock:
            self._snapshots.append(snapshot)

    def take_snapshots(self) -> list[Snapshot]:
        """Return the snapshots that were added since the last call and whose requests were really sent."""
        with self._lock:
            taken, self._snapshots = self._snapshots, []
            return [snapshot for snapshot in taken if self._requested[snapshot.backup] > snapshot.requested_before]

    def add_kept_backup(self, kept: KeptBackup) -> None:
        """Have the final review look for a backup that must not have been deleted."""
        with self._lock:
            self._kept.append(kept)

    @property
    def kept_backups(self) -> list[KeptBackup]:
        """The backups that must not have been deleted, but for those that a scenario deleted since."""
        with self._lock:
            return [kept for kept in self._kept if kept.backup not in self._deleted]

    def add_deletion(self, backup: str) -> None:
        """Note that a scenario is about to delete a backup."""
        with self._lock:
            self._deleted.add(backup)

    def add_neighbours(self, before: Neighbours, changes: Changes) -> None:
        """Keep what a deletion did to the backups beside the deleted one."""
        with self._lock:
            self._neighbours.append((before, changes))

    @property
    def neighbours(self) -> list[tuple[Neighbours, Changes]]:
        """The backups beside each deleted one, and what changed about them."""
        with self._lock:
            return list(self._neighbours)

    @property
    def changed_neighbours(self) -> set[str]:
        """The backups that changed with the deletion of another."""
        return {backup for _, changes in self.neighbours for backup in changes.of_steady}

    def takes_others_along(self, changed: Collection[str]) -> bool:
        """Whether deletions of this run changed these other backups: one cannot tell where refused ones named them."""
        several = sum(changes.shows_collateral for _, changes in self.neighbours) > 1
        return several or not self._refused_to_delete.issuperset(changed)

    @property
    def deleted_backups(self) -> list[str]:
        """The backups that a scenario deleted, or was about to."""
        with self._lock:
            return sorted(self._deleted)

    def add_gone(self, backup: str) -> None:
        """Note that a deleted backup was seen to be gone."""
        with self._lock:
            self._gone.add(backup)

    @property
    def gone_backups(self) -> list[str]:
        """The deleted backups that were seen to be gone."""
        with self._lock:
            return sorted(self._gone)

    # ------------------------------------------------------------ scenarios

    def run_once(self, name: str, scenario: Callable[[], T]) -> T:
        """Run the scenario of this name on the first call; later calls, and those at the same time, share its result.

        If it raised, every call raises the same. One that got no answer is run again by later calls, a few times.
        """
        with self._lock:
            known = self._scenarios.get(name)
            ours = self._scenarios.setdefault(name, _Scenario())
        if known is None:
            try:
                ours.result.set_result(scenario())
            except BaseException as reason:  # the threads that share the scenario must not wait forever
                if isinstance(reason, NoAnswerError):
                    self._forget(name)
                ours.result.set_exception(reason)
        elif known.thread == threading.get_ident() and not known.result.done():
            raise RuntimeError(f"the scenario {name} needs its own result")
        return cast("T", ours.result.result())

    def has_run(self, name: str) -> bool:
        """Whether the scenario of this name is over, so that later calls only share its result."""
        with self._lock:
            return name in self._scenarios and self._scenarios[name].result.done()

    def _forget(self, name: str) -> None:
        """Let the next call run a scenario again, unless it has been tried often enough."""
        with self._lock:
            self._broken_off[name] += 1
            if self._broken_off[name] < MAX_TRIES:
                del self._scenarios[name]


class _Scenario:
    """The result of a scenario, and the thread that runs it."""

    def __init__(self) -> None:
        self.result: Future[object] = Future()
        self.thread = threading.get_ident()
