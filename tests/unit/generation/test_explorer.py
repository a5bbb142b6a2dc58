"""The explorer shrinks what costs little to try again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.exchanges import answer

from conformance.generation.explorer import Explorer
from conformance.judging.expectations import violation


@pytest.mark.parametrize(("failure", "names"), [("no answer within 10 s", 0), ("connection reset", 1)])
def test_a_request_that_hung_is_not_shrunk(failure: str, names: int) -> None:
    context = SimpleNamespace(check=SimpleNamespace(id="INC-6/list/generated"))
    context.run = SimpleNamespace(judges=SimpleNamespace(findings=lambda _exchange: []))
    explorer = Explorer(cast("Any", context), lambda exchange: [violation("4xx", "nothing", exchange)], lambda _: [])
    exchange = answer(None, operation="list")
    exchange.failure = failure
    assert len([*explorer._judge(cast("Any", SimpleNamespace(label="a word")), exchange)]) == names
    assert len(explorer.found) == 1
