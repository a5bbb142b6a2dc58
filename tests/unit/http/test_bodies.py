"""What is kept of responses: no more than their judges need."""

from __future__ import annotations

import pytest

from conformance.contract.strict_json import NotJSON
from conformance.http.exchange import Exchange, Request, Response


@pytest.mark.parametrize("content", [b" ", b"[1,", b'{"a": \xff}', b"[NaN]", b"[" * 300])
def test_why_a_body_is_not_json_keeps_nothing_of_the_body(content: bytes) -> None:
    exchange = Exchange(Request("list", "GET", "/"), Response(200, (), content * 1000, 0.1))
    reason = exchange.parsed
    assert isinstance(reason, NotJSON)
    # Both would refer to frames and errors that hold the whole body, until the garbage collector finds them.
    assert reason.__traceback__ is None
    assert reason.__context__ is None
