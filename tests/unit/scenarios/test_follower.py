"""The follower of restores, on a scripted target and a clock of its own: nothing here waits for real time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from conformance.config.target import Jobs, RestorePolicy
from conformance.http.exchange import Exchange, Request, Response
from conformance.scenarios.follower import JOB_APPEARS_S, LATE_JOB_S, LATE_LOG_S, Follower
from conformance.scenarios.proofs.log_book import LogBook
from conformance.scenarios.restore import Restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

JOB = "6a0000000000000000000001"
ZERO = "0001-01-01T00:00:00Z"


def exchange(operation: Any, status: int, body: Any) -> Exchange:
    """An answer as the client would hand it over."""
    request = Request(operation, "GET", "/v1/x", resources={"backup": "b", "container": "c"})
    return Exchange(request, Response(status, (), json.dumps(body).encode(), 0.0))


def job(state: str) -> Exchange:
    return exchange("job", 200, {"data": {"id": JOB, "state": {"current": state}}})


NOT_FOUND = exchange("job", 404, {"error": {"status": 404, "code": "404.job", "title": "no"}, "data": None})
UNAVAILABLE = exchange("job", 503, {})


@dataclass
class Scripted:
    """An api whose answers depend on the time of its own clock: (from that second on, answer)."""

    jobs: list[tuple[float, Exchange]]
    logs_at: list[float]
    timeout_s: float = 30.0
    follows_jobs: bool = True
    now: float = 0.0
    timeline: list[str] = field(default_factory=list)
    restores: list[Restore] = field(default_factory=list)
    #: the same for jobs of other ids, and logs that others' restores of the backup leave
    more_jobs: dict[str, list[tuple[float, Exchange]]] = field(default_factory=dict)
    others_at: list[float] = field(default_factory=list)
    message_at: float = float("inf")
    is_quick: bool = False
    #: For how long others keep each request waiting, and how many requests went side by side each time.
    others_send_s: float = 0.0
    sent: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        policy = RestorePolicy(allow=True, timeout_s=self.timeout_s, poll_s=1.0)
        self.fixtures = SimpleNamespace(target=SimpleNamespace(restore=policy, jobs=Jobs(follow=self.follows_jobs)))
        self.key_proofs = SimpleNamespace(jobs=None)
        state = SimpleNamespace(restores=self.restores, log_book=LogBook())
        self.run = SimpleNamespace(wait=self._wait, state=state, is_quick=self.is_quick)
        #: a request is the call that answers it
        self.build = SimpleNamespace(**{name: partial(partial, getattr(self, name)) for name in ("get", "job", "logs")})

    def send_all(self, requests: Iterable[Callable[[], Exchange]]) -> list[Exchange]:
        self.now += self.others_send_s
        answers = [answer() for answer in requests]
        self.sent.append(len(answers))
        return answers

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def job(self, job_id: str) -> Exchange:
        answers = self.more_jobs.get(job_id, self.jobs)
        return next(answer for since, answer in reversed(answers) if self.now >= since)

    def logs(self, _backup: str) -> Exchange:
        error = {"error": {"message": "no"}} if self.now >= self.message_at else {}
        there = [{"id": f"log{number}", "instance_id": "i", **error} for number in self._come(self.logs_at)]
        there += [{"id": f"other{number}", "instance_id": "theirs"} for number in self._come(self.others_at)]
        return exchange("logs", 200, {"data": there})

    def _come(self, times: list[float]) -> list[int]:
        return [number for number, since in enumerate(times) if self.now >= since]

    def get(self, _backup: str) -> Exchange:
        return exchange("get", 200, {"data": {"id": "b"}})

    def record_step(self, what: str, _on: Exchange | None, concluded: str) -> None:
        self.timeline.append(f"{what}: {concluded}")

    def follower(self) -> Follower:
        return Follower(cast("Any", self), clock=lambda: self.now)

    def restore(self, job_id: str = JOB) -> Restore:
        answer = exchange("restore", 202, {"data": {"action": "restore", "job": {"id": job_id, "accepted": True}}})
        restore = Restore(answer, "b", "i", frozenset(), requested_at=0.0)
        self.restores.append(restore)
        return restore


def test_a_completed_job_with_its_log_is_followed_to_the_end() -> None:
    context = Scripted([(0, job("queued")), (2, job("running")), (4, job("completed"))], [4])
    restore = context.follower().follow(context.restore())
    assert (restore.terminal, len(restore.logs), context.now) == ("completed", 1, 4)
    assert restore.states[0] == "queued"
    assert restore.after is not None


def test_an_error_ends_following_at_once_and_reports_the_last_state() -> None:
    context = Scripted([(0, job("running")), (3, job("error"))], [3])
    restore = context.follower().follow(context.restore())
    assert (restore.terminal, context.now) == ("error", 3)
    assert context.timeline == [
        "job running: first seen in this state",
        "ended: error after 3.0 s and 4 polls, 0 new logs",
        "logged: 1 new log",
    ]


def test_a_missed_deadline_reports_state_time_and_polls() -> None:
    context = Scripted([(0, job("running"))], [], timeout_s=10)
    restore = context.follower().follow(context.restore())
    assert not restore.ended
    assert context.timeline == [
        "job running: first seen in this state",
        "gave up: running after 11.0 s and 12 polls, 0 new logs",
    ]


def test_a_log_that_comes_after_completion_is_waited_for() -> None:
    context = Scripted([(0, job("completed"))], [7])
    restore = context.follower().follow(context.restore())
    assert (len(restore.logs), context.now) == (1, 7)


def test_a_log_that_never_comes_is_given_up_within_what_is_left_of_the_time() -> None:
    context = Scripted([(0, job("running")), (6, job("completed"))], [], timeout_s=10)
    restore = context.follower().follow(context.restore())
    assert restore.logless
    assert context.now == 11


def test_where_a_log_was_missing_before_the_next_one_is_not_waited_for_as_long() -> None:
    context = Scripted([(0, job("completed"))], [], timeout_s=100)
    follower = context.follower()
    follower.follow(context.restore())
    before = context.now
    second = context.restore()
    second.requested_at = before
    follower.follow(second)
    assert context.now - before <= LATE_LOG_S + 1


def test_a_new_job_may_be_unknown_for_a_while() -> None:
    context = Scripted([(0, NOT_FOUND), (8, job("completed"))], [2])
    context.key_proofs.jobs = True
    restore = context.follower().follow(context.restore())
    assert restore.readable
    assert restore.terminal == "completed"


def test_where_a_job_never_appeared_the_next_one_is_not_waited_for_as_long() -> None:
    context = Scripted([(0, NOT_FOUND)], [0, 11])
    context.key_proofs.jobs = True
    first = context.follower().follow(context.restore())
    assert (first.readable, first.ended, context.now) == (False, True, JOB_APPEARS_S)
    second = context.restore()
    second.requested_at, context.now = 11.0, 11.0
    second.logs_before = frozenset({"log0"})
    context.follower().follow(second)
    assert (second.ended, context.now) == (True, 11 + LATE_JOB_S)


def test_without_a_jobs_endpoint_the_log_is_the_end() -> None:
    context = Scripted([(0, exchange("job", 404, {"error": {"code": "404.uri"}}))], [3])
    restore = context.follower().follow(context.restore())
    assert (restore.readable, restore.ended, context.now) == (False, True, 3)


def test_where_the_target_file_says_so_no_job_is_asked_for() -> None:
    context = Scripted([], [1], follows_jobs=False)
    restore = context.follower().follow(context.restore())
    assert (restore.jobs, restore.ended) == ([], True)


def test_an_unavailable_target_does_not_end_the_following() -> None:
    context = Scripted([(0, job("running")), (1, UNAVAILABLE), (5, job("completed"))], [5])
    restore = context.follower().follow(context.restore())
    assert restore.terminal == "completed"


def test_the_time_before_the_first_poll_is_not_watched() -> None:
    context = Scripted([(0, job("running")), (5, job("completed"))], [5])
    restore = context.restore()
    context.now = 3.0
    context.follower().follow(restore)
    assert restore.unwatched_s == 3.0
    assert restore.took_s >= 5.0
    assert restore.watched_s == restore.took_s - 3.0


def test_reads_are_made_before_the_first_poll_and_the_end_is_seen_once() -> None:
    context = Scripted([(0, job("completed"))], [0])
    calls: list[str] = []
    context.follower().follow(
        context.restore(), while_running=lambda _: calls.append("read"), at_end=lambda _: calls.append("end")
    )
    assert calls == ["read", "end"]


@pytest.mark.parametrize(("is_quick", "readings"), [(False, 3), (True, 1)])
def test_reads_are_made_a_few_times_in_each_state(is_quick: bool, readings: int) -> None:
    context = Scripted([(0, job("queued")), (0.3, job("running")), (0.6, job("completed"))], [0.6], is_quick=is_quick)
    states: list[list[str]] = []
    restore = context.follower().follow(
        context.restore(), while_running=lambda restore: states.append(restore.states[-1:])
    )
    assert [states.count([state]) for state in ("queued", "running")] == [readings, readings]
    assert restore.polls < 20


def test_reads_go_on_while_a_restore_stays_in_one_state() -> None:
    context = Scripted([(0, job("running")), (60, job("completed"))], [60], timeout_s=90)
    times: list[float] = []
    context.follower().follow(context.restore(), while_running=lambda _: times.append(context.now))
    assert times[-1] > 40
    assert len(times) < 15


def test_a_short_state_is_read_in_though_polls_are_far_apart() -> None:
    """Of a restore that runs from 20 to 80 ms, polls a second apart would see nothing."""
    context = Scripted([(0, job("queued")), (0.02, job("running")), (0.08, job("completed"))], [0.08], is_quick=True)
    states: list[list[str]] = []
    context.follower().follow(context.restore(), while_running=lambda restore: states.append(restore.states[-1:]))
    assert ["running"] in states


def test_a_short_state_after_others_is_read_in() -> None:
    """Quick readings in earlier states must not make the pauses so long that the next state passes."""
    states_at = [(0.0, job("new")), (0.02, job("queued")), (0.03, job("running")), (0.065, job("completed"))]
    context = Scripted(states_at, [0.065])
    states: list[list[str]] = []
    context.follower().follow(context.restore(), while_running=lambda restore: states.append(restore.states[-1:]))
    assert ["running"] in states


def test_restores_asked_for_at_once_have_their_time_one_after_the_other() -> None:
    context = Scripted([(0, job("running")), (9, job("completed"))], [9, 18, 27], timeout_s=10)
    restores = [context.restore() for _ in range(3)]
    context.follower().follow_all(restores)
    assert all(len(restore.logs) == 3 for restore in restores)


def test_waiting_for_a_lost_log_of_concurrent_restores_ends_after_the_last_log() -> None:
    context = Scripted([(0, job("completed"))], [0, 5], timeout_s=10)
    restores = [context.restore() for _ in range(3)]
    context.follower().follow_all(restores)
    assert len(restores[0].logs) == 2
    assert context.now <= 5 + 10 + 2


def test_logs_that_are_all_there_are_not_waited_for_any_longer() -> None:
    context = Scripted([], [0, 0, 0], follows_jobs=False)
    restores = [context.restore() for _ in range(3)]
    context.follower().follow_all(restores)
    assert all(len(restore.logs) == 3 for restore in restores)
    assert context.now == 0


def test_restores_at_once_may_run_in_any_order() -> None:
    ends = {"first": 27, "second": 18, "third": 9}
    jobs = {name: [(0.0, job("queued")), (float(end), job("completed"))] for name, end in ends.items()}
    context = Scripted([], [9, 18, 27], timeout_s=10, more_jobs=jobs)
    restores = [context.restore(name) for name in ends]
    context.follower().follow_all(restores)
    assert [restore.terminal for restore in restores] == ["completed"] * 3
    assert [len(restore.own_logs) for restore in restores] == [3] * 3


def test_each_of_two_restores_at_once_has_twice_the_time_of_one() -> None:
    jobs = {"good": [(0.0, job("running")), (8.0, job("completed"))], "stuck": [(0.0, job("queued"))]}
    context = Scripted([], [8], timeout_s=10, more_jobs=jobs)
    good, stuck = restores = [context.restore("good"), context.restore("stuck")]
    context.follower().follow_all(restores)
    assert (good.ended, stuck.ended) == (True, False)
    assert 2 * 10 <= context.now <= 2 * 10 + 2
    assert any(step.startswith("gave up: queued") for step in context.timeline)


def test_a_job_that_leaves_its_end_as_slowly_as_it_came_to_it_is_seen() -> None:
    seen: list[tuple[float, Exchange]] = [
        (0, job("running")),
        (0.4, job("completed")),
        (0.6, job("running")),
        (0.7, job("completed")),
    ]
    context = Scripted(seen, [0.4])
    restore = context.follower().follow(context.restore(), while_running=lambda _: None)
    assert restore.states[restore.states.index("completed") :].count("running") == 1


def test_what_others_leave_in_the_logs_is_not_taken_for_our_own() -> None:
    context = Scripted([(0, job("completed"))], [4], others_at=[0, 1])
    restore = context.follower().follow(context.restore())
    assert context.now == 4
    assert [log["id"] for log in restore.new_logs] == ["log0"]


def test_without_a_log_of_our_instance_every_new_log_is_judged() -> None:
    context = Scripted([(0, job("completed"))], [], others_at=[0], timeout_s=5)
    restore = context.follower().follow(context.restore())
    assert [log["id"] for log in restore.new_logs] == ["other0"]


def test_a_log_may_say_later_why_its_restore_failed() -> None:
    context = Scripted([(0, job("error"))], [0], message_at=3)
    restore = context.restore()
    context.follower().follow(restore)
    assert not restore.failed
    context.follower().await_message(restore)
    assert (restore.failed, context.now) == ("no", 3)


def test_the_message_of_a_failed_restore_is_given_up_with_its_time() -> None:
    context = Scripted([(0, job("error"))], [0], timeout_s=6)
    restore = context.follower().follow(context.restore())
    context.follower().await_message(restore)
    assert not restore.failed
    assert context.now <= 6 + 1


def test_what_a_poll_waits_for_others_is_no_time_of_the_restore() -> None:
    context = Scripted([(0, job("completed"))], [0], others_send_s=7.0)
    restore = context.follower().follow(context.restore())
    assert (restore.took_s, restore.watched_s) == (7.0, 0.0)


def test_a_quick_run_looks_at_the_log_and_the_backup_of_an_ended_restore_once_and_together() -> None:
    context = Scripted([(0, job("completed"))], [0], is_quick=True)
    restore = context.follower().follow(context.restore())
    assert context.sent == [1, 2]  # the job; then the log and the backup
    assert (len(restore.own_logs), restore.after is not None) == (1, True)
    assert context.timeline[-1] == "logged: 1 new log"


def test_restores_at_once_are_polled_side_by_side() -> None:
    context = Scripted([(0, job("completed"))], [0])
    context.more_jobs["6a0000000000000000000002"] = [(0, job("running")), (1, job("completed"))]
    first, second = context.restore(), context.restore("6a0000000000000000000002")
    context.follower().follow_all([first, second])
    assert context.sent[:2] == [2, 1]
    assert (first.polls, second.polls) == (1, 2)
