"""The context of a check: scenarios side by side."""

from __future__ import annotations

import random
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.exchanges import answer

from conformance.config.threads import goes_first, going_first
from conformance.judging.expectations import CannotTellError
from conformance.scenarios.context import CheckContext

PATIENCE_S = 30


@pytest.fixture
def context() -> CheckContext:
    run: Any = SimpleNamespace(client=None, fixtures=None, key_proofs=None, started=0.0)
    run.rng, run.builder = (lambda _name: random.Random(1)), (lambda _rng: None)
    return CheckContext(cast("Any", SimpleNamespace(id="GET-1/get", clause="GET-1")), run)


def test_two_scenarios_run_at_once_and_leave_their_evidence_in_order(context: CheckContext) -> None:
    together = threading.Barrier(2, timeout=PATIENCE_S)

    def scenario(name: str) -> Any:
        def run(own: CheckContext) -> str:
            together.wait()
            own.exchanges.add([answer(200, {"data": name})])
            own.record_step(name, None, "done")
            return name

        return run

    assert context.at_once(scenario("one"), scenario("other")) == ("one", "other")
    assert context.exchanges.count == 2
    assert [exchange.data for exchange in context.exchanges.first] == ["one", "other"]
    assert [step["what"] for step in context.timeline] == ["one", "other"]


@pytest.mark.parametrize("first", [True, False])
def test_both_go_first_or_neither_does(context: CheckContext, first: bool) -> None:
    with going_first(first):
        assert context.at_once(lambda _: goes_first(), lambda _: goes_first()) == (first, first)


@pytest.mark.parametrize("fails", ["one", "other"])
def test_an_error_of_either_is_raised_once_both_are_over(context: CheckContext, fails: str) -> None:
    together, over = threading.Barrier(2, timeout=PATIENCE_S), list[str]()

    def scenario(name: str) -> Any:
        def run(_: CheckContext) -> None:
            together.wait()
            if name == fails:
                raise CannotTellError(name)
            over.append(name)

        return run

    with pytest.raises(CannotTellError, match=fails):
        context.at_once(scenario("one"), scenario("other"))
    assert over == [name for name in ("one", "other") if name != fails]
