"""The schema of archives knows every member of a request: one that it does not know makes an archive unreadable."""

from __future__ import annotations

import json
from pathlib import Path

from conformance.http.exchange import Request

SCHEMA = json.loads((Path(__file__).parents[3] / "schemas" / "exchange.json").read_text("utf-8"))


def test_the_schema_has_the_members_of_a_request() -> None:
    assert set(SCHEMA["$defs"]["request"]["properties"]) == set(Request.__slots__)
