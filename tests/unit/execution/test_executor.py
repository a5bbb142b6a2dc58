"""When the executor reviews what a run did, and when it begins the checks that send bad keys."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.config.target import Limits
from conformance.contract import catalogue
from conformance.execution.executor import Executor
from conformance.judging.checks import Check, Stage


class Reviews:
    """The state of a run that keeps which of its reviews was said to be the last one."""

    def __init__(self) -> None:
        self.are_last: list[bool] = []

    @property
    def reviews(self) -> int:
        return len(self.are_last)

    def begin_review(self, *, is_last: bool) -> None:
        self.are_last.append(is_last)

    def has_run(self, _name: str) -> bool:
        return True


def executor_for(bad_auth_max: int, state: Reviews) -> Executor:
    shared_state = SimpleNamespace(read=lambda _name: 0.0)
    target = SimpleNamespace(limits=Limits(bad_auth_max=bad_auth_max))
    client = SimpleNamespace(shared_state=shared_state, target=target, waiting=SimpleNamespace(stopped=False))
    run = SimpleNamespace(client=client, state=state, is_quick=False)
    return Executor(
        cast("Any", run),
        catalogue=catalogue.load(),
        recorder=cast("Any", None),
        selected=(),
        reviews=(),
        on_record=lambda _: None,
    )


@pytest.mark.parametrize(
    ("bad_auth_max", "is_last"), [(Limits().bad_auth_max, False), (Limits().bad_auth_max - 1, True), (1, True)]
)
def test_the_review_before_the_bad_keys_waits_for_restores_where_few_bad_keys_are_allowed(
    bad_auth_max: int, is_last: bool
) -> None:
    state = Reviews()
    executor = executor_for(bad_auth_max, state)
    executor.before_bad_keys()
    executor.before_bad_keys()  # each check of bad keys asks for it, the first one makes it
    assert state.are_last == [is_last]
    executor.final_review()
    assert state.are_last == [is_last, True]
    executor.close()


@pytest.mark.parametrize(("bad_auth_max", "is_started"), [(Limits().bad_auth_max, True), (1, False)])
def test_bad_keys_go_side_by_side_where_many_are_allowed(bad_auth_max: int, is_started: bool) -> None:
    executor = executor_for(bad_auth_max, Reviews())
    check = Check("AUTH-2", "get", lambda _: iter(()), Stage.BAD_KEYS, False)
    executor.begin_bad_keys([check])
    assert (executor._changes.record_of(check) is not None) is is_started
    executor.close()
