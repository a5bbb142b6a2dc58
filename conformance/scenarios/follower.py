"""Follows an accepted restore to its end: by its job where jobs can be read, else by its log.

All scenarios use this one follower. It stops at the first terminal state, survives 429 and an unavailable target, and
waits for the log after completion within the time that is left. Where the time is over, the last state that was seen
is kept for the message.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from conformance.http.exchange import is_addressable
from conformance.scenarios.restore import Restore, counted, last_look, message_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext

#: A new job may be `404.job` for this long; the vendor's own client waits for it.
JOB_APPEARS_S = 10.0
#: How long to wait for a job, or a log, after that of an earlier restore never came: that clause has failed already.
LATE_JOB_S = LATE_LOG_S = 1.0
#: How many readings the caller makes in one state of a restore, in a quick run and in any other.
QUICK_READINGS, READINGS = 1, 3
#: After how many polls without a reading the caller reads once more.
POLLS_BETWEEN_READINGS = 10
#: How often an ended job is read again, spread over the time that the restore took, which is capped, in seconds.
READINGS_AFTER_END, MAX_AFTER_END_S = 5, 1.0
#: The pause after the readings in a state of a restore. Each later one in this state is longer by a factor, up to this
#: many times. Pauses that grew in earlier states would make this one, or the next, pass unseen.
FIRST_PAUSE_S, LENGTHENED, MAX_TIMES = 0.005, 1.7, 20


class Follower:
    """Follows the restores of one check to their ends; `clock` gives monotonic seconds."""

    def __init__(self, context: CheckContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._policy = context.fixtures.target.restore
        self._clock = clock

    def follow(
        self,
        restore: Restore,
        *,
        while_running: Callable[[Restore], None] | None = None,
        at_end: Callable[[Restore], None] | None = None,
    ) -> Restore:
        """Follow one restore to its end, then to its log, within `restore.timeout_s` for both together.

        `while_running` is called a few times in each state of the restore, `at_end` once when the end is first seen.
        """
        self._poll_to_end(restore, restore.requested_at, while_running)
        if restore.ended and at_end:
            at_end(restore)
        self._look_at([restore])
        self._await_logs(restore, 1, restore.requested_at)
        if while_running:
            self._watch_end(restore)
        self._settle(restore)
        return restore

    def follow_all(self, restores: list[Restore]) -> None:
        """Follow restores that were requested at once. A target may run them one after the other, or share its speed.

        So each of n has n times as long as one alone. The time for logs begins anew with each log that comes.
        """
        since = max(restore.requested_at for restore in restores)
        deadline = since + len(restores) * self._policy.timeout_s
        running = list(restores)
        while running:
            ended = self._poll_once(running)
            running = [restore for restore in running if restore not in ended]
            if ended:
                since = self._clock()
            elif self._clock() > deadline:
                break
            if running:
                self._context.run.wait(self._policy.poll_s)
        for restore in running:
            self._context.record_step("gave up", last_look(restore), restore.last_seen)
        self._look_at(restores)
        for backup in dict.fromkeys(restore.backup for restore in restores):
            self._share_logs([restore for restore in restores if restore.backup == backup], since)

    def let_end(self, answer: Exchange, backup: str | None = None) -> bool:
        """Wait for the end of a restore that should have been refused, so that it disturbs no other.

        Return whether the end was seen, or there was nothing to end. `backup` is the one that is restored, where the
        request has a malformed id of it.
        """
        backup = backup or answer.request.resources["backup"]
        instance = answer.request.resources["instance"]
        known = self._context.run.state.log_book.seen(backup, self._context.logs(backup).items)
        restore = Restore(answer, backup, instance, frozenset(known), self._clock())
        if restore.accepted:
            self._context.run.state.add_unrequested(restore)
            self._poll_to_end(restore, restore.requested_at)
            if not restore.ended:
                self._context.run.state.add_unended(answer)
        return not restore.accepted or restore.ended

    def leaves_log(self, restore: Restore, patience_s: float | None = None, *, count: int = 1) -> bool:
        """Whether a restore leaves a log though it was refused or had no answer, or as many as `count`.

        `patience_s` is how long to wait for it: `restore.timeout_s` unless given.
        """
        patience_s = self._policy.timeout_s if patience_s is None else patience_s
        while True:
            self.read_logs(restore)
            if len(restore.own_logs) >= count:
                return True
            if self._clock() - restore.requested_at > patience_s:
                return False
            self._context.run.wait(self._policy.poll_s)

    def await_message(self, restore: Restore) -> None:
        """Wait until the log of a failed restore says why: a log may be there before its restore has ended."""
        while restore.own_logs and not any(message_of(log) for log in restore.own_logs):
            if self._clock() - restore.requested_at > self._policy.timeout_s:
                return
            self._context.run.wait(self._policy.poll_s)
            self.read_logs(restore)

    # ------------------------------------------------------------ waiting

    def _poll_once(self, restores: list[Restore]) -> list[Restore]:
        """Poll each restore once, side by side; return those whose end was seen."""
        self._poll(restores)
        ended = [restore for restore in restores if self._has_ended(restore)]
        for restore in ended:
            self._context.record_step("ended", last_look(restore), restore.last_seen)
        return ended

    def _share_logs(self, restores: list[Restore], since: float) -> None:
        """Wait for as many logs as restores of one backup were accepted, for each one anew."""
        last = restores[-1]
        while len(last.own_logs) < len(restores) and self._await_logs(last, len(last.own_logs) + 1, since):
            since = self._clock()
        for restore in restores:
            restore.logs, restore.logs_exchange = last.logs, last.logs_exchange
            self._settle(restore)

    def _poll_to_end(
        self, restore: Restore, since: float, while_running: Callable[[Restore], None] | None = None
    ) -> None:
        """Poll until the end is seen, or the time is over. Reads of `while_running` come before the first poll.

        With reads the first polls follow each other soon: a short restore must be seen in each of its states.
        """
        readings: list[tuple[list[str], int]] = []
        while True:
            is_due = while_running is not None and self._reading_is_due(restore, readings)
            if while_running and is_due:
                readings.append((restore.states[-1:], restore.polls))
                while_running(restore)
            if self._poll_once([restore]):
                return
            if self._clock() - since > self._policy.timeout_s:
                self._context.record_step("gave up", last_look(restore), restore.last_seen)
                return
            if not while_running:
                self._context.run.wait(self._policy.poll_s)
            elif not self._reading_is_due(restore, readings):
                times = min(restore.polls - self._polls_at_readings(restore, readings)[-1], MAX_TIMES)
                self._context.run.wait(min(self._policy.poll_s, FIRST_PAUSE_S * LENGTHENED**times))

    def _reading_is_due(self, restore: Restore, readings: list[tuple[list[str], int]]) -> bool:
        """Whether to read beside a restore: not often enough in this state, or not for a while. `readings`: so far."""
        if len(self._polls_at_readings(restore, readings)) < self._readings:
            return True
        return restore.polls - readings[-1][1] >= POLLS_BETWEEN_READINGS

    def _polls_at_readings(self, restore: Restore, readings: list[tuple[list[str], int]]) -> list[int]:
        """How many polls there were at each of the first readings in the present state."""
        return [polls for state, polls in readings if state == restore.states[-1:]][: self._readings]

    @property
    def _readings(self) -> int:
        return QUICK_READINGS if self._context.run.is_quick else READINGS

    def _await_logs(self, restore: Restore, count: int, since: float) -> bool:
        """Wait for this many new logs; return whether they came in time.

        Where an earlier restore left none that clause has failed, so this one is not waited for as long.
        """
        patience_s = self._policy.timeout_s
        if any(earlier is not restore and earlier.logless for earlier in self._context.run.state.restores):
            since, patience_s = self._clock(), min(LATE_LOG_S, patience_s)
        while len(restore.own_logs) < count:
            self.read_logs(restore)
            if len(restore.own_logs) >= count:
                self._note_logs(restore)
                break
            if not restore.ended or self._clock() - since > patience_s:
                return False
            self._context.run.wait(self._policy.poll_s)
        return True

    # ------------------------------------------------------------ looking

    def _poll(self, restores: list[Restore]) -> None:
        with_jobs = [restore for restore in restores if self._reads_job(restore)]
        jobs = self._context.send_all(self._context.build.job(restore.job_id) for restore in with_jobs)
        for restore, job in zip(with_jobs, jobs, strict=True):
            self._keep_job(restore, job)
        for restore in restores:
            look = restore.jobs[-1] if restore.readable else self.read_logs(restore)
            restore.took_s = self._clock() - restore.requested_at
            if not restore.polls:  # the poll itself may have waited for others who send
                restore.unwatched_s = restore.took_s - (look.response.elapsed_s if look.response else 0.0)
            restore.polls += 1

    def _keep_job(self, restore: Restore, job: Exchange) -> None:
        before = restore.states[-1:]
        restore.jobs.append(job)
        if restore.states[-1:] != before and restore.terminal is None:
            self._context.record_step(f"job {restore.states[-1]}", job, "first seen in this state")
        if job.is_success:
            self._context.key_proofs.jobs = True
        elif job.status == 403 and self._context.key_proofs.jobs is None:
            self._context.key_proofs.jobs = False

    def _has_ended(self, restore: Restore) -> bool:
        """Whether the end was seen. A job that may still appear is waited for, log or no log."""
        job_may_appear = self._context.key_proofs.jobs and self._reads_job(restore)
        return restore.ended and (restore.readable or not job_may_appear)

    def _look_at(self, restores: list[Restore]) -> None:
        """Read the logs and the backups of ended restores side by side in a quick run, whose last looks these are."""
        if not self._context.run.is_quick:
            return
        build, ended = self._context.build, [restore for restore in restores if restore.ended]
        logless = [restore for restore in ended if not restore.own_logs]
        logs = [build.logs(restore.backup) for restore in logless]
        answers = self._context.send_all([*logs, *(build.get(restore.backup) for restore in ended)])
        for restore, answer in zip(logless, answers, strict=False):
            self._keep_logs(restore, answer)
            self._note_logs(restore)
        for restore, answer in zip(ended, answers[len(logless) :], strict=True):
            restore.after = answer

    def _settle(self, restore: Restore) -> None:
        """Look a last time: a terminal state must be final, and no second log may have come.

        In a quick run only the final review looks again at the job and the logs.
        """
        if restore.after is not None and restore.logs_exchange is not None:
            return
        build = self._context.build
        looks = [build.get(restore.backup)]
        if not self._context.run.is_quick or restore.logs_exchange is None:
            looks.append(build.logs(restore.backup))
            if self._reads_job(restore) and restore.readable:
                looks.append(build.job(restore.job_id))
        restore.after, *others = self._context.send_all(looks)
        if others:
            self._keep_logs(restore, others.pop(0))
        restore.jobs += others

    def _watch_end(self, restore: Restore) -> None:
        """Read an ended job a few times more: it may leave its terminal state as slowly as it came to it."""
        if self._context.run.is_quick or not restore.readable or restore.terminal is None:
            return
        pause_s = min(restore.took_s, MAX_AFTER_END_S) / READINGS_AFTER_END
        for _ in range(READINGS_AFTER_END):
            self._context.run.wait(pause_s)
            restore.jobs.append(self._context.job(restore.job_id))

    def _reads_job(self, restore: Restore) -> bool:
        """Whether to read the job: the target file says so, the key may, and a job is there or can still appear."""
        follow = self._context.fixtures.target.jobs.follow
        if not follow or self._context.key_proofs.jobs is False:
            return False
        if restore.job_id is None or not is_addressable(restore.job_id):
            return False
        return restore.readable or self._clock() - restore.requested_at < self._job_patience_s(restore)

    def _job_patience_s(self, restore: Restore) -> float:
        earlier = (each for each in self._context.run.state.restores if each is not restore)
        longest_s = min(JOB_APPEARS_S, self._policy.timeout_s)
        return LATE_JOB_S if any(each.jobless and each.took_s >= longest_s for each in earlier) else JOB_APPEARS_S

    def _note_logs(self, restore: Restore) -> None:
        if restore.own_logs:
            number = counted(len(restore.own_logs), "new log")
            self._context.record_step("logged", restore.logs_exchange, number)

    def read_logs(self, restore: Restore) -> Exchange:
        """Read the logs of the backup, and keep those that were ever shown since the request, and never before."""
        logs = self._context.logs(restore.backup)
        self._keep_logs(restore, logs)
        return logs

    def _keep_logs(self, restore: Restore, exchange: Exchange) -> None:
        if exchange.is_success:
            restore.logs_exchange = exchange
            seen = self._context.run.state.log_book.seen(restore.backup, exchange.items)
            restore.logs = [log for log_id, log in seen.items() if log_id not in restore.logs_before]
