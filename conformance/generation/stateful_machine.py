"""A walk through the API: reads, refusals and a restore in random order, by several keys, against a small model.

Hypothesis picks the steps and shrinks a sequence that breaks a clause to the shortest one that still does. The target
does not return to its initial state between two sequences, so all of them share one model of what must hold.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import hypothesis
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from conformance.contract.operations import RESTORE_OR_DELETE_MAY_CHANGE, lacks
from conformance.generation import batches
from conformance.generation.explorer import BrokenError
from conformance.generation.stateful_model import (
    CLAUSES_WITHOUT_EFFECT,
    KEYS_WITHOUT_ACCESS,
    RESTORE,
    Model,
    SequenceResults,
    between_equal_gets,
    follow,
    initial_model,
)
from conformance.http.budget import asks_for_restore
from conformance.http.exchange import Expected
from conformance.judging.expectations import (
    ANY_4XX,
    CannotTellError,
    NotTestableError,
    expect_equivalent,
    expect_same_ids,
    expect_status,
    expect_success,
    inconclusive,
    items_of,
    object_of,
    violation,
)
from conformance.judging.outcomes import Outcome
from conformance.scenarios import paging, restore_requests
from conformance.scenarios.paging import present
from conformance.scenarios.proofs.log_book import names
from conformance.scenarios.proofs.other_clients import ANOTHER_CLIENT
from conformance.scenarios.restore import of_instance
from conformance.scenarios.side_effects import by_refused_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from conformance.contract.json_types import JsonObject
    from conformance.contract.operations import Operation
    from conformance.http.exchange import Exchange, Request
    from conformance.judging.expectations import Finding
    from conformance.scenarios.context import CheckContext
    from conformance.scenarios.request_builder import OperationOptions

    Judgement = Callable[[], Iterable[Finding] | None]

STEPS = 12
#: how many generated cases one sequence counts as
CASES_OF_A_WALK = 6
MAX_STEPS = 400
#: How many keys read the same side by side at most.
MAX_KEYS_AT_ONCE = 4
#: How many pages the list has at most in a step that reads all of them.
MAX_PAGES = 8
#: How often a list that changed meanwhile is read again.
TRIES = 3
DENIED: dict[str, str] = {"list": "CAP-1", "get": "CAP-2", "logs": "CAP-3"}
SERVED: dict[str, str] = {"list": "LIST-1", "get": "GET-1", "logs": "LOG-1"}
INDEX = st.integers(0, 2**16)
OID = st.text("0123456789abcdef", min_size=24, max_size=24)
READS = st.sampled_from(["get", "list", "logs"])


@dataclass
class Scene:
    """The context, model and results that all walks share."""

    context: CheckContext
    model: Model
    results: SequenceResults


class ApiStateMachine(RuleBasedStateMachine):
    """One walk; `scene` is given to the subclass that runs."""

    scene: ClassVar[Scene]

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []

    @property
    def context(self) -> CheckContext:
        """The context that sends the requests."""
        return self.scene.context

    @property
    def model(self) -> Model:
        """The model that responses are checked against."""
        return self.scene.model

    # ------------------------------------------------------------ steps: reads

    @rule(operation=READS, key=INDEX, backup=INDEX, include=st.booleans())
    def read(self, operation: Operation, key: int, backup: int, include: bool) -> None:
        """One read by one key."""
        self._read([self._asked(operation, key, backup, include=include)])

    @rule(operation=READS, keys=st.lists(INDEX, min_size=2, max_size=MAX_KEYS_AT_ONCE), backup=INDEX)
    def read_side_by_side(self, operation: Operation, keys: list[int], backup: int) -> None:
        """The same read by several keys at the same time."""
        self._read([self._asked(operation, key, backup, include=False) for key in keys])

    @rule(size=st.integers(1, 120), sort=st.sampled_from([None, "id", "-id"]))
    def page(self, size: int, sort: str | None) -> None:
        """All pages of the list."""
        if self.model.running is not None:
            self._step("the list meanwhile", "RST-7", self._still_listed)
        self._step(f"all pages of {size}, sort {sort}", "LIST-5", lambda: self._pages(size, sort))

    @rule(operation=st.sampled_from(["get", "logs"]), backup=OID)
    def read_unknown(self, operation: Operation, backup: str) -> None:
        """A read of what does not exist."""
        if backup not in self.model.everything:
            request = self.context.build.for_operation(operation, backup=backup, ownership="missing")
            self._ask(request, "GET-4" if operation == "get" else "LOG-4", 404)

    # ------------------------------------------------------------ steps: refusals

    @precondition(lambda self: "CAP-8" in self.model.roles)
    @rule(key=INDEX)
    def restore_denied(self, key: int) -> None:
        """A valid restore by a key without the capability."""
        names = [name for name in self.model.keys if lacks(name, "restore")]
        if names:
            backup = self.model.take_role("CAP-8")
            self._ask(
                self.context.build.restore(backup, key=names[key % len(names)], expected=Expected.REFUSAL), "CAP-4", 403
            )

    @precondition(lambda self: "AUTH-6" in self.model.roles and "other_hub" in self.model.keys)
    @rule()
    def restore_from_another_hub(self) -> None:
        """A valid restore by another hub's key."""
        backup = self.model.take_role("AUTH-6")
        request = self.context.build.restore(backup, key="other_hub", ownership="other hub", expected=Expected.REFUSAL)
        self._ask(request, "AUTH-6", 401, 403, 404)

    @precondition(lambda self: "JOB-10" in self.model.roles)
    @rule(body=st.sampled_from([{}, {"action": "restore"}, {"action": "restore", "contents": {}}]))
    def restore_incomplete(self, body: object) -> None:
        """A restore without a required member."""
        self._ask(
            self.context.build.restore(self.model.take_role("JOB-10"), body=body, expected=Expected.REFUSAL),
            "JOB-5",
            ANY_4XX,
        )

    @precondition(lambda self: "JOB-10" in self.model.roles)
    @rule(instance=OID)
    def restore_elsewhere(self, instance: str) -> None:
        """A restore to an instance that does not exist."""
        if instance != self.context.fixtures.instance_id:
            request = self.context.build.restore(self.model.take_role("JOB-10"), instance, expected=Expected.REFUSAL)
            self._ask(request, "JOB-8", ANY_4XX)

    # ------------------------------------------------------------ steps: changes

    # None of these rules has a precondition. It would depend on state that the target does not restore, and the same
    # choices must lead to the same steps when hypothesis tries a shorter walk.

    @rule()
    def restore(self) -> None:
        """A restore, which goes on while the walk does."""
        if self.model.restores_left > 0 and self.model.running is None:
            self._step("a restore", "JOB-1", self._restore)

    @rule()
    def follow(self) -> None:
        """Follow the restore to its end."""
        if self.model.running is not None:
            self._step("the restore followed to its end", "RST-2", lambda: follow(self.context, self.model))

    def teardown(self) -> None:
        """Follow a running restore to its end, so that no walk leaves one behind."""
        if self.model.running is not None and self.scene.results.stopped is None:
            self.follow()

    # ------------------------------------------------------------ what a step does

    def _asked(self, operation: Operation, key: int, backup: int, *, include: bool) -> Request:
        name = self.model.key(key)
        options: OperationOptions = {"key": name, "ownership": "other hub" if name == "other_hub" else "own"}
        if operation != "list":
            options["backup"] = self.model.backup(backup)
        if include and operation != "logs":
            options["include"] = "integrations"
        return self.context.build.for_operation(operation, **options)

    def _ask(self, request: Request, clause: str, *allowed: int | range) -> None:
        """Send a request that must be answered so; a wrong success takes the backup out of the model."""

        def ask() -> Iterator[Finding]:
            answer = self.context.send(request)
            if asks_for_restore(request):
                self.model.refused.setdefault(request.resources["backup"], []).append(request)
            if answer.is_success:
                self.model.forget(request.resources.get("backup", ""))
            return expect_status(answer, *allowed)

        self._step(request.line, clause, ask)

    def _read(self, requests: Sequence[Request]) -> None:
        answers: list[Exchange] = []
        self._step(
            " and ".join(request.line for request in requests),
            "LIST-1",
            lambda: answers.extend(self.context.send_all(requests)),
        )
        for answer in answers:
            self._judge(*self._verdict(answer))
            if answer.is_success and not (
                answer.request.key in KEYS_WITHOUT_ACCESS or lacks(answer.request.key, answer.operation)
            ):
                for clause, judge in self._shown(answer):
                    self._judge(clause, judge)

    def _verdict(self, exchange: Exchange) -> tuple[str, Judgement]:
        """Whether the key is served as it must be, and the clause that says so."""
        key = exchange.request.key
        if key in KEYS_WITHOUT_ACCESS:
            clause, allowed = KEYS_WITHOUT_ACCESS[key]
            return clause, lambda: expect_status(exchange, *allowed)
        if lacks(key, exchange.operation):
            return DENIED[exchange.operation], lambda: expect_status(exchange, 403)
        return "RST-7" if self._busy(exchange) else SERVED[
            exchange.operation
        ] if key == "full" else "CAP-5", lambda: expect_success(exchange)

    def _busy(self, exchange: Exchange) -> bool:
        """Whether the read is about the backup that is being restored."""
        running = self.model.running
        return running is not None and exchange.request.resources.get("backup", running.backup) == running.backup

    def _shown(self, exchange: Exchange) -> Iterator[tuple[str, Judgement]]:
        """Compare what a read shows with the model."""
        if exchange.operation == "logs":
            yield self._owner(exchange.request.resources["backup"], "HTTP-4"), lambda: self._logs(exchange)
        items: list[JsonObject] = []
        if exchange.operation != "logs":
            items = items_of(exchange) if exchange.operation == "list" else [object_of(exchange)]
        for item in items:
            if str(item.get("id")) in self.model.backups:
                owner = self._owner(item["id"], "GET-3")
                yield owner, partial(self._item, exchange, item, owner)

    def _owner(self, backup: str, else_clause: str) -> str:
        """The clause that a change of this backup breaks: each kind of refusal has a backup of its own."""
        if self.model.running is not None and backup == self.model.running.backup:
            return "RST-7"
        owners = {backup: clause for clause, backup in self.model.roles.items() if clause in self.model.used_roles}
        clause = owners.get(backup, else_clause)
        return "RST-3" if clause == RESTORE else clause

    def _item(self, exchange: Exchange, item: JsonObject, clause: str) -> Iterator[Finding]:
        """GET-3 alone compares a list's item with get's: what a request changed, both readings of one kind show."""
        backup, moving = item["id"], item["id"] in self.context.fixtures.restored_ids()
        known = self.model.listed.get(backup, item)
        if exchange.operation == "get" or clause == "GET-3":
            known = self.model.backups[backup]
        elif clause != "RST-7":  # the contract does not say how the list shows a backup that is being restored
            known = self.model.listed.setdefault(backup, item)
        ignored = RESTORE_OR_DELETE_MAY_CHANGE if moving else ()
        changes = [*expect_equivalent("backup", known, item, exchange, ignored)]
        if changes and clause == "GET-3":
            changes = [*between_equal_gets(self.context, self.model, exchange, backup, ignored)]
        yield from self._by_refusals(backup, changes) if changes and clause in CLAUSES_WITHOUT_EFFECT else changes

    def _logs(self, exchange: Exchange) -> Iterator[Finding]:
        """No more logs than before, but where a restore was accepted. A log that is missing is LOG-6's matter.

        What others restore to other instances is left to the final review of refused restores.
        """
        backup = exchange.request.resources["backup"]
        known = self.model.logs.get(backup)
        if known is None or self._busy(exchange):
            return
        fresh = [log for log in exchange.items if str(log.get("id")) not in known and names(log, backup)]
        if new := of_instance(fresh, self.context.fixtures.instance_id):
            effect = violation("no log that no restore left", f"{len(new)} new", exchange, "/data")
            yield from self._by_refusals(backup, [effect])

    def _by_refusals(self, backup: str, effects: list[Finding]) -> Iterator[Finding]:
        """Effects on the backup of a kind of refusal, as far as the refused requests are proved to have them."""
        clause = next((clause for clause, dedicated in self.model.roles.items() if dedicated == backup), "")
        requests = self.model.refused.get(backup)
        if not requests or clause not in CLAUSES_WITHOUT_EFFECT:
            yield inconclusive(self.context.run.state.log_book.problem or ANOTHER_CLIENT, effects[0].exchange)
            return
        yield from by_refused_requests(self.context, clause, requests, effects)

    def _pages(self, size: int, sort: str | None) -> Iterator[Finding]:
        if not list(self._lost(size, sort, self.model.everything)):
            return
        for _ in range(TRIES):  # backups may have come or gone: what is wrong must be so while the list holds still
            before = set(paging.read_list(self.context).ids)
            there = before.union(present(self.context, {}, self.model.everything - before))
            lost = list(self._lost(size, sort, there))
            if not lost or before == set(paging.read_list(self.context).ids):
                yield from lost
                return

    def _still_listed(self) -> Iterator[Finding]:
        """The backup that is being restored, if it was listed before."""
        running, listing = self.model.running, paging.read_list(self.context)
        if running is None or running.backup not in self.model.everything - set(listing.ids):
            return
        listing = paging.read_settled_list(self.context)  # another client's deletion may have moved it to another page
        if running.backup not in listing.ids:
            yield violation("the backup still listed", "not listed", listing.last, "/data")

    def _lost(self, size: int, sort: str | None, there: set[str]) -> Iterator[Finding]:
        walk = paging.read_list(self.context, size=max(size, -(-len(there) // MAX_PAGES)), sort=sort)
        known = there & self.model.everything
        if self.model.running is not None:
            known = known - {self.model.running.backup}  # RST-7's
        shown_ids = [backup for backup in walk.ids if backup in known]
        yield from expect_same_ids(shown_ids, known, walk.last, "backup")

    def _restore(self) -> Iterator[Finding]:
        restore = restore_requests.request_restore(self.context, self.model.take_role(RESTORE))
        self.model.restores_left -= 1
        self.model.running = restore if restore.accepted else None
        return expect_success(restore.answer)

    # ------------------------------------------------------------ judging

    def _step(self, what: str, clause: str, judge: Judgement) -> None:
        """One step of the walk: what it finds is the walk's end."""
        self.steps.append(what)
        self.scene.results.steps += 1
        if self.scene.results.steps <= MAX_STEPS:
            self._judge(clause, judge)

    def _judge(self, clause: str, judge: Judgement) -> None:
        """Leave what is inconclusive to other clauses; end all sequences when nothing more may be sent."""
        results = self.scene.results
        if results.stopped is not None:
            return
        try:
            with batches.unlocked():
                findings = list(judge() or ())
        except (CannotTellError, NotTestableError):
            return
        except Exception as reason:
            results.stopped = reason
            return
        results.judged.add(clause)
        for finding in findings:
            results.record(clause, finding, self.steps)
        if any(finding.outcome is not Outcome.ERROR for finding in findings):
            raise BrokenError(clause)


def run_sequences(context: CheckContext) -> SequenceResults:
    """The scenario: some sequences, one of which restores."""
    if context.profile == "read" or not context.fixtures.target.restore.allow:
        raise NotTestableError("set restore.allow = true, and use --profile full")
    scene = Scene(context, initial_model(context), SequenceResults())
    settings = batches.settings(
        shrink=True, examples=max(1, context.run.examples // CASES_OF_A_WALK), stateful_step_count=STEPS
    )
    # Without a module, hypothesis does not look for the source of the class, which takes as long as 30 requests.
    bound = type("BoundMachine", (ApiStateMachine,), {"scene": scene, "__module__": ""})
    seeded = hypothesis.seed(context.run.rng("walk").getrandbits(64))(bound)
    try:
        # the failures are in `walked`; if one did not recur, the shortest sequence that showed it is kept
        with suppress(BrokenError, BaseExceptionGroup, HypothesisException), batches.generating():
            run_state_machine_as_test(seeded, settings=settings)
    finally:
        del bound.scene  # type: ignore[attr-defined]  # hypothesis keeps the class for good, and with it the whole run
    if scene.results.stopped is not None and not scene.results.findings:
        raise scene.results.stopped
    return scene.results
