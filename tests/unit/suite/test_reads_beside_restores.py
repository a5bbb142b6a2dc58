"""RST-7: what a read beside a restore shows wrongly is the restore's doing only if it was there before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from support.exchanges import answer

from conformance.scenarios.restore import Restore
from conformance.suite.test_restores import disturbed

if TYPE_CHECKING:
    from conformance.http.exchange import Exchange
    from conformance.scenarios.context import CheckContext

CONTEXT = cast("CheckContext", SimpleNamespace())
KNOWN, NEW = "6a0000000000000000000001", "6a0000000000000000000002"


def logs(**created: str) -> Exchange:
    """Logs by their ids, each with the time at which it was made."""
    documents = [
        {
            "id": log_id,
            "hub_id": "6a000000000000000000000a",
            "container_id": "6a000000000000000000000b",
            "instance_id": "6a000000000000000000000c",
            "backup_id": "6a000000000000000000000d",
            "description": "restored",
            "events": {"created": time},
        }
        for log_id, time in created.items()
    ]
    return answer(200, {"data": documents}, operation="logs")


def restore(*before: Exchange) -> Restore:
    requested = answer(202, {"data": None}, operation="restore")
    return Restore(requested, "6a000000000000000000000d", "i", frozenset({KNOWN}), 0.0, reads_before=[*before])


@pytest.mark.parametrize(("broken", "is_disturbed"), [(KNOWN, True), (NEW, False)])
def test_a_log_without_an_offset_counts_only_if_it_was_there_before(broken: str, is_disturbed: bool) -> None:
    good, naive = "2026-11-26T19:11:18Z", "2026-11-26T19:11:18.533496"
    before = logs(**{KNOWN: good})
    during = logs(**{log_id: naive if log_id == broken else good for log_id in (KNOWN, NEW)})
    wrong = {finding.pointer for finding in disturbed(CONTEXT, restore(before), during)}
    at = f"/data/{[KNOWN, NEW].index(broken)}/events/created"
    assert (at in wrong) is is_disturbed
    assert not any(pointer and "/events/" in pointer and pointer != at for pointer in wrong)
