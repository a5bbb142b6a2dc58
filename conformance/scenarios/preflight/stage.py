"""The preflight stage: about 30 requests at most, reads only, none of them judged."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from conformance.config.secrets import KeyUnavailableError
from conformance.config.target import KEY_NAMES
from conformance.config.threads import Background
from conformance.contract.operations import CAPABILITY, GONE_STATES, GRANTS, PRESENT_STATES, lacks
from conformance.contract.pointers import value_at
from conformance.http.availability.pace import announced_rate
from conformance.http.clock import TargetGoneError
from conformance.http.exchange import Purpose
from conformance.scenarios.deletion_scenarios import DELETIONS_OF_CHECKS
from conformance.scenarios.preflight import hubs
from conformance.scenarios.preflight.base_url import cause_of_silence, is_of_the_contract, stopping_cause
from conformance.scenarios.preflight.model import Entry, Preflight, State
from conformance.scenarios.preflight.probing import probe_entries
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from conformance.http.client import Client
    from conformance.http.exchange import Exchange, Request
    from conformance.scenarios.discovery import Discovery
    from conformance.scenarios.fixtures import Fixtures
    from conformance.scenarios.key_proofs import KeyProofs

READABLE = ("full", "view")
#: About how many requests a run of the full profile sends.
REQUESTS_OF_A_RUN = 2000
MAX_NEAR_MATCHES = 2
#: How many of the backups that may be deleted are read: the checks delete no more.
MAX_OFFERED_READ = DELETIONS_OF_CHECKS + 1
#: Backups of the target file: their member, the container's member, and the states that they must be in.
NAMED_BACKUPS = (
    ("backup_id", "container_id", ("live",)),
    ("failing_backup_id", "container_id", ("live",)),
    ("not_live_backup_id", "container_id", ("saving", "deleting", "deleted")),
    ("foreign_backup_id", "other_container_id", ()),
)
#: Containers of the target file beside the own one.
OTHER_CONTAINERS = ("empty_container_id", "other_container_id")
#: Instances of the target file; requests cannot read them.
INSTANCES = ("instance_id", "second_instance_id", "foreign_instance_id")


class Stage:
    """Runs preflight against one target. `discovery` reads the own container's list, once the base URL is proved."""

    def __init__(
        self,
        client: Client,
        fixtures: Fixtures,
        proofs: KeyProofs,
        rng: random.Random,
        discovery: Discovery,
    ) -> None:
        self._client = client
        self._target = client.target
        self._fixtures = fixtures
        self._proofs = proofs
        self._discovery = discovery
        self._build = RequestBuilder(fixtures, rng, lambda _: None)
        self._entries: list[Entry] = []
        #: The answers about fixtures, by member, and about an unknown job.
        self._read: dict[str, Exchange] = {}
        self._notes: list[str] = []
        self._answered_by = ""

    def run(self) -> Preflight:
        """Run preflight. Whatever the target does is in the result."""
        begun, sent = time.monotonic(), self._client.requests
        problem = ""
        try:
            problem = self._problem()
        except TargetGoneError as reason:
            problem = self._silence(str(reason))
        except KeyUnavailableError as reason:
            problem = str(reason)
        return Preflight(
            entries=tuple(self._entries),
            problem=problem,
            answered_by=self._answered_by,
            notes=tuple(self._notes),
            requests=self._client.requests - sent,
            duration_s=round(time.monotonic() - begun, 3),
            backups=dict(Counter(str(value_at(backup, "/state/current")) for backup in self._fixtures.backups)),
        )

    def _problem(self) -> str:
        """Inspect everything, or return the first problem that stops the run."""
        self._client.reach()
        addresses = self._client.send_all(self._addresses(), Purpose.CONTROL)
        if not any(exchange.status is not None for exchange in addresses):
            return self._silence(next((answer.failure for answer in addresses if answer.failure), "no response"))
        self._look_for_a_rate_limit(addresses)
        fix_of_hub = hubs.swap(self._client, self._build, addresses)
        cause, self._answered_by = stopping_cause(self._target, addresses, fix_of_hub)
        if cause:
            return cause
        self._entries.append(Entry("target.base_url", State.OK, _how_proved(addresses)))
        self._entries.append(Entry("target.hub_id", State.OK))
        self._proofs.prove_all(self._build)
        self._entries += self._keys()
        self._reject_wrong_keys()
        if self._proofs.problem:
            return f"{self._proofs.problem}; check [keys], and target.hub_id"
        self._read_everything()
        self._entries += self._containers()
        self._entries += self._backups()
        self._entries += self._instances()
        self._entries += probe_entries(self._target)
        return ""

    # ------------------------------------------------------------ base URL

    def _addresses(self) -> list[Request]:
        """Requests that read different addresses, with the first key that is set and can be fetched."""
        backup = self._target.fixtures.backup_id or self._build.unknown_id()
        for key in dict.fromkeys((*READABLE, *GRANTS)):
            if self._target.keys.get(key):
                with suppress(KeyUnavailableError):
                    return self._reads_with(key, backup)
        return self._reads_with("none", backup)

    def _reads_with(self, key: str, backup: str) -> list[Request]:
        return [self._build.list(key=key), self._build.get(backup, key=key), self._build.logs(backup, key=key)]

    def _look_for_a_rate_limit(self, addresses: list[Exchange]) -> None:
        """Note what rate the target announces, and how long a full run takes at the slower of the two rates."""
        responses = [exchange.response for exchange in addresses if exchange.response is not None]
        announced = next((rate for response in responses if (rate := announced_rate(response))), None)
        own = self._target.limits.requests_per_second
        pace = announced if own == "auto" else min(filter(None, (announced, own)), default=None)
        if announced and own != "auto" and (not own or own > announced):
            self._notes.append(
                f"the target announces {announced:g} requests per second: "
                'set limits.requests_per_second to that, or to "auto"'
            )
        elif self._client.shared_state.read("throttled") and own == 0:
            self._notes.append('the target answers 429: set limits.requests_per_second, or set it to "auto"')
        if pace:
            minutes = REQUESTS_OF_A_RUN / pace / 60
            self._notes.append(f"at {pace:g} requests per second a run of the full profile takes {minutes:.0f} minutes")

    def _silence(self, reason: str) -> str:
        """Why the target does not respond, with its URL and what to change."""
        return cause_of_silence(self._target, reason)

    # ------------------------------------------------------------ keys

    def _reject_wrong_keys(self) -> None:
        """Keep the checks from using keys that are mistakes of the file, in whichever way they choose keys."""
        for entry in self._entries:
            name = entry.member.removeprefix("keys.")
            accepted = self._proofs.states.get(name) in ("accepted", "offered")
            if entry.state is State.WRONG and entry.member.startswith("keys.") and accepted:
                self._proofs.reject(name, entry.sentence)

    def _keys(self) -> Iterator[Entry]:
        """What each key may do, as far as reads show it; and keys that cannot be the ones that they should be."""
        equal = self._equal_keys()
        swapped = self._swapped_with_view()
        for name in KEY_NAMES:
            member, state = f"keys.{name}", self._proofs.states.get(name, "missing")
            if state == "missing":
                yield Entry(member, State.MISSING, "not given", self._how_to_give(name))
            elif name in equal:
                yield Entry(member, State.WRONG, f"has the same value as keys.{equal[name]}", "give each its own key")
            elif swapped and name in ("view", swapped):
                other = swapped if name == "view" else "view"
                yield Entry(member, State.WRONG, f"does what keys.{other} should do", f"swap view and {swapped}")
            elif state.startswith("refused"):
                yield Entry(member, State.WRONG, f"is {state}", "check its value")
            elif state != "accepted":
                fix = state.removeprefix("offered: ") if ":" in state else ""
                yield Entry(member, State.MISSING if fix else State.UNKNOWN, "cannot be proved by reads", fix)
            else:
                yield Entry(member, State.OK, self._measured(name))
        answer = self._proofs.first_answers.get("other_hub")
        yield hubs.other_hub(self._client, answer, self._how_to_give("other_hub_id"))

    def _equal_keys(self) -> dict[str, str]:
        """Map a key to another key with the same value. If one of them is `full`, that one is measured."""
        names: dict[str, list[str]] = {}
        for name, key in self._target.keys.present().items():
            with suppress(KeyUnavailableError):
                names.setdefault(key.reveal(), []).append(name)
        equal: dict[str, str] = {}
        for same in (same for same in names.values() if len(same) > 1):
            first, *others = same
            equal |= dict.fromkeys(others, first)
            if first != "full":  # it is unknown which key the value belongs to
                equal[first] = others[0]
        return equal

    def _swapped_with_view(self) -> str:
        """The key that does exactly the reads of `view`, while `view` does none; empty if there is no such key."""
        first = self._proofs.first_answers
        if "view" not in first or first["view"].status != 403:
            return ""
        readers = [name for name in GRANTS if lacks(name, "list") and name in first and first[name].is_success]
        if not readers or any(read.status != 403 for read in self._reads_of_backup("view")):
            return ""
        return next((name for name in readers if all(read.status != 403 for read in self._reads_of_backup(name))), "")

    def _reads_of_backup(self, key: str) -> list[Exchange]:
        backup = self._target.fixtures.backup_id or self._build.unknown_id()
        return self._client.send_all(
            [self._build.get(backup, key=key), self._build.logs(backup, key=key)], Purpose.CONTROL
        )

    def _measured(self, name: str) -> str:
        answer = self._proofs.first_answers.get(name)
        if answer is None or name == "other_hub":
            return "accepted"
        if answer.is_success and lacks(name, "list"):
            self._notes.append(
                f"keys.{name} may list backups: CAP-1 fails, or the key `{name}` also holds {CAPABILITY['list']}"
            )
        return "may list backups" if answer.is_success else f"accepted, and {answer.status} on list"

    def _how_to_give(self, name: str) -> str:
        """What to set in the target file, or without a file which variable to export."""
        if self._target.from_file:
            return f"set keys.{name}"
        return f"export BACKUPS_{'OTHER_HUB_ID' if name == 'other_hub_id' else f'KEY_{name.upper()}'}"

    # ------------------------------------------------------------ fixtures

    def _key(self) -> str:
        """A key that reads."""
        return next((name for name in READABLE if self._proofs.states.get(name) == "accepted"), "full")

    def _read_everything(self) -> None:
        """Read the list and, beside it, the fixtures; and an unknown job, whose answer shows whether jobs exist.

        Where it does not, only the job of a restore shows it.
        """
        fixtures, key = self._target.fixtures, self._key()
        reads = {"job": self._build.job()} if self._proofs.states.get("full") == "accepted" else {}
        for member in OTHER_CONTAINERS:
            if container := getattr(fixtures, member):
                reads[member] = self._build.list(container, key=key, ownership="sibling")
        for member, held_by, _ in NAMED_BACKUPS:
            if backup := getattr(fixtures, member):
                reads[member] = self._get(backup, getattr(fixtures, held_by))
        with closing(Background[None]("discovery")) as threads:
            discovering = threads.submit(self._discovery.begin)
            self._read = self._answers(reads)
            discovering.result()
        if "job" in self._read:
            self._proofs.jobs = True if self._read["job"].code == "404.job" else None

    def _containers(self) -> Iterator[Entry]:
        key = self._key()
        if self._fixtures.problem:
            yield Entry("fixtures.container_id", State.UNKNOWN, self._fixtures.problem)
        else:
            count = len(self._fixtures.backups)
            least = "" if self._fixtures.is_list_whole else "at least "
            yield Entry("fixtures.container_id", State.OK, f"holds {least}{count} backup{'' if count == 1 else 's'}")
        for member in OTHER_CONTAINERS:
            listed, container = self._read.get(member), getattr(self._target.fixtures, member)
            if listed is None:
                yield self._left_out(member)
                continue
            if listed.status == 404 and self._is_unknown(container, key):
                yield Entry(
                    f"fixtures.{member}", State.WRONG, f"the target knows no such container ({_answer(listed)})",
                    f"set fixtures.{member} to one that exists",
                )  # fmt: skip
            elif member == "empty_container_id" and listed.items:
                number = len(listed.items)
                yield Entry(
                    f"fixtures.{member}", State.WRONG, f"the container is not empty ({number} on its first page)",
                    "name one without backups",
                )  # fmt: skip
            else:
                detail = f"holds {len(listed.items)} on its first page" if listed.is_success else _answer(listed)
                yield Entry(f"fixtures.{member}", State.OK if listed.is_success else State.UNKNOWN, detail)

    def _is_unknown(self, container: str, key: str) -> bool:
        """Whether get answers for a container as for one that certainly does not exist; a 404 of list is not enough.

        A target that knows the container misses only the backup.
        """
        backup, nowhere = self._build.unknown_id(), self._build.unknown_container()
        requests = [
            self._build.get(backup, container, key=key, ownership="sibling"),
            self._build.get(backup, nowhere, key=key, ownership="missing"),
        ]
        answers = self._client.send_all(requests, Purpose.CONTROL)
        return len({(answer.status, answer.code) for answer in answers}) == 1

    def _backups(self) -> Iterator[Entry]:
        for member, _, states in NAMED_BACKUPS:
            if member in self._read:
                yield self._backup(f"fixtures.{member}", self._read[member], states)
            elif member == "backup_id" and any(self._fixtures.live()):
                yield Entry("fixtures.backup_id", State.OK, f"left out: {self._fixtures.backup_id} is used")
            else:
                yield self._left_out(member)
        offered = self._target.fixtures.deletable_backup_ids
        yield self._offered(offered) if offered else self._left_out("deletable_backup_ids")

    def _offered(self, offered: Sequence[str]) -> Entry:
        """The backups that may be deleted: those that the list does not show as live are read, as many as are used.

        A backup that is gone is a mistake only where none is left: an earlier run may have deleted it.
        """
        member, live = "fixtures.deletable_backup_ids", {str(backup["id"]) for backup in self._fixtures.live()}
        unseen = [backup for backup in offered if backup not in live]
        gets = self._answers({backup: self._get(backup) for backup in unseen[:MAX_OFFERED_READ]})
        read = {backup: self._backup(member, got, ("live",)) for backup, got in gets.items()}
        wrong = {backup: entry for backup, entry in read.items() if entry.state is State.WRONG}
        if wrong and len(wrong) == len(offered):
            backup, entry = next(iter(wrong.items()))
            hint = f"; {entry.fix}" if entry.fix.startswith("did you mean") else ""
            exists = "knows no" not in entry.detail
            wanted = f"live backups ({backup} is not)" if exists else f"backups that exist ({backup} does not)"
            return replace(entry, fix=f"set {member} to {wanted}{hint}")
        unread, left_out = len(unseen) - len(read), ", ".join(wrong)
        detail = f"{len(offered) - unread - len(wrong)} live backups" + (f", {unread} more offered" if unread else "")
        return Entry(member, State.OK, detail + (f"; left out: {left_out}" if left_out else ""))

    def _get(self, backup: str, container: str | None = None) -> Request:
        own = container in (None, self._target.fixtures.container_id)
        return self._build.get(backup, container, key=self._key(), ownership="own" if own else "sibling")

    def _answers(self, requests: Mapping[str, Request]) -> dict[str, Exchange]:
        """Send these side by side."""
        return dict(zip(requests, self._client.send_all(requests.values(), Purpose.CONTROL), strict=True))

    def _backup(self, member: str, got: Exchange, states: tuple[str, ...]) -> Entry:
        """A backup that get shows, in one of these states. It is not there only if list and get agree on that."""
        backup = got.request.resources["backup"]
        if got.status == 404:
            return self._not_found(member, backup, got, own=got.request.ownership == "own")
        state = value_at(got.data, "/state/current")
        if not got.is_success or not isinstance(state, str):
            return Entry(member, State.UNKNOWN, _answer(got))
        if state not in (*PRESENT_STATES, *GONE_STATES):
            return Entry(member, State.UNKNOWN, f"{state} is no state of the contract")
        if states and state not in states:
            wanted = "a live backup" if states == ("live",) else "a backup that is not live"
            return Entry(member, State.WRONG, f"{backup} is {state}", f"name {wanted}")
        return Entry(member, State.OK, f"{state}, found")

    def _not_found(self, member: str, backup: str, got: Exchange, *, own: bool) -> Entry:
        if own:
            self._discovery.complete()  # only the whole list can agree that it is not there
        listed = [str(item["id"]) for item in self._fixtures.backups] if own else []
        if backup in listed or (own and self._fixtures.problem):
            return Entry(member, State.UNKNOWN, f"{_answer(got)}, though the list shows it")
        if member == "fixtures.not_live_backup_id":
            return Entry(member, State.UNKNOWN, f"{_answer(got)}: a deleted backup need not be shown")
        near = get_close_matches(backup, listed, MAX_NEAR_MATCHES)
        held_by = got.request.resources["container"]
        hint = f"did you mean {' or '.join(near)}?" if near else f"name a backup of container {held_by}"
        return Entry(member, State.WRONG, f"the target knows no such backup ({backup}: {_answer(got)})", hint)

    def _instances(self) -> Iterator[Entry]:
        shown = {str(backup.get("instance_id")) for backup in self._fixtures.backups}
        for member in INSTANCES:
            instance: str | None = getattr(self._target.fixtures, member)
            if instance is None:
                yield self._left_out(member)
            elif instance in shown:
                yield Entry(f"fixtures.{member}", State.OK, "named by backups of the list")
            else:
                yield Entry(
                    f"fixtures.{member}", State.UNKNOWN, "reads cannot show an instance: the first restore will"
                )

    def _left_out(self, member: str) -> Entry:
        first = "" if self._target.from_file else "write a target file, and "
        return Entry(f"fixtures.{member}", State.MISSING, "not given", f"{first}set fixtures.{member}")


def _how_proved(exchanges: list[Exchange]) -> str:
    proof = next((exchange for exchange in exchanges if is_of_the_contract(exchange)), None)
    return f"speaks the API ({_answer(proof)} on {proof.request.operation})" if proof else "answers"


def _answer(exchange: Exchange) -> str:
    answer = exchange.code or exchange.status or exchange.failure
    return f"{answer}" if exchange.code is None else f"{exchange.status} {exchange.code}"
