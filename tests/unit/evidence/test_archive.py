"""Archived exchanges come back as they were, those of the first release as well."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.evidence import archive
from conformance.http.exchange import Expected, Sender, Throttled

COMMON: dict[str, Any] = {
    "operation": "restore", "method": "POST", "path": "/v1/x", "query": "", "key": "full", "authorization": None,
    "hub_id": "h", "headers": [], "body": "{}", "denied": None, "ownership": "own", "resources": {}, "asked": {},
}  # fmt: skip


def record(**request: Any) -> dict[str, Any]:
    exchange = {"response": None, "failure": "connection reset", "started": 1.0, "seen": None}
    flags = {"left_out": False, "unanswered": False, "key_died": False}
    return {"request": {**COMMON, **request}, **exchange, **flags}


@pytest.mark.parametrize(
    ("documented", "refusable", "expected"),
    [
        (True, False, Expected.DOCUMENTED),
        (True, True, Expected.REFUSAL),
        (False, True, Expected.UNDOCUMENTED),
        (False, False, Expected.UNDOCUMENTED),
    ],
)
def test_booleans_of_the_first_release_are_read(documented: bool, refusable: bool, expected: Expected) -> None:
    booleans = {"documented": documented, "refusable": refusable, "good_key": False, "patient": False}
    restored = archive.restored(record(**booleans, shaped_error=True))
    assert restored is not None
    assert restored.request.expected is expected
    assert restored.request.sender is Sender.OUTSIDER
    assert restored.request.throttled is Throttled.ACCEPT


def test_enums_are_read_as_enums() -> None:
    restored = archive.restored(record(expected="refusal", sender="member", throttled="retry"))
    assert restored is not None
    assert restored.request.expected is Expected.REFUSAL
    assert restored.request.repeatable


def test_an_unknown_value_is_no_archive_of_ours() -> None:
    with pytest.raises(archive.ArchiveError, match="cannot be read"):
        archive.restored(record(expected="surely", sender="member", throttled="retry"))
