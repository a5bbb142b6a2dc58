"""Submits runs to an executor: files that share a hub and container one after the other, all others side by side."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

K = TypeVar("K")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Task(Generic[K]):
    """Something to execute; tasks of one `place` never run at once."""

    subject: K
    place: Hashable


class Schedule(Generic[K, R]):
    """The tasks that wait, by place, and those that run.

    `interrupt` is called once, on Ctrl-C: nothing more is submitted, and what runs is to end early.
    """

    def __init__(
        self, tasks: Iterable[Task[K]], submit: Callable[[K], Future[R]], interrupt: Callable[[], None]
    ) -> None:
        self._waiting: dict[Hashable, deque[K]] = {}
        for task in tasks:
            self._waiting.setdefault(task.place, deque()).append(task.subject)
        self._running: dict[Future[R], tuple[Hashable, K]] = {}
        self._submit = submit
        self._interrupt = interrupt
        self._is_over = False

    def run(self) -> Iterator[tuple[K, Future[R]]]:
        """Yield each subject with its future once that is done; the future of what never began is cancelled."""
        for place in list(self._waiting):
            self._submit_next(place)
        while self._running:
            yield from self._await_some()
        for left in self._waiting.values():
            for subject in left:
                yield subject, _cancelled()

    def _await_some(self) -> Iterator[tuple[K, Future[R]]]:
        try:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt:
            self._is_over = True
            self._interrupt()
            for future in self._running:
                future.cancel()
            return
        for future in done:
            place, subject = self._running.pop(future)
            yield subject, future
            self._submit_next(place)

    def _submit_next(self, place: Hashable) -> None:
        if self._waiting[place] and not self._is_over:
            subject = self._waiting[place].popleft()
            self._running[self._submit(subject)] = (place, subject)


def _cancelled() -> Future[R]:
    future: Future[R] = Future()
    future.cancel()
    future.set_running_or_notify_cancel()
    return future


def result_of(future: Future[R]) -> R | None:
    """Return a future's result, None where it was cancelled. Raises what the task raised."""
    try:
        return future.result()
    except CancelledError:
        return None
