"""Where a response shows the key of its request."""

from __future__ import annotations

import base64
import json

import pytest

from conformance.evidence.echoes import echo_pointer, echoed_in
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
