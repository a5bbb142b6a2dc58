"""What is one for a whole run: counters, the pause, the pace, places, the stop; in any number of processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from support.waiting import PATIENCE_S

from conformance.execution.shared_state import LocalState, SharedState

if TYPE_CHECKING:
    from pathlib import Path


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> SharedState:
    return SharedState(tmp_path, clock)


@pytest.fixture(params=[SharedState, LocalState])
def state(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> SharedState:
    """The state of several processes, and that of one."""
    made: SharedState = request.param(tmp_path, clock)
    return made


COUNTING = """
import sys, pathlib
from conformance.execution.shared_state import SharedState
ledger = SharedState(pathlib.Path(sys.argv[1]))
print(sum(ledger.add("places", limit=100) for _ in range(40)))
"""


@pytest.mark.process
def test_a_limit_holds_for_threads_and_processes(tmp_path: Path, ledger: SharedState) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", COUNTING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    taken: list[bool] = []

    def take() -> None:
        taken.extend(ledger.add("places", limit=100) for _ in range(20))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elsewhere = [int(worker.communicate(timeout=PATIENCE_S)[0]) for worker in workers]
    assert len(taken) == 80
    assert sum(taken) + sum(elsewhere) == ledger.read("places") == 100


def test_what_was_not_counted_is_0_and_places_come_back(state: SharedState) -> None:
    assert state.read("restores") == 0
    assert state.add("restores", limit=1)
    assert not state.add("restores", limit=1)
    state.add("restores", -1)
    assert state.add("restores", limit=1)


def test_a_process_by_itself_paces_pauses_and_limits_its_threads_without_a_file(tmp_path: Path, clock: Clock) -> None:
    state = LocalState(tmp_path, clock)
    assert [state.next_slot(4) for _ in range(3)] == pytest.approx([0, 0.25, 0.5])
    state.pause(10)
    state.pause(2)  # ends before the first one does: changes nothing
    assert state.paused_for() == pytest.approx(10)
    assert state.read("throttled") == 2
    assert state.read("waited_s") == pytest.approx(10)
    taken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: taken.extend(state.add("places", limit=50) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), sum(taken), state.read("places")) == (80, 50, 50)
    assert list(tmp_path.iterdir()) == []


def test_a_pause_is_for_everybody_and_the_longest_counts(tmp_path: Path, ledger: SharedState, clock: Clock) -> None:
    assert ledger.paused_for() <= 0
    ledger.pause(10)
    clock.time += 4
    ledger.pause(2)  # ends before the first one does: changes nothing
    other = SharedState(tmp_path, clock)
    assert other.paused_for() == pytest.approx(6)
    other.pause(10)
    assert ledger.paused_for() == pytest.approx(10)
    clock.time += 10
    assert ledger.paused_for() <= 0
    assert ledger.read("throttled") == 3
    assert ledger.read("waited_s") == pytest.approx(14)  # what was waited, however many were told to


def test_turns_are_dealt_out_evenly_and_never_saved_up(tmp_path: Path, ledger: SharedState, clock: Clock) -> None:
    other = SharedState(tmp_path, clock)
    assert [one.next_slot(4) for one in (ledger, other, ledger)] == pytest.approx([0, 0.25, 0.5])
    clock.time += 100
    assert [one.next_slot(4) for one in (ledger, other)] == pytest.approx([0, 0.25])


def test_a_place_in_the_restore_budget_is_on_disk_before_the_restore_is_sent(
    tmp_path: Path, state: SharedState
) -> None:
    assert state.add("restores", limit=1)
    assert json.loads((tmp_path / "ledger.json").read_text())["restores"] == 1
    state.add("restores", -1)
    assert json.loads((tmp_path / "ledger.json").read_text())["restores"] == 0


def test_workers_share_places_where_there_are_fewer_places_than_workers(ledger: SharedState) -> None:
    entered = threading.Event()

    def enter() -> None:
        with ledger.place(worker=3, workers=4, concurrency=2):
            entered.set()

    with ledger.place(worker=1, workers=4, concurrency=2), ledger.place(worker=0, workers=4, concurrency=2):
        thread = threading.Thread(target=enter)  # shares the place of worker 1
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(PATIENCE_S)
    thread.join()


def test_workers_that_may_each_send_share_nothing(tmp_path: Path, ledger: SharedState) -> None:
    with ledger.place(worker=0, workers=2, concurrency=2), ledger.place(worker=0, workers=2, concurrency=2):
        assert list(tmp_path.glob("place-*")) == []


def test_a_stop_is_heard_by_all(tmp_path: Path, state: SharedState) -> None:
    other = SharedState(tmp_path)
    assert not state.stopped
    other.stop()
    assert state.stopped


def test_a_reader_never_sees_half_of_it(tmp_path: Path, ledger: SharedState) -> None:
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            ledger.add("x" * 5000)
            ledger.pause(1)

    thread = threading.Thread(target=write)
    thread.start()
    other = SharedState(tmp_path, lambda: 0.0)
    try:
        for _ in range(300):
            other.read("x")
            assert other.paused_for() in (0.0, 1001.0)
    finally:
        over.set()
        thread.join()
    assert json.loads((tmp_path / "ledger.json").read_text())["throttled"] > 0


def test_the_first_worker_makes_what_the_others_take(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(len(made))
        return {"number": made[-1]}

    found: list[object] = []
    workers = [
        threading.Thread(target=lambda: found.append(SharedState(tmp_path).once("preflight", make))) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE_S)
    assert (made, found) == ([0], [{"number": 0}] * 4)


def test_what_a_worker_did_not_finish_the_next_one_makes(tmp_path: Path) -> None:
    def fail() -> dict[str, int]:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        SharedState(tmp_path).once("preflight", fail)
    assert SharedState(tmp_path).once("preflight", lambda: {"number": 1}) == {"number": 1}
