"""Where a response shows the key of its request."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.evidence.echoes import SHORT, echo_pointer, echoed_in
from conformance.http.exchange import Response

KEY = "k3y-of-the-caller"
AUTHORIZATION = f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"data": {"request": {"headers": [AUTHORIZATION]}}}, "/data/request/headers/0"),
        ({"error": {"detail": f"unknown: {base64.b64encode(KEY.encode()).decode()}"}}, "/error/detail"),
        ({"data": {KEY: 1}}, "/data"),
        (KEY, ""),
        ({"a/b": KEY}, "/a~1b"),
        ({"data": ["k3y-of", "-the-caller"]}, None),
        ({"data": None}, None),
        (None, None),
    ],
)
def test_the_pointer_leads_to_the_text_that_shows_the_key(value: object, pointer: str | None) -> None:
    assert echo_pointer(AUTHORIZATION, value) == pointer


def test_a_key_in_a_body_is_seen_before_one_in_a_header() -> None:
    body = json.dumps({"data": KEY}).encode()
    assert echoed_in(AUTHORIZATION, Response(200, (("x-key", KEY),), body, 0.1)) == "the body"
    assert echoed_in(AUTHORIZATION, Response(200, (("x-key", KEY),), b"{}", 0.1)) == "the header x-key"
    assert echoed_in(AUTHORIZATION, Response(200, (), b"{}", 0.1)) is None


RAW = KEY.encode()
PIECES = st.sampled_from([
    KEY, KEY[:8], KEY[8:], KEY.upper(), KEY.swapcase(), RAW.hex(), base64.b32encode(RAW).decode(),
    base64.b64encode(RAW).decode(), base64.b64encode(b"x" + RAW).decode(), KEY.encode("utf-16-le").decode(),
    quote(quote(KEY)), KEY.replace("-", "%252D"), KEY.replace("k", "&#107;"), KEY.replace("3", "\\u0033"),
    "%", "\\", "x",
])  # fmt: skip


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(text=st.lists(PIECES, max_size=4).map("".join))
def test_what_stands_around_a_key_does_not_hide_it(text: str) -> None:
    """Short data and long ones are searched in different ways."""
    seen = echoed_in(AUTHORIZATION, Response(200, (), text.encode(), 0.1))
    longer = f"{text}{' ' * SHORT}"
    assert echoed_in(AUTHORIZATION, Response(200, (), longer.encode(), 0.1)) == seen
    if KEY in text:
        assert seen == "the body"
