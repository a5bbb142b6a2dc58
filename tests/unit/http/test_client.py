"""What may be sent, how often, how fast and how long we wait, against servers that play a part."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from support import hostile
from support.hostile import Answer, Seen, answer_json, refusal
from support.waiting import PATIENCE_S, wait_until

from conformance.config.target_file import load_target
from conformance.execution.run import Run
from conformance.execution.shared_state import SharedState
from conformance.http.client import MAX_HUNG, Client, NotAllowedError, StoppedError, TargetGoneError, retry_after
from conformance.http.clock import Clock
from conformance.http.exchange import Exchange, Expected, Request, Response, Throttled
from conformance.judging.expectations import CannotTellError, NotTestableError
from conformance.scenarios.fixtures import Fixtures
from conformance.scenarios.key_proofs import KeyProofs
from conformance.scenarios.request_builder import RequestBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = 1_700_000_000.0
PATIENT = "timeout_s = 60"
RESTORE = f"/v1/containers/{hostile.CONTAINER}/backups/{hostile.BACKUP}/tasks"


class FakeClock(Clock):
    """Time that passes when somebody waits, and only then."""

    def __init__(self) -> None:
        super().__init__()
        self.time = NOW
        self.waits: list[float] = []
        self._moving = threading.Lock()

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.raise_if_stopped()
        with self._moving:
            self.waits.append(seconds)
            self.time += seconds


@dataclass
class Setting:
    """A server, and clients of one run that have it as their target."""

    server: hostile.Hostile
    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    observed: list[Exchange] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    def client(self, *, profile: str = "full", allow: bool = True, limits: str = PATIENT, **options: Any) -> Client:
        """One more client of the run."""
        target = hostile.target(self.folder, self.server.base_url, allow=allow, more=f"[limits]\n{limits}\n")
        options = {"waiting": self.clock, **options}
        ledger = SharedState(self.folder / "state", options["waiting"].now)
        client = Client(target, ledger, self.observed.append, profile=profile, **options)
        client.use_controls([partial(get, f"/control/{number}") for number in (1, 2, 3)])
        self.clients.append(client)
        return client

    @property
    def lines(self) -> list[str]:
        """What the server was asked, without controls."""
        return [line for line in self.server.lines if "/control/" not in line]


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    with hostile.serve(hostile.empty) as server:
        setting = Setting(server, tmp_path)
        yield setting
        for client in setting.clients:
            client.close()


def get(path: str = "/v1/x", **how: Any) -> Request:
    return Request("list", "GET", path, **how)


def restore(**how: Any) -> Request:
    ids = {"backup": hostile.BACKUP, "instance": hostile.INSTANCE}
    return Request("restore", "POST", RESTORE, body=b"{}", resources=ids, **how)


def accepted(_: Seen) -> Answer:
    return answer_json(202, {"data": {"action": "restore", "job": {"id": "j", "accepted": True}}})


def only(special: str, answer: hostile.Answering) -> hostile.Answering:
    """Answers so where the path says so, else as a good server does."""
    return lambda seen: answer(seen) if special in seen.target else hostile.empty(seen)


def in_turn(*answers: Answer | hostile.Answering) -> hostile.Answering:
    """One answer after the other, the last one for ever."""
    left, lock = list(answers), threading.Lock()

    def answer(seen: Seen) -> Answer:
        with lock:
            reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(seen) if callable(reply) else reply

    return answer


# ---------------------------------------------------------------- patience


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("1.5", 1.5),
        ("61", 60),
        ("999999999", 60),
        (formatdate(NOW + 30, usegmt=True), 30),
        (formatdate(NOW + 3000, usegmt=True), 60),
        (formatdate(NOW - 3000, usegmt=True), 0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30),
        ("soon", 1),
        ("-5", 1),
        ("٣", 1),
        ("Wed, 99 Nov 2023 99:00:00 GMT", 1),
        ("9" * 40, 1),
        (None, 1),
    ],
)
def test_both_forms_of_retry_after_are_read_and_capped(header: str | None, seconds: float) -> None:
    headers = () if header is None else (("Retry-After", header),)
    assert retry_after(Exchange(get(), Response(429, headers, b"", 0.1)), NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Tue, 14 Nov 2023 21:13:20 GMT", 20.0),  # an hour behind our clock
        ("Wed, 15 Nov 2023 22:13:20 GMT", 0.0),
        ("no date", 0.0),
    ],
)
def test_a_date_to_retry_after_counts_from_the_date_of_the_answer(date: str, seconds: float) -> None:
    headers = (("Retry-After", "Tue, 14 Nov 2023 21:13:40 GMT"), ("Date", date))
    assert retry_after(Exchange(get(), Response(429, headers, b"", 0.1)), NOW) == pytest.approx(seconds)


def test_a_429_is_waited_for_judged_and_counted(setting: Setting) -> None:
    setting.server.answer = in_turn(refusal(429, "429.rate-limiting", retry_after=7), hostile.empty)
    client = setting.client()
    assert client.send(get()).status == 200
    assert setting.clock.waits == pytest.approx([7])
    assert [exchange.status for exchange in setting.observed] == [429, 200]
    assert client.shared_state.read("throttled") == 1
    assert client.shared_state.read("waited_s") == pytest.approx(7)


def test_a_429_that_says_at_once_again_and_again_is_waited_for_longer_and_longer(setting: Setting) -> None:
    at_once = [refusal(429, "429.rate-limiting", retry_after=0)] * 5
    setting.server.answer = in_turn(*at_once, hostile.empty)
    assert setting.client().send(get()).status == 200
    assert setting.clock.waits == pytest.approx([0.04, 0.08, 0.16, 0.32, 0.64])


def test_a_pause_is_kept_by_all_threads_and_all_workers(setting: Setting) -> None:
    setting.server.answer = in_turn(refusal(429, "429.rate-limiting", retry_after=50), hostile.empty)
    asked_at: list[float] = []
    answer = setting.server.answer

    def noted(seen: Seen) -> Any:
        asked_at.append(setting.clock.time)
        return answer(seen)

    setting.server.answer = noted
    first, other = setting.client(), setting.client()
    first.send(get())
    first.send_all(get() for _ in range(5))
    setting.clock.time = NOW  # the other worker comes while the first one waits
    other.send_all(get() for _ in range(5))
    assert asked_at == [NOW, *[NOW + 50] * 11]


def test_a_429_that_is_the_answer_is_not_waited_for(setting: Setting) -> None:
    setting.server.answer = lambda _: refusal(429, "429.rate-limiting", retry_after=7)
    client = setting.client()
    assert client.send(restore(throttled=Throttled.ACCEPT)).status == 429
    assert setting.clock.waits == []
    assert setting.lines == [f"POST {RESTORE}"]
    assert client.shared_state.read("restores") == 0


def test_a_target_that_throttles_everything_is_given_up(setting: Setting) -> None:
    setting.server.answer = lambda _: refusal(429, "429.rate-limiting", retry_after=60)
    client = setting.client()
    assert client.send(get()).status == 429
    assert len(setting.lines) == 8
    with pytest.raises(TargetGoneError, match="the target answers 429 to everything"):
        client.send(get())
    assert len(setting.lines) == 8


def test_where_others_are_served_our_turn_comes(setting: Setting) -> None:
    client = setting.client()
    turns = iter(range(20))

    def answer(seen: Seen) -> Answer:
        if seen.target == "/v1/x" and next(turns) < 15:
            client._served_at = time.monotonic()  # another thread got an answer just now
            return refusal(429, "429.rate-limiting", retry_after=1)
        return hostile.empty(seen)

    setting.server.answer = answer
    assert client.send(get()).status == 200


def test_what_alone_is_never_served_is_given_up_after_minutes(setting: Setting) -> None:
    client = setting.client()

    def answer(_: Seen) -> Answer:
        client._served_at = time.monotonic()
        return refusal(429, "429.rate-limiting", retry_after=60)

    setting.server.answer = answer
    assert client.send(get()).status == 429
    assert 5 <= len(setting.lines) <= 10
    assert client.liveness.gone is None


# ---------------------------------------------------------------- pace


def test_the_rate_holds_for_the_whole_run(setting: Setting) -> None:
    first, other = (setting.client(limits="requests_per_second = 10") for _ in range(2))
    for _ in range(10):
        first.send(get())
        other.send(get())
    assert setting.clock.time - NOW == pytest.approx(1.9)


class Crowd:
    """Serves nobody until several requests are there at once, and then waits a moment for one more than `limit`."""

    def __init__(self, limit: int) -> None:
        self.now = self.most = 0
        self._limit = limit
        self._changed = threading.Condition()

    def __call__(self, seen: Seen) -> Answer:
        with self._changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self.most >= min(2, self._limit), PATIENCE_S)
            self._changed.wait_for(lambda: self.most > self._limit, 0.05)
            self.now -= 1
        return hostile.empty(seen)


@pytest.mark.parametrize(("workers", "concurrency"), [(1, 3), (1, 1), (2, 4), (2, 5), (4, 2), (3, 1)])
def test_no_more_at_once_than_the_target_file_allows(workers: int, concurrency: int, setting: Setting) -> None:
    crowd = Crowd(concurrency)
    setting.server.answer = crowd
    limits = f"{PATIENT}\nconcurrency = {concurrency}"
    clients = [setting.client(limits=limits, workers=workers, worker=worker) for worker in range(workers)]
    threads = [threading.Thread(target=client.send_all, args=([get()] * 3,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(setting.lines) == 3 * workers
    assert crowd.most <= concurrency


# ---------------------------------------------------------------- what may be sent


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_read_profile_sends_nothing_that_changes_things(method: str, setting: Setting) -> None:
    client = setting.client(profile="read")
    for request in (Request("get", method, "/v1/x"), Request("restore", method, RESTORE, expected=Expected.REFUSAL)):
        with pytest.raises(NotAllowedError, match="--profile full"):
            client.send(request)
    assert [client.send(Request("list", safe, "/v1/x")).status for safe in ("GET", "OPTIONS")] == [200, 200]
    assert setting.lines == ["GET /v1/x", "OPTIONS /v1/x"]


def test_no_restore_without_leave(setting: Setting) -> None:
    with pytest.raises(NotAllowedError, match=r"set restore\.allow = true"):
        setting.client(allow=False).send(restore(expected=Expected.REFUSAL))
    assert setting.server.seen == []


def test_the_budget_holds_for_all_threads_and_workers(setting: Setting) -> None:
    setting.server.answer = accepted
    refused: list[str] = []

    def ask(client: Client) -> None:
        try:
            client.send(restore())
        except NotAllowedError as reason:
            refused.append(str(reason))

    clients = [setting.client() for _ in range(3)]
    threads = [threading.Thread(target=ask, args=(client,)) for client in clients for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(setting.lines) == 3
    assert set(refused) == {"restore.max_restores = 3 is used up: set it to at least 4"}
    assert clients[0].shared_state.read("restores_accepted") == 3


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: refusal(403, "403.permissions"),
        lambda _: refusal(409, "409.duplicate-found"),
        lambda _: answer_json(202, {"data": {"action": "restore", "job": {"id": "", "accepted": False}}}),
        lambda _: hostile.whole(500, b"no"),
    ],
    ids=["403", "409", "accepted: false", "500"],
)
def test_what_was_refused_costs_nothing(answer: hostile.Answering, setting: Setting) -> None:
    setting.server.answer = answer
    client = setting.client()
    assert len(client.send_all(restore(expected=Expected.REFUSAL) for _ in range(12))) == 12
    assert client.shared_state.read("restores") == client.shared_state.read("restores_accepted") == 0


@pytest.mark.parametrize("answer", [hostile.reset, hostile.nothing, hostile.cut], ids=["reset", "closed", "cut"])
def test_a_restore_whose_answer_was_lost_is_not_repeated_and_counts(
    answer: hostile.Answering, setting: Setting
) -> None:
    setting.server.answer = only("/tasks", answer)
    client = setting.client()
    lost = client.send(restore())
    assert lost.status is None
    assert not lost.unanswered
    assert setting.observed == [lost]
    assert setting.lines == [f"POST {RESTORE}"]
    assert client.shared_state.read("restores") == client.shared_state.read("restores_accepted") == 1


def test_a_lost_request_that_must_be_refused_takes_a_place_with_each_try(setting: Setting) -> None:
    setting.server.answer = only("/tasks", hostile.reset)
    client = setting.client()
    lost = client.send(restore(expected=Expected.REFUSAL))
    assert (lost.unanswered, lost.seen) == (False, (3, 3))  # three places are too few tries to blame the input
    assert len(setting.lines) == 3
    assert client.shared_state.read("restores") == client.shared_state.read("restores_accepted") == 3
    with pytest.raises(NotAllowedError):
        client.send(restore(expected=Expected.REFUSAL))


def test_a_lost_restore_of_a_missing_backup_uses_no_budget(setting: Setting) -> None:
    setting.server.answer = only("/tasks", hostile.reset)
    client = setting.client()
    for _ in range(4):
        lost = client.send(restore(expected=Expected.REFUSAL, ownership="missing"))
        assert lost.unanswered or lost.suspected
    assert client.shared_state.read("restores") == client.shared_state.read("restores_accepted") == 0


def test_bad_keys_are_counted_for_the_whole_run(setting: Setting) -> None:
    first, other = (setting.client(limits="bad_auth_max = 5") for _ in range(2))
    for key in ("unknown", "cut", "expired"):
        first.send(get(key=key, authorization="Bearer bad"))
    for key in ("basic user", "bare"):
        other.send(get(key=key, authorization="Bearer bad"))
    for client in (first, other):
        with pytest.raises(NotAllowedError, match=r"limits\.bad_auth_max = 5 is used up: raise it"):
            client.send(get(key="swapped case", authorization="Bearer bad"))
        assert client.send(get(key="view")).status == client.send(get(key="none")).status == 200
    assert len(setting.lines) == 9


def test_a_second_try_with_a_bad_key_counts_as_well(setting: Setting) -> None:
    setting.server.answer = only("/v1/x", hostile.reset)
    client = setting.client(limits="bad_auth_max = 3")
    assert not client.send(get(key="cut")).unanswered
    assert len(setting.lines) == 3
    with pytest.raises(NotAllowedError):
        client.send(get(key="cut"))


# ---------------------------------------------------------------- no answer


@pytest.mark.parametrize(
    "answer",
    [hostile.reset, hostile.nothing, hostile.cut, lambda _: refusal(503, "503.not-ready"), lambda _: b""],
    ids=["reset", "closed", "cut", "503", "silence"],
)
def test_no_answer_to_many_tries_between_controls_is_the_targets_fault(
    answer: hostile.Answering, setting: Setting
) -> None:
    setting.server.answer = only("/v1/x", answer)
    exchange = setting.client(limits="timeout_s = 0.4").send(get())
    assert exchange.unanswered
    assert exchange.seen is not None
    tries = exchange.seen[1]
    assert 4 <= tries <= 7
    assert setting.observed == [exchange]
    assert setting.lines == ["GET /v1/x"] * tries
    order = ["x" if seen.target == "/v1/x" else "control" for seen in setting.server.seen]
    assert [name for index, name in enumerate(order) if order[index - 1 : index] != [name]] == ["x", "control"] * tries


def test_once_enough_inputs_hung_further_ones_cost_little_and_allow_no_conclusion(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.http.client.MIN_PATIENCE_S", 0.01)
    monkeypatch.setattr("conformance.http.client.PATIENCE_FACTOR", 0.0)
    setting.server.answer = only("/v1/hangs", lambda _: b"")
    client = setting.client(limits="timeout_s = 0.4")
    client.send(get("/v1/good"))
    first = client.send_all(get(f"/v1/hangs/{number}") for number in range(MAX_HUNG))
    assert {(exchange.unanswered, exchange.failure) for exchange in first} == {(True, "no answer within 0.4 s")}
    later = client.send_all(get(f"/v1/hangs/more/{number}") for number in range(2))
    assert {(exchange.unanswered, exchange.suspected) for exchange in later} == {(False, True)}
    assert {exchange.failure for exchange in later} == {"no answer within 0.01 s"}
    hangs = Request("get", "GET", "/v1/hangs/another-operation")
    assert client.send(hangs).failure == "no answer within 0.4 s"


@pytest.mark.parametrize("answer", [hostile.reset, hostile.cut, lambda _: refusal(502, "502.bad")])
def test_no_answer_once_is_nobodys_fault(answer: hostile.Answering, setting: Setting) -> None:
    setting.server.answer = only("/v1/x", in_turn(answer, hostile.empty))
    exchange = setting.client().send(get())
    assert (exchange.status, exchange.unanswered) == (200, False)
    assert setting.observed == [exchange]


def test_no_answer_to_anybody_is_the_end(setting: Setting) -> None:
    client = setting.client(waiting=Clock())
    setting.server.answer = hostile.reset
    exchange = client.send(get())
    assert not exchange.unanswered
    assert exchange.failure == "connection reset"
    asked = len(setting.server.seen)
    with pytest.raises(TargetGoneError, match="the target could not be reached: connection reset"):
        client.send(get())
    assert len(setting.server.seen) == asked


def test_all_threads_soon_learn_that_the_target_went_away(setting: Setting) -> None:
    client = setting.client(waiting=Clock(), limits="timeout_s = 0.5\nconcurrency = 8")
    client.reach()
    setting.server.answer = lambda _: b""  # connections are taken, and nothing comes
    before = setting.server.connections
    with pytest.raises(TargetGoneError, match="the target stopped answering: no answer within 0"):
        client.send_all(get() for _ in range(100))
    assert setting.server.connections - before < 50  # of a hundred, each of which would be tried and controlled


def test_a_restart_of_the_target_is_sat_out(setting: Setting) -> None:
    client = setting.client(waiting=Clock())
    down = time.monotonic() + 1.0
    setting.server.answer = lambda seen: hostile.empty(seen) if time.monotonic() > down else hostile.nothing(seen)
    assert client.send(get()).status == 200
    assert client.liveness.gone is None


def test_one_kind_of_control_is_enough(setting: Setting) -> None:
    client = setting.client()
    setting.server.answer = lambda seen: hostile.empty(seen) if seen.target == "/control/3" else hostile.reset(seen)
    assert client.send(get()).unanswered
    client.reach()


# ---------------------------------------------------------------- the end


def test_a_stopped_run_sends_nothing_more(setting: Setting) -> None:
    client = setting.client(waiting=Clock())
    client.stop()
    with pytest.raises(StoppedError):
        client.send(get())
    with pytest.raises(StoppedError):
        client.send_all([get()])
    assert setting.server.seen == []


def stopped_when_asked(client: Client, server: hostile.Hostile, request: Request) -> Exchange | Exception:
    """Stops the client while it waits for the answer; gives what came of it."""
    found: list[Exchange | Exception] = []

    def ask() -> None:
        try:
            found.append(client.send(request))
        except StoppedError as stopped:
            found.append(stopped)

    thread = threading.Thread(target=ask)
    thread.start()
    while not server.seen:
        thread.join(0.01)
    client.stop()
    thread.join(PATIENCE_S)
    return found[0]


def test_what_is_under_way_is_cut_off(setting: Setting) -> None:
    setting.server.answer = lambda _: b""
    client = setting.client(waiting=Clock(), limits=PATIENT)
    assert isinstance(stopped_when_asked(client, setting.server, get()), StoppedError)
    assert setting.observed == []


def test_a_restore_under_way_may_still_say_whether_it_was_accepted(setting: Setting) -> None:
    client = setting.client(waiting=Clock(), limits=PATIENT)

    def slow(seen: Seen) -> Answer:
        wait_until(lambda: client.waiting.stopped)
        return accepted(seen)

    setting.server.answer = slow
    exchange = stopped_when_asked(client, setting.server, restore())
    assert isinstance(exchange, Exchange)
    assert exchange.status == 202
    assert setting.observed == [exchange]


def test_a_restore_without_a_response_is_recorded_as_lost(setting: Setting) -> None:
    setting.server.answer = lambda _: b""
    client = setting.client(waiting=Clock(), limits=PATIENT)
    exchange = stopped_when_asked(client, setting.server, restore())
    assert isinstance(exchange, Exchange)
    assert exchange.status is None
    assert setting.observed == [exchange]
    assert client.shared_state.read("restores_accepted") == 1


# ---------------------------------------------------------------- keys


@dataclass
class Door:
    """A server that knows keys, by what they open; changed at any time."""

    good: set[str]
    seen: Counter[str] = field(default_factory=Counter)
    closed: str = "(nothing)"

    def __call__(self, seen: Seen) -> Answer:
        key = seen.headers.get("authorization", "").removeprefix("Bearer ")
        self.seen[key] += 1
        good = key in self.good and self.closed not in seen.target
        return hostile.empty(seen) if good else refusal(401, "401.auth-invalid")


KEYS = """
[keys]
full = {{command = ["cat", "{file}"]}}
view = "the-view-key"
other_hub = "the-key-of-another-hub"
other_hub_id = "651586fca6078e98982dbd99"
"""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[Door], Run]]:
    """A run that has begun, against such a door; its full key is in a file."""
    with hostile.serve(hostile.empty) as server:
        runs: list[Run] = []

        def begin(door: Door) -> Run:
            server.answer = door
            file = tmp_path / "key"
            if not file.exists():
                file.write_text("the-first-full-key\n")
            text = hostile.target_toml(server.base_url)
            text = text.replace(f'[keys]\nfull = "{hostile.KEY}"\n', KEYS.format(file=file))
            (tmp_path / "target.toml").write_text(text)
            target = load_target(tmp_path / "target.toml", {})
            run = Run(target, seed=1, profile="read", selected=(), state=tmp_path / "state")
            runs.append(run)
            run.start()
            return run

        yield begin
        for run in runs:
            run.close()


ALL = {"the-first-full-key", "the-view-key", "the-key-of-another-hub"}


@pytest.mark.process
def test_keys_are_proved_at_the_start(opened: Callable[[Door], Run]) -> None:
    run = opened(Door(set(ALL)))
    wanted = {"full": "accepted", "view": "accepted", "other_hub": "accepted"}
    assert run.context.key_proofs.states == {
        **wanted,
        "manage": "missing",
        "unrelated": "missing",
        "expired": "missing",
    }
    assert run.context.key_proofs.problem == ""


@pytest.mark.process
def test_a_dead_key_is_named_and_used_for_nothing(opened: Callable[[Door], Run]) -> None:
    door = Door(ALL - {"the-view-key"})
    run = opened(door)
    asked = door.seen["the-view-key"]
    assert run.context.key_proofs.problem == ""
    with pytest.raises(CannotTellError, match=r"the key view is not accepted anywhere \(refused: 401 on GET /v1/"):
        run.build.list(key="view")
    with pytest.raises(NotTestableError, match=r"set keys\.manage"):
        run.build.list(key="manage")
    assert run.client.send(run.build.list()).status == 200
    assert door.seen["the-view-key"] == asked


@pytest.mark.process
def test_where_all_keys_are_dead_that_is_the_problem(opened: Callable[[Door], Run]) -> None:
    run = opened(Door(set()))
    where = f"/v1/containers/{hostile.CONTAINER}/backups as full"
    assert (
        run.context.key_proofs.problem
        == f"no key is accepted: full is refused: 401 on GET {where}, nor any of the other 2"
    )


@pytest.mark.process
def test_a_command_that_fails_is_a_dead_key(opened: Callable[[Door], Run], tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()  # nothing that could be printed
    run = opened(Door(set(ALL)))
    assert run.context.key_proofs.states["full"].startswith("refused: key full: the command ")
    assert run.context.key_proofs.states["view"] == "accepted"


@pytest.mark.process
def test_a_key_that_is_replaced_in_mid_run_is_fetched_once_more(opened: Callable[[Door], Run], tmp_path: Path) -> None:
    door = Door(set(ALL))
    run = opened(door)
    batch = [run.build.list() for _ in range(6)]
    door.good = {"the-second-full-key"}
    (tmp_path / "key").write_text("the-second-full-key\n")
    assert [exchange.status for exchange in run.client.send_all(batch)] == [200] * 6
    assert run.context.key_proofs.states["full"] == "accepted"
    assert run.recorder.text("the-first-full-key the-second-full-key") == "[key full] [key full]"
    before = door.seen["the-first-full-key"]
    assert run.client.send(run.build.list()).status == 200
    assert door.seen["the-first-full-key"] == before


@pytest.mark.process
@pytest.mark.parametrize("name", ["full", "view", "other_hub"])
def test_a_key_that_expires_during_the_run_is_reported(name: str, opened: Callable[[Door], Run]) -> None:
    door = Door(set(ALL))
    run = opened(door)
    door.good = set()
    exchange = run.client.send(run.build.list(key=name))
    assert (exchange.status, exchange.key_died) == (401, True)
    assert run.context.key_proofs.states[name].endswith("(it was accepted before)")
    with pytest.raises(CannotTellError, match=f"the key {name} is not accepted anywhere"):
        run.build.list(key=name)


@pytest.mark.process
def test_a_401_to_a_valid_key_is_kept(opened: Callable[[Door], Run]) -> None:
    door = Door(set(ALL))
    run = opened(door)
    door.closed = "/backups/"
    exchange = run.client.send(run.build.get())
    assert (exchange.status, exchange.key_died) == (401, False)
    assert run.context.key_proofs.states["full"] == "accepted"


def test_without_the_other_hubs_id_its_key_cannot_be_proved(setting: Setting, tmp_path: Path) -> None:
    text = hostile.target_toml(setting.server.base_url).replace("[fixtures]", 'other_hub = "the-other-key"\n[fixtures]')
    (tmp_path / "t.toml").write_text(text)
    client = setting.client()
    client.target = load_target(tmp_path / "t.toml", {})
    proofs, world = KeyProofs(client), Fixtures(client.target)
    proofs.prove_all(RequestBuilder(world, random.Random(1), proofs.require))
    with pytest.raises(NotTestableError, match=r"set keys\.other_hub_id"):
        proofs.require("other_hub")
